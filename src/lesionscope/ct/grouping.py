"""Slices to volumes: which belong together, in what order, and on what grid they lie.

Nothing is stacked in silence: slices are told apart by series, size, orientation and
pixel spacing, ordered by position along their normal, and spacing comes from positions,
never from SliceThickness. Whatever is odd becomes a finding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import AXIS_TOLERANCE, Geometry
from lesionscope.ct.series import Slice, named
from lesionscope.ct.volume import Finding

STEP_TOLERANCE = 0.01
"""Share of a step, and mm, that a slice may lie off an even grid."""
ORIENTATION_TOLERANCE = 2e-3
TILT_DEG = 0.1
SIDEWAYS_PIXELS = 0.5
FAR_MM = 1e6
"""No scanner's coordinates reach this far."""
FEWEST_SLICES = 3
"""As many slices a group has at least (on average) where a number tells volumes apart, not slices."""
STEEPEST = 0.1
"""Cosine of the angle between a stack's step and its slices' normal that no gantry reaches."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """An ordered stack of slices and the grid they lie on."""

    slices: tuple[Slice, ...]
    geometry: Geometry
    findings: tuple[Finding, ...]


def has_geometry(item: Slice) -> bool:
    """Whether a slice says where it lies, in numbers that make sense."""
    frame = item.frame
    if frame.position is None or frame.orientation is None or frame.spacing is None:
        return False
    near = max(map(abs, (*frame.position, *frame.spacing))) < FAR_MM
    return near and min(frame.spacing) > 0 and _upright(frame.orientation)


@lru_cache(256)
def _upright(orientation: tuple[float, ...]) -> bool:
    """Whether rows and columns are unit vectors at right angles, to a hundredth."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    unit = abs(np.linalg.norm(row) - 1) < 1e-2 and abs(np.linalg.norm(column) - 1) < 1e-2
    return bool(unit and abs(row @ column) < 1e-2)


def is_localizer(item: Slice) -> bool:
    """Whether a slice is a scout view (PS3.3 C.8.2.1.1.1)."""
    kinds = {*item.frame.image_type, *item.header.image_type}
    return not kinds.isdisjoint({"LOCALIZER", "SCOUT"})


