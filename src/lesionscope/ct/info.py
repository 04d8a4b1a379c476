"""What ``lesionscope info`` prints: every series of a path with its geometry, range and findings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lesionscope.ct.display import display_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import GIVE_A_CT, load, scan, why_nothing
from lesionscope.ct.series import SeriesInfo
from lesionscope.ct.volume import Finding
from lesionscope.errors import InputError
from lesionscope.progress import CancelToken, Progress, silent


def info(
    path: str | Path, *, progress: Progress = silent, cancel: CancelToken | None = None
) -> dict[str, Any]:
    """Describe every series of a path, as plain data for JSON.

    Each usable series is read once for its HU range. Size, spacing, origin and direction
    are those stored; ``resampled`` is the grid it is shown on where that differs.

    Raises
    ------
    InputError
        There is no series at all; the sentence says what was found instead.
    """
    found = scan(path, progress=progress, cancel=cancel)
    if not found.series:
        raise InputError(f"{path} holds no CT or other image series{why_nothing(found)}: {GIVE_A_CT}.")
    return {
        "series": [_describe(series, progress, cancel) for series in found.series],
        "skipped": [{"file": skipped.file, "reason": skipped.reason} for skipped in found.skipped],
    }


def _describe(series: SeriesInfo, progress: Progress, cancel: CancelToken | None) -> dict[str, Any]:
    geometry, findings, usable = series.geometry, series.findings, series.usable
    low: float | None = None
    high: float | None = None
    if usable:
        try:
            volume = load(series, progress=progress, cancel=cancel)
        except InputError as error:
            usable = False
            findings = (*findings, Finding("undecodable", str(error)))
        else:
            geometry, findings = volume.geometry, volume.findings
            low, high = _number(volume.hu.min()), _number(volume.hu.max())
    described: dict[str, Any] = {
        "uid": series.uid,
        "modality": series.modality,
        "description": series.description,
        "series_number": series.series_number,
        "study_date": series.study_date,
        "kernel": series.kernel,
        "slice_thickness_mm": geometry.slice_thickness_mm if geometry else None,
        "size": list(series.size),
        "spacing_mm": [None, None, None],
        "origin_lps_mm": None,
        "direction": None,
        "hu_min": low,
        "hu_max": high,
        "usable": usable,
        "findings": [{"code": f.code, "message": f.message} for f in findings],
    }
    if geometry is not None:
        described |= geometry.as_dict()
        if geometry.offsets_mm is not None and len(geometry.offsets_mm) > 1:
            described["slice_offsets_mm"] = list(geometry.offsets_mm)
        if usable and _shown_resampled(geometry):
            described["resampled"] = display_geometry(geometry).as_dict()
    return described


def _shown_resampled(geometry: Geometry) -> bool:
    """Whether display makes new voxels instead of turning and flipping the stored ones."""
    return not (geometry.is_axis_aligned and (geometry.is_uniform or geometry.size[2] == 1))


def _number(value: np.generic) -> float | int | None:
    """Return a JSON number: whole where it is whole, never NaN or infinite."""
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number
