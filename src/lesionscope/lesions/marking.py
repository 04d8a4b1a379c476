"""From a click or RECIST diameters to a lesion, and the warnings a mark deserves.

The box follows DeepLesion (Wang et al., 2.1): the extent of the four end points of
the two diameters, padded on each side. The paper pads by 20 pixels; the released
CSV holds boxes padded by 5 pixels, which is the default here. (That CSV counts
pixels from 1, voxel indices here from 0; the rule itself is the same in both.)

The centroid has one rule too, whoever marks: what was clicked stays a lesion's
centroid, however it is measured; without a click it is the centre of the box.
"""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lesionscope.ct.crops import patient_axes
from lesionscope.ct.display import display_geometry
from lesionscope.ct.geometry import Floats, Geometry
from lesionscope.errors import UsageError
from lesionscope.lesions.lesion import Diameter, Lesion, Point

DEFAULT_SIZE_MM = 20.0
"""Edge of the box declared around a click."""
DEFAULT_PADDING_PX = 5.0
"""Padding of the boxes in DeepLesion's released CSV."""
PERPENDICULAR_TOLERANCE_DEG = 20.0
"""Hand-drawn pairs that a reader accepts as perpendicular stay well within 10°;
at 20° the product of the two overstates the area by 6 % and the axis is in doubt."""
SLICE_TOLERANCE = 0.5
"""End points further apart than this along the slice axis (in slices) cross slices."""
THIN_SLICES = 2.0
"""RECIST 1.1 asks for a lesion at least twice the slice thickness."""

Box = tuple[float, float, float, float, float, float]


def box_around(points: ArrayLike, padding: float | Sequence[float] = DEFAULT_PADDING_PX) -> Floats:
    """DeepLesion's box: the extent of some points, padded on each side.

    Parameters
    ----------
    points
        ``(n, d)`` coordinates, in pixels or any other unit.
    padding
        One number, or one for each of the ``d`` axes, in the same unit.

    Returns
    -------
    numpy.ndarray
        ``(2, d)``: the lower corner, then the upper one.
    """
    known = np.asarray(points, dtype=np.float64)
    pad = np.broadcast_to(np.asarray(padding, dtype=np.float64), known.shape[-1:])
    return np.stack([known.min(axis=0) - pad, known.max(axis=0) + pad])


def slice_reach(geometry: Geometry, first: float, last: float) -> tuple[float, float]:
    """Return the (fractional) slice indices between which slices ``first`` to ``last`` reach.

    That is half way to the next slice on each side, but no more than half a typical step: where slices
    are missing, nothing of the gap belongs to them.
    """
    if geometry.is_uniform:
        return first - 0.5, last + 0.5
    half = geometry.slice_step_mm / 2
    low, high = geometry.slice_offset(np.array([first, last], dtype=np.float64)).tolist()
    below, above = geometry.slice_index(np.array([low - half, high + half])).tolist()
    return max(first - 0.5, below), min(last + 0.5, above)


def new_identity() -> tuple[str, str]:
    """Return a new lesion id (UUID) and its DICOM tracking UID."""
    return identity_of(uuid.uuid4())


def identity_of(identity: uuid.UUID) -> tuple[str, str]:
    """Return the lesion id and the DICOM tracking UID (``2.25.`` form, PS3.5 B.2) that a UUID gives."""
    return str(identity), f"2.25.{identity.int}"


def lesion_from_click(lps: ArrayLike, *, size_mm: float = DEFAULT_SIZE_MM) -> Lesion:
    """Mark a lesion by its centre; its box is declared, not measured.

    Parameters
    ----------
    lps
        The point clicked, ``(x, y, z)`` LPS mm.
    size_mm
        Edge of the cube declared around it, mm.

    Raises
    ------
    UsageError
        The point or the size isn't finite, or the size isn't positive.
    """
    centre = _point(lps)
    identifier, tracking_uid = new_identity()
    return Lesion(identifier, tracking_uid, centre, _cube(centre, size_mm))


