"""DeepLesion's key slices with their lesions' boxes, as the detector learns them (paper 004, §2.1, §3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, measured_box, read_slice
from lesionscope.progress import CancelToken, Progress, silent

from ..torn import torn
from .doctor import picture_problems
from .table import Problem, Table, read_table

PADDING_PX = 20.0
"""Pixels around the diameters' extent (§2.1)."""
TORN = "split"
"""Kind of problem: a patient in two of the table's splits."""
SHARES = (0.70, 0.15, 0.15)
"""Patients of training, validation and test (§3)."""


@dataclass(frozen=True, eq=False)
class KeySlice:
    """A slice with bookmarked lesions.

    Parameters
    ----------
    rows
        Their places in the table, from 0.
    first
        The table's line of the first of them; scan, slice, size and window are the same for all.
    boxes
        x0, y0, x1, y1 in pixels from 0, float32 ``(n, 4)``.
    """

    rows: tuple[int, ...]
    first: DeepLesionRow
    boxes: NDArray[np.float32]


def context_box(row: DeepLesionRow, padding: float = PADDING_PX) -> tuple[float, float, float, float]:
    """Return a lesion's box on its picture, x0, y0, x1, y1 in pixels from 1, as the table counts.

    It is the extent of the diameters' ends and so many pixels more on each side, where the picture has them.
    """
    x0, y0, x1, y1 = measured_box(row.measurement, padding)
    columns, rows = row.image_size
    return max(x0, 1.0), max(y0, 1.0), min(x1, float(columns)), min(y1, float(rows))


def read_dataset(
    root: str | Path,
    *,
    workers: int = 2,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> tuple[tuple[KeySlice, ...], tuple[Problem, ...]]:
    """Read which key slices can be trained on, and what is wrong with what can't.

    Raises
    ------
    InputError
        There is no table, it lacks a column, or nothing in it can be used.
    """
    path = Path(root) / TABLE
    table = examined(root, workers=workers, progress=progress, cancel=cancel)
    if not table.rows:
        first = table.problems[0].text if table.problems else "it has no row."
        raise InputError(f"Nothing in {path} can be trained on; the first of what is wrong: {first}")
    return key_slices(table), table.problems


def examined(
    root: str | Path,
    *,
    workers: int = 2,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Table:
    """Read the table and every key slice: all that is wrong with a dataset, and the rows that are left.

    A patient in two of the table's splits is worth knowing: who deals patients anew can do without those.

    Raises
    ------
    InputError
        There is no table, or it lacks a column.
    """
    path = Path(root) / TABLE
    table = read_table(path)
    left = table.less(picture_problems(root, table.rows, workers=workers, progress=progress, cancel=cancel))
    return left.less(tuple(_torn_patients(path, left)))


def _torn_patients(path: Path, table: Table) -> Iterator[Problem]:
    numbers = list(table.rows)
    for first, second in torn((row.patient, row.split) for row in table.rows.values()):
        one, other = table.rows[numbers[first]], table.rows[numbers[second]]
        yield Problem(
            numbers[second],
            TORN,
            f"{path} has rows {numbers[first]} and {numbers[second]}, which are of one patient, in the "
            f"splits {one.split} and {other.split}: put a patient's rows into one.",
            left_out=False,
        )


def key_slices(table: Table, padding: float = PADDING_PX) -> tuple[KeySlice, ...]:
    """Put the lesions of a slice together, in the table's order."""
    together: dict[str, list[int]] = {}
    for number, row in table.rows.items():
        together.setdefault(row.file_name, []).append(number)
    return tuple(
        KeySlice(
            tuple(numbers),
            table.rows[numbers[0]],
            np.array([context_box(table.rows[n], padding) for n in numbers], dtype=np.float32) - 1,
        )
        for numbers in together.values()
    )


def split_patients(
    patients: Iterable[int], seed: int, shares: tuple[float, float, float] = SHARES
) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """Deal patients at random to training, validation and test; who they are decides, not their order."""
    dealt = np.random.default_rng([seed, 4]).permutation(np.unique(np.fromiter(patients, dtype=np.int64)))
    ends = np.rint(np.cumsum(shares)[:2] * len(dealt)).astype(int)
    train, validation, test = (frozenset(part.tolist()) for part in np.split(dealt, ends))
    return train, validation, test


def hu_around(root: str | Path, row: DeepLesionRow, away: int = 1) -> NDArray[np.int16]:
    """Read a key slice and its neighbours to the head and the feet, HU ``(3, rows, columns)`` from above.

    They are the next slices, or those so many slices ``away``.
    The key slice stands in for a neighbour that isn't given, can't be read or has another size.

    Raises
    ------
    InputError
        The key slice can't be read.
    """
    key = read_slice(row.slice_path(root))

    def neighbour(number: int) -> NDArray[np.int16]:
        path = row.slice_path(root, number)
        if not path.is_file():
            return key
        try:
            hu = read_slice(path)
        except InputError:
            return key
        return hu if hu.shape == key.shape else key

    return np.stack([neighbour(row.key_slice - away), key, neighbour(row.key_slice + away)])
