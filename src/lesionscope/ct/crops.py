"""Cut a small cube out of a volume on a patient-aligned grid, reading only what it needs.

The crop is resampled, never the volume: the voxels between which the cube's
points lie are found first, and only that block is read and interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume

AIR_HU = -1024
"""What lies outside a volume, in crops and in resampled displays."""

MAX_INTERPOLATED_STEPS = 3.0
"""Slices further apart than this many typical steps are not interpolated between."""

Floats = NDArray[np.float64]


def crop_geometry(
    centre_lps: ArrayLike, shape: tuple[int, int, int] = (48, 48, 48), spacing_mm: float = 1.0
) -> Geometry:
    """Return the grid of a crop.

    Parameters
    ----------
    centre_lps
        LPS mm of the crop's centre: voxel ``(shape - 1) / 2``, which lies between
        voxels where the shape is even.
    shape
        Voxels along (z, y, x).
    spacing_mm
        One step in mm, the same along every axis.
    """
    centre = np.asarray(centre_lps, dtype=np.float64)
    size = (shape[2], shape[1], shape[0])
    origin = centre - (np.array(size) - 1) / 2 * spacing_mm
    return Geometry(
        size=size,
        spacing_mm=(spacing_mm, spacing_mm, spacing_mm),
        origin_lps_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def crop(
    volume: CTVolume,
    centre_lps: ArrayLike,
    *,
    shape: tuple[int, int, int] = (48, 48, 48),
    spacing_mm: float = 1.0,
    pad_hu: float = AIR_HU,
) -> NDArray[np.float32]:
    """Cut a cube around a point, along the patient's axes whatever the volume's are.

    Parameters
    ----------
    volume
        Any volume: axis-aligned, oblique, tilted or uneven.
    centre_lps, shape, spacing_mm
        As in :func:`crop_geometry`.
    pad_hu
        Value of points outside the volume (its rim is half a voxel wide) and deep
        inside gaps between slices.

    Returns
    -------
    ndarray
        HU, float32 ``shape`` as (z, y, x), each axis running +z, +y, +x in LPS;
        trilinear between the volume's voxels.
    """
    return sample_grid(volume.hu, volume.geometry, crop_geometry(centre_lps, shape, spacing_mm), pad_hu)


def sample_grid(
    hu: NDArray[np.int16] | NDArray[np.float32],
    geometry: Geometry,
    grid: Geometry,
    pad_hu: float = AIR_HU,
) -> NDArray[np.float32]:
    """Interpolate a volume on a patient-aligned, evenly spaced ``grid``.

    Parameters
    ----------
    hu, geometry
        The volume ``(k, j, i)`` and where it lies.
    grid
        Where to sample; axes +x, +y, +z in LPS.
    pad_hu
        Value of points outside the volume.

    Returns
    -------
    ndarray
        float32 ``grid.size[::-1]`` as (z, y, x).
    """
    if geometry.is_axis_aligned:
        return _sample_separably(hu, geometry, grid, pad_hu)
    return _sample_points(hu, geometry, grid, pad_hu)


@dataclass(frozen=True)
class _Line:
    """Linear interpolation along one voxel axis: between which voxels, how far, and whether at all."""

    lower: NDArray[np.intp]
    fraction: NDArray[np.float32]
    inside: NDArray[np.bool_]


def skip_gaps(geometry: Geometry, k: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Move slice indices inside wide gaps to the nearest slice, if one is near enough.

    Nothing is made up between slices more than ``MAX_INTERPOLATED_STEPS`` typical
    steps apart: there a slice reaches half a typical step and no further.

    Returns
    -------
    tuple
        Indices to sample at, and whether there is anything to sample.
    """
    inside = (k >= -0.5) & (k <= geometry.size[2] - 0.5)
    clamped = np.clip(k, 0.0, geometry.size[2] - 1.0)
    if geometry.offsets_mm is None or len(geometry.offsets_mm) < 2:
        return clamped, inside
    gaps = np.diff(geometry.offsets_mm)
    step = geometry.slice_step_mm
    lower = np.minimum(clamped.astype(np.intp), len(gaps) - 1)
    wide = gaps[lower] > MAX_INTERPOLATED_STEPS * step * 1.001
    if not wide.any():
        return clamped, inside
    nearest = np.round(clamped)
    distance = np.abs(clamped - nearest) * gaps[lower]
    return np.where(wide, nearest, clamped), inside & (~wide | (distance <= step / 2))


def _line(index: Floats, count: int) -> _Line:
    inside = (index >= -0.5) & (index <= count - 0.5)
    clamped = np.clip(index, 0.0, count - 1.0)
    lower = np.minimum(clamped.astype(np.intp), max(count - 2, 0))
    return _Line(lower, (clamped - lower).astype(np.float32), inside)


def patient_axes(geometry: Geometry) -> tuple[int, int, int]:
    """Return the patient axis (0 x, 1 y, 2 z) that each of i, j, k runs closest to."""
    magnitude = np.abs(geometry.axes)
    choices = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    return max(choices, key=lambda c: float(magnitude[c[0], 0] * magnitude[c[1], 1] * magnitude[c[2], 2]))


