"""Slices to one HU array: never more than the volume and a few slices held."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.ahead import decoded
from lesionscope.ct.decode import BadFrame
from lesionscope.ct.grouping import describe_bad, plan
from lesionscope.ct.quick_pixels import padding_afar, read_ordinary
from lesionscope.ct.series import SeriesInfo, Slice
from lesionscope.ct.sources import FileReader
from lesionscope.ct.volume import CTVolume, Finding
from lesionscope.errors import InputError
from lesionscope.progress import CancelToken, Progress

_INT16 = np.iinfo(np.int16)
# Findings that describe the grid: made anew where slices drop out while loading.
_GRID_CODES = frozenset(
    ("uneven-spacing", "missing-slices", "single-slice", "gantry-tilt", "oblique", "shifted-slices")
)

HU = NDArray[np.int16] | NDArray[np.float32]


def load_slices(
    reader: FileReader, series: SeriesInfo, progress: Progress, cancel: CancelToken | None
) -> CTVolume:
    """Decode a DICOM series' slices, each with its own rescale, into one array.

    Ordinary slices are read straight into it first; those that need decoding follow.

    Raises
    ------
    InputError
        No slice can be read, or there is too little memory.
    Cancelled
        The person asked to stop.
    """
    assert series.geometry is not None
    columns, rows, count = series.size
    kind = np.dtype(np.int16 if _integral(series.slices) else np.float32)
    try:
        hu: HU = np.empty((count, rows, columns), kind)
    except MemoryError as error:
        raise InputError(
            f"Too little memory for {columns}×{rows}×{count} voxels: close other volumes and try again."
        ) from error
    bad: dict[int, BadFrame] = {}
    padded = 0
    left = read_ordinary(hu, series.slices, progress, cancel)
    place = hu
    with closing(decoded(reader, series.slices, left, place)) as rest:
        for k, stored in rest:
            if cancel is not None:
                cancel.check()
            progress(k, count, "Reading slices")
            if isinstance(stored, BadFrame):
                bad[k] = stored
                continue
            if stored is None:
                if hu is not place:
                    hu[k] = place[k]
                continue
            hu, count_here = _put(hu, k, stored, series.slices[k])
            padded += count_here
    progress(count, count, "Reading slices")
    findings = list(series.findings)
    if padded:
        findings.append(
            Finding(
                "padding",
                f"{padded} padding pixels with values far from any tissue's were set to {_INT16.min} HU.",
            )
        )
    if not bad:
        return CTVolume(hu, series.geometry, series.source, tuple(findings))
    return _without(series, hu, bad, findings)


def _integral(slices: tuple[Slice, ...]) -> bool:
    """Whether every slice's rescale turns whole numbers into whole numbers."""
    return all(
        (item.frame.slope or 1.0).is_integer() and (item.frame.intercept or 0.0).is_integer()
        for item in slices
    )


def _put(hu: HU, k: int, stored: NDArray[Any], item: Slice) -> tuple[HU, int]:
    """Write one slice's HU = slope × stored + intercept (PS3.3 C.11.1.1.2) into the array.

    Returns the array (a float32 one from the first slice on that int16 can't hold) and
    how many padding pixels were set to int16's lowest value.
    """
    slope, intercept = item.frame.slope or 1.0, item.frame.intercept or 0.0
    # Padding is no measurement (PS3.3 C.7.5.1.1.2): it must neither cost the whole volume its int16
    # nor be read as metal.
    padding = padding_afar(stored, item)
    padded = 0 if padding is None else int(np.count_nonzero(padding))
    if hu.dtype == np.int16:
        measured = stored[~padding] if padding is not None and padded else stored
        low, high = _ends(measured, slope, intercept) if measured.size else (0, 0)
        if low < _INT16.min or high > _INT16.max:
            hu = hu.astype(np.float32)
    if hu.dtype != np.int16:
        hu[k] = stored * np.float64(slope) + np.float64(intercept)
    elif slope == 1.0:
        np.add(stored, np.int32(intercept), out=hu[k], dtype=np.int32, casting="unsafe")
    else:
        hu[k] = stored.astype(np.int32) * int(slope) + int(intercept)
    if padding is not None and padded:
        hu[k][padding] = _INT16.min
    return hu, padded


def _ends(stored: NDArray[Any], slope: float, intercept: float) -> tuple[float, float]:
    ends = float(stored.min()) * slope + intercept, float(stored.max()) * slope + intercept
    return min(ends), max(ends)


def _without(series: SeriesInfo, hu: HU, bad: dict[int, BadFrame], findings: list[Finding]) -> CTVolume:
    """Leave out slices that could not be decoded, and describe the grid of those that remain."""
    names = [series.slices[k].name for k in bad]
    by_code: dict[str, list[int]] = {}
    for k, error in bad.items():
        by_code.setdefault(error.code, []).append(k)
    if len(bad) == len(series.slices):
        first = next(iter(bad))
        more = f", nor can the {len(bad) - 1} other slices of its series" if len(bad) > 1 else ""
        raise InputError(f"{names[0]} cannot be read: {bad[first]}{more}. Fetch or export it again.")
    kept = [k for k in range(len(series.slices)) if k not in bad]
    for to, k in enumerate(kept):
        if to != k:
            hu[to] = hu[k]
    planned = plan([series.slices[k] for k in kept])
    notes = [
        describe_bad(code, [series.slices[k].name for k in indices], [str(bad[k]) for k in indices])
        for code, indices in by_code.items()
    ]
    findings = [f for f in findings if f.code not in _GRID_CODES] + notes + list(planned.findings)
    if not any(f.code == "missing-slices" for f in findings):
        findings.append(
            Finding("missing-slices", f"{len(bad)} slices could not be used: the volume is incomplete.")
        )
    uids, numbers = series.source.sop_instance_uids, series.source.frame_numbers
    source = series.source
    if len(uids) == len(series.slices):
        source = replace(source, sop_instance_uids=tuple(uids[k] for k in kept))
    if numbers:
        source = replace(source, frame_numbers=tuple(numbers[k] for k in kept))
    return CTVolume(hu[: len(kept)], planned.geometry, source, tuple(findings))
