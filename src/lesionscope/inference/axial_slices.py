"""A volume as axial slices the way radiologists look at them, whatever way it is stored.

Slices are numbered as they are stored. On each, rows run to the patient's back and columns to the
patient's left, as nearly as the stored grid does: nothing is resampled, so an oblique or tilted slice is
seen as it was acquired.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.crops import patient_axes
from lesionscope.ct.geometry import Floats
from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.marking import slice_reach

Box = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, eq=False)
class AxialSlices:
    """The axial slices of a volume."""

    volume: CTVolume

    @cached_property
    def _axes(self) -> tuple[int, int, int]:
        """Array axes of the volume that slices, rows and columns run along."""
        along = patient_axes(self.volume.geometry)
        slices, rows, columns = (2 - along.index(axis) for axis in (2, 1, 0))
        return slices, rows, columns

    @cached_property
    def _flipped(self) -> tuple[bool, bool, bool]:
        """Whether slices, rows and columns are stored against the patient's axes."""
        axes = self.volume.geometry.axes
        signs = [axes[2 - place, 2 - axis] < 0 for place, axis in enumerate(self._axes)]
        return bool(signs[0]), bool(signs[1]), bool(signs[2])

    @cached_property
    def hu(self) -> NDArray[np.int16] | NDArray[np.float32]:
        """The slices, ``(slices, rows, columns)``: a view."""
        view = self.volume.hu.transpose(self._axes)
        _, rows, columns = self._flipped
        return view[:, :: -1 if rows else 1, :: -1 if columns else 1]

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.hu.shape[0])

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Step between slices, rows and columns."""
        geometry = self.volume.geometry
        steps = (geometry.slice_step_mm, geometry.spacing_mm[1], geometry.spacing_mm[0])
        return steps[self._axes[0]], steps[self._axes[1]], steps[self._axes[2]]

    def around(self, number: int, away: int) -> NDArray[np.int16] | NDArray[np.float32]:
        """Return a slice between its neighbours, ``(3, rows, columns)`` from the head to the feet.

        The slice itself stands in for a neighbour that the volume doesn't have.

        Parameters
        ----------
        number
            The slice.
        away
            How many slices away its neighbours lie.
        """
        up = -away if self._flipped[0] else away
        numbers = [number + up, number, number - up]
        return self.hu[[one if 0 <= one < self.count else number for one in numbers]]

    def to_lps(self, points: ArrayLike) -> Floats:
        """Convert (slice, row, column) ``(…, 3)`` to LPS mm ``(…, 3)``."""
        given = np.asarray(points, dtype=np.float64)
        index = np.empty_like(given)
        for place, axis in enumerate(self._axes):
            last = self.hu.shape[place] - 1
            turned = place > 0 and self._flipped[place]
            index[..., axis] = last - given[..., place] if turned else given[..., place]
        return self.volume.geometry.to_lps(index)

    def box_lps(self, first: int, last: int, box: ArrayLike) -> Box:
        """Return the LPS box around a box of slices ``first`` to ``last``.

        Parameters
        ----------
        first, last
            Slices; half a slice more belongs to it on each side, but nothing of a gap.
        box
            x0, y0, x1, y1 in pixels.
        """
        x0, y0, x1, y1 = (float(value) for value in np.asarray(box, dtype=np.float64))
        # Only along the first axis of the volume may steps be uneven.
        ends = (first - 0.5, last + 0.5) if self._axes[0] else slice_reach(self.volume.geometry, first, last)
        corners = self.to_lps(list(itertools.product(ends, (y0, y1), (x0, x1))))
        low, high = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return low[0], low[1], low[2], high[0], high[1], high[2]

    def nearest(self, lps: ArrayLike) -> int:
        """Return the slice that a point lies on, or the nearest one."""
        number = float(self.volume.geometry.to_voxel(lps)[self._axes[0]])
        return min(max(round(number), 0), self.count - 1)