def _sample_separably(
    hu: NDArray[np.int16] | NDArray[np.float32], geometry: Geometry, grid: Geometry, pad_hu: float
) -> NDArray[np.float32]:
    """Interpolate along one axis after another; exact where the axes coincide."""
    along = patient_axes(geometry)
    steps = (grid.spacing_mm[0], grid.spacing_mm[1], grid.slice_step_mm)
    counts = [grid.size[along[voxel_axis]] for voxel_axis in (2, 1, 0)]
    ends = [0, counts[0], counts[0] + counts[1], sum(counts)]
    points = np.tile(np.array(grid.origin_lps_mm), (ends[3], 1))
    for start, stop, voxel_axis in zip(ends, ends[1:], (2, 1, 0), strict=False):
        points[start:stop, along[voxel_axis]] += np.arange(stop - start) * steps[along[voxel_axis]]
    kji = geometry.to_voxel(points)
    k, near = skip_gaps(geometry, kji[: ends[1], 0])
    slices = _line(k, geometry.size[2])
    lines = [
        _Line(slices.lower, slices.fraction, near),
        _line(kji[ends[1] : ends[2], 1], geometry.size[1]),
        _line(kji[ends[2] :, 2], geometry.size[0]),
    ]

    shape = tuple(len(line.lower) for line in lines)
    if not all(line.inside.any() for line in lines):
        return np.full(grid.size[::-1], pad_hu, dtype=np.float32)
    inner = [_Line(x.lower[x.inside], x.fraction[x.inside], x.inside) for x in lines]
    starts = [int(x.lower.min()) for x in inner]
    stops = [min(int(x.lower.max()) + 2, n) for x, n in zip(inner, hu.shape, strict=True)]
    result = hu[starts[0] : stops[0], starts[1] : stops[1], starts[2] : stops[2]].astype(np.float32)
    # The last axis first: picking along it is the slowest, and the block is still small.
    for axis in (2, 1, 0):
        result = _interpolate(result, axis, inner[axis].lower - starts[axis], inner[axis].fraction)
    if result.shape != shape:
        interior, result = result, np.full(shape, pad_hu, dtype=np.float32)
        result[np.ix_(*(line.inside for line in lines))] = interior
    # Array axes are (k, j, i); bring the one that runs along z first, x last.
    order = [0, 0, 0]
    for voxel_axis, patient_axis in enumerate(along):
        order[2 - patient_axis] = 2 - voxel_axis
    return np.ascontiguousarray(result.transpose(order))


def _interpolate(
    block: NDArray[np.float32], axis: int, lower: NDArray[np.intp], fraction: NDArray[np.float32]
) -> NDArray[np.float32]:
    upper = np.minimum(lower + 1, block.shape[axis] - 1)
    shape = [1, 1, 1]
    shape[axis] = len(lower)
    start: NDArray[np.float32] = block.take(lower, axis=axis)
    result: NDArray[np.float32] = block.take(upper, axis=axis)
    # In place: a crop is small, and new memory costs more than the arithmetic.
    result -= start
    result *= fraction.reshape(shape)
    result += start
    return result


def _slabs(grid: Geometry, points: int) -> Iterator[tuple[int, int]]:
    """Split a grid's slices so that a slab holds about ``points`` points."""
    depth = max(1, points // (grid.size[0] * grid.size[1]))
    for start in range(0, grid.size[2], depth):
        yield start, min(start + depth, grid.size[2])


def _sample_points(
    hu: NDArray[np.int16] | NDArray[np.float32], geometry: Geometry, grid: Geometry, pad_hu: float
) -> NDArray[np.float32]:
    """Interpolate point by point, slab by slab so that memory stays bounded."""
    from scipy.ndimage import map_coordinates

    result = np.full(grid.size[::-1], pad_hu, dtype=np.float32)
    # Millimetres along the volume's axes are linear in the grid's: three lines, summed by broadcasting.
    to_along = np.linalg.inv(geometry.axes)
    steps = (grid.spacing_mm[0], grid.spacing_mm[1], grid.slice_step_mm)
    x, y, z = (
        grid.origin_lps_mm[axis] - geometry.origin_lps_mm[axis] + np.arange(grid.size[axis]) * steps[axis]
        for axis in range(3)
    )
    for start, stop in _slabs(grid, 1 << 19):
        i_mm, j_mm, k_mm = (
            (row[2] * z[start:stop, None] + row[1] * y)[..., None] + row[0] * x for row in to_along
        )
        k, inside = skip_gaps(geometry, geometry.slice_index(k_mm))
        index = np.stack([k, j_mm / geometry.spacing_mm[1], i_mm / geometry.spacing_mm[0]])
        for axis in (1, 2):
            inside &= (index[axis] >= -0.5) & (index[axis] <= hu.shape[axis] - 0.5)
        if not inside.any():
            continue
        wanted = index.reshape(3, -1) if inside.all() else index[:, inside]
        np.clip(wanted, 0.0, np.array(hu.shape)[:, None] - 1.0, out=wanted)
        low = np.floor(wanted.min(axis=1)).astype(int)
        high = np.ceil(wanted.max(axis=1)).astype(int) + 1
        block = hu[low[0] : high[0], low[1] : high[1], low[2] : high[2]].astype(np.float32)
        wanted -= low[:, None]
        result[start:stop][inside] = map_coordinates(
            block, wanted, order=1, mode="nearest", output=np.float32
        )
    return result
