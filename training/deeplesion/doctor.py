"""Which of DeepLesion's pictures are missing, broken off, or of another size than the table says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import DeepLesionRow, read_slice
from lesionscope.phantom.pool import ordered
from lesionscope.progress import CancelToken, Progress, silent

from .table import Problem


def picture_problems(
    root: str | Path,
    rows: Mapping[int, DeepLesionRow],
    *,
    workers: int = 2,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[Problem, ...]:
    """Read every key slice once, to its last byte, and list what is wrong, a problem a row.

    Parameters
    ----------
    root
        DeepLesion's folder.
    rows
        Rows by their places in the table.
    workers
        Processes that read.
    progress, cancel
        Called, and asked, after each slice.

    Raises
    ------
    Cancelled
        The person asked to stop.
    """
    on: dict[Path, list[int]] = {}
    for number, row in rows.items():
        on.setdefault(row.slice_path(root), []).append(number)
    problems = []
    jobs = [(path, rows[numbers[0]].image_size) for path, numbers in on.items()]
    judged = ordered(picture_problem, jobs, workers)
    for done, (numbers, found) in enumerate(zip(on.values(), judged, strict=True), start=1):
        if cancel is not None:
            cancel.check()
        if found is not None:
            problems += [Problem(number, *found) for number in numbers]
        progress(done, len(on), "Looking through slices")
    return tuple(problems)


def picture_problem(job: tuple[Path, tuple[int, ...]]) -> tuple[str, str] | None:
    """Return kind and sentence of what is wrong with a slice of so many columns and rows; for a worker."""
    path, (columns, rows) = job
    if not path.is_file():
        return "missing", f"{path} isn't there."
    try:
        hu = read_slice(path)
    except InputError as error:
        return "unreadable", str(error)
    if hu.shape != (rows, columns):
        return "size", f"{path} has {hu.shape[1]} × {hu.shape[0]} pixels; the table says {columns} × {rows}."
    return None