def by_shape(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Part slices that cannot share a grid: by size, pixel spacing and orientation; biggest first."""
    groups: list[list[Slice]] = []
    for item in slices:
        for group in groups:
            if _same_plane(group[0], item):
                group.append(item)
                break
        else:
            groups.append([item])
    return sorted(groups, key=len, reverse=True)


def by_frame_of_reference(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Part slices whose positions cannot be compared (PS3.3 C.7.4.1.1.1); biggest first.

    Slices that name no frame of reference go with the most that share one. Frames of reference made
    up slice by slice, as careless anonymization does, part nothing.
    """
    groups: dict[str, list[Slice]] = {}
    for item in slices:
        groups.setdefault(item.header.frame_of_reference, []).append(item)
    unnamed = groups.pop("", [])
    if len(groups) < 2 or len(slices) < FEWEST_SLICES * len(groups):
        return [list(slices)]
    parts = sorted(groups.values(), key=len, reverse=True)
    return [parts[0] + unnamed, *parts[1:]]


def _same_plane(one: Slice, other: Slice) -> bool:
    a, b = one.header.pixels, other.header.pixels
    if (a.rows, a.columns) != (b.rows, b.columns):
        return False
    assert one.frame.spacing and other.frame.spacing
    assert one.frame.orientation and other.frame.orientation
    if (one.frame.spacing, one.frame.orientation) == (other.frame.spacing, other.frame.orientation):
        return True
    return bool(
        np.allclose(one.frame.spacing, other.frame.spacing, rtol=1e-3, atol=0)
        and np.allclose(one.frame.orientation, other.frame.orientation, rtol=0, atol=ORIENTATION_TOLERANCE)
    )


def axes_of(item: Slice) -> tuple[Floats, Floats, Floats]:
    """Return unit vectors along rows, along columns, and normal to the slice (LPS)."""
    assert item.frame.orientation
    row, column = np.array(item.frame.orientation[:3]), np.array(item.frame.orientation[3:])
    row, column = row / np.linalg.norm(row), column / np.linalg.norm(column)
    normal = np.cross(row, column)
    return row, column, normal / np.linalg.norm(normal)


def positions_of(slices: Sequence[Slice]) -> Floats:
    """Return where the slices' first pixels lie, ``(n, 3)`` LPS mm."""
    return np.array([item.frame.position for item in slices], dtype=np.float64)


def split_sideways(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Part slices whose field of view was moved between them; a tilted stack stays whole."""
    if len(slices) < 3 or _sideways(slices) <= SIDEWAYS_PIXELS * _pixel(slices[0]):
        return [list(slices)]
    row, column, _ = axes_of(slices[0])
    pixel = _pixel(slices[0])
    groups: list[tuple[Floats, list[Slice]]] = []
    for item, position in zip(slices, positions_of(slices), strict=True):
        place = np.array([position @ row, position @ column])
        for centre, group in groups:
            if np.abs(centre - place).max() <= SIDEWAYS_PIXELS * pixel:
                group.append(item)
                break
        else:
            groups.append((place, [item]))
    if len(groups) > len(slices) / 2:
        return [list(slices)]
    return sorted((group for _, group in groups), key=len, reverse=True)


def _pixel(item: Slice) -> float:
    assert item.frame.spacing
    return min(item.frame.spacing)


def _line(slices: Sequence[Slice]) -> tuple[list[Slice], Floats, Floats, Floats]:
    """Order slices; return them, their step's direction, offsets along it, and what is left over."""
    normal = axes_of(slices[0])[2]
    places = positions_of(slices)
    order = np.argsort(places @ normal, kind="stable")
    ordered, places = [slices[index] for index in order], places[order]
    direction = places[-1] - places[0]
    length = float(np.linalg.norm(direction))
    direction = direction / length if length > 0 else normal
    # A drift too small to matter is rounding, and one too big no stack: then the step is the normal itself.
    along = float(direction @ normal)
    if np.linalg.norm(direction - normal * along) * length < STEP_TOLERANCE or along < STEEPEST:
        direction = normal
    offsets = (places - places[0]) @ normal / (direction @ normal)
    residual = places - places[0] - offsets[:, None] * direction
    return ordered, direction, offsets, np.linalg.norm(residual, axis=1)


def _sideways(slices: Sequence[Slice]) -> float:
    """How far slices stray sideways from one straight line, in mm."""
    return float(_line(slices)[3].max())


def plan(slices: Sequence[Slice]) -> Plan:
    """Order slices of one shape, one a position, and describe the grid they lie on."""
    ordered, direction, offsets, residual = _line(slices)
    row, column, _ = axes_of(ordered[0])
    first = ordered[0]
    assert first.frame.spacing and first.frame.position
    findings: list[Finding] = []
    count = len(ordered)
    steps = np.diff(offsets)
    step: float | None = None
    if count == 1:
        findings.append(_single_slice(first))
    else:
        even = float(offsets[-1] / (count - 1))
        astray = float(np.abs(offsets - even * np.arange(count)).max())
        if astray <= max(STEP_TOLERANCE, STEP_TOLERANCE * even):
            step = round(even, 7)
        else:
            findings += _uneven(steps)
    spacing = (float(first.frame.spacing[1]), float(first.frame.spacing[0]), step)
    matrix = np.column_stack([row, column, direction])
    # Rounded header values become clean axes only where they already are, to a hair.
    matrix[np.abs(matrix) < 1e-7] = 0.0
    x, y, z = first.frame.position
    geometry = Geometry(
        size=(first.header.pixels.columns, first.header.pixels.rows, count),
        spacing_mm=spacing,
        origin_lps_mm=(x, y, z),
        direction=tuple(float(value) for value in matrix.ravel()),
        offsets_mm=None if step is not None else tuple(float(value) for value in offsets),
        slice_thickness_mm=first.frame.thickness,
    )
    findings += _obliquity(geometry, first)
    if residual.max() > SIDEWAYS_PIXELS * _pixel(first):
        findings.append(
            Finding(
                "shifted-slices",
                f"Slices are shifted sideways against each other by up to {residual.max():.1f} mm: "
                "they do not form one grid.",
            )
        )
    return Plan(tuple(ordered), geometry, tuple(findings))


def _single_slice(item: Slice) -> Finding:
    thickness = item.frame.thickness
    known = f"; the slice itself is {thickness:g} mm thick" if thickness else ""
    return Finding("single-slice", f"Only one slice: the spacing between slices is unknown{known}.")


def _uneven(steps: Floats) -> list[Finding]:
    """Describe uneven steps: simply uneven, or with whole steps missing."""
    counts = Counter(round(float(step), 2) for step in steps)
    shown = ", ".join(f"{step:g} mm ({n}×)" for step, n in sorted(counts.items())[:6])
    findings = [
        Finding(
            "uneven-spacing",
            f"Slices are unevenly spaced: {shown}{', …' if len(counts) > 6 else ''}. "
            "Their true positions are used.",
        )
    ]
    typical = float(np.median(steps))
    multiples = steps / typical
    gaps = multiples > 1.5
    if gaps.any() and np.all(np.abs(multiples[gaps] - np.round(multiples[gaps])) < 0.05 * multiples[gaps]):
        missing = int(np.sum(np.round(multiples[gaps]) - 1))
        findings.append(
            Finding(
                "missing-slices",
                f"{missing} slice{'s seem' if missing > 1 else ' seems'} to be missing in {int(gaps.sum())} "
                f"place{'s' if gaps.sum() > 1 else ''}, the widest gap being {steps.max():g} mm.",
            )
        )
    return findings


def _obliquity(geometry: Geometry, first: Slice) -> list[Finding]:
    findings = []
    if geometry.tilt_deg > TILT_DEG:
        findings.append(
            Finding(
                "gantry-tilt",
                f"The gantry was tilted: the step between slices is {geometry.tilt_deg:.1f}° off their "
                "normal. The slices are kept as they are and only shown resampled.",
            )
        )
        return findings
    if np.all((np.abs(geometry.axes) < 10 * AXIS_TOLERANCE) | (np.abs(geometry.axes) > 1 - AXIS_TOLERANCE)):
        return findings
    angle = math.degrees(math.acos(min(1.0, float(np.abs(geometry.axes[:, 2]).max()))))
    tilt = first.header.tilt_deg or 0.0
    if geometry.size[2] == 1 and abs(tilt) > TILT_DEG:
        findings.append(Finding("gantry-tilt", f"The gantry was tilted by {tilt:g}°, as the header says."))
    findings.append(
        Finding("oblique", f"Slices are oblique: {angle:.1f}° off the nearest plane of the patient's axes.")
    )
    return findings


def describe_bad(code: str, names: Sequence[str], reasons: Sequence[str]) -> Finding:
    """Put slices that could not be had into one finding that names their files."""
    plural = "s were" if len(names) > 1 else " was"
    return Finding(code, f"{len(names)} slice{plural} left out: {named(names)}: {reasons[0]}.")
