"""What is to be drawn on one canvas for a room's state; knows nothing of napari.

Points are world coordinates (z, y, x) in LPS mm with the canvas' own axis put on
the centre of the nearest slice, so that a mark shows on exactly one slice. A
diameter is drawn on the canvas in whose plane it lies; on the others the lesion
is a cross at its centre.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.propose import outline_of
from lesionscope.viewer.room_state import Circle, RoomState, Ruler

World = tuple[float, float, float]
AXIAL = 0
OUTLINE_CORNERS = 72
IN_PLANE_SLICES = 0.75
"""End points further apart than this across a plane (in slices) don't lie in it."""


class Part(enum.Enum):
    """Which part of a mark a drawn point or line is."""

    CENTRE = "centre"
    LONG = "long"
    SHORT = "short"
    MEASURE = "measure"


@dataclass(frozen=True)
class Dot:
    """A point drawn: a lesion's centre, or an end (0, 1) of a line."""

    lesion_id: str
    part: Part
    end: int
    world: World
    text: str
    selected: bool


@dataclass(frozen=True)
class Line:
    """A line drawn, with its two ends."""

    lesion_id: str
    part: Part
    start: World
    end: World
    selected: bool


@dataclass(frozen=True)
class Ring:
    """A circle drawn in the canvas' plane."""

    corners: tuple[World, World, World, World]


@dataclass(frozen=True)
class Outline:
    """A proposed outline, closed: its first corner comes last again."""

    corners: tuple[World, ...]
    selected: bool


@dataclass(frozen=True)
class Drawing:
    """Everything on one canvas, on all of its slices."""

    dots: tuple[Dot, ...] = ()
    lines: tuple[Line, ...] = ()
    measure_lines: tuple[Line, ...] = ()
    measure_dots: tuple[Dot, ...] = ()
    rings: tuple[Ring, ...] = ()
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True)
class Preview:
    """A line or circle that is being dragged; nothing of it is in the session yet."""

    kind: Literal["long", "short", "ruler", "circle", "centre"]
    start: Point
    end: Point
    plane: str
    lesion_id: str | None = None


def draw(state: RoomState, grid: Grid, axis: int, plane: str, preview: Preview | None = None) -> Drawing:
    """Lay out the marks of a state on a canvas that slices world axis ``axis`` (0, 1, 2 = z, y, x)."""
    dots: list[Dot] = []
    lines: list[Line] = []
    outlines: list[Outline] = []
    for lesion in state.lesions:
        selected = lesion.id == state.selected
        parts = _diameters(lesion, preview)
        drawn = [(part, d) for part, d in parts if in_plane(d, grid, axis)]
        # One label a lesion, as RECIST writes it: two would cover each other on small lesions.
        corners = outline_of(lesion, state.proposed)
        if corners and axis == AXIAL:
            outlines.append(Outline(_thinned(corners, grid), selected))
        sizes = " × ".join(f"{diameter.length_mm:.1f}" for _, diameter in drawn)
        for part, diameter in drawn:
            text = f"{lesion.number}: {sizes} mm" if part is drawn[0][0] else ""
            lines.append(_line(lesion.id, part, diameter, grid, axis, selected))
            dots += _ends(lesion.id, part, diameter, text, grid, axis, selected)
        if not drawn:
            moving = preview is not None and preview.kind == "centre" and preview.lesion_id == lesion.id
            centre = preview.end if moving and preview is not None else lesion.centroid_lps_mm
            world = _on_slice(centre, grid, axis)
            dots.append(Dot(lesion.id, Part.CENTRE, 0, world, str(lesion.number), selected))
    rulers = [ruler for ruler in state.rulers if ruler.plane == plane]
    circles = [circle for circle in state.circles if circle.plane == plane]
    if preview is not None and preview.plane == plane:
        length = Diameter(preview.start, preview.end).length_mm
        if preview.kind == "circle":
            circles.append(Circle(preview.start, length, f"r {length:.1f} mm", plane))
        elif preview.kind != "centre" and preview.lesion_id is None:
            rulers.append(Ruler(preview.start, preview.end, f"{length:.1f} mm", plane))
    measure_lines: list[Line] = []
    measure_dots: list[Dot] = []
    for ruler in rulers:
        diameter = Diameter(ruler.start_lps_mm, ruler.end_lps_mm)
        measure_lines.append(_line("", Part.MEASURE, diameter, grid, axis, True))
        measure_dots += _ends("", Part.MEASURE, diameter, ruler.text, grid, axis, True)
    rings = []
    for circle in circles:
        rings.append(Ring(_corners(circle, grid, axis)))
        label = _corners(circle, grid, axis)[1]
        measure_dots.append(Dot("", Part.MEASURE, 1, label, circle.text, True))
    return Drawing(
        tuple(dots),
        tuple(lines),
        tuple(measure_lines),
        tuple(measure_dots),
        tuple(rings),
        tuple(outlines),
    )


