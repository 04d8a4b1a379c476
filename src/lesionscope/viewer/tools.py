"""What the left button does on a canvas: mark, measure, correct, select.

Each tool is a short drag that previews on its canvas and asks the room once, when
the button is released: one step of the session, however far the pointer went. A
press that moves over 3 px is no click.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.viewer import measure
from lesionscope.viewer.canvas import Canvas, lps_from_world
from lesionscope.viewer.drawing import Dot, Part, Preview
from lesionscope.viewer.marks import Marks
from lesionscope.viewer.mouse import LEFT
from lesionscope.viewer.room_state import Circle, Ruler, Tool

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room
    from lesionscope.viewer.study_view import StudyView

Drag = Generator[None, None, None]
_CURSORS = {Tool.NAVIGATE: "standard"}
CLICK_PX = 3.0
"""A press that moves further than this is a drag."""


def is_click(press: Sequence[float], release: Sequence[float]) -> bool:
    """Whether the pointer stayed put: a press that moves more than 3 px is no click.

    Parameters
    ----------
    press, release
        ``event.pos`` of the press and of the release, in the canvas' pixels.
    """
    return float(np.hypot(release[0] - press[0], release[1] - press[1])) <= CLICK_PX


class Tools:
    """The tools of one canvas; takes the left button before the view's own mouse does."""

    def __init__(self, room: Room, study: StudyView, canvas: Canvas, marks: Marks) -> None:
        self._room, self._study, self._canvas = room, study, canvas
        self._marks = marks
        self._callbacks = canvas.model.mouse_drag_callbacks
        self._callbacks.insert(0, self._press)
        self._drags: dict[Tool, Callable[[Any], Drag]] = {
            Tool.CLICK: self._mark,
            Tool.LONG: self._draw_long,
            Tool.SHORT: self._draw_short,
            Tool.RULER: self._rule,
            Tool.CIRCLE: self._circle,
        }
        self.choose(room.state.tool)

    def choose(self, tool: Tool) -> None:
        """Follow the room's tool: crosshair dragging is off and the pointer a cross while one is chosen."""
        self._study.navigating = tool is Tool.NAVIGATE
        self._canvas.model.cursor.style = _CURSORS.get(tool, "cross")

    def close(self) -> None:
        """Give the button back."""
        if self._press in self._callbacks:
            self._callbacks.remove(self._press)

    def _press(self, _model: Any, event: Any) -> Drag | None:
        image = self._canvas.image
        if event.button != LEFT or event.modifiers or image is None or self._canvas.model.dims.ndisplay != 2:
            return None
        tool = self._room.state.tool
        if tool in (Tool.NAVIGATE, Tool.LONG, Tool.SHORT):
            end = self._marks.end_at(float(event.pos[0]), float(event.pos[1]))
            if end is not None:
                return self._correct(event, end)
        if tool is Tool.NAVIGATE:
            return self._select(event)
        return self._drags[tool](event)

    # -- drags: each runs up to the press, then once a move, then to the release -------------

    def _select(self, event: Any) -> Drag:
        """Select the lesion whose mark is clicked; the crosshair follows the drag all the same."""
        start = tuple(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if is_click(start, event.pos):
            lesion_id = self._marks.lesion_at(float(start[0]), float(start[1]))
            if lesion_id is not None:
                self._room.select(lesion_id)

    def _correct(self, event: Any, end: Dot) -> Drag:
        """Drag an end point; the session hears of it at the release."""
        lesion = self._room.state.session.lesion(end.lesion_id) if self._room.state.session else None
        diameter: Diameter | None = getattr(lesion, end.part.value, None)
        if lesion is None or diameter is None:
            return
        which = "long" if end.part is Part.LONG else "short"
        fixed = diameter.start_lps_mm if end.end == 1 else diameter.end_lps_mm
        start, was = tuple(event.pos), self._study.navigating
        self._study.navigating = False
        self._room.select(lesion.id)
        moved = fixed
        try:
            yield
            while event.type == "mouse_move":
                moved = self._point(event)
                ends = (fixed, moved) if end.end == 1 else (moved, fixed)
                self._marks.preview(
                    Preview(which, ends[0], ends[1], self._canvas.name, lesion.id)  # type: ignore[arg-type]
                )
                yield
        finally:
            self._study.navigating = was
            self._marks.preview(None)
        if not is_click(start, event.pos):
            self._room.move_end(lesion.id, which, end.end, moved)  # type: ignore[arg-type]

    def _mark(self, event: Any) -> Drag:
        start, lps = tuple(event.pos), self._point(event)
        yield
        while event.type == "mouse_move":
            yield
        if is_click(start, event.pos) and self._room.state.tool is Tool.CLICK:
            self._study.go_to(lps)
            self._room.mark_click(lps)

    def _draw_long(self, event: Any) -> Drag:
        yield from self._line(event, Tool.LONG, lambda a, b: self._room.set_diameter("long", a, b))

    def _draw_short(self, event: Any) -> Drag:
        yield from self._line(event, Tool.SHORT, lambda a, b: self._room.set_diameter("short", a, b))

    def _rule(self, event: Any) -> Drag:
        def keep(a: Point, b: Point) -> None:
            self._room.add_ruler(Ruler(a, b, measure.ruler_text(a, b), self._canvas.name))

        yield from self._line(event, Tool.RULER, keep)

    def _circle(self, event: Any) -> Drag:
        def keep(centre: Point, edge: Point) -> None:
            volume: CTVolume | None = self._room.state.volume
            if volume is not None:
                radius = Diameter(centre, edge).length_mm
                found = measure.circle_hu(volume, self._marks.grid, self._canvas.axis, centre, radius)
                text = measure.circle_text(found, radius)
                self._room.add_circle(Circle(centre, radius, text, self._canvas.name))

        yield from self._line(event, Tool.CIRCLE, keep)

    def _line(self, event: Any, tool: Tool, keep: Callable[[Point, Point], None]) -> Drag:
        """Drag from one point to another, previewed; ``keep`` gets both where it was no mere click."""
        pressed, start = tuple(event.pos), self._point(event)
        end = start
        kind = tool.value
        try:
            yield
            while event.type == "mouse_move":
                end = self._point(event)
                preview = Preview(kind, start, end, self._canvas.name)  # type: ignore[arg-type]
                self._marks.preview(preview if self._room.state.tool is tool else None)
                yield
        finally:
            self._marks.preview(None)
        if not is_click(pressed, event.pos) and self._room.state.tool is tool:
            keep(start, end)

    def _point(self, event: Any) -> Point:
        """Return the LPS point under the pointer, exactly on the slice shown."""
        return lps_from_world(event.position)
