"""The scan around a known lesion, where it is at hand: read, found below a folder, or made again.

A bank keeps no paths, for paths hold names. What is at hand is therefore looked for: a phantom is made
again from its number, a series by its UID below the folders that are given, a lesion of DeepLesion's
beside the table that lists it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.patches import Boxed, lesion_patch
from lesionscope.ct.scan import Scan, SeriesInfo, load, scan
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, read_dl_info
from lesionscope.lesions.deeplesion_volume import lesion_of_row, read_volume, slices_of
from lesionscope.progress import CancelToken, Progress, silent
from lesionscope.retrieval.dataset_keys import DatasetKeys, read_dataset_keys
from lesionscope.retrieval.known import Box, KnownLesion
from lesionscope.retrieval.thumbnails import STEP_HU, thumbnail

STEP_MM = 2.0
REACH_MM = 30.0
"""How far slices reach to the head and to the feet."""

NOT_FOUND = (
    "The scan of this known lesion is not at hand: open a folder that holds it, or list the folder "
    "under `studies` in the settings."
)
OTHER_PHANTOM = (
    "This phantom comes out otherwise than the bank knows it, so another version of Lesionscope made it: "
    "build the bank again to see more of its lesions."
)
NEARLY = (
    "Another version of Lesionscope made the phantom that the bank knows: it comes out much like it now, "
    "but not the same."
)
MUCH_LIKE = 0.9
"""Correlation with the bank's picture from which a phantom counts as the same lesion."""
_PHANTOM = re.compile(r"phantom:(train|validation|test)/(\d+)/(\d+)")


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Axial slices around a lesion, :data:`STEP_MM` apart, of 1 mm pixels.

    Parameters
    ----------
    hu
        int16 ``(slices, rows, columns)``; the first slice is the lowest, rows run to the back,
        columns to the left.
    key
        Which slice is the lesion's own.
    box
        The lesion's box: x0, y0, x1, y1 in pixels.
    note
        What a person should know of it, in a sentence; or "".
    """

    hu: NDArray[np.int16]
    key: int
    box: Box
    note: str = ""


@dataclass(frozen=True)
class _Boxed:
    box_lps_mm: tuple[float, float, float, float, float, float]


def surroundings(volume: CTVolume, lesion: Boxed) -> Surroundings:
    """Cut the slices around a lesion, as far as the volume reaches.

    Raises
    ------
    InputError
        The lesion's box has no width or lies outside the volume.
    """
    x, y, z = 0.5 * (np.array(lesion.box_lps_mm[:3]) + lesion.box_lps_mm[3:])
    offsets = _offsets(lambda offset: volume.geometry.contains((x, y, z + offset)))
    cut = lesion_patch(volume, lesion, offsets_mm=offsets)
    return _surroundings(np.rint(np.clip(cut.hu, -1024, 3071)).astype(np.int16), offsets, cut.box)


@dataclass
class Shelf:
    """Finds the scans of known lesions; what it has read of folders it remembers.

    Parameters
    ----------
    places
        Folders and files below which scans may lie; may grow.
    """

    places: list[Path] = field(default_factory=list)
    _scans: dict[Path, Scan] = field(default_factory=dict, repr=False)
    _tables: dict[Path, tuple[tuple[DeepLesionRow, ...], DatasetKeys]] = field(
        default_factory=dict, repr=False
    )

    def find(
        self, known: KnownLesion, *, progress: Progress = silent, cancel: CancelToken | None = None
    ) -> Surroundings:
        """Return the surroundings of a known lesion.

        Raises
        ------
        InputError
            Its scan isn't at hand or can't be read; the sentence says what to do.
        Cancelled
            By ``cancel``.
        """
        token = CancelToken() if cancel is None else cancel
        kind, _, name = known.origin.reference.partition(":")
        if kind == "phantom":
            progress(0, 0, "Making the phantom again")
            return made_again(known, token)
        if kind == "deeplesion":
            return self._of_deeplesion(known, name)
        return self._of_series(known, progress, token)

    def _of_series(self, known: KnownLesion, progress: Progress, token: CancelToken) -> Surroundings:
        series, centre = self._series(known.origin.series_uid, progress, token), known.origin.centroid_lps_mm
        if series is None or centre is None:
            raise InputError(NOT_FOUND)
        volume = load(series, progress=progress, cancel=token)
        x0, y0, x1, y1 = known.box
        half = np.array([(x1 - x0) / 2, (y1 - y0) / 2, 0.5])
        low, high = (tuple(float(value) for value in np.add(centre, sign * half)) for sign in (-1, 1))
        return surroundings(volume, _Boxed((*low, *high)))  # type: ignore[arg-type]

    def _series(self, uid: str, progress: Progress, token: CancelToken) -> SeriesInfo | None:
        for place in self.places if uid else ():
            if place not in self._scans:
                token.check()
                if not place.exists():
                    continue
                self._scans[place] = scan(place, progress=progress, cancel=token)
            for series in self._scans[place].series:
                if series.uid == uid and series.usable:
                    return series
        return None

    def _of_deeplesion(self, known: KnownLesion, file_name: str) -> Surroundings:
        for root in dict.fromkeys(root for place in self.places for root in (place, *place.parents[:2])):
            if root not in self._tables:
                if not (root / TABLE).is_file():
                    continue
                self._tables[root] = read_dl_info(root / TABLE), read_dataset_keys(root)
            rows, keys = self._tables[root]
            for number, row in enumerate(rows):
                if row.file_name != file_name:
                    continue
                if known.id in (keys.lesion(row, number), DatasetKeys().lesion(row, number)):
                    return surroundings(read_volume(root, slices_of(row)), lesion_of_row(row, number))
        raise InputError(NOT_FOUND)


def made_again(known: KnownLesion, cancel: CancelToken) -> Surroundings:
    """Make a phantom's lesion again, and the slices around it.

    Raises
    ------
    InputError
        It comes out quite otherwise than the bank's picture of it.
    """
    from lesionscope.phantom.clinic.patches import patch
    from lesionscope.phantom.clinic.patients import ClinicPatient

    named = _PHANTOM.fullmatch(known.origin.reference)
    if named is None:
        raise InputError(NOT_FOUND)
    patient = ClinicPatient(int(named[2]), named[1])
    mark = next((one for one in patient.marks if one.lesion == int(named[3])), None)
    if mark is None:
        raise InputError(OTHER_PHANTOM)
    cancel.check()
    seen = patch(patient, mark)
    picture, _ = thumbnail(seen.hu, seen.box)
    same, like = _likeness(picture, known.thumbnail)
    if not like:
        raise InputError(OTHER_PHANTOM)
    cancel.check()
    bottom, step, count = patient.slices()
    top = bottom + (count - 1) * step
    offsets = _offsets(lambda offset: bottom <= mark.slice_mm + offset <= top)
    made = _surroundings(patch(patient, mark, offsets_mm=offsets).hu, offsets, seen.box)
    return made if same else replace(made, note=NEARLY)


def _likeness(picture: NDArray[np.int16], kept: NDArray[np.int16]) -> tuple[bool, bool]:
    """Say whether a picture is the one that a bank keeps, but for its packing, and whether much like it."""
    if picture.shape != kept.shape:
        return False, False
    if int(np.abs(picture.astype(np.int32) - kept).max()) <= STEP_HU:
        return True, True
    a, b = (one - one.mean() for one in (picture.astype(np.float64), kept.astype(np.float64)))
    return False, float((a * b).sum()) >= MUCH_LIKE * float(np.sqrt((a * a).sum() * (b * b).sum()))


def _offsets(there: Callable[[float], bool]) -> list[float]:
    """Return how far slices lie from a lesion's own, in mm: those that the scan holds, without a gap."""
    offsets = [0.0]
    for sign in (-1.0, 1.0):
        for count in range(1, int(REACH_MM / STEP_MM) + 1):
            if not there(sign * count * STEP_MM):
                break
            offsets.append(sign * count * STEP_MM)
    return sorted(offsets)


def _surroundings(hu: NDArray[np.int16], offsets: Sequence[float], box: ArrayLike) -> Surroundings:
    x0, y0, x1, y1 = (float(value) for value in np.asarray(box, dtype=np.float64))
    return Surroundings(hu, offsets.index(0.0), (x0, y0, x1, y1))
