"""A volume's slices as DeepLesion has them: numbered from the head, rows to the back, columns to the left.

Slices are turned and mirrored, never resampled, so that what was measured on one keeps its length. That holds
for tilted and oblique scans too, as long as their slices are closer to axial than to any other plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.crops import patient_axes
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import HU_OFFSET

STEEPEST_DEG = 45.0
"""Angle between the slices' normal and the body's long axis."""


@dataclass(frozen=True, eq=False)
class AxialSlices:
    """A volume seen slice by slice; make it with :func:`axial_slices`.

    Parameters
    ----------
    volume
        The scan.
    swapped
        Whether its columns, not its rows, run to the back.
    mirrored
        Whether its x, y and slices run the other way than here.
    """

    volume: CTVolume
    swapped: bool
    mirrored: tuple[bool, bool, bool]

    @property
    def size(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        i, j, k = self.volume.geometry.size
        return (j, i, k) if self.swapped else (i, j, k)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Along columns and rows, and between slices: NaN where they are uneven or there is one alone."""
        across, down, step = self.volume.geometry.spacing_mm
        if self.swapped:
            across, down = down, across
        tilt = math.cos(math.radians(self.volume.geometry.tilt_deg))
        return across, down, math.nan if step is None else step * tilt

    def to_pixels(self, lps: ArrayLike) -> NDArray[np.float64]:
        """Return the places of points ``(n, 3)`` LPS mm: x and y in pixels, number of the slice; from 1."""
        k, j, i = self.volume.geometry.to_voxel(lps).T
        place = [j, i, k] if self.swapped else [i, j, k]
        counted = [
            count - 1 - values if turned else values
            for values, count, turned in zip(place, self.size, self.mirrored, strict=True)
        ]
        return np.stack(counted, axis=-1) + 1

    def hu(self, number: int) -> NDArray[np.int16]:
        """Return a slice ``(rows, columns)`` by its number from 1, HU as DeepLesion's files can hold them."""
        k = self.size[2] - number if self.mirrored[2] else number - 1
        seen = self.volume.hu[k].T if self.swapped else self.volume.hu[k]
        if self.mirrored[0]:
            seen = seen[:, ::-1]
        if self.mirrored[1]:
            seen = seen[::-1]
        return np.asarray(np.clip(np.rint(seen), -HU_OFFSET, HU_OFFSET - 1), dtype=np.int16)


def axial_slices(volume: CTVolume) -> AxialSlices:
    """See a volume as DeepLesion's slices.

    Raises
    ------
    InputError
        Its slices aren't axial.
    """
    geometry = volume.geometry
    along = patient_axes(geometry)
    if along[2] != 2 or abs(float(geometry.normal[2])) < math.cos(math.radians(STEEPEST_DEG)):
        raise InputError("The scan's slices aren't axial, as DeepLesion's are: its lesions were left out.")
    axes, (x, y) = geometry.axes, (along.index(0), along.index(1))
    # Here slices count from the head down; in LPS z runs to the head.
    mirrored = (bool(axes[0, x] < 0), bool(axes[1, y] < 0), bool(axes[2, 2] > 0))
    return AxialSlices(volume, along[0] == 1, mirrored)
