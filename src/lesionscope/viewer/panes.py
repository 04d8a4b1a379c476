"""The dock with the coronal and sagittal canvases, and noticing when things are closed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QPushButton, QSplitter, QWidget

from lesionscope.viewer.planes import Plane

SMALLEST_PX = 120
WANTED_PX = (320, 600)
DROPS = (QEvent.Type.DragEnter, QEvent.Type.Drop)


class PlanePanes(QSplitter):
    """Further napari canvases, one above the other, in a dock of the window.

    The dock can be moved but not floated: a window of its own has an OpenGL context
    of its own, without what the canvases put into the other one, and they turn black.

    Parameters
    ----------
    viewer
        The viewer whose window gets the dock.
    main
        Its widget; files dropped on one of our canvases go there.
    planes
        One canvas for each.
    name
        The dock's title.
    """

    def __init__(self, viewer: ViewerModel, main: QtViewer, planes: tuple[Plane, ...], name: str) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.setObjectName("lesionscope-planes")
        self.setChildrenCollapsible(False)
        self._viewer, self._main, self._name = viewer, main, name
        self._closed: Callable[[], None] | None = None
        self._in_dock = False
        views: list[tuple[Plane, ViewerModel, QtViewer]] = []
        for plane in planes:
            model = ViewerModel(title=plane.title)
            # Before anything is drawn from it, where that is free.
            model.scene.camera.orientation2d = plane.orientation2d
            qt_viewer = QtViewer(model)
            qt_viewer.setMinimumSize(SMALLEST_PX, SMALLEST_PX)
            qt_viewer.installEventFilter(self)
            self.addWidget(qt_viewer)
            views.append((plane, model, qt_viewer))
        self._views = tuple(views)
        self.dock: QDockWidget | None = viewer.window.add_dock_widget(self, name=name, area="right")
        self._in_dock = True
        if self.dock is not None:
            floats = QDockWidget.DockWidgetFeature.DockWidgetFloatable
            self.dock.setFeatures(self.dock.features() & ~floats)
            self.dock.dockLocationChanged.connect(self._take_float_button)
            self._take_float_button()

    def _take_float_button(self, *_: object) -> None:
        """Hide the button of napari's title bar, which is made anew where the dock goes to another side."""
        if self.dock is not None:
            for button in self.dock.findChildren(QPushButton, "QTitleBarFloatButton"):
                button.hide()

    @property
    def views(self) -> tuple[tuple[Plane, ViewerModel, QtViewer], ...]:
        """Plane, model and widget of each canvas."""
        return self._views

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for little: napari makes its first window as large as all canvases want, 800 × 600 each."""
        return QSize(*WANTED_PX)

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Call this when the dock is closed with its cross."""
        self._closed = callback

    def raise_dock(self) -> None:
        """Bring the dock to the front."""
        if self.dock is not None:
            self.dock.show()
            self.dock.raise_()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Hand files that are dropped on a canvas to the window's own viewer."""
        if event is not None and event.type() in DROPS:
            if event.type() == QEvent.Type.DragEnter:
                self._main.dragEnterEvent(event)
            else:
                self._main.dropEvent(event)
            return True
        return False

    def event(self, event: QEvent | None) -> bool:
        """Notice when napari takes us out of our dock, which is how it closes one."""
        handled = bool(super().event(event))
        moved = event is not None and event.type() == QEvent.Type.ParentChange
        if moved and self._in_dock and self.parentWidget() is None:
            self._in_dock = False
            self.dock = None
            if self._closed is not None:
                QTimer.singleShot(0, self._closed)
        return handled

    def remove_dock(self) -> None:
        """Take the dock out of the window; quiet where the window has gone."""
        self._in_dock = False
        dock, self.dock = self.dock, None
        if dock is not None:
            with contextlib.suppress(RuntimeError, AttributeError, LookupError):
                self._viewer.window.remove_dock_widget(dock)
        with contextlib.suppress(RuntimeError):
            self.deleteLater()

    def close_views(self) -> None:
        """Close the canvases for good."""
        self._closed = None
        views, self._views = self._views, ()
        for _, model, qt_viewer in views:
            with contextlib.suppress(RuntimeError):  # Qt has already deleted it with the window
                qt_viewer.removeEventFilter(self)
                qt_viewer.close()
            model.layers.clear()


class WindowWatch(QObject):
    """Calls back when a window has really been closed, not merely asked to close, and when it comes up."""

    def __init__(
        self, window: QMainWindow, closed: Callable[[], None], shown: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._window: QWidget | None = window
        self._closed, self._shown = closed, shown
        self._asked = False
        window.installEventFilter(self)
        window.destroyed.connect(closed)

    def stop(self) -> None:
        """Watch no longer."""
        window, self._window = self._window, None
        if window is not None:
            with contextlib.suppress(RuntimeError, TypeError):
                window.destroyed.disconnect(self._closed)
                window.removeEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Take a window that is asked to close and then hides for closed."""
        if event is not None and self._window is not None:
            if event.type() == QEvent.Type.Close:
                self._asked = True
                QTimer.singleShot(0, self._forget)
            elif event.type() == QEvent.Type.Hide and self._asked:
                self._closed()
            elif event.type() == QEvent.Type.Show and self._shown is not None:
                # napari gives it its size after this event.
                QTimer.singleShot(0, self._shown)
        return False

    def _forget(self) -> None:
        self._asked = False
