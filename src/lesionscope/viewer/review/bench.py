"""A review on a window: its keys on the canvases, its lesions centred there, and its end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QWidget

from lesionscope.ct.windows import Window
from lesionscope.lesions.lesion import Lesion
from lesionscope.viewer.canvas import Canvas, weak_call
from lesionscope.viewer.keys import Key, merged
from lesionscope.viewer.layout import dock_of, reset_layout
from lesionscope.viewer.planes import AXIAL
from lesionscope.viewer.review import words
from lesionscope.viewer.review.asking import ask_export
from lesionscope.viewer.review.keys import review_keys
from lesionscope.viewer.review.review import Review
from lesionscope.viewer.review.state import ReviewState

if TYPE_CHECKING:
    from lesionscope.viewer.stage import Stage

AROUND = 3.0
"""A lesion's surroundings on the canvas, in its own largest extents…"""
LEAST_MM, MOST_MM = 80.0, 300.0
"""…but not less or more than this."""
PLANES_SHARE, DOCK_SHARE = 0.2, 0.33
"""Of the window's width."""


class Bench:
    """Holds the review of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.review = Review(stage.room)
        self._own = review_keys(self.review, partial(ask_export, self.review, stage.window))
        self._in_sight = self._in_force = self._laid_out = self._closed = False
        self.review.changed.connect(self._draw)
        self.review.shown.connect(self._frame)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The review's keys on a canvas: while its dock is in sight, and its own images are."""
        return self._own if self._in_force else ()

    def dock_keys(self) -> tuple[Key, ...]:
        """Return the keys that the dock knows: the window's, and the review's in their place."""
        return self._stage.keys if self._in_force else merged(self._stage.keys, self._own)

    def new_panel(self) -> QWidget:
        """Make the dock's widget."""
        from lesionscope.viewer.docks.review import ReviewPanel

        return ReviewPanel(self.review, self.dock_keys, self.set_in_sight)

    def set_in_sight(self, in_sight: bool) -> None:
        """Say whether the dock is; only then does a canvas take the review's keys."""
        self._in_sight = in_sight
        self._set_force()

    def show(self) -> None:
        """Open the dock, in place of those for one study, and give it the keyboard."""
        self._stage.show_dock(words.DOCK)
        self._lay_out()
        self.take_focus()

    def take_focus(self) -> None:
        """Give the dock the keyboard, where it is open."""
        panel = self._stage.dock_widget(words.DOCK)
        if panel is not None:
            panel.take_focus()

    def _lay_out(self) -> None:
        """Give the review a third of the window, the planes a fifth, the axial canvas the rest."""
        from lesionscope.viewer.stage import DOCKS

        stage = self._stage
        panel = stage.dock_widget(words.DOCK)
        if panel is None:
            return
        for title in DOCKS:
            other = dock_of(found) if (found := stage.dock_widget(title)) is not None else None
            if other is not None and found is not panel:
                other.hide()
        planes = None if stage.study is None else stage.study.panes
        reset_layout(stage.window, planes=planes, right=[panel])
        docks = [dock for widget in (planes, panel) if widget and (dock := dock_of(widget)) is not None]
        total = stage.window.width()
        shares = [round(total * share) for share in (PLANES_SHARE, DOCK_SHARE)][-len(docks) :]
        stage.window.resizeDocks(docks, shares, Qt.Orientation.Horizontal)

    def _draw(self, _: ReviewState) -> None:
        self._set_force()

    def _set_force(self) -> None:
        at_work = bool(self.review.state.reader) and self.review.light_box.own
        in_force = at_work and self._in_sight and not self._closed
        if in_force != self._in_force:
            self._in_force = in_force
            if not self._closed:
                self._stage.set_keys()

    def _frame(self, _: Lesion, window: Window) -> None:
        """Centre a lesion on every canvas, large enough to be judged, in its window."""
        study = self._stage.study
        if study is None or study.shown is None:
            return
        if not self._laid_out:
            self._laid_out = True
            study.crosshair = False
            self._lay_out()
            # The first canvas takes the keyboard when it is put up.
            QTimer.singleShot(0, weak_call(self, "take_focus"))
            # Canvases have their new sizes once the window has been drawn with them.
            QTimer.singleShot(0, weak_call(self, "_centre_lesion"))
        study.set_window(window)
        self._centre_lesion()

    def _centre_lesion(self) -> None:
        study, lesion = self._stage.study, self._stage.room.state.lesion
        if study is None or study.shown is None or lesion is None:
            return
        x0, y0, z0, x1, y1, z1 = lesion.box_lps_mm
        wanted = min(max(AROUND * max(x1 - x0, y1 - y0, z1 - z0), LEAST_MM), MOST_MM)
        for canvas in study.canvases:
            if canvas.axis == AXIAL.axis:
                _centre(canvas, lesion, wanted)

    def close(self) -> None:
        """End the review."""
        self._closed = True
        self.review.changed.disconnect(self._draw, missing_ok=True)
        self.review.shown.disconnect(self._frame, missing_ok=True)
        self.review.close()


def _centre(canvas: Canvas, lesion: Lesion, wanted_mm: float) -> None:
    pixels = min(canvas.native.width(), canvas.native.height())
    canvas.zoom_by(pixels / wanted_mm / float(canvas.model.scene.camera.zoom))
    x, y = canvas.to_pixels_exact(lesion.centroid_lps_mm)
    canvas.pan_by(canvas.native.width() / 2 - x, canvas.native.height() / 2 - y)
