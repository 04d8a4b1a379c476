"""Thick slabs: maximum intensity or mean over some mm around the slice.

napari's own thick slicing does the work: margins of the slice in mm on the
model, a projection on the layer.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from lesionscope.viewer.canvas import Canvas

THINNEST_MM, USUAL_MM, THICKEST_MM, STEP_MM = 2.0, 10.0, 60.0, 2.0


class SlabMode(enum.Enum):
    """How the slices of a slab are put together; the value is napari's projection mode."""

    OFF = "none"
    MIP = "max"
    MEAN = "mean"


NEXT = {SlabMode.OFF: SlabMode.MIP, SlabMode.MIP: SlabMode.MEAN, SlabMode.MEAN: SlabMode.OFF}
TITLES = {SlabMode.OFF: "", SlabMode.MIP: "MIP", SlabMode.MEAN: "Mean"}


@dataclass(frozen=True)
class Slab:
    """Mode and thickness in mm."""

    mode: SlabMode = SlabMode.OFF
    thickness_mm: float = USUAL_MM

    def next_mode(self) -> Slab:
        """Off, then MIP, then mean, then off."""
        return replace(self, mode=NEXT[self.mode])

    def thicker(self, steps: int) -> Slab:
        """Thicker by so many steps of 2 mm (thinner where negative), within 2 … 60 mm."""
        wanted = self.thickness_mm + steps * STEP_MM
        return replace(self, thickness_mm=min(max(wanted, THINNEST_MM), THICKEST_MM))

    @property
    def title(self) -> str:
        """What the banner says of it; empty while off."""
        return "" if self.mode is SlabMode.OFF else f"{TITLES[self.mode]} {self.thickness_mm:g} mm"


def slices_in(thickness_mm: float, spacing_mm: float) -> int:
    """How many slices make up a slab: at least one."""
    return max(1, round(thickness_mm / spacing_mm))


def apply(slab: Slab, canvas: Canvas, spacing_mm: float) -> None:
    """Show a slab on a canvas whose slices lie ``spacing_mm`` apart."""
    image, dims = canvas.image, canvas.model.dims
    if image is None:
        return
    left, right = [0.0] * dims.ndim, [0.0] * dims.ndim
    if slab.mode is not SlabMode.OFF:
        count = slices_in(slab.thickness_mm, spacing_mm)
        axis = canvas.axis + dims.ndim - 3
        # Whole slices to each side: napari rounds the edges of a margin to slices.
        left[axis] = (count - 1) // 2 * spacing_mm
        right[axis] = count // 2 * spacing_mm
    image.projection_mode = slab.mode.value
    dims.margin_left, dims.margin_right = tuple(left), tuple(right)
