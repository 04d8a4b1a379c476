"""What is kept of one's own files is kept until they change."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def states(folder: Path, names: Iterable[str | Path]) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of files below a folder; what isn't there is passed over."""
    found = []
    for name in names:
        try:
            stat = (folder / name).stat()
        except (OSError, ValueError):  # a name that no file can have
            continue
        found.append((str(name), stat.st_size, stat.st_mtime_ns))
    return found
