"""The mouse as a radiologist expects it, on every canvas.

Wheel: slices. Ctrl+wheel: zoom at the pointer. Right drag: window. Middle drag
or Shift+drag: pan. Left drag: crosshair, unless a tool has the left button.
napari's own double-click zoom and Alt+drag zoom go: they fight with tools.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from lesionscope.viewer import windowing
from lesionscope.viewer.canvas import Canvas, lps_from_world

if TYPE_CHECKING:
    from lesionscope.viewer.study_view import StudyView

LEFT, RIGHT, MIDDLE = 1, 2, 3
ZOOM_A_NOTCH = 1.15
Drag = Generator[None, None, None]


class Mouse:
    """Replaces one canvas' mouse callbacks by ours and can put the old ones back."""

    def __init__(self, study: StudyView, canvas: Canvas) -> None:
        self._study, self._canvas = study, canvas
        self._progress = 0.0
        model = canvas.model
        self._lists: tuple[list[Callable[..., Any]], ...] = (
            model.mouse_wheel_callbacks,
            model.mouse_drag_callbacks,
            model.mouse_double_click_callbacks,
            model.mouse_move_callbacks,
        )
        self._before = [list(callbacks) for callbacks in self._lists]
        ours: tuple[list[Callable[..., Any]], ...] = ([self._wheel], [self._press], [], [self._move])
        for callbacks, replacement in zip(self._lists, ours, strict=True):
            callbacks[:] = [*replacement, *(c for c in callbacks if not _is_napari(c))]

    def restore(self) -> None:
        """Put napari's own callbacks back and take ours out; others' stay."""
        mine = (self._wheel, self._press, self._move)
        for callbacks, before in zip(self._lists, self._before, strict=True):
            added = [c for c in callbacks if c not in mine and c not in before]
            callbacks[:] = [*before, *added]

    def _flat(self) -> bool:
        return self._canvas.image is not None and self._canvas.model.dims.ndisplay == 2

    def _move(self, model: Any, event: Any) -> None:
        if self._flat():
            self._study.pointer_moved(self._canvas, lps_from_world(event.position))

    def _wheel(self, model: Any, event: Any) -> None:
        if not self._flat():
            return
        self._study.activate(self._canvas)
        event.handled = True
        notches = float(np.clip(event.delta[1], -1.0, 1.0))
        if "Control" in event.modifiers:
            self._canvas.zoom_by(ZOOM_A_NOTCH**notches, (float(event.pos[0]), float(event.pos[1])))
            return
        if event.modifiers:
            return
        # Touchpads send fractions of a notch.
        self._progress += notches
        steps = int(self._progress)
        self._progress -= steps
        if steps:
            self._study.scroll(steps, self._canvas)

    def _press(self, model: Any, event: Any) -> Drag | None:
        if not self._flat():
            return None
        self._study.activate(self._canvas)
        if event.button == RIGHT:
            return self._drag_window(event)
        if event.button == MIDDLE or (event.button == LEFT and "Shift" in event.modifiers):
            return self._drag_pan(event)
        if event.button == LEFT and self._study.navigating and not event.modifiers:
            return self._drag_cursor(event)
        return None

    def _drag_window(self, event: Any) -> Drag:
        start, origin = self._study.window, tuple(event.pos)
        event.handled = True
        yield
        while event.type == "mouse_move":
            dx, dy = event.pos[0] - origin[0], event.pos[1] - origin[1]
            self._study.set_window(windowing.dragged(start, float(dx), float(dy)))
            yield

    def _drag_pan(self, event: Any) -> Drag:
        last = tuple(event.pos)
        event.handled = True
        yield
        while event.type == "mouse_move":
            self._canvas.pan_by(float(event.pos[0] - last[0]), float(event.pos[1] - last[1]))
            last = tuple(event.pos)
            yield

    def _drag_cursor(self, event: Any) -> Drag:
        self._study.go_to(lps_from_world(event.position))
        yield
        while event.type == "mouse_move":
            self._study.go_to(lps_from_world(event.position))
            yield


def _is_napari(callback: Callable[..., Any]) -> bool:
    """Whether a callback is one of napari's viewer-wide defaults."""
    return str(getattr(callback, "__module__", "")).startswith("napari.components")
