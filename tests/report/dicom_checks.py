"""Other people's tools on our DICOM: what they say of a file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool, or skip with the reason where it isn't here."""
    where = shutil.which(str(command[0]))
    if where is None:
        package = "dicom3tools" if command[0] == "dciodvfy" else "dcmtk"
        pytest.skip(f"{command[0]} isn't here: install Debian's {package}")
    return subprocess.run(
        [where, *map(str, command[1:])], capture_output=True, text=True, check=False, errors="replace"
    )


def complaints(path: Path) -> list[str]:
    """Lines of dciodvfy, plain and by the newer rules, but those about our private coding scheme."""
    said = [run("dciodvfy", *option, path) for option in ((), ("-new",))]
    lines = "\n".join(one.stdout + one.stderr for one in said).splitlines()
    assert sum(not line.startswith(("Error", "Warning")) for line in lines) >= 2, lines
    ours = ("Unrecognized defined term", "<99LESIONSCOPE>")
    return [
        line
        for line in lines
        if line.startswith(("Error", "Warning")) and not all(part in line for part in ours)
    ]