def _thinned(corners: tuple[Point, ...], grid: Grid) -> tuple[World, ...]:
    """Put an outline on its axial slice, with no more corners than an eye can tell."""
    kept = corners[:: max(1, len(corners) // OUTLINE_CORNERS)]
    return tuple(_on_slice(corner, grid, AXIAL) for corner in (*kept, kept[0]))


def in_plane(diameter: Diameter, grid: Grid, axis: int) -> bool:
    """Whether a line lies in the plane of a canvas that slices world axis ``axis``."""
    lps = 2 - axis
    return abs(diameter.end_lps_mm[lps] - diameter.start_lps_mm[lps]) <= IN_PLANE_SLICES * grid.spacing[lps]


def _diameters(lesion: Lesion, preview: Preview | None) -> Iterator[tuple[Part, Diameter]]:
    for part, diameter in ((Part.LONG, lesion.long), (Part.SHORT, lesion.short)):
        if preview is not None and preview.lesion_id == lesion.id and preview.kind == part.value:
            yield part, Diameter(preview.start, preview.end)
        elif diameter is not None:
            yield part, diameter


def _line(lesion_id: str, part: Part, diameter: Diameter, grid: Grid, axis: int, selected: bool) -> Line:
    start, end = _on_one_slice(diameter, grid, axis)
    return Line(lesion_id, part, start, end, selected)


def _ends(
    lesion_id: str, part: Part, diameter: Diameter, text: str, grid: Grid, axis: int, selected: bool
) -> list[Dot]:
    """Both ends; the text stands at the one further to the right (or lower) in world coordinates."""
    ends = _on_one_slice(diameter, grid, axis)
    shown = [a for a in (2, 1, 0) if a != axis]
    right = max((0, 1), key=lambda number: tuple(ends[number][a] for a in shown))
    return [
        Dot(lesion_id, part, number, world, text if number == right else "", selected)
        for number, world in enumerate(ends)
    ]


def _on_one_slice(diameter: Diameter, grid: Grid, axis: int) -> tuple[World, World]:
    lps = 2 - axis
    start, end = list(diameter.start_lps_mm), list(diameter.end_lps_mm)
    start[lps] = end[lps] = (start[lps] + end[lps]) / 2
    return (
        _on_slice((start[0], start[1], start[2]), grid, axis),
        _on_slice((end[0], end[1], end[2]), grid, axis),
    )


def _on_slice(lps: Point, grid: Grid, axis: int) -> World:
    place = list(lps)
    along = 2 - axis
    place[along] = grid.position(along, grid.nearest(along, lps[along]))
    return (place[2], place[1], place[0])


def _corners(circle: Circle, grid: Grid, axis: int) -> tuple[World, World, World, World]:
    """Corners of the square around a circle: (−, −), (−, +), (+, +), (+, −) in the shown axes."""
    centre = np.array(_on_slice(circle.centre_lps_mm, grid, axis))
    vertical, horizontal = (a for a in range(3) if a != axis)
    corners = []
    for v, h in ((-1, -1), (-1, 1), (1, 1), (1, -1)):
        corner = centre.copy()
        corner[vertical] += v * circle.radius_mm
        corner[horizontal] += h * circle.radius_mm
        corners.append((float(corner[0]), float(corner[1]), float(corner[2])))
    return (corners[0], corners[1], corners[2], corners[3])
