"""One canvas of a study: a napari viewer model that shows one plane, and where things lie on it."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.qt import QtViewer
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtWidgets import QApplication

from lesionscope.lesions.lesion import Point
from lesionscope.viewer.letters import NO_LETTERS, EdgeLetters, edge_letters
from lesionscope.viewer.overlay import Overlay
from lesionscope.viewer.planes import BY_AXIS, Plane
from lesionscope.viewer.scrolling import unseen_marks_rest

FIT_MARGIN = 0.03


def lps_from_world(position: Sequence[float]) -> Point:
    """Turn a napari world position (…, z, y, x) into LPS mm (x, y, z)."""
    z, y, x = (float(value) for value in tuple(position)[-3:])
    return (x, y, z)


def qt_viewer_of(viewer: ViewerModel) -> QtViewer:
    """Find the Qt widget that shows a viewer.

    napari has no public way from a viewer to its widget (``Window.qt_viewer`` is
    deprecated), but both the widget's class and its ``viewer`` are public.

    Raises
    ------
    LookupError
        The viewer has no window (any more).
    """
    wanted = getattr(viewer, "__wrapped__", viewer)
    for widget in QApplication.allWidgets():
        if isinstance(widget, QtViewer) and widget.viewer is wanted:
            return widget
    raise LookupError("this viewer has no window")


class Canvas:
    """One plane's canvas.

    Parameters
    ----------
    plane
        What it shows when its view is reset.
    model
        Its napari viewer model; the window's own viewer for the axial canvas.
    qt_viewer
        The widget that draws ``model``.
    """

    def __init__(self, plane: Plane, model: ViewerModel, qt_viewer: QtViewer) -> None:
        self.plane = plane
        self.model = model
        self.qt_viewer = qt_viewer
        self.native: Any = qt_viewer.canvas.native
        self.image: Image | None = None
        self.auto_fit = True
        self._own: list[Layer] = []
        self._cursor: Point | None = None
        self._cross_visible = True
        self._status: Callable[[Point], str] | None = None
        self._on_add: Callable[[Layer], None] | None = None
        self._on_remove: Callable[[Layer], None] | None = None
        self.overlay = Overlay(self.native, weak_call(self, "_resized"))
        self._connections: list[tuple[Any, Callable[..., None]]] = []
        redraw = weak_call(self, "refresh_overlay")
        camera, dims = model.scene.camera, model.dims
        for emitter in (
            camera.events.center,
            camera.events.zoom,
            camera.events.orientation,
            dims.events.order,
            dims.events.ndisplay,
        ):
            self._connect(emitter, redraw)
        hold = weak_call(self, "_hold_camera")
        for emitter in (camera.events.mouse_pan, camera.events.mouse_zoom, dims.events.ndisplay):
            self._connect(emitter, hold)
        self._hold_camera()
        layers = model.layers.events
        own_context = weak_call(self, "_make_current")
        self._connect(layers.removing, own_context)
        self._connect(layers.end_batch, own_context, position="first")

    def __repr__(self) -> str:
        return f"<Canvas {self.name}>"

    @property
    def name(self) -> str:
        """``"axial"``, ``"coronal"`` or ``"sagittal"``."""
        return self.plane.name

    # -- layers ---------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Our layers on this canvas: the image and whatever :meth:`add_layer` put over it."""
        return tuple(self._own)

    def set_hooks(
        self,
        *,
        status: Callable[[Point], str],
        added: Callable[[Layer], None],
        removed: Callable[[Layer], None],
    ) -> None:
        """Say how a point reads in the status bar, and what else happens to our layers."""
        self._status, self._on_add, self._on_remove = status, added, removed

    def add_layer(self, layer: Layer, *, select: bool = False) -> Layer:
        """Put one of our layers over the image.

        It gets mm units, the table of keys, and the study's status text. The
        selection stays where it was unless ``select``.
        """
        layers = self.model.layers
        selected = set(layers.selection)
        layer.units = ("mm",) * layer.ndim
        if layer not in layers:
            layers.append(layer)
        if not any(known is layer for known in self._own):
            self._own.append(layer)
        if self._status is not None:
            # The status bar asks the active layer, on a thread of its own.
            layer.get_status = partial(_status_of, self._status)
        if self._on_add is not None:
            self._on_add(layer)
        if select:
            layers.selection.active = layer
        elif selected & set(layers):
            layers.selection = selected & set(layers)
        return layer

    def remove_layer(self, layer: Layer) -> None:
        """Take one of our layers off again; quiet where it has already gone."""
        self.forget_layer(layer)
        layers = self.model.layers
        if layer in layers:
            layers.remove(layer)
        if not layers.selection:
            # Else it would remember the layer, and so the volume, as its current one.
            layers.selection.clear()

    def forget_layer(self, layer: Layer) -> None:
        """Stop treating a layer as ours without removing it."""
        if any(known is layer for known in self._own):
            self._own = [known for known in self._own if known is not layer]
            vars(layer).pop("get_status", None)
            if self._on_remove is not None:
                self._on_remove(layer)
        if self.image is layer:
            self.image = None

    def batch(self) -> contextlib.AbstractContextManager[None]:
        """Take several layers off in one go: napari collects all of Python's garbage each time."""
        return self.model.layers.batched_update()

    # -- hanging --------------------------------------------------------------------------

    @property
    def _extra_axes(self) -> int:
        return int(self.model.dims.ndim) - 3

    @property
    def axis(self) -> int:
        """The world axis (0, 1, 2 = z, y, x) that this canvas slices, whatever was done to its order."""
        hidden = [axis - self._extra_axes for axis in self.model.dims.not_displayed]
        spatial = [axis for axis in hidden if axis >= 0]
        return spatial[-1] if spatial else self.plane.axis

    @property
    def title(self) -> str:
        """The plane shown now, for people."""
        return BY_AXIS[self.axis].title

    def hang(self) -> None:
        """Show this canvas' own plane the way radiologists hang it: patient right on screen left, head up."""
        dims = self.model.dims
        extra = self._extra_axes
        if extra < 0:
            return
        dims.ndisplay = 2
        order = (*range(extra), *(axis + extra for axis in self.plane.order))
        if tuple(dims.order) != order:
            dims.order = order
        camera = self.model.scene.camera
        # napari loads SciPy's rotations for every change, also for none.
        if tuple(map(str, camera.orientation2d)) != self.plane.orientation2d:
            camera.orientation2d = self.plane.orientation2d
        self.refresh_overlay()

    def fit(self) -> None:
        """Fit the image to the canvas and keep it fitted until someone zooms or pans."""
        self.auto_fit = True
        if self.image is not None and self.image in self.model.layers:
            self.model.fit_to_view(layers=[self.image], margin=FIT_MARGIN)

    def _resized(self) -> None:
        if self.auto_fit:
            # napari learns its canvas' new size after this event.
            QTimer.singleShot(0, weak_call(self, "_fit_if_auto"))
        self.refresh_overlay()

    def _fit_if_auto(self) -> None:
        if self.auto_fit and self.image is not None:
            self.fit()

    def _hold_camera(self) -> None:
        """Keep napari's own pan and zoom off in 2-D: the mouse has a reader's habits here."""
        camera = self.model.scene.camera
        allowed = self.model.dims.ndisplay == 3
        if camera.mouse_pan is not allowed:
            camera.mouse_pan = allowed
        if camera.mouse_zoom is not allowed:
            camera.mouse_zoom = allowed

    def set_slice(self, position_mm: float) -> None:
        """Show the slice at a position along this canvas' axis, in world mm."""
        axis = self.axis + self._extra_axes
        if axis < self.model.dims.ndim and self.model.dims.point[axis] != position_mm:
            with unseen_marks_rest(self._own, self.axis, self.model.dims.point[axis], position_mm):
                self.model.dims.set_point(axis, position_mm)

    @property
    def slice_position_mm(self) -> float:
        """World position, in mm, of the slice shown."""
        return float(self.model.dims.point[self.axis + self._extra_axes])

    # -- where things are -----------------------------------------------------------------

    def _signs(self) -> tuple[float, float]:
        vertical, horizontal = self.model.scene.camera.orientation2d
        return (1.0 if str(vertical) == "down" else -1.0, 1.0 if str(horizontal) == "right" else -1.0)

    def to_pixels_exact(self, lps: Point) -> tuple[float, float]:
        """Where an LPS point falls on the canvas, in fractions of Qt pixels (x, y)."""
        world = (lps[2], lps[1], lps[0])
        vertical, horizontal = (world[axis - self._extra_axes] for axis in self.model.dims.displayed[-2:])
        camera = self.model.scene.camera
        centre_v, centre_h = camera.center[-2:]
        sign_v, sign_h = self._signs()
        zoom = float(camera.zoom)
        return (
            self.native.width() / 2 + sign_h * (horizontal - centre_h) * zoom,
            self.native.height() / 2 + sign_v * (vertical - centre_v) * zoom,
        )

    def to_pixels(self, lps: Point) -> QPoint:
        """Where an LPS point (mm) falls on the canvas' widget, in Qt pixels."""
        x, y = self.to_pixels_exact(lps)
        return QPoint(round(x), round(y))

    def to_lps(self, x: float, y: float) -> Point:
        """LPS point (mm) under a pixel of the canvas, on the slice shown."""
        camera = self.model.scene.camera
        centre_v, centre_h = camera.center[-2:]
        sign_v, sign_h = self._signs()
        zoom = float(camera.zoom)
        world = list(self.model.dims.point[-3:])
        vertical, horizontal = (axis - self._extra_axes for axis in self.model.dims.displayed[-2:])
        world[vertical] = centre_v + sign_v * (y - self.native.height() / 2) / zoom
        world[horizontal] = centre_h + sign_h * (x - self.native.width() / 2) / zoom
        return lps_from_world(world)

    def zoom_by(self, factor: float, about: tuple[float, float] | None = None) -> None:
        """Zoom, keeping what lies under pixel ``about`` (default: the middle) where it is."""
        self.auto_fit = False
        camera = self.model.scene.camera
        if about is not None:
            shift = (
                (about[1] - self.native.height() / 2) * (1 - 1 / factor),
                (about[0] - self.native.width() / 2) * (1 - 1 / factor),
            )
            self._move_centre(shift)
        camera.zoom = float(camera.zoom) * factor

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the image by so many Qt pixels to the right and down."""
        self.auto_fit = False
        self._move_centre((-dy, -dx))

    def _move_centre(self, pixels: tuple[float, float]) -> None:
        camera = self.model.scene.camera
        zoom = float(camera.zoom)
        sign_v, sign_h = self._signs()
        centre_v, centre_h = camera.center[-2:]
        camera.center = (0.0, centre_v + sign_v * pixels[0] / zoom, centre_h + sign_h * pixels[1] / zoom)

    def reveal(self, lps: Point) -> None:
        """Pan so that a point lies on the canvas, where zooming has moved it off."""
        x, y = self.to_pixels_exact(lps)
        if not (0 <= x <= self.native.width() and 0 <= y <= self.native.height()):
            self.pan_by(self.native.width() / 2 - x, self.native.height() / 2 - y)

    # -- letters and crosshair ------------------------------------------------------------

    @property
    def letters(self) -> EdgeLetters:
        """Patient directions at the canvas' edges, from its present axes, camera and image."""
        if self.image is None or self.model.dims.ndisplay != 2 or self._extra_axes < 0:
            return NO_LETTERS
        displayed = [axis - self._extra_axes for axis in self.model.dims.displayed]
        turned = np.asarray(self.image.affine.linear_matrix)[-3:, -3:]
        return edge_letters(displayed, self.model.scene.camera.orientation2d, np.linalg.inv(turned))

    def set_cross(self, cursor: Point | None, visible: bool) -> None:
        """Draw the crosshair through a point, or hide it."""
        self._cursor, self._cross_visible = cursor, visible
        self.refresh_overlay()

    def refresh_overlay(self) -> None:
        """Draw letters and crosshair anew."""
        self.overlay.set_letters(self.letters)
        shown = self._cross_visible and self._cursor is not None and self.letters.known
        if not shown or self._cursor is None:
            self.overlay.set_cross(None)
            return
        vertical, horizontal = (axis - self._extra_axes for axis in self.model.dims.displayed[-2:])
        # The vertical line is where the plane that slices the horizontal axis cuts this one.
        self.overlay.set_colours(BY_AXIS[horizontal].colour, BY_AXIS[vertical].colour)
        self.overlay.set_cross(self.to_pixels_exact(self._cursor))

    # -- end ------------------------------------------------------------------------------

    def _make_current(self) -> None:
        """Let a layer's GL objects be deleted in the context that made them.

        napari deletes them at once when a layer goes, in whichever context painted
        last: with several canvases that is another one, and Mesa then crashes in the
        next draw.
        """
        with contextlib.suppress(RuntimeError, AttributeError):  # the canvas has gone already
            self.native.makeCurrent()

    def _connect(self, emitter: Any, callback: Callable[..., None], **how: Any) -> None:
        emitter.connect(callback, **how)
        self._connections.append((emitter, callback))

    def close(self) -> None:
        """Let go of the model: layers, callbacks, overlay."""
        with self.batch():
            for layer in self.layers:
                self.remove_layer(layer)
        for emitter, callback in self._connections:
            emitter.disconnect(callback)
        self._connections.clear()
        self.native.removeEventFilter(self.overlay)
        self.overlay.hide()
        self.overlay.setParent(None)
        self.overlay.deleteLater()
        # A canvas that someone still holds must not keep Qt's widgets alive.
        del self.qt_viewer, self.native, self.overlay


def weak_call(owner: object, method: str) -> Callable[..., None]:
    """Make a callback that doesn't keep ``owner`` alive and takes any arguments."""
    reference = weakref.ref(owner)

    def call(*_: object) -> None:
        alive = reference()
        if alive is not None:
            getattr(alive, method)()

    return call


def _status_of(
    text: Callable[[Point], str], position: Sequence[float] | None = None, **_: Any
) -> dict[str, str]:
    """Stand in for ``Layer.get_status`` on our layers: same keys, our words."""
    words = "" if position is None or len(position) < 3 else text(lps_from_world(position))
    return {
        "layer_name": "",
        "layer_base": "",
        "source_type": "",
        "plugin": "",
        "coordinates": words,
        "coords": words,
        "value": "",
    }