def lesion_from_diameters(
    long: Diameter,
    short: Diameter | None = None,
    *,
    geometry: Geometry,
    padding_px: float = DEFAULT_PADDING_PX,
    previous: Lesion | None = None,
    click: ArrayLike | None = None,
) -> Lesion:
    """Mark a lesion by its RECIST diameters, with DeepLesion's box.

    The box is taken on the slices that were drawn on (see :func:`_drawn_grid`): the
    extent of the end points padded by ``padding_px`` within the slice, and the slices
    that the end points lie on across it (nothing was measured there; see
    :func:`slice_reach`). ``box_lps_mm`` encloses it, and equals it where those are axial. Without a
    click the centroid is the centre of that box, counted in slices so that it lies on
    what was measured, as DeepLesion's is, not the mean of the end points: the mean
    moves with where the two lines happen to cross, the lesion's extent does not.

    Parameters
    ----------
    long, short
        The diameters as drawn; neither is swapped or straightened.
    geometry
        Grid of the volume they were drawn on.
    padding_px
        Padding on each side, in pixels of the volume.
    previous
        A lesion whose identity and number the new one keeps.
    click
        Where the lesion was clicked, LPS mm: its centroid.

    Raises
    ------
    UsageError
        A diameter has no length or isn't finite, or the padding is negative.
    """
    if not (math.isfinite(padding_px) and padding_px >= 0):
        raise UsageError(f"The padding of a lesion's box must be 0 pixels or more, not {padding_px}.")
    long, short = _diameter(long, "long"), None if short is None else _diameter(short, "short")
    points = _end_points(long, short)
    grid = _drawn_grid(points, geometry)
    padding = [0.5, padding_px, padding_px]
    if grid is not geometry:  # whose rows may be as far apart as the volume's slices
        pixel = min(geometry.spacing_mm[:2])
        padding[1:] = (padding_px * pixel / step for step in (grid.spacing_mm[1], grid.spacing_mm[0]))
    lower, upper = box_around(grid.to_voxel(points), padding)
    centroid = _point(grid.to_lps((lower + upper) / 2) if click is None else click)
    lower[0], upper[0] = slice_reach(grid, lower[0] + 0.5, upper[0] - 0.5)
    corners = grid.to_lps(list(itertools.product(*zip(lower, upper, strict=True))))
    box = _box(np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
    identifier, tracking_uid = (
        (previous.id, previous.tracking_uid) if previous is not None else new_identity()
    )
    return Lesion(
        identifier,
        tracking_uid,
        centroid,
        box,
        long,
        short,
        box_declared=False,
        number=0 if previous is None else previous.number,
    )


def _drawn_grid(points: ArrayLike, geometry: Geometry) -> Geometry:
    """Return the grid on whose slices marks were drawn: the volume's own, or the one it is shown on.

    Where slices aren't axial, a person draws on axial slices made for the eye, and marks from
    elsewhere lie on those of the file: the end points tell, by how far across slices they spread.

    Parameters
    ----------
    points
        End points, ``(n, 3)`` LPS mm.
    geometry
        Grid of the volume as stored.
    """
    if geometry.is_axis_aligned and patient_axes(geometry)[2] == 2:
        return geometry
    return min((geometry, display_geometry(geometry)), key=lambda grid: round(_spread(points, grid), 3))


def _spread(points: ArrayLike, grid: Geometry) -> float:
    """How many slices apart points lie."""
    return float(np.ptp(grid.to_voxel(points)[:, 0]))


def moved(lesion: Lesion, centroid_lps_mm: ArrayLike) -> Lesion:
    """Return the lesion carried to a new centroid, with its box and diameters; same identity."""
    target = _point(centroid_lps_mm)
    shift = np.subtract(target, lesion.centroid_lps_mm)
    return replace(
        lesion,
        centroid_lps_mm=target,
        box_lps_mm=_box(np.asarray(lesion.box_lps_mm) + np.tile(shift, 2)),
        long=_shifted(lesion.long, shift),
        short=_shifted(lesion.short, shift),
    )


def with_diameter(
    lesion: Lesion,
    which: Literal["long", "short"],
    diameter: Diameter | None,
    *,
    geometry: Geometry,
    padding_px: float = DEFAULT_PADDING_PX,
    size_mm: float = DEFAULT_SIZE_MM,
) -> Lesion:
    """Return the lesion with one diameter drawn anew, or taken away (``None``); same identity.

    A short diameter drawn first makes a box of its own. Without any diameter left
    the box is again the cube declared around the centroid, ``size_mm`` wide. A
    click stays the centroid unless it lies outside the new box.
    """
    long = diameter if which == "long" else lesion.long
    short = diameter if which == "short" else lesion.short
    first = long if long is not None else short
    if first is None:
        return replace(
            lesion,
            box_lps_mm=_cube(lesion.centroid_lps_mm, size_mm),
            long=None,
            short=None,
            box_declared=True,
        )
    marked = lesion_from_diameters(
        first, None if long is None else short, geometry=geometry, padding_px=padding_px, previous=lesion
    )
    stays = _was_clicked(lesion, geometry) and _holds(marked.box_lps_mm, lesion.centroid_lps_mm)
    return replace(
        marked,
        centroid_lps_mm=lesion.centroid_lps_mm if stays else marked.centroid_lps_mm,
        long=None if long is None else marked.long,
        short=marked.short if long is not None else marked.long,
    )


def warnings(lesion: Lesion, geometry: Geometry) -> tuple[str, ...]:
    """Say what is doubtful about a lesion's marks on a volume; nothing is changed.

    Returns
    -------
    tuple of str
        Sentences for the person; empty where nothing is doubtful.
    """
    found: list[str] = []
    drawn = [d for d in (lesion.long, lesion.short) if d is not None]
    points = _end_points(*drawn) if drawn else np.array([lesion.centroid_lps_mm])
    if not all(geometry.contains(point) for point in points):
        found.append("The marks reach outside the volume: check them before you rely on the sizes.")
    if not drawn:
        return tuple(found)
    if lesion.long is not None and lesion.short is not None:
        off = degrees_off_perpendicular(lesion.long, lesion.short)
        if off > PERPENDICULAR_TOLERANCE_DEG:
            found.append(
                f"The short diameter is {off:.0f}° off perpendicular to the long one: "
                "draw it again if it should be the short axis."
            )
        if lesion.short.length_mm > lesion.long.length_mm:
            found.append(
                f"The short diameter ({lesion.short.length_mm:.1f} mm) is longer than the long one "
                f"({lesion.long.length_mm:.1f} mm): draw them the other way round if they were swapped."
            )
    spread = _spread(points, _drawn_grid(points, geometry))
    if spread > SLICE_TOLERANCE:
        found.append(
            f"The end points lie {spread:.1f} slices apart: RECIST diameters are drawn on one slice."
        )
    slab = slice_slab_mm(geometry)
    largest = max(diameter.length_mm for diameter in drawn)
    if largest < THIN_SLICES * slab:
        found.append(
            f"The lesion ({largest:.1f} mm) is under two slice thicknesses ({slab:.1f} mm each): "
            "its size is uncertain; use a thinner series if there is one."
        )
    return tuple(found)


def degrees_off_perpendicular(first: Diameter, second: Diameter) -> float:
    """Return how far two diameters are from perpendicular, 0…90 degrees."""
    a = np.subtract(first.end_lps_mm, first.start_lps_mm)
    b = np.subtract(second.end_lps_mm, second.start_lps_mm)
    cosine = abs(float(a @ b)) / float(np.linalg.norm(a) * np.linalg.norm(b))
    return math.degrees(math.asin(min(cosine, 1.0)))


def slice_slab_mm(geometry: Geometry) -> float:
    """Thickness that one slice stands for, mm: what it averages over, or the gap to the next if wider."""
    step = geometry.slice_step_mm * math.cos(math.radians(geometry.tilt_deg))
    return max(step, geometry.slice_thickness_mm or 0.0)


def _was_clicked(lesion: Lesion, geometry: Geometry) -> bool:
    """Whether a lesion's centroid is a click, not the centre that its diameters give it."""
    drawn = [diameter for diameter in (lesion.long, lesion.short) if diameter is not None]
    if not drawn:
        return True
    measured = lesion_from_diameters(*drawn, geometry=geometry)
    return not np.allclose(measured.centroid_lps_mm, lesion.centroid_lps_mm, atol=1e-3)


def _holds(box: Box, point: Point) -> bool:
    return all(box[axis] <= point[axis] <= box[axis + 3] for axis in range(3))


def _end_points(*diameters: Diameter | None) -> Floats:
    return np.array([p for d in diameters if d is not None for p in (d.start_lps_mm, d.end_lps_mm)])


def _point(lps: ArrayLike) -> Point:
    values = np.asarray(lps, dtype=np.float64)
    if values.shape != (3,) or not np.all(np.isfinite(values)):
        raise UsageError("A point needs three finite numbers, x, y and z in LPS millimetres.")
    return float(values[0]), float(values[1]), float(values[2])


def _diameter(diameter: Diameter, name: str) -> Diameter:
    whole = Diameter(_point(diameter.start_lps_mm), _point(diameter.end_lps_mm))
    if whole.length_mm <= 0:
        raise UsageError(f"The {name} diameter has no length: draw it from edge to edge.")
    return whole


def _shifted(diameter: Diameter | None, shift: Floats) -> Diameter | None:
    if diameter is None:
        return None
    return Diameter(_point(np.add(diameter.start_lps_mm, shift)), _point(np.add(diameter.end_lps_mm, shift)))


def _cube(centre: Point, size_mm: float) -> Box:
    if not (math.isfinite(size_mm) and size_mm > 0):
        raise UsageError(f"The size of a lesion's box must be above 0 mm, not {size_mm}.")
    half = size_mm / 2
    return _box(np.concatenate([np.subtract(centre, half), np.add(centre, half)]))


def _box(values: Floats) -> Box:
    x0, y0, z0, x1, y1, z1 = (float(v) for v in values)
    return x0, y0, z0, x1, y1, z1
