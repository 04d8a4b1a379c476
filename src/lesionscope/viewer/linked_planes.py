"""Linked canvases: one grid, one cursor, one slab, one crosshair, each canvas its own plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from psygnal import Signal

from lesionscope.lesions.lesion import Point
from lesionscope.viewer import slab as slabs
from lesionscope.viewer.canvas import Canvas
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.slab import Slab


class LinkedPlanes:
    """Canvases on which one point of one grid is shown; a subclass puts them up and says what they show.

    Attributes
    ----------
    cursor_moved
        Emitted with the LPS point (mm) after the cursor moved.
    view_changed
        Emitted after slab, cine, crosshair or inversion changed.
    """

    cursor_moved = Signal(tuple)
    view_changed = Signal()
    _canvases: tuple[Canvas, ...]
    _active: Canvas

    def __init__(self) -> None:
        self._grid: Grid | None = None
        self._cursor: Point = (0.0, 0.0, 0.0)
        self._busy = False
        self._crosshair = True
        self._slab = Slab()

    # -- the canvases ---------------------------------------------------------------------

    @property
    def canvases(self) -> tuple[Canvas, ...]:
        """Axial, and coronal and sagittal while their dock is open."""
        return self._canvases

    @property
    def active_canvas(self) -> Canvas:
        """The canvas that keys act on: the one the pointer was on last."""
        return self._active

    def canvas(self, name: str) -> Canvas:
        """Return the canvas ``"axial"``, ``"coronal"`` or ``"sagittal"``; ``KeyError`` where closed."""
        for canvas in self._canvases:
            if canvas.name == name:
                return canvas
        raise KeyError(name)

    def activate(self, canvas: Canvas) -> None:
        """Let keys act on a canvas from now on."""
        if canvas in self._canvases:
            self._active = canvas

    # -- what they show -------------------------------------------------------------------

    @property
    def cursor_lps(self) -> Point:
        """The point that all canvases show, LPS mm."""
        return self._cursor

    def go_to(self, lps: Sequence[float]) -> None:
        """Show the slices through a point (LPS mm) on every canvas; kept inside the volume."""
        if self._grid is None:
            return
        self._set_cursor(self._grid.inside((float(lps[0]), float(lps[1]), float(lps[2]))))
        for canvas in self._canvases:
            canvas.reveal(self._cursor)

    def scroll(self, steps: int, canvas: Canvas | None = None) -> bool:
        """Move by slices, up the patient's axis where positive; answers whether anything moved."""
        if self._grid is None:
            return False
        target = canvas or self._active
        axis = 2 - target.axis
        number, count = self.slice_of(target)
        wanted = min(max(number - 1 + steps, 0), count - 1)
        if wanted == number - 1:
            return False
        cursor = list(self._cursor)
        cursor[axis] = self._grid.position(axis, wanted)
        self._set_cursor((cursor[0], cursor[1], cursor[2]))
        return True

    def slice_of(self, canvas: Canvas) -> tuple[int, int]:
        """Return the number of the slice that a canvas shows, from 1, and how many there are."""
        if self._grid is None:
            return (0, 0)
        axis = 2 - canvas.axis
        return (self._grid.nearest(axis, self._cursor[axis]) + 1, self._grid.size[axis])

    @property
    def crosshair(self) -> bool:
        """Whether the crosshair is drawn."""
        return self._crosshair

    @crosshair.setter
    def crosshair(self, visible: bool) -> None:
        self._crosshair = visible
        for canvas in self._canvases:
            canvas.set_cross(self._cursor if self._grid is not None else None, visible)
        self.view_changed.emit()

    @property
    def slab(self) -> Slab:
        """Slab mode and thickness."""
        return self._slab

    def set_slab(self, slab: Slab) -> None:
        """Show slabs, on every canvas."""
        self._slab = slab
        self._apply_slab()
        self._view_was_changed()

    # -- inside ---------------------------------------------------------------------------

    def _describe(self) -> None:
        """Say on the canvases what they show."""
        raise NotImplementedError

    def _view_was_changed(self, *_: object) -> None:
        self._describe()
        self.view_changed.emit()

    def _set_cursor(self, lps: Point) -> None:
        if self._grid is None:
            return
        self._cursor = lps
        self._busy = True
        try:
            for canvas in self._canvases:
                # The slice's own centre, so that slabs round alike wherever the cursor is.
                canvas.set_slice(self._slice_centre(canvas))
                canvas.set_cross(lps, self._crosshair)
        finally:
            self._busy = False
        self._describe()
        self.cursor_moved.emit(lps)

    def _slice_centre(self, canvas: Canvas) -> float:
        assert self._grid is not None
        axis = 2 - canvas.axis
        return self._grid.position(axis, self._grid.nearest(axis, self._cursor[axis]))

    def _dims_moved(self) -> None:
        """Follow a slice that was chosen elsewhere, on napari's slider for example."""
        if self._busy or self._grid is None:
            return
        cursor = list(self._cursor)
        for canvas in self._canvases:
            if not np.isclose(canvas.slice_position_mm, self._slice_centre(canvas)):
                cursor[2 - canvas.axis] = canvas.slice_position_mm
        if tuple(cursor) != self._cursor:
            self._set_cursor(self._grid.inside((cursor[0], cursor[1], cursor[2])))

    def _order_changed(self) -> None:
        if not self._busy:
            self._set_cursor(self._cursor)
            self._apply_slab()

    def _apply_slab(self) -> None:
        if self._grid is None:
            return
        for canvas in self._canvases:
            slabs.apply(self._slab, canvas, self._grid.spacing[2 - canvas.axis])
        self._describe()
