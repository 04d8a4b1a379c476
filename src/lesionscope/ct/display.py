"""The grid a volume is shown on: along the patient's axes, +x, +y, +z in LPS.

Volumes whose axes run along the patient's are shown as views of the same memory,
flipped and transposed; oblique, tilted and uneven ones are resampled, for the eye
only: measurements, crops and reports use the volume as it was stored.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import AIR_HU, patient_axes, sample_grid
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Finding

MAX_GROWTH = 3
"""A display grid holds at most this many times the voxels of the volume (plus a floor)."""
FREE_VOXELS = 1 << 24


def display_geometry(geometry: Geometry) -> Geometry:
    """Return the grid that a volume with this geometry is shown on.

    Axes are exactly +x, +y, +z (LPS) and every spacing is a positive number: for a
    single slice the third is its thickness. An axis-aligned even grid keeps its
    voxels; any other gets a grid over the same bounding box, with the spacing that
    the stored axis nearest to each patient axis has, coarsened where a long gap or a
    steep angle would make it more than ``MAX_GROWTH`` times as big.
    """
    along = patient_axes(geometry)
    steps = (geometry.spacing_mm[0], geometry.spacing_mm[1], geometry.slice_step_mm)
    spacing = [0.0, 0.0, 0.0]
    size = [1, 1, 1]
    for voxel_axis, patient_axis in enumerate(along):
        spacing[patient_axis] = steps[voxel_axis]
        size[patient_axis] = geometry.size[voxel_axis]
    low = geometry.corners_lps().min(axis=0)
    high = geometry.corners_lps().max(axis=0)

    if _is_view(geometry):
        origin = low
    elif geometry.size[2] == 1:
        # One oblique slice: looked at along the patient axis nearest to its normal.
        flat = along[2]
        size = [max(1, math.floor((high[a] - low[a]) / spacing[a] + 1e-6) + 1) for a in range(3)]
        size[flat] = 1
        origin = low.copy()
        origin[flat] = (low[flat] + high[flat]) / 2
    else:
        budget = MAX_GROWTH * math.prod(geometry.size) + FREE_VOXELS
        while True:
            size = [math.floor((high[a] - low[a]) / spacing[a] + 1e-6) + 1 for a in range(3)]
            if math.prod(size) <= budget:
                break
            spacing = [step * 1.1 for step in spacing]
        origin = low
    return Geometry(
        size=(size[0], size[1], size[2]),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        origin_lps_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        slice_thickness_mm=geometry.slice_thickness_mm,
    )


def _is_view(geometry: Geometry) -> bool:
    return geometry.is_axis_aligned and (geometry.is_uniform or geometry.size[2] == 1)


def display_volume(volume: CTVolume) -> CTVolume:
    """Bring a volume to the patient's axes for display.

    Returns
    -------
    CTVolume
        Axes +x, +y, +z in LPS. Where the volume is axis-aligned and even, ``hu`` is
        a view of the same memory; else it is resampled (trilinear, -1024 outside)
        and a finding ``resampled`` says why. Source and findings are kept.
    """
    geometry = volume.geometry
    grid = display_geometry(geometry)
    if _is_view(geometry):
        return dataclasses.replace(volume, hu=_aligned_view(volume.hu, geometry), geometry=grid)

    hu: NDArray[np.int16] | NDArray[np.float32]
    if geometry.size[2] == 1:
        hu = _project_slice(volume, grid)
        why = (
            "the single slice is oblique: it is shown projected along the nearest patient axis, so the "
            "position along that axis is only that of the slice's middle"
        )
    else:
        hu = _resample(volume, grid)
        reasons = []
        if not geometry.is_axis_aligned:
            reasons.append("its slices are tilted against the patient's axes")
        if not geometry.is_uniform:
            reasons.append("its slices are unevenly spaced")
        why = " and ".join(reasons)
    text = (
        f"Shown on a resampled grid of {grid.size[0]}×{grid.size[1]}×{grid.size[2]} voxels because {why}. "
        "Measurements and models use the slices as stored."
    )
    return dataclasses.replace(
        volume, hu=hu, geometry=grid, findings=(*volume.findings, Finding("resampled", text))
    )


def _aligned_view(
    hu: NDArray[np.int16] | NDArray[np.float32], geometry: Geometry
) -> NDArray[np.int16] | NDArray[np.float32]:
    """Flip and transpose (k, j, i) to (z, y, x) without a copy."""
    order, flips = [0, 0, 0], [slice(None)] * 3
    for voxel_axis, patient_axis in enumerate(patient_axes(geometry)):
        order[2 - patient_axis] = 2 - voxel_axis
        if geometry.axes[patient_axis, voxel_axis] < 0:
            flips[2 - patient_axis] = slice(None, None, -1)
    return hu.transpose(order)[tuple(flips)]


def _as_type_of(
    values: NDArray[np.float32], hu: NDArray[np.int16] | NDArray[np.float32]
) -> NDArray[np.int16] | NDArray[np.float32]:
    return np.rint(values).astype(np.int16) if hu.dtype == np.int16 else values


def _project_slice(volume: CTVolume, grid: Geometry) -> NDArray[np.int16] | NDArray[np.float32]:
    """Show one oblique slice whole: each point of the grid meets the slice along one patient axis."""
    geometry = volume.geometry
    flat = patient_axes(geometry)[2]
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.size[::-1]), indexing="ij")
    points = grid.to_lps(np.stack([k, j, i], axis=-1))
    relative = points - np.array(geometry.origin_lps_mm)
    points[..., flat] -= (relative @ geometry.normal) / geometry.normal[flat]

    from scipy.ndimage import map_coordinates

    index = geometry.to_voxel(points)[..., 1:]
    values = map_coordinates(
        volume.hu[0].astype(np.float32), np.moveaxis(index, -1, 0), order=1, mode="nearest"
    )
    inside = np.all((index >= -0.5) & (index <= np.array(volume.hu.shape[1:]) - 0.5), axis=-1)
    return _as_type_of(np.where(inside, values, np.float32(AIR_HU)), volume.hu)


def _resample(volume: CTVolume, grid: Geometry) -> NDArray[np.int16] | NDArray[np.float32]:
    """Resample slab by slab, so that beside the result only one slab is ever held."""
    sample = _affine_sampler(volume) if volume.geometry.is_uniform else partial(_sample_slab, volume)
    result = np.empty(grid.size[::-1], dtype=volume.hu.dtype)
    depth = max(1, (1 << 22) // (grid.size[0] * grid.size[1]))
    for start in range(0, grid.size[2], depth):
        stop = min(start + depth, grid.size[2])
        x, y, z = (float(value) for value in grid.to_lps((start, 0, 0)))
        slab = dataclasses.replace(
            grid, size=(grid.size[0], grid.size[1], stop - start), origin_lps_mm=(x, y, z)
        )
        result[start:stop] = _as_type_of(sample(slab), volume.hu)
    return result


def _sample_slab(volume: CTVolume, slab: Geometry) -> NDArray[np.float32]:
    return sample_grid(volume.hu, volume.geometry, slab)


def _affine_sampler(volume: CTVolume) -> Callable[[Geometry], NDArray[np.float32]]:
    """Sample an even (oblique or sheared) volume on all cores; what :func:`sample_grid` gives, faster."""
    import SimpleITK

    geometry = volume.geometry
    image = SimpleITK.GetImageFromArray(volume.hu)
    # The image lies on plain voxel indices; one affine map leads there from LPS, so that
    # sheared axes, which image headers can't hold, need no special care.
    steps = np.array([geometry.spacing_mm[0], geometry.spacing_mm[1], geometry.slice_step_mm])
    to_index = np.linalg.inv(geometry.axes * steps)
    transform = SimpleITK.AffineTransform(3)
    transform.SetMatrix(to_index.ravel().tolist())
    transform.SetTranslation((-to_index @ np.array(geometry.origin_lps_mm)).tolist())

    def sample(slab: Geometry) -> NDArray[np.float32]:
        resampled = SimpleITK.Resample(
            image,
            slab.size,
            transform,
            SimpleITK.sitkLinear,
            slab.origin_lps_mm,
            slab.spacing_mm,
            (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
            float(AIR_HU),
            SimpleITK.sitkFloat32,
        )
        values: NDArray[np.float32] = SimpleITK.GetArrayFromImage(resampled)
        return values

    return sample
