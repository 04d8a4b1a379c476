"""The marks on one canvas: napari layers that are only ever a view of the room's state.

Whatever else changes them (napari's Delete, a drag with its own tools, a paste,
a layer thrown away) becomes a command of the session, or is drawn over again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer, Points, Shapes
from qtpy.QtCore import QTimer

from lesionscope.lesions.lesion import Point
from lesionscope.viewer import wording
from lesionscope.viewer.canvas import Canvas, weak_call
from lesionscope.viewer.drawing import Dot, Drawing, Line, Outline, Part, Preview, draw
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.room_state import RoomState, Tool

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

SELECTED, OTHER, MEASURED = "#ff9d1e", "#2ea3f2", "#2fbf71"
"""Bright enough for lung, dark enough for soft tissue shown white."""
DOT_PX, CROSS_PX, LINE_PX = 8, 14, 1.6
TEXT_PT = 10
HIT_PX = 8.0
MARKING = (Tool.CLICK, Tool.LONG, Tool.SHORT)


class Marks:
    """Draws the lesions and measurements of a room on one canvas; with ``at_once``, makes its layers now."""

    def __init__(self, room: Room, canvas: Canvas, grid: Grid, *, at_once: bool = False) -> None:
        self._room, self.canvas, self.grid = room, canvas, grid
        self._drawing = Drawing()
        self._preview: Preview | None = None
        self._quiet = False
        self._closed = False
        self._touched = False
        self._data: dict[int, list[Any]] = {}
        self._layers: dict[str, Layer] = {}
        canvas.model.layers.events.removed.connect(self._layer_removed)
        self._zoom_changed = weak_call(self, "_zoomed")
        canvas.model.scene.camera.events.zoom.connect(self._zoom_changed)
        if at_once:
            self._layer(wording.LESIONS_LAYER)

    @property
    def _scale(self) -> np.ndarray[Any, Any]:
        return np.array(self.grid.spacing[::-1])

    @property
    def _origin(self) -> np.ndarray[Any, Any]:
        return np.array(self.grid.origin[::-1])

    def _layer(self, name: str) -> Any:
        """Return one of our layers, made when it is first wanted: all take a third of what opening takes."""
        if name in self._layers:
            return self._layers[name]
        if name != wording.DIAMETERS_LAYER:
            self._layer(wording.DIAMETERS_LAYER)  # beneath all others
        place: dict[str, Any] = {
            "ndim": 3,
            "scale": self._scale,
            "translate": self._origin,
            "units": ("mm", "mm", "mm"),
            "name": name,
        }
        if name in (wording.DIAMETERS_LAYER, wording.MEASUREMENTS_LAYER, wording.OUTLINES_LAYER):
            layer: Layer = Shapes(**place)
        else:
            words = {"words": np.array([], dtype=object)}
            # The lower limit would show the point that napari draws on slices without any.
            layer = Points(**place, features=words, text=_text(SELECTED), canvas_size_limits=(0, 10_000))
        self._layers[name] = layer
        self._quiet = True
        try:
            self.canvas.add_layer(layer)
            if name != wording.LESIONS_LAYER and wording.LESIONS_LAYER in self._layers:
                layers = self.canvas.model.layers
                layers.move(layers.index(self.dots), len(layers))
        finally:
            self._quiet = False
        layer.editable = False
        layer.help = wording.HELP_HINT
        layer.events.data.connect(self._data_changed)
        return layer

    @property
    def lines(self) -> Shapes:
        """Diameters."""
        return self._layer(wording.DIAMETERS_LAYER)

    @property
    def dots(self) -> Points:
        """Centres and end points, with the words beside them."""
        return self._layer(wording.LESIONS_LAYER)

    @property
    def outlines(self) -> Shapes:
        """What clicks proposed."""
        return self._layer(wording.OUTLINES_LAYER)

    @property
    def measure_lines(self) -> Shapes:
        """Rulers and circles."""
        return self._layer(wording.MEASUREMENTS_LAYER)

    @property
    def measure_dots(self) -> Points:
        """Ends of rulers, and what was measured."""
        return self._layer(wording.MEASUREMENT_TEXT_LAYER)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Our layers that are there by now."""
        return tuple(self._layers.values())

    def lie_on(self, grid: Grid) -> None:
        """Lie on another study's grid from now on."""
        if grid != self.grid:
            self.grid = grid
            for layer in self.layers:
                layer.scale, layer.translate = self._scale, self._origin
            self._touched = True
            self.show(self._room.state)

    @property
    def drawing(self) -> Drawing:
        """What is drawn now."""
        return self._drawing

    # -- drawing --------------------------------------------------------------------------

    def show(self, state: RoomState) -> None:
        """Draw a state (and what is being dragged over it)."""
        if self._closed:
            return
        if state.tool in MARKING:
            self._layer(wording.LESIONS_LAYER)  # with the tool, so that the first mark needn't wait for it
        canvas = self.canvas
        drawing = draw(state, self.grid, canvas.axis, canvas.name, self._preview)
        if drawing == self._drawing and not self._touched:
            return
        before, self._drawing = self._drawing, drawing
        self._quiet = True
        try:
            if drawing.dots or wording.DIAMETERS_LAYER in self._layers:
                if self._touched or (drawing.lines != before.lines):
                    self._draw_lines(self.lines, drawing.lines, ())
                if self._touched or drawing.dots != before.dots:
                    self._draw_dots(self.dots, drawing.dots)
            outlined = drawing.outlines or wording.OUTLINES_LAYER in self._layers
            if outlined and (self._touched or drawing.outlines != before.outlines):
                self._draw_outlines(drawing.outlines)
            measured = drawing.measure_lines or drawing.rings or drawing.measure_dots
            if measured or wording.MEASUREMENTS_LAYER in self._layers:
                rings = [ring.corners for ring in drawing.rings]
                if self._touched or (drawing.measure_lines, drawing.rings) != (
                    before.measure_lines,
                    before.rings,
                ):
                    self._draw_lines(self.measure_lines, drawing.measure_lines, rings)
                if self._touched or drawing.measure_dots != before.measure_dots:
                    self._draw_dots(self.measure_dots, drawing.measure_dots)
        finally:
            self._quiet = False
            self._touched = False

    def preview(self, preview: Preview | None) -> None:
        """Show what is being dragged, or ``None`` when it was dropped."""
        self._preview = preview
        self.show(self._room.state)

    def _draw_lines(self, layer: Shapes, lines: Sequence[Line], rings: Sequence[Any]) -> None:
        layer.selected_data = set()
        layer.data = []
        if lines:
            layer.add_lines(
                [self._to_data((line.start, line.end)) for line in lines],
                edge_width=self._line_width(),
                edge_color=[_colour(line) for line in lines],
            )
        if rings:
            layer.add_ellipses(
                [self._to_data(corners) for corners in rings],
                edge_width=self._line_width(),
                edge_color=MEASURED,
                face_color="transparent",
            )
        self._data[id(layer)] = [np.array(shape) for shape in layer.data]

    def _draw_outlines(self, outlines: Sequence[Outline]) -> None:
        layer = self.outlines
        layer.selected_data = set()
        layer.data = []
        if outlines:
            layer.add_paths(
                [self._to_data(outline.corners) for outline in outlines],
                edge_width=self._line_width(),
                edge_color=[SELECTED if outline.selected else OTHER for outline in outlines],
            )
        self._data[id(layer)] = [np.array(shape) for shape in layer.data]

    def _line_width(self) -> float:
        """Width of a line in voxels, as the layer wants it, that is ``LINE_PX`` pixels at this zoom."""
        along = [axis for axis in range(3) if axis != self.canvas.axis]
        return LINE_PX / float(self.canvas.model.scene.camera.zoom * self._scale[along].mean())

    def _dot_sizes(self, dots: Sequence[Dot]) -> list[float]:
        """Diameters in voxels that are so many pixels at this zoom."""
        pixel = self._line_width() / LINE_PX
        return [pixel * (CROSS_PX if dot.part is Part.CENTRE else DOT_PX) for dot in dots]

    def _zoomed(self) -> None:
        drawn = {
            wording.LESIONS_LAYER: self._drawing.dots,
            wording.MEASUREMENT_TEXT_LAYER: self._drawing.measure_dots,
        }
        width = self._line_width()
        for name, layer in self._layers.items():
            if isinstance(layer, Shapes) and layer.nshapes:
                layer.edge_width = [width] * layer.nshapes
            elif isinstance(layer, Points) and len(layer.data) == len(drawn[name]) > 0:
                layer.size = self._dot_sizes(drawn[name])

    def _draw_dots(self, layer: Points, dots: Sequence[Dot]) -> None:
        layer.selected_data = set()
        data = self._to_data([dot.world for dot in dots]) if dots else np.empty((0, 3))
        layer.data = data
        if not layer.visible:
            # napari slices no layer that is hidden, and would then look for words of dots that have gone.
            layer.set_view_slice()
        if dots:
            layer.features = {"words": [f"  {dot.text}" if dot.text else "" for dot in dots]}
            layer.symbol = ["cross" if dot.part is Part.CENTRE else "disc" for dot in dots]
            layer.size = self._dot_sizes(dots)
            layer.face_color = [_colour(dot) for dot in dots]
            layer.border_color = layer.face_color
            layer.shown = [True] * len(dots)
            layer.text = _text([_colour(dot) for dot in dots])
        layer.refresh()
        self._data[id(layer)] = list(np.array(layer.data))

    def _to_data(self, world: Sequence[Any]) -> np.ndarray[Any, Any]:
        return (np.asarray(world, dtype=np.float64) - self._origin) / self._scale

    def _to_lps(self, data: Any) -> Point:
        z, y, x = (float(v) for v in np.asarray(data) * self._scale + self._origin)
        return (x, y, z)

    # -- what lies under the pointer --------------------------------------------------------

    def end_at(self, x: float, y: float) -> Dot | None:
        """Return the end point under a pixel, of the selected lesion first."""
        ends = [dot for dot in self._visible_dots() if dot.part is not Part.CENTRE]
        return self._nearest(ends, x, y)

    def lesion_at(self, x: float, y: float) -> str | None:
        """Return the lesion whose centre, end or line lies under a pixel."""
        dot = self._nearest(self._visible_dots(), x, y)
        if dot is not None:
            return dot.lesion_id
        for line in self._drawing.lines:
            if self._on_this_slice(line.start) and self._pixels_from(line, x, y) <= HIT_PX:
                return line.lesion_id
        return None

    def _visible_dots(self) -> list[Dot]:
        return [dot for dot in self._drawing.dots if self._on_this_slice(dot.world)]

    def _on_this_slice(self, world: Sequence[float]) -> bool:
        axis = self.canvas.axis
        return abs(world[axis] - self.canvas.slice_position_mm) <= self._scale[axis] / 2 + 1e-6

    def _pixel(self, world: Sequence[float]) -> np.ndarray[Any, Any]:
        return np.array(self.canvas.to_pixels_exact((world[2], world[1], world[0])))

    def _nearest(self, dots: Sequence[Dot], x: float, y: float) -> Dot | None:
        near = [(float(np.hypot(*(self._pixel(dot.world) - (x, y)))), dot) for dot in dots]
        near = [(distance, dot) for distance, dot in near if distance <= HIT_PX]
        return min(near, key=lambda pair: (not pair[1].selected, pair[0]), default=(0.0, None))[1]

    def _pixels_from(self, line: Line, x: float, y: float) -> float:
        start, end = self._pixel(line.start), self._pixel(line.end)
        along = end - start
        length = float(along @ along)
        share = 0.0 if length == 0 else float(np.clip((np.array((x, y)) - start) @ along / length, 0, 1))
        return float(np.hypot(*(start + share * along - (x, y))))

    # -- what others did to our layers ------------------------------------------------------

    def _data_changed(self, event: Any) -> None:
        if self._quiet or self._closed or str(event.action).endswith("ing"):
            return
        self._touched = True
        # After the event: napari goes on working on the layer when we return.
        QTimer.singleShot(0, weak_call(self, "_reconcile"))

    def _layer_removed(self, event: Any) -> None:
        if not self._quiet and not self._closed and any(event.value is layer for layer in self.layers):
            self._touched = True
            QTimer.singleShot(0, weak_call(self, "_rebuild"))

    def _reconcile(self) -> None:
        """Make sense of what was done to the dots and lines, then draw the state again."""
        if self._closed or not self._touched:
            return
        command = self._asked_of_dots() or self._asked_of_lines()
        if command is not None:
            command()
        self._touched = True
        self.show(self._room.state)

    def _asked_of_dots(self) -> Callable[[], None] | None:
        if wording.LESIONS_LAYER not in self._layers:
            return None
        known = self._data.get(id(self.dots), [])
        now = [np.asarray(row) for row in self.dots.data]
        room = self._room
        if len(now) < len(known):
            kept = [any(np.array_equal(row, other) for other in now) for row in known]
            gone = [self._drawing.dots[i].lesion_id for i, there in enumerate(kept) if not there]
            return _each(room.delete, gone)
        if len(now) == len(known):
            for dot, before, after in zip(self._drawing.dots, known, now, strict=True):
                if not np.allclose(before, after):
                    lps = self._to_lps(after)
                    if dot.part is Part.CENTRE:
                        return lambda dot=dot: room.move_lesion(dot.lesion_id, lps)
                    which = "long" if dot.part is Part.LONG else "short"
                    return lambda dot=dot: room.move_end(dot.lesion_id, which, dot.end, lps)
        return None

    def _asked_of_lines(self) -> Callable[[], None] | None:
        if wording.DIAMETERS_LAYER not in self._layers:
            return None
        known = self._data.get(id(self.lines), [])
        now = [np.asarray(shape) for shape in self.lines.data]
        if len(now) < len(known):
            kept = [any(np.array_equal(shape, other) for other in now) for shape in known]
            gone = [self._drawing.lines[i].lesion_id for i, there in enumerate(kept) if not there]
            return _each(self._room.delete, gone)
        return None

    def _rebuild(self) -> None:
        """Put our layers back after one of them was thrown away."""
        if self._closed or self.canvas.image is None:
            return
        gone = [name for name, layer in self._layers.items() if layer not in self.canvas.model.layers]
        for name in gone:
            layer = self._layers.pop(name)
            layer.events.data.disconnect(self._data_changed)
            self.canvas.forget_layer(layer)
        for name in gone:
            self._layer(name)
        self._touched = True
        self.show(self._room.state)

    def _take_off(self) -> None:
        self._quiet = True
        for layer in self.layers:
            layer.events.data.disconnect(self._data_changed)
            self.canvas.remove_layer(layer)
        self._layers.clear()
        self._quiet = False

    def close(self) -> None:
        """Take the layers off for good."""
        if not self._closed:
            self._closed = True
            self.canvas.model.layers.events.removed.disconnect(self._layer_removed)
            self.canvas.model.scene.camera.events.zoom.disconnect(self._zoom_changed)
            self._take_off()


def _each(action: Callable[[str], None], ids: Sequence[str]) -> Callable[[], None]:
    def do() -> None:
        for lesion_id in dict.fromkeys(ids):
            action(lesion_id)

    return do


def _colour(mark: Dot | Line) -> str:
    if mark.part is Part.MEASURE:
        return MEASURED
    return SELECTED if mark.selected else OTHER


def _text(colour: Any) -> dict[str, Any]:
    return {
        "string": {"feature": "words"},
        "size": TEXT_PT,
        "color": {"array": colour, "default": SELECTED} if isinstance(colour, list) else colour,
        "anchor": "upper_left",
        "translation": [0, 0, 0],
    }
