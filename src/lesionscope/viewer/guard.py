"""Keeping the study's own image where napari's layer list could lose it."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QTimer

from lesionscope.viewer.canvas import Canvas, weak_call


class ImageGuard:
    """Keeps a canvas' image selected when nothing is, and says when it was deleted by hand.

    Parameters
    ----------
    canvas
        The canvas whose image is watched.
    lost
        Called, once napari is done removing it, when the image was deleted by hand.
    """

    def __init__(self, canvas: Canvas, lost: Callable[..., None]) -> None:
        self._canvas, self._lost = canvas, lost
        layers = canvas.model.layers
        layers.events.removed.connect(self._removed)
        layers.selection.events.active.connect(self._active_changed)

    def stop(self) -> None:
        """Guard no longer."""
        layers = self._canvas.model.layers
        layers.events.removed.disconnect(self._removed)
        layers.selection.events.active.disconnect(self._active_changed)

    def _removed(self, event: object) -> None:
        layer = getattr(event, "value", None)
        if layer is not None and layer is self._canvas.image:
            self._canvas.forget_layer(layer)
            QTimer.singleShot(0, self._lost)

    def _active_changed(self) -> None:
        # Without an active layer napari's status line has nothing of ours to ask.
        if self._canvas.model.layers.selection.active is None and self._canvas.image is not None:
            QTimer.singleShot(0, weak_call(self, "_select"))

    def _select(self) -> None:
        layers, image = self._canvas.model.layers, self._canvas.image
        if image is not None and image in layers and not layers.selection:
            layers.selection.active = image
