"""Key slices as a detector learns them and is scored on, from phantoms or from a folder like DeepLesion's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope import config
from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import SPLITS, DeepLesionRow
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.progress import CancelToken, Progress, silent

from .categories.table import read_categories
from .categories.truth import KINDS
from .dataset import PADDING_PX, TORN, KeySlice, examined, hu_around, key_slices, split_patients
from .detector_recipe import DetectorData
from .phantom_slices import PhantomSlice, Source, phantom_slices

ONE = ("lesion",)
"""Categories of a detector that tells none."""
Boxes = NDArray[np.float32]
Kinds = NDArray[np.int64]


class ReadSlice(Protocol):
    """Reads a key slice with its neighbours."""

    def __call__(self) -> NDArray[np.int16]:
        """Return HU ``(3, rows, columns)``."""


@dataclass(frozen=True, eq=False)
class Lesions:
    """Lesions on a slice: extents of their diameters, x0, y0, x1, y1 in pixels ``(n, 4)``, and categories."""

    extents: Boxes
    kinds: Kinds

    def boxes(self, size: tuple[int, int], padding: float = PADDING_PX) -> Boxes:
        """Return boxes wider by so many pixels on each side, on a slice of so many rows and columns."""
        out = np.array([-padding, -padding, padding, padding], dtype=np.float32)
        last = np.array([size[1] - 1, size[0] - 1] * 2, dtype=np.float32)
        return np.asarray(np.clip(self.extents + out, 0, last), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class DetectionSlice:
    """A key slice.

    Parameters
    ----------
    patient
        Whose.
    size
        Rows, columns.
    bookmarks
        Lesions that were bookmarked on it: what is learnt.
    truth
        All that it shows; ``None`` where nobody knows.
    hu
        Reads it.
    """

    patient: int
    size: tuple[int, int]
    bookmarks: Lesions
    truth: Lesions | None
    hu: ReadSlice


@dataclass(frozen=True, eq=False)
class Slices:
    """Key slices of a split, and the categories that their lesions are told apart by.

    ``left_out`` holds what is wrong with rows of the whole table that can't be used, a sentence each.
    """

    slices: tuple[DetectionSlice, ...]
    categories: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.slices)

    @property
    def patients(self) -> NDArray[np.int64]:
        """Whose each slice is, ``(n,)``."""
        return np.array([one.patient for one in self.slices], dtype=np.int64)

    def digest_parts(self) -> tuple[bytes, ...]:
        """Return what a run learns from these slices, but for their pixels."""
        return tuple(
            part.tobytes() for one in self.slices for part in (one.bookmarks.extents, one.bookmarks.kinds)
        )


def load_slices(
    data: DetectorData, split: str, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> Slices:
    """Make or read one split of a recipe's data.

    Raises
    ------
    InputError
        A file can't be used, the split is empty, or the table's own splits tear a patient apart.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    if data.source == "deeplesion":
        return _from_folder(data, split, progress, cancel)
    made = phantom_slices(
        Source(split),
        getattr(data, split),
        cache_folder(data),
        workers=data.workers,
        progress=progress,
        cancel=cancel,
    )
    told = data.categories == "truth"
    return Slices(tuple(_of_phantom(one, told) for one in made), KINDS if told else ONE)


def cache_folder(data: DetectorData) -> Path:
    """Return where phantom slices are kept: the recipe's folder, else the user's cache."""
    if data.cache:
        return Path(data.cache).expanduser()
    return config.cache_folder() / "slices"


def _of_phantom(one: PhantomSlice, told: bool) -> DetectionSlice:
    extents = np.array([shown.extent for shown in one.shown], dtype=np.float32).reshape(-1, 4)
    kinds = np.array([shown.category if told else 0 for shown in one.shown], dtype=np.int64)
    marked = np.array([shown.bookmarked for shown in one.shown], dtype=np.bool_)
    return DetectionSlice(
        one.patient,
        (one.hu.shape[1], one.hu.shape[2]),
        Lesions(extents[marked], kinds[marked]),
        Lesions(extents, kinds),
        partial(np.asarray, one.hu),
    )


def _from_folder(data: DetectorData, split: str, progress: Progress, cancel: CancelToken | None) -> Slices:
    table = examined(data.folder, workers=data.workers, progress=progress, cancel=cancel)
    names: tuple[str, ...] = ONE
    of_row = dict.fromkeys(table.rows, 0)
    if data.categories == "file":
        of_row = read_categories(data.categories_file, table)
        names = tuple(f"category {number}" for number in range(1, 2 + max(of_row.values())))
    every = key_slices(table, padding=0.0)
    if not data.deal and (found := [problem.text for problem in table.problems if problem.kind == TORN]):
        raise InputError(f"{found[0]} Or have the patients dealt anew (data.deal: 1).")
    if data.deal:
        parts = split_patients((one.first.patient for one in every), data.deal)
        chosen = parts[SPLITS.index(split)]
        every = tuple(one for one in every if one.first.patient in chosen)
    else:
        every = tuple(one for one in every if one.first.split == split)
    if not every:
        raise InputError(f"No key slice of {data.folder} belongs to the split '{split}' and can be used.")
    return Slices(tuple(_of_table(data.folder, one, of_row) for one in every), names, table.left_out)


def _of_table(root: str, one: KeySlice, of_row: Mapping[int, int]) -> DetectionSlice:
    kinds = np.array([of_row[row] for row in one.rows], dtype=np.int64)
    columns, rows = one.first.image_size
    read = partial(_read, root, one.first)
    return DetectionSlice(one.first.patient, (rows, columns), Lesions(one.boxes, kinds), None, read)


def _read(root: str, row: DeepLesionRow) -> NDArray[np.int16]:
    return hu_around(root, row, DetectorInput().slices_away(row.spacing_mm[2]))
