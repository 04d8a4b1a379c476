"""Passing measurements on the volume as read: a distance, and HU in a circle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.viewer.grid import Grid


@dataclass(frozen=True)
class CircleHU:
    """What a circle holds: mean and standard deviation (of the population) in HU, area, samples."""

    mean: float
    sd: float
    area_mm2: float
    pixels: int


def circle_hu(volume: CTVolume, grid: Grid, axis: int, centre: Point, radius_mm: float) -> CircleHU | None:
    """Measure HU within a circle of the plane that slices world axis ``axis`` (0, 1, 2 = z, y, x).

    Every grid point of the displayed slice inside the circle takes the HU of the
    nearest voxel of the volume as read; those outside the scan are left out.

    Returns
    -------
    CircleHU or None
        ``None`` where no point lies both in the circle and in the scan.
    """
    across = 2 - axis
    first, second = (lps for lps in range(3) if lps != across)
    axes = []
    for lps in (first, second):
        low = math.ceil((centre[lps] - radius_mm - grid.origin[lps]) / grid.spacing[lps])
        high = math.floor((centre[lps] + radius_mm - grid.origin[lps]) / grid.spacing[lps])
        low, high = max(low, 0), min(high, grid.size[lps] - 1)
        axes.append(grid.origin[lps] + np.arange(low, high + 1) * grid.spacing[lps])
    a, b = np.meshgrid(*axes, indexing="ij")
    inside = (a - centre[first]) ** 2 + (b - centre[second]) ** 2 <= radius_mm**2
    if not inside.any():
        return None
    points = np.empty((int(inside.sum()), 3))
    points[:, first], points[:, second] = a[inside], b[inside]
    points[:, across] = grid.position(across, grid.nearest(across, centre[across]))
    index = np.rint(volume.geometry.to_voxel(points)).astype(np.int64)
    known = np.all((index >= 0) & (index < np.array(volume.hu.shape)), axis=1)
    if not known.any():
        return None
    values = volume.hu[tuple(index[known].T)].astype(np.float64)
    return CircleHU(float(values.mean()), float(values.std()), math.pi * radius_mm**2, int(known.sum()))


def circle_text(found: CircleHU | None, radius_mm: float) -> str:
    """Write a circle's measurement in two short lines."""
    if found is None:
        return f"r {radius_mm:.1f} mm, outside the scan"
    mean = f"{found.mean:.0f}".replace("-", "−")
    return f"{mean} ± {found.sd:.0f} HU\n{found.area_mm2:.0f} mm², {found.pixels} px"


def ruler_text(start: Point, end: Point) -> str:
    """Write a distance."""
    return f"{Diameter(start, end).length_mm:.1f} mm"
