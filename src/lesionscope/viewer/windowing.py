"""The grey-scale window: presets, dragging, inverting; the same on every canvas."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from napari.layers import Image
from psygnal import Signal

from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import PRESETS, Window

SMALLEST_RANGE_HU = (-1024.0, 3071.0)
NARROWEST_HU = 1.0
GREY, INVERTED = "gray", "gray_r"


def data_range(volume: CTVolume) -> tuple[float, float]:
    """Least and greatest HU that the window's range must reach: −1024 … 3071, wider where the data are."""
    low, high = float(np.min(volume.hu)), float(np.max(volume.hu))
    return min(SMALLEST_RANGE_HU[0], low), max(SMALLEST_RANGE_HU[1], high)


def named(centre: float, width: float) -> Window:
    """Return the preset with this centre and width, or a window of its own."""
    for known in PRESETS:
        if abs(known.centre - centre) < 0.5 and abs(known.width - width) < 0.5:
            return known
    return Window("custom", "", centre, width)


def dragged(start: Window, dx: float, dy: float) -> Window:
    """Window after a drag of so many pixels right and down.

    To the right widens, down raises the centre (darker); a pixel is worth more in
    a wide window than in a narrow one, so that brain and bone feel alike.
    """
    step = max(start.width / 300.0, 0.25)
    return named(round(start.centre + dy * step), max(round(start.width + dx * step), NARROWEST_HU))


class Windowing:
    """Keeps the contrast limits of several image layers equal."""

    changed = Signal(object)

    def __init__(self) -> None:
        self._images: list[Image] = []
        self._window = PRESETS[0]
        self._range = SMALLEST_RANGE_HU
        self._inverted = False
        self._busy = False

    @property
    def window(self) -> Window:
        """The window shown now."""
        return self._window

    @property
    def inverted(self) -> bool:
        """Whether dense shows black."""
        return self._inverted

    def start(self, window: Window, value_range: tuple[float, float]) -> None:
        """Begin a study with its window, not inverted, and the range its sliders reach."""
        self._range = value_range
        self._inverted = False
        self.set(window)

    def link(self, image: Image) -> None:
        """Add a layer: it gets the present window, and drives the others from now on."""
        if not any(known is image for known in self._images):
            self._images.append(image)
            image.events.contrast_limits.connect(self._from_layer)
        self._apply(image)

    def unlink(self, images: Iterable[Image]) -> None:
        """Forget layers."""
        gone = tuple(images)
        for image in gone:
            if any(known is image for known in self._images):
                image.events.contrast_limits.disconnect(self._from_layer)
        self._images = [known for known in self._images if not any(known is image for image in gone)]

    def unlink_all(self) -> None:
        """Forget every layer."""
        self.unlink(self._images)

    def set(self, window: Window) -> None:
        """Show another window on every layer."""
        self._window = window
        for image in self._images:
            self._apply(image)
        self.changed.emit(window)

    def set_inverted(self, inverted: bool) -> None:
        """Show dense black, or white again."""
        self._inverted = inverted
        for image in self._images:
            self._apply(image)

    def _apply(self, image: Image) -> None:
        low, high = self._window.low, self._window.high
        self._busy = True
        try:
            # The range last: setting the limits narrows it, and a range that didn't
            # hold the limits would clip them.
            image.contrast_limits = (low, high)
            image.contrast_limits_range = (min(self._range[0], low), max(self._range[1], high))
            colormap = INVERTED if self._inverted else GREY
            if image.colormap.name != colormap:
                image.colormap = colormap
        finally:
            self._busy = False

    def _from_layer(self, event: object) -> None:
        """Follow limits that were set on a layer, in napari's own controls for example."""
        if self._busy:
            return
        source = getattr(event, "source", None)
        if isinstance(source, Image):
            low, high = (float(value) for value in source.contrast_limits)
            self.set(named((low + high) / 2, max(high - low, NARROWEST_HU)))
