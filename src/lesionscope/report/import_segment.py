"""Lengths that a report states of a segment, without end points: where they lie, the segment says.

dcmqi (3D Slicer) measures segmentations this way. The lines are laid through the middle of the segment's
largest slice, along and across its longest extent there, as long as the report states.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.lesions.lesion import Diameter
from lesionscope.report.import_record import point
from lesionscope.report.source_images import source_images

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SEGMENT = "121191"
"""Code value of "Referenced Segment"."""
LARGEST_VOXELS = 2**30

Floats = NDArray[np.float64]


def segment_of(group: Dataset) -> tuple[str, int] | None:
    """Return the segmentation's UID and the segment's number that a group measures, where it names one."""
    for item in group.get("ContentSequence") or ():
        name = item.get("ConceptNameCodeSequence")
        if name and str(name[0].get("CodeValue")) == SEGMENT:
            for reference in item.get("ReferencedSOPSequence") or ():
                number = reference.get("ReferencedSegmentNumber")
                if isinstance(number, list | tuple) or hasattr(number, "__iter__"):
                    number = next(iter(number), None)
                if number is not None:
                    return str(reference.get("ReferencedSOPInstanceUID")), int(number)
    return None


def lines_on_segment(
    uid: str, number: int, lengths_mm: tuple[float, ...], folder: Path
) -> tuple[Diameter, ...]:
    """Lay a long and, where two lengths are given, a short diameter on a segment.

    Parameters
    ----------
    uid, number
        Of the segmentation, and of the segment in it.
    lengths_mm
        Long, and short if there is one.
    folder
        Where to look for the segmentation: beside the report.

    Raises
    ------
    InputError
        It isn't there, or is too large or empty.
    """
    (ds,) = source_images((uid,), folder, pixels=True)
    frames = int(ds.get("NumberOfFrames", 1))
    if int(ds.Rows) * int(ds.Columns) * frames > LARGEST_VOXELS:
        raise InputError(
            f"The segmentation that a measurement refers to is too large ({frames} frames): it was left out."
        )
    pixels = np.reshape(ds.pixel_array, (frames, int(ds.Rows), int(ds.Columns)))
    mine = [
        (int(np.count_nonzero(pixels[place])), place)
        for place in range(frames)
        if int(_of(ds, place, "SegmentIdentificationSequence").ReferencedSegmentNumber) == number
    ]
    area, place = max(mine, default=(0, 0))
    if not area:
        raise InputError("The segment that a measurement refers to is empty: it was left out.")
    points = _places(ds, place, np.argwhere(pixels[place]))
    middle = points.mean(axis=0)
    along = _longest(points)
    across = np.cross(_normal(ds, place), along)
    return tuple(
        Diameter(point(middle - way * length / 2), point(middle + way * length / 2))
        for way, length in zip((along, across / np.linalg.norm(across)), lengths_mm, strict=False)
    )


def _places(ds: Dataset, place: int, pixels: NDArray[np.int64]) -> Floats:
    """Return pixels (row, column) of a frame in the patient, ``(n, 3)`` LPS mm."""
    down, right = (float(v) for v in _of(ds, place, "PixelMeasuresSequence").PixelSpacing)
    origin = np.array(_of(ds, place, "PlanePositionSequence").ImagePositionPatient, dtype=np.float64)
    row, column = _axes(ds, place)
    return np.asarray(origin + pixels[:, 1:] * right * row + pixels[:, :1] * down * column)


def _axes(ds: Dataset, place: int) -> tuple[Floats, Floats]:
    cosines = np.array(_of(ds, place, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64)
    return cosines[:3], cosines[3:]


def _normal(ds: Dataset, place: int) -> Floats:
    return np.asarray(np.cross(*_axes(ds, place)))


def _of(ds: Dataset, place: int, name: str) -> Any:
    """Return a functional group of a frame, its own or shared by all."""
    frame = ds.PerFrameFunctionalGroupsSequence[place]
    return (frame if name in frame else ds.SharedFunctionalGroupsSequence[0])[name].value[0]


def _longest(points: Floats) -> Floats:
    """Return the direction of the two points that lie furthest apart."""
    rim = points
    if len(points) > 3:
        # Any pair that lies furthest apart is among the extremes of many directions in the plane.
        centred = points - points.mean(axis=0)
        _, _, ways = np.linalg.svd(centred, full_matrices=False)
        angles = np.linspace(0, np.pi, 180, endpoint=False)
        directions = np.outer(np.cos(angles), ways[0]) + np.outer(np.sin(angles), ways[1])
        heights = centred @ directions.T
        rim = points[np.unique([heights.argmin(axis=0), heights.argmax(axis=0)])]
    gaps = np.linalg.norm(rim[:, None] - rim[None], axis=-1)
    one, other = np.unravel_index(gaps.argmax(), gaps.shape)
    between = rim[other] - rim[one]
    length = float(np.linalg.norm(between))
    return np.asarray(between / length) if length > 0 else np.array([1.0, 0.0, 0.0])
