"""A study in a napari viewer: three linked planes of one CT volume.

The viewer's own canvas is the axial plane; coronal and sagittal are two more
canvases in a dock. All three show the same array, share one window, one slab
and one cursor, and know nothing of lesions: marks are layers that others put
on :attr:`StudyView.canvases`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from napari.components import ViewerModel
from napari.layers import Image
from psygnal import Signal
from qtpy.QtWidgets import QMainWindow

from lesionscope.ct.display import display_volume
from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import Window, default_window
from lesionscope.lesions.lesion import Point
from lesionscope.viewer import banner as words
from lesionscope.viewer import status
from lesionscope.viewer.banner import Banner
from lesionscope.viewer.canvas import Canvas, qt_viewer_of, weak_call
from lesionscope.viewer.cine import Cine
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.guard import ImageGuard
from lesionscope.viewer.help import HelpWindow
from lesionscope.viewer.image import IMAGE_NAME, SHOWN_KEY, image_layer, layer_of, show_in
from lesionscope.viewer.keys import Key, KeyBinder, merged
from lesionscope.viewer.linked_planes import LinkedPlanes
from lesionscope.viewer.panes import PlanePanes, WindowWatch
from lesionscope.viewer.planes import AXIAL, BY_AXIS, CORONAL, SAGITTAL
from lesionscope.viewer.rack import Rack
from lesionscope.viewer.slab import Slab
from lesionscope.viewer.view_keys import view_keys
from lesionscope.viewer.windowing import Windowing, data_range

PANES_NAME = "Other planes"


class StudyView(LinkedPlanes):
    """Shows one CT volume at a time in a napari viewer.

    Parameters
    ----------
    viewer
        A napari viewer with a window.

    Raises
    ------
    LookupError
        The viewer has no window.
    """

    window_changed = Signal(object)
    """Emitted with the :class:`~lesionscope.ct.windows.Window` after it changed."""
    canvases_changed = Signal(tuple)
    """Emitted with the canvases after the coronal and sagittal ones came or went."""
    study_changed = Signal(object)
    """Emitted with the volume, or ``None``, after another study was shown."""
    closed = Signal()
    """Emitted once, after everything was taken down."""

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self._volume: CTVolume | None = None
        self._shown: CTVolume | None = None
        self._is_closed = False
        self.navigating = True
        """Whether a plain left drag moves the crosshair; off while a tool has the button."""
        self._main_qt = qt_viewer_of(viewer)
        self._orientation_was = viewer.scene.camera.orientation
        self._scale_bar_was = viewer.canvas.overlays.scale_bar.visible
        viewer.canvas.overlays.scale_bar.visible = True
        self.windowing = Windowing()
        self.windowing.changed.connect(self._window_was_set)
        self._binder = KeyBinder(self._key_pressed)
        self._rack = Rack(self, self._binder, self.readout)
        self._panes: PlanePanes | None = None
        self._axial = self._rack.add(AXIAL, viewer, self._main_qt, full=True)
        self._canvases, self._active = (self._axial,), self._axial
        self.cine = Cine(self._cine_step, self._main_qt)
        self.cine.changed.connect(self._view_was_changed)
        self._help: HelpWindow | None = None
        self.set_keys(())
        self._guard = ImageGuard(self._axial, weak_call(self, "_image_lost"))
        self._watch = WindowWatch(self.main_window, weak_call(self, "close"))

    # -- what is shown --------------------------------------------------------------------

    @property
    def volume(self) -> CTVolume | None:
        """The volume as it was read."""
        return self._volume

    @property
    def shown(self) -> CTVolume | None:
        """The volume on the grid that it is shown on: axes +x, +y, +z of LPS."""
        return self._shown

    @property
    def axial(self) -> Canvas:
        """The viewer's own canvas."""
        return self._axial

    @property
    def main_window(self) -> QMainWindow:
        """The Qt window."""
        window = self._main_qt.window()
        assert isinstance(window, QMainWindow)
        return window

    @property
    def is_closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._is_closed

    def banner(self, canvas: Canvas) -> Banner:
        """Return the strip above a canvas."""
        return self._rack.banners[canvas]

    def show(self, volume: CTVolume, *, shown: CTVolume | None = None) -> None:
        """Show a study in place of the one before: slice, window, slab and cursor start anew.

        An image layer that a reader put into the viewer for this very volume is taken over.

        Parameters
        ----------
        volume
            The volume as read.
        shown
            Its display grid where that is already known; worked out otherwise.
        """
        self.cine.stop()
        adopted = layer_of(self.viewer, volume)
        if shown is None and adopted is not None:
            shown = adopted.metadata.get(SHOWN_KEY)
        on_grid = display_volume(volume) if shown is None else shown
        self._volume, self._shown, self._grid = volume, on_grid, Grid.of(on_grid.geometry)
        self._slab = Slab()
        if self._panes is None:
            self._build_panes()
        self.windowing.unlink_all()
        self.windowing.start(default_window(volume), data_range(volume))
        for canvas in self._canvases:
            self._put_image(canvas, adopted if canvas is self._axial else None)
            canvas.fit()
        for banner in self._rack.banners.values():
            banner.set_study(volume, on_grid.findings)
        self._set_cursor(self._grid.middle())
        self._apply_slab()
        self.study_changed.emit(volume)

    def clear(self) -> None:
        """Show no study."""
        self.cine.stop()
        self.windowing.unlink_all()
        self._volume = self._shown = self._grid = None
        with contextlib.ExitStack() as batches:
            for canvas in self._canvases:
                batches.enter_context(canvas.batch())
                if canvas.image is not None:
                    canvas.remove_layer(canvas.image)
                canvas.set_cross(None, False)
                self._rack.banners[canvas].clear()
            # Here, so that others take their layers off in the same go.
            self.study_changed.emit(None)

    # -- how it is shown ------------------------------------------------------------------

    @property
    def window(self) -> Window:
        """The grey-scale window."""
        return self.windowing.window

    def set_window(self, window: Window) -> None:
        """Show another window on every canvas."""
        self.windowing.set(window)

    @property
    def inverted(self) -> bool:
        """Whether dense shows black."""
        return self.windowing.inverted

    def toggle_invert(self) -> None:
        """Swap black and white."""
        self.windowing.set_inverted(not self.inverted)
        self._view_was_changed()

    def reset_views(self) -> None:
        """Hang every canvas anew and fit the image to it."""
        for canvas in self._canvases:
            canvas.hang()
            canvas.fit()
        self._set_cursor(self._cursor)

    def set_keys(self, more: Iterable[Key]) -> None:
        """Bind a table of keys besides the view's own; an entry for the same key takes its place."""
        self._binder.set_keys(merged(view_keys(self), more))

    @property
    def keys(self) -> tuple[Key, ...]:
        """The whole table of keys, for the help panel."""
        return self._binder.keys

    def show_help(self) -> None:
        """Open the window that lists the keys."""
        if self._help is None:
            self._help = HelpWindow(self.main_window)
        self._help.open_with(self._binder.keys)

    def pointer_moved(self, canvas: Canvas, lps: Point) -> None:
        """Show in the status bar what lies under the pointer."""
        self.activate(canvas)
        self.viewer.status = self.readout(lps)

    def readout(self, lps: Point) -> str:
        """HU and place of a point, in words."""
        return "" if self._volume is None else status.readout(self._volume, lps)

    # -- the coronal and sagittal dock ----------------------------------------------------

    @property
    def panes(self) -> PlanePanes | None:
        """The widget with the coronal and sagittal canvases, while it is open."""
        return self._panes

    def show_panes(self) -> None:
        """Open the coronal and sagittal views again after someone closed them."""
        if self._panes is not None:
            self._panes.raise_dock()
            return
        self._build_panes()
        for canvas in self._canvases[1:]:
            self._put_image(canvas, None)
        self._apply_slab()
        self._set_cursor(self._cursor)
        for canvas in self._canvases[1:]:
            canvas.fit()

    def _build_panes(self) -> None:
        self._panes = PlanePanes(self.viewer, self._main_qt, (CORONAL, SAGITTAL), PANES_NAME)
        self._panes.on_closed(weak_call(self, "_panes_closed"))
        extra = tuple(self._rack.add(plane, model, qt, full=False) for plane, model, qt in self._panes.views)
        self._canvases = (self._axial, *extra)
        self.canvases_changed.emit(self._canvases)

    def _panes_closed(self) -> None:
        if self._panes is None:
            return
        panes, self._panes = self._panes, None
        extra, self._canvases = self._canvases[1:], (self._axial,)
        self._active = self._axial
        for canvas in extra:
            if canvas.image is not None:
                self.windowing.unlink([canvas.image])
            self._rack.remove(canvas)
        panes.close_views()
        if not self._is_closed:
            self.canvases_changed.emit(self._canvases)

    # -- inside ---------------------------------------------------------------------------

    def _put_image(self, canvas: Canvas, adopted: Image | None) -> None:
        if self._volume is None or self._shown is None:
            return
        before = canvas.image
        if adopted is None and before is not None and show_in(before, self._volume, self._shown):
            image = before
        else:
            image = image_layer(self._volume, self._shown, self.window) if adopted is None else adopted
        canvas.image = image
        canvas.add_layer(image, select=True)
        # Only now: a model without layers forgets its axes.
        if before is not None and before is not image:
            canvas.remove_layer(before)
        image.name = IMAGE_NAME
        layers = canvas.model.layers
        if layers.index(image) != 0:
            layers.move(layers.index(image), 0)
        self.windowing.link(image)
        canvas.hang()

    def _describe(self) -> None:
        if self._grid is None:
            return
        own = [
            words.window_words(self.window),
            "inverted" if self.inverted else "",
            self._slab.title,
            f"cine {self.cine.fps:g}/s" if self.cine.running else "",
        ]
        for canvas, banner in self._rack.banners.items():
            number, count = self.slice_of(canvas)
            coordinate = BY_AXIS[canvas.axis].coordinate
            position = self._cursor[2 - canvas.axis]
            full = canvas is self._axial
            where = (number, count, coordinate, position, own if full else [self._slab.title])
            # On the narrow axial canvas the plane is plain to see, the window isn't.
            short = words.short_place_words("" if full else canvas.title, *where)
            banner.set_place(words.place_words(canvas.title, *where), short)

    def _window_was_set(self, window: Window) -> None:
        self._describe()
        self.window_changed.emit(window)

    def _cine_step(self, direction: int) -> bool:
        return self.scroll(direction, self._active)

    def _key_pressed(self, target: object) -> None:
        """Let a key on a further canvas act there; the window's keys act where the pointer is."""
        for canvas in self._canvases[1:]:
            if target is canvas.model or target in canvas.layers:
                self._active = canvas

    def _image_lost(self) -> None:
        """Let the study go with its image, which was deleted by hand."""
        if not self._is_closed and self._volume is not None and self._axial.image is None:
            self.clear()

    def close(self) -> None:
        """Take everything down: layers, canvases, keys, dock. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self.cine.close()
        self._watch.stop()
        self._guard.stop()
        self.windowing.unlink_all()
        if self._help is not None:
            with contextlib.suppress(RuntimeError):  # gone with its window
                self._help.close()
                self._help.deleteLater()
            self._help = None
        panes = self._panes
        self._panes_closed()
        if panes is not None:
            panes.remove_dock()
        self._rack.remove(self._axial)
        camera = self.viewer.scene.camera
        camera.orientation = self._orientation_was
        camera.mouse_pan = camera.mouse_zoom = True
        self.viewer.canvas.overlays.scale_bar.visible = self._scale_bar_was
        self._binder.release_all()
        self._canvases = ()
        self._volume = self._shown = self._grid = None
        self.closed.emit()
