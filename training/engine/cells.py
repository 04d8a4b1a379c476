"""A table's cells: a JSON file each, made once and all alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError
from lesionscope.files import write_atomically


def cell_name(row: str, seed: int) -> str:
    """Return what the files of a cell are called."""
    return f"{row}-seed{seed}"


def read_cells(folder: Path, pattern: str = "*-seed*.json") -> list[dict[str, Any]]:
    """Return all cells that are made, or other files of a table."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(pattern))]


def made_once(
    path: Path, settings: Mapping[str, Any], make: Callable[[], Mapping[str, Any]], indent: int | None = None
) -> dict[str, Any]:
    """Read a file of a table, or make it.

    Parameters
    ----------
    path
        The file.
    settings
        How what is made now is made; the file says so in its ``settings``.
    make
        Makes the rest of its content.
    indent
        As for :func:`json.dumps`.

    Raises
    ------
    InputError
        It was made in another way than others are made now.
    """
    if not path.exists():
        content = {**make(), "settings": dict(settings)}
        write_atomically(path, json.dumps(content, indent=indent) + "\n")
        return content
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    own = made["settings"]
    if own != settings:
        names = dict.fromkeys((*settings, *own))
        apart = [name for name in names if own.get(name) != settings.get(name)]
        said = ", ".join(f"{name} {own.get(name)} and not {settings.get(name)}" for name in apart)
        raise InputError(
            f"{path} was made in another way ({said}), and a table's cells are all made alike: "
            "give another --folder, or delete it to have it made again."
        )
    return made


def rounded(values: Iterable[float], digits: int = 4) -> list[float]:
    """Return figures as a cell holds them."""
    return [round(float(value), digits) for value in values]
