"""The canvases of a study with what belongs to each: strip above it, mouse, keys."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtWidgets import QBoxLayout

from lesionscope.lesions.lesion import Point
from lesionscope.viewer.banner import Banner
from lesionscope.viewer.canvas import Canvas, weak_call
from lesionscope.viewer.keys import KeyBinder
from lesionscope.viewer.mouse import Mouse
from lesionscope.viewer.planes import Plane

if TYPE_CHECKING:
    from lesionscope.viewer.study_view import StudyView

NO_LIMIT_PX = 16777215
"""Qt's QWIDGETSIZE_MAX, which qtpy doesn't hand on."""


class Rack:
    """Puts canvases up for a study view and takes them down.

    Parameters
    ----------
    study
        Gets what the mouse does, and is told by ``_dims_moved`` and
        ``_order_changed`` when napari's own controls moved a slice.
    binder
        Binds the keys on each model and layer.
    readout
        Words for a point, for the status bar.
    """

    def __init__(self, study: StudyView, binder: KeyBinder, readout: Callable[[Point], str]) -> None:
        self._study, self._binder, self._readout = study, binder, readout
        self._mice: dict[Canvas, Mouse] = {}
        self._moved = weak_call(study, "_dims_moved")
        self._reordered = weak_call(study, "_order_changed")
        self.banners: dict[Canvas, Banner] = {}

    def add(self, plane: Plane, model: ViewerModel, qt_viewer: QtViewer, *, full: bool) -> Canvas:
        """Put a canvas up; ``full`` gives its strip the patient and the study besides the slice."""
        canvas = Canvas(plane, model, qt_viewer)
        canvas.overlay.has_scale_bar = full
        canvas.set_hooks(status=self._readout, added=self._binder.bind, removed=self._binder.release)
        banner = Banner(full=full)
        column = canvas.native.parentWidget()
        layout = None if column is None else column.layout()
        if isinstance(layout, QBoxLayout):
            layout.insertWidget(0, banner)
        # napari's slider counts from 0 and has its own idea of a slice: the wheel and the strip replace it.
        qt_viewer.dims.setVisible(False)
        qt_viewer.dims.setMaximumHeight(0)
        self.banners[canvas] = banner
        self._mice[canvas] = Mouse(self._study, canvas)
        self._binder.bind(model)
        model.dims.events.point.connect(self._moved)
        model.dims.events.order.connect(self._reordered)
        return canvas

    def remove(self, canvas: Canvas) -> None:
        """Take a canvas down and give its model back as it was found."""
        canvas.model.dims.events.point.disconnect(self._moved)
        canvas.model.dims.events.order.disconnect(self._reordered)
        self._binder.release(canvas.model)
        self._mice.pop(canvas).restore()
        banner = self.banners.pop(canvas)
        with contextlib.suppress(RuntimeError):  # Qt has taken the widgets down with their window
            canvas.qt_viewer.dims.setMaximumHeight(NO_LIMIT_PX)
            canvas.qt_viewer.dims.setVisible(True)
            banner.setParent(None)
            banner.deleteLater()
        canvas.close()
