"""A lesion of DeepLesion's in the patient: its marks in LPS mm, the slices around it as a volume, its patch.

Marks and volume are in the frame of the scan's slices: x and y from the first pixel, z up from slice 0,
so that all lesions of a scan share it. Where the distance of slices isn't known, or those given aren't around
its own, a lesion has its own slice alone.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.patches import OFFSETS_MM, lesion_patch
from lesionscope.ct.volume import CTVolume, Finding, Source
from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import IMAGES, DeepLesionRow, Slices, read_slice
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.lesions.marking import identity_of

LONE_SLICE_MM = 1.0
"""Thickness that a box is given where the distance of slices isn't known."""


def slices_of(row: DeepLesionRow) -> Slices:
    """Return which slices are given around a lesion: its own alone where the table's aren't around it."""
    first, last = row.slice_range
    if not first <= row.key_slice <= last:
        first = last = row.key_slice
    across, down, step = row.spacing_mm
    return Slices(row.folder, row.key_slice, first, last, (across, down, step))


def lesion_of_row(row: DeepLesionRow, number: int) -> Lesion:
    """Return a row's lesion; the same row has the same identity wherever it is read.

    Parameters
    ----------
    row
        The row.
    number
        Its place in the table, from 0.
    """
    across, down, step = row.spacing_mm
    step = step if step > 0 else 0.0
    height = -row.key_slice * step

    def point(x: float, y: float) -> Point:
        return (x - 1) * across, (y - 1) * down, height

    ends = np.reshape(row.measurement, (4, 2)).tolist()
    x0, y0, z = point(*row.box[:2])
    x1, y1, _ = point(*row.box[2:])
    half = (step or LONE_SLICE_MM) / 2
    identity, tracking_uid = identity_of(
        uuid.uuid5(uuid.NAMESPACE_URL, f"deeplesion/{number}/{row.file_name}")
    )
    return Lesion(
        identity,
        tracking_uid,
        ((x0 + x1) / 2, (y0 + y1) / 2, z),
        (x0, y0, z - half, x1, y1, z + half),
        Diameter(point(*ends[0]), point(*ends[1])),
        Diameter(point(*ends[2]), point(*ends[3])),
        box_declared=False,
    )


def read_volume(root: str | Path, slices: Slices) -> CTVolume:
    """Read the slices around a lesion below DeepLesion's folder; some may be missing, but not its own.

    Raises
    ------
    InputError
        Its own slice is missing, or one can't be read or has another size.
    """
    folder = Path(root) / IMAGES / slices.folder
    across, down, step = slices.spacing_mm
    known = step > 0
    around = known and slices.first <= slices.key <= slices.last
    wanted = range(slices.last, slices.first - 1, -1) if around else (slices.key,)
    numbers = [n for n in wanted if n == slices.key or (folder / f"{n:03d}.png").is_file()]
    pictures = [read_slice(folder / f"{number:03d}.png") for number in numbers]
    if len({picture.shape for picture in pictures}) > 1:
        raise InputError(f"The slices around {folder / f'{slices.key:03d}.png'} differ in size: mend them.")
    hu = np.stack(pictures)
    heights = [-number * step if known else 0.0 for number in numbers]
    even = len(numbers) == len(wanted) > 1
    findings = () if known else (Finding("single-slice", "The distance of its slices isn't known."),)
    geometry = Geometry(
        (hu.shape[2], hu.shape[1], len(numbers)),
        (across, down, step if even else None),
        (0.0, 0.0, heights[0]),
        offsets_mm=None if even else tuple(height - heights[0] for height in heights),
        slice_thickness_mm=step if known else None,
    )
    return CTVolume(hu, geometry, Source(f"{slices.folder}/{slices.key:03d}"), findings)


def slices_of_patch(row: DeepLesionRow) -> Slices:
    """Return which of the slices around a lesion its patch is cut from."""
    given = slices_of(row)
    step = row.spacing_mm[2]
    reach = math.ceil(max(OFFSETS_MM) / step) if step > 0 else 0
    return replace(given, first=max(given.key - reach, given.first), last=min(given.key + reach, given.last))


def cut_patch(root: str | Path, row: DeepLesionRow) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Cut a lesion's patch as reading does: HU ``(3, 120, 120)`` and its box in patch pixels.

    No more slices are read than it needs. Where slice distances aren't known, or a neighbour isn't
    given, the nearest slice that is stands in.

    Raises
    ------
    InputError
        As :func:`read_volume`.
    """
    seen = lesion_patch(read_volume(root, slices_of_patch(row)), lesion_of_row(row, 0))
    return np.rint(np.clip(seen.hu, -1024, 3071)).astype(np.int16), seen.box
