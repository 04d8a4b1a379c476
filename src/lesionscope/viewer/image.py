"""The image layer of a study, which a reader makes and a study view takes over."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import Window, default_window

IMAGE_NAME = "CT"
VOLUME_KEY, SHOWN_KEY = "lesionscope", "lesionscope_shown"
"""Keys of the layer's metadata: the volume as read, and the grid it is shown on."""
STUDYS_OWN = (
    "scale", "translate", "affine", "metadata", "colormap", "interpolation2d", "projection_mode",
    "visible", "opacity", "gamma",
)  # fmt: skip
"""What starts anew with each study, besides its array and its window."""


def image_options(volume: CTVolume, shown: CTVolume, window: Window | None = None) -> dict[str, Any]:
    """Arguments of the layer besides its array: its place in (z, y, x) LPS mm, its window, its volume.

    The name and everything else that napari shows is free of identifiers.
    """
    geometry = shown.geometry
    x, y, _ = geometry.spacing_mm
    chosen = window or default_window(volume)
    return {
        "name": IMAGE_NAME,
        "scale": (geometry.slice_step_mm, y, x),
        "translate": geometry.origin_lps_mm[::-1],
        "units": ("mm", "mm", "mm"),
        "axis_labels": ("z", "y", "x"),
        "contrast_limits": (chosen.low, chosen.high),
        "colormap": "gray",
        "interpolation2d": "linear",
        "projection_mode": "none",
        "metadata": {VOLUME_KEY: volume, SHOWN_KEY: shown},
    }


def image_layer(volume: CTVolume, shown: CTVolume, window: Window | None = None) -> Image:
    """Make the layer; its data are the display volume's own array, not a copy."""
    return Image(shown.hu, **image_options(volume, shown, window))


def show_in(layer: Image, volume: CTVolume, shown: CTVolume) -> bool:
    """Show another study in a layer that is there, as a new one would; answers whether that can be.

    napari takes a sixth of the time that it needs to take one layer off and put another on.
    """
    if layer.ndim != shown.hu.ndim or layer.data.dtype != shown.hu.dtype:
        return False
    # What napari's transform tool did to one patient's image mustn't move the next one's.
    as_new = {"affine": np.eye(layer.ndim + 1), "visible": True, "opacity": 1.0, "gamma": 1.0}
    options = image_options(volume, shown) | as_new
    layer.data = shown.hu
    for name in STUDYS_OWN:
        setattr(layer, name, options[name])
    return True


def layer_of(viewer: ViewerModel, volume: CTVolume) -> Image | None:
    """Find the layer that a reader put into a viewer for this very volume."""
    for layer in viewer.layers:
        if isinstance(layer, Image) and layer.metadata.get(VOLUME_KEY) is volume:
            return layer
    return None


def volume_of(layer: object) -> CTVolume | None:
    """Return the volume that a layer shows, where it is one of ours."""
    metadata = getattr(layer, "metadata", {})
    volume = metadata.get(VOLUME_KEY) if isinstance(metadata, dict) else None
    return volume if isinstance(volume, CTVolume) else None
