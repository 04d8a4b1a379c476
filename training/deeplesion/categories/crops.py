"""Lesions cut from their key slices by their boxes, as pictures of one size (paper 004, §2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.lesions.deeplesion import DeepLesionRow, read_slice
from lesionscope.phantom.pool import ordered
from lesionscope.progress import CancelToken, Progress, silent

from ..dataset import context_box
from ..table import Table

Window = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Crops:
    """Lesions as pictures.

    Parameters
    ----------
    numbers
        Their places in the table, from 0, int64 ``(n,)``.
    names
        Their key slices' file names.
    grey
        uint8 ``(n, side, side)``.
    """

    numbers: NDArray[np.int64]
    names: tuple[str, ...]
    grey: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.numbers)


def cut(hu: NDArray[np.int16], row: DeepLesionRow, side: int, window_hu: Window = ()) -> NDArray[np.uint8]:
    """Cut a lesion with 20 pixels around its diameters' extent, and resize it.

    Parameters
    ----------
    hu
        Its key slice ``(rows, columns)``.
    row
        The lesion.
    side
        Pixels a side of the picture, which is as square as VGG-16 wants it, whatever the box.
    window_hu
        HU shown black and white; the bookmark's own where it is empty.
    """
    from PIL import Image

    low, high = window_hu or row.window_hu
    grey = np.clip((hu.astype(np.float32) - low) / max(high - low, 1.0), 0, 1)
    x0, y0, x1, y1 = context_box(row)
    # Pixels from 1 have their outer edges half a pixel away; pictures count edges from 0.
    seen = Image.fromarray(grey).resize((side, side), Image.Resampling.BILINEAR, box=(x0 - 1, y0 - 1, x1, y1))
    return np.asarray(np.rint(np.asarray(seen) * 255), dtype=np.uint8)


def read_crops(
    root: str | Path,
    table: Table,
    side: int,
    window_hu: Window = (),
    *,
    workers: int = 2,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Crops:
    """Cut every lesion of a table, in its order.

    Raises
    ------
    InputError
        A slice can't be read.
    Cancelled
        The person asked to stop.
    """
    on: dict[str, list[int]] = {}
    for number, row in table.rows.items():
        on.setdefault(row.file_name, []).append(number)
    jobs = [(Path(root), [table.rows[n] for n in numbers], side, window_hu) for numbers in on.values()]
    grey = np.empty((len(table.rows), side, side), dtype=np.uint8)
    places = {number: place for place, number in enumerate(table.rows)}
    for done, (numbers, made) in enumerate(zip(on.values(), ordered(_work, jobs, workers), strict=True), 1):
        if cancel is not None:
            cancel.check()
        grey[[places[number] for number in numbers]] = made
        progress(done, len(jobs), "Cutting lesions")
    names = tuple(row.file_name for row in table.rows.values())
    return Crops(np.fromiter(table.rows, dtype=np.int64), names, grey)


def _work(job: tuple[Path, Sequence[DeepLesionRow], int, Window]) -> NDArray[np.uint8]:
    """Cut the lesions of one slice; runs in a worker process."""
    root, rows, side, window_hu = job
    hu = read_slice(rows[0].slice_path(root))
    return np.stack([cut(hu, row, side, window_hu) for row in rows])
