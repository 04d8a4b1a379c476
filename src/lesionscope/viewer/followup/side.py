"""One study of a comparison: its axial canvas with marks and tools, under a strip with its visit."""

from __future__ import annotations

from collections.abc import Callable

from napari.components import ViewerModel
from napari.qt import QtViewer
from psygnal import Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from lesionscope.ct.display import display_volume
from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import Window
from lesionscope.lesions.lesion import Point
from lesionscope.viewer import banner as words
from lesionscope.viewer import status
from lesionscope.viewer.canvas import Canvas
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.image import image_layer
from lesionscope.viewer.keys import KeyBinder
from lesionscope.viewer.linked_planes import LinkedPlanes
from lesionscope.viewer.marks import Marks
from lesionscope.viewer.planes import AXIAL, BY_AXIS
from lesionscope.viewer.rack import Rack
from lesionscope.viewer.room import Room
from lesionscope.viewer.room_state import RoomState
from lesionscope.viewer.tools import Tools
from lesionscope.viewer.windowing import Windowing

SMALLEST_PX = 200


class Side(LinkedPlanes):
    """Shows the study of one room.

    Parameters
    ----------
    room
        The room; it stays its owner's.
    volume
        Its study.
    role, colour
        What the strip says, and its colour.
    windowing
        The grey-scale window that both sides share.
    binder
        Binds the window's keys.
    activated
        Called with the side when the pointer comes to it.
    """

    pointed = Signal(str)
    """Emitted with words on the place under the pointer."""

    def __init__(
        self,
        room: Room,
        volume: CTVolume,
        role: str,
        colour: str,
        *,
        windowing: Windowing,
        binder: KeyBinder,
        activated: Callable[[Side], None],
    ) -> None:
        super().__init__()
        self.room, self.volume, self.windowing = room, volume, windowing
        self.navigating = True
        self.inverted = False
        self._activated = activated
        shown = display_volume(volume)
        self._grid = Grid.of(shown.geometry)
        self.widget = QWidget()
        layout = QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.strip = QLabel(role)
        self.strip.setStyleSheet(f"background: {colour}; color: white; font-weight: bold; padding: 4px 8px;")
        layout.addWidget(self.strip)
        self._model = ViewerModel(title=role)
        self._qt = QtViewer(self._model)
        self._qt.setMinimumSize(SMALLEST_PX, SMALLEST_PX)
        layout.addWidget(self._qt, 1)
        self._rack = Rack(self, binder, self.readout)
        self.view = self._rack.add(AXIAL, self._model, self._qt, full=True)
        self._canvases, self._active = (self.view,), self.view
        self._model.canvas.overlays.scale_bar.visible = True
        image = image_layer(volume, shown, windowing.window)
        self.view.image = image
        self.view.add_layer(image, select=True)
        windowing.link(image)
        self.view.hang()
        self.view.fit()
        self._rack.banners[self.view].set_study(volume, shown.findings)
        self.marks = Marks(room, self.view, self._grid)
        self._tools = Tools(room, self, self.view, self.marks)
        room.changed.connect(self._room_changed)
        self._set_cursor(self._grid.middle())
        self._apply_slab()
        self.marks.show(room.state)

    # -- what mouse and keys ask of a study view ----------------------------------------------

    @property
    def window(self) -> Window:
        """The grey-scale window."""
        return self.windowing.window

    def set_window(self, window: Window) -> None:
        """Show another window, on both sides."""
        self.windowing.set(window)

    def activate(self, canvas: Canvas) -> None:
        """Let keys act here from now on."""
        self._activated(self)

    def pointer_moved(self, canvas: Canvas, lps: Point) -> None:
        """Say what lies under the pointer."""
        self.activate(canvas)
        self.pointed.emit(self.readout(lps))

    def readout(self, lps: Point) -> str:
        """HU and place of a point, in words."""
        return status.readout(self.volume, lps)

    # -- together with the other side -----------------------------------------------------------

    def holds(self, lps: Point) -> bool:
        """Whether a point lies in the scan."""
        assert self._grid is not None
        return bool(all(abs(a - b) < 1e-6 for a, b in zip(self._grid.inside(lps), lps, strict=True)))

    def follow(self, lps: Point, beyond: str) -> None:
        """Show the place that the other side shows; where that lies outside, the nearest, and say so."""
        inside = self.holds(lps)
        self.go_to(lps)
        self.view.set_cross(self._cursor if inside else None, self._crosshair)
        banner = self._rack.banners[self.view]
        banner.place.setText(banner.place.text() + ("" if inside else f"  ·  ⚠ {beyond}"))

    def describe(self) -> None:
        """Say anew which slice is shown, and how."""
        self._describe()

    def _describe(self) -> None:
        number, count = self.slice_of(self.view)
        axis = self.view.axis
        own = [words.window_words(self.window), "inverted" if self.inverted else "", self._slab.title]
        where = (number, count, BY_AXIS[axis].coordinate, self._cursor[2 - axis], own)
        place = words.place_words(self.view.title, *where)
        self._rack.banners[self.view].set_place(place, words.short_place_words("", *where))

    def _room_changed(self, state: RoomState) -> None:
        if state.volume is self.volume:
            self._tools.choose(state.tool)
            self.marks.show(state)

    def close(self) -> None:
        """Take everything down for good; the room stays open."""
        self.room.changed.disconnect(self._room_changed, missing_ok=True)
        self._tools.close()
        with self.view.batch():
            self.marks.close()
        self.windowing.unlink([self.view.image] if self.view.image is not None else [])
        self._rack.remove(self.view)
        self._qt.close()
        self._model.layers.clear()
