"""From a measured lesion on a scan to a row of ``DL_info.csv``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.volume import Source
from lesionscope.ct.windows import BODY_HU, Window
from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import UNKNOWN_TYPE, DeepLesionRow, as_written, measured_box
from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import SLICE_TOLERANCE

from .axial import AxialSlices
from .contours import Measured

SAME_MM = 0.05
"""So much of a length may be lost where its ends are put onto their slice."""
OLDEST = 90
"""Ages above it would tell who somebody is (HIPAA, 45 CFR 164.514): they count as it."""


@dataclass(frozen=True)
class Called:
    """How a scan is called: running numbers of patient, study and series, the patient's split, its window."""

    patient: int
    study: int
    series: int
    split: str
    window: Window


def row_of(lesion: Measured, slices: AxialSlices, called: Called, around_mm: float) -> DeepLesionRow:
    """Return the row of a lesion.

    Parameters
    ----------
    lesion
        What was measured.
    slices
        Its scan.
    called
        How its scan is called.
    around_mm
        How far slices are given above and below the key slice.

    Raises
    ------
    InputError
        It lacks a diameter, lies outside, or wasn't measured on one slice.
    """
    if lesion.short is None:
        raise InputError("It has no short diameter, without which there is no box: it was left out.")
    lines = sorted((lesion.long, lesion.short), key=lambda line: -line.length_mm)
    ends = slices.to_pixels([end for line in lines for end in (line.start_lps_mm, line.end_lps_mm)])
    key = round(float(ends[:, 2].mean()))
    columns, rows, count = slices.size
    across, down, step = slices.spacing_mm
    if np.abs(ends[:, 2] - key).max() > SLICE_TOLERANCE:
        raise InputError("It wasn't measured on one slice of the scan: it was left out.")
    inside = (ends >= 0.5).all() and (ends <= [columns + 0.5, rows + 0.5, count + 0.5]).all()
    if not inside or not 1 <= key <= count:
        raise InputError("It lies outside the scan: it was left out.")
    flat = ends[:, :2] * [across, down]
    for line, (start, end) in zip(lines, flat.reshape(2, 2, 2), strict=True):
        if abs(float(np.linalg.norm(end - start)) - line.length_mm) > SAME_MM:
            raise InputError("It wasn't measured in the plane of the scan's slices: it was left out.")
    measurement = tuple(as_written(float(value)) for value in ends[:, :2].ravel())
    reach = max(1, int(around_mm / step + 1e-6)) if step > 0 else 1
    source = slices.volume.source
    return DeepLesionRow(
        patient=called.patient,
        study=called.study,
        series=called.series,
        key_slice=key,
        measurement=measurement,
        box=measured_box(measurement),
        diameters_px=_lengths(lines, across),
        location=_location(ends, slices.hu(key), key, count),
        coarse_type=UNKNOWN_TYPE,
        possibly_noisy=False,
        slice_range=(max(1, key - reach), min(count, key + reach)),
        spacing_mm=(across, down, step),
        image_size=(columns, rows),
        window_hu=(called.window.low, called.window.high),
        gender=source.patient.sex if source.patient.sex in ("F", "M") else "",
        age=age_of(source),
        split=called.split,
    )


def age_of(source: Source) -> int | None:
    """Return how old the patient was at the study, no more than 90 years; ``None`` where it isn't known."""
    try:
        born, seen = (date.fromisoformat(text) for text in (source.patient.birth_date, source.study_date))
    except ValueError:
        return None
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return min(years, OLDEST) if years >= 0 else None


def _lengths(lines: list[Diameter], across: float) -> tuple[float, ...]:
    """Return lengths in columns' widths: where pixels aren't square DeepLesion knows no other."""
    return tuple(line.length_mm / across for line in lines)


def _location(
    ends: NDArray[np.float64], hu: NDArray[np.int16], key: int, count: int
) -> tuple[float, float, float]:
    """Return the box's middle as shares of the body on the key slice, and of the scan from its top."""
    body = hu > BODY_HU
    shares = []
    for axis, middle in enumerate((ends.min(axis=0) + ends.max(axis=0))[:2] / 2):
        filled = np.flatnonzero(body.any(axis=axis))
        first, last = (int(filled[0]), int(filled[-1])) if len(filled) else (0, body.shape[1 - axis] - 1)
        shares.append(float(np.clip((middle - 1 - first) / max(last - first, 1), 0, 1)))
    depth = (key - 1) / (count - 1) if count > 1 else 0.5
    if not all(map(math.isfinite, shares)):
        raise InputError("It lies nowhere: it was left out.")
    return shares[0], shares[1], depth
