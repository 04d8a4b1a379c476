"""The candidate in view, framed on the axial canvas on every slice that it was found on."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Shapes
from numpy.typing import NDArray

from lesionscope.inference.finder import Candidate
from lesionscope.viewer.canvas import Canvas, weak_call
from lesionscope.viewer.find import words
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.marks import LINE_PX

COLOUR = "#c77dff"
AROUND_MM = 4.0
"""Between the proposed diameters' ends and the frame, so that it hides no edge."""


def frame_corners(candidate: Candidate, grid: Grid) -> list[NDArray[np.float64]]:
    """Return a closed rectangle a slice, ``(5, 3)`` each as (z, y, x) in LPS mm, on the slices shown."""
    x0, y0, z0, x1, y1, z1 = candidate.extent_lps_mm
    x0, y0, x1, y1 = x0 - AROUND_MM, y0 - AROUND_MM, x1 + AROUND_MM, y1 + AROUND_MM
    # Half a step inside the outermost slices' faces, and the key slice in any case.
    half = grid.spacing[2] / 2
    key = grid.nearest(2, candidate.centroid_lps_mm[2])
    first = min(grid.nearest(2, z0 + half), key)
    last = max(grid.nearest(2, z1 - half), key)
    corners = np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0), (y0, x0)])
    return [
        np.insert(corners, 0, grid.position(2, number), axis=1).astype(np.float64)
        for number in range(first, last + 1)
    ]


class Frames:
    """Draws the candidate in view on one canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.layer: Shapes | None = None
        self._shown: tuple[object, ...] = ()
        self._zoomed = weak_call(self, "_keep_width")
        canvas.model.scene.camera.events.zoom.connect(self._zoomed)

    def show(self, candidate: Candidate | None, grid: Grid) -> None:
        """Draw a candidate, or none."""
        if self.layer is not None and self.layer not in self.canvas.model.layers:
            # It was thrown away in napari's own list: what is shown is drawn anew.
            self.canvas.forget_layer(self.layer)
            self.layer, self._shown = None, ()
        if (candidate, grid) == self._shown or (candidate is None and self.layer is None):
            return
        self._shown = (candidate, grid)
        layer = self._made(grid)
        layer.data = []
        if candidate is not None:
            origin, step = np.array(grid.origin[::-1]), np.array(grid.spacing[::-1])
            layer.add_paths(
                [(corners - origin) / step for corners in frame_corners(candidate, grid)],
                edge_width=self._width(grid),
                edge_color=COLOUR,
            )

    def _made(self, grid: Grid) -> Shapes:
        place: dict[str, Any] = {"scale": grid.spacing[::-1], "translate": grid.origin[::-1]}
        if self.layer is None:
            self.layer = Shapes(ndim=3, units=("mm",) * 3, name=words.LAYER, **place)
            self.canvas.add_layer(self.layer)
            self.layer.editable = False
        else:
            self.layer.scale, self.layer.translate = place["scale"], place["translate"]
        return self.layer

    def _width(self, grid: Grid) -> float:
        """Return how wide a line is in voxels that has :data:`LINE_PX` pixels at this zoom."""
        return LINE_PX / float(self.canvas.model.scene.camera.zoom * np.mean(grid.spacing[:2]))

    def _keep_width(self, *_: object) -> None:
        layer = self.layer
        if layer is not None and layer.nshapes and len(self._shown) == 2:
            grid = self._shown[1]
            assert isinstance(grid, Grid)
            layer.edge_width = [self._width(grid)] * layer.nshapes

    def close(self) -> None:
        """Take the layer off for good."""
        self.canvas.model.scene.camera.events.zoom.disconnect(self._zoomed)
        if self.layer is not None:
            self.canvas.remove_layer(self.layer)
            self.layer = None
