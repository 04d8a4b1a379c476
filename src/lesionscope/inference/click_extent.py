"""From an outline on the clicked slice to the voxels of a lesion on the volume's own grid.

The same search along rays is made in parallel planes, from the outline's centre up and down, and held to
what the key slice leads to expect: no plane is wider than its neighbour nearer to the click allows, nor
than an ellipsoid somewhat taller than the lesion is long.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.crops import sample_grid
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume
from lesionscope.inference.click_rays import ANGLES, RADII, STEP_MM, along_rays, paths
from lesionscope.lesions.lesion import Point

Floats = NDArray[np.float64]

PIXEL_MM = 1.0
PLANES = 12
"""At most so many planes on each side of the key slice."""
TALLER = 0.75
"""Half height of the ellipsoid that holds a lesion, as a share of its long diameter."""
WIDENING = 0.5
"""A plane may be wider than the one before it by so many mm a mm."""
UNLIKE = 0.6
"""Where the middle of a plane is so unlike the key slice, the lesion has ended."""
SMALLEST_MM = 1.0
_SAME_MM = 1e-6


@dataclass(frozen=True, eq=False)
class Mask:
    """Voxels of a lesion.

    Parameters
    ----------
    voxels
        bool ``(k, j, i)``: a block of the volume's own grid.
    geometry
        Where that block lies.
    start
        Its first voxel (k, j, i) in the volume.
    """

    voxels: NDArray[np.bool_]
    geometry: Geometry
    start: tuple[int, int, int]

    def whole(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the mask on the volume's whole grid."""
        result = np.zeros(shape, dtype=np.bool_)
        result[tuple(slice(a, a + n) for a, n in zip(self.start, self.voxels.shape, strict=True))] = (
            self.voxels
        )
        return result


def mask_of(volume: CTVolume, click: Point, contour: Floats, inside_hu: float, tolerance_hu: float) -> Mask:
    """Find the voxels of a lesion.

    Parameters
    ----------
    volume
        The scan.
    click
        LPS mm, on the key slice.
    contour
        The outline there, ``(n, 2)`` mm from the click.
    inside_hu, tolerance_hu
        What the lesion looks like, and how far from it is wholly unlike it.
    """
    middle = _centroid(contour)
    key = _radii_of(contour - middle)
    centre: Floats = np.add(click, (*middle, 0.0))
    long_mm = 2 * float(key.max())
    step = max(_step_mm(volume.geometry), TALLER * long_mm / PLANES)
    count = int(np.ceil(TALLER * long_mm / step))
    heights: Floats = np.arange(-count, count + 1.0) * step
    radii = _stacked(volume, centre, key, heights, inside_hu, tolerance_hu)
    return _voxels(volume.geometry, centre, heights, radii)


def _step_mm(geometry: Geometry) -> float:
    """Return the least step of the grid's axes that climbs mostly along z."""
    rise = np.abs(geometry.axes[2] * (geometry.spacing_mm[0], geometry.spacing_mm[1], geometry.slice_step_mm))
    return max(float(rise.max()), PIXEL_MM)


def _centroid(polygon: Floats) -> Floats:
    """Centroid of a polygon's area."""
    following = np.roll(polygon, -1, axis=0)
    cross = polygon[:, 0] * following[:, 1] - following[:, 0] * polygon[:, 1]
    return np.asarray(((polygon + following) * cross[:, None]).sum(axis=0) / (3 * cross.sum()))


def _radii_of(polygon: Floats) -> Floats:
    """Distance of a polygon from the origin along each ray."""
    angle = np.arctan2(polygon[:, 1], polygon[:, 0]) % (2 * np.pi)
    order = np.argsort(angle)
    away = np.hypot(polygon[:, 0], polygon[:, 1])[order]
    return np.asarray(np.interp(ANGLES, angle[order], away, period=2 * np.pi))


def _stacked(
    volume: CTVolume, centre: Floats, key: Floats, heights: Floats, inside_hu: float, tolerance_hu: float
) -> Floats:
    """Return the radii of each plane ``(planes, rays)``, 0 where the lesion has ended."""
    half = int(np.ceil(1.25 * float(key.max()) / PIXEL_MM)) + 4
    side = 2 * half + 1
    origin = np.add(centre, (-half * PIXEL_MM, -half * PIXEL_MM, heights[0]))
    step = float(heights[1] - heights[0])
    grid = Geometry(
        (side, side, len(heights)),
        (PIXEL_MM, PIXEL_MM, step),
        (float(origin[0]), float(origin[1]), float(origin[2])),
    )
    rays = along_rays(sample_grid(volume.hu, volume.geometry, grid), PIXEL_MM, (half, half))
    rays = rays[..., : int(1.25 * float(key.max()) / STEP_MM) + 6]
    unlike = np.clip(np.abs(rays - np.float32(inside_hu)) / tolerance_hu, 0, 1)
    found = RADII[paths(unlike)] + STEP_MM / 2
    middle = len(heights) // 2
    result = np.zeros_like(found)
    result[middle] = key
    reach = TALLER * 2 * float(key.max())
    core = unlike[:, :, : max(2, int(0.3 * float(key.min()) / STEP_MM))].mean(axis=(1, 2))
    allowed = max(UNLIKE, float(core[middle]) + 0.2)
    for way in (-1, 1):
        for plane in range(middle + way, len(heights) if way > 0 else -1, way):
            if core[plane] > allowed:
                break
            ellipsoid = key * np.sqrt(max(0.0, 1 - (heights[plane] / reach) ** 2))
            near = result[plane - way] + WIDENING * step
            radii = np.minimum(found[plane], np.minimum(near, ellipsoid + STEP_MM))
            if radii.mean() < SMALLEST_MM:
                break
            result[plane] = radii
    return result


def _voxels(geometry: Geometry, centre: Floats, heights: Floats, radii: Floats) -> Mask:
    """Take the voxels whose centres lie within the radii, interpolated between rays and planes."""
    from scipy.ndimage import map_coordinates

    used = np.nonzero(radii.max(axis=1) > 0)[0]
    step = float(heights[1] - heights[0])
    reach = float(radii.max())
    low = np.add(centre, (-reach, -reach, heights[used[0]] - step))
    high = np.add(centre, (reach, reach, heights[used[-1]] + step))
    corners = geometry.to_voxel(list(itertools.product(*zip(low, high, strict=True))))
    last = np.array(geometry.size[::-1]) - 1
    first = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, last)
    stop = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, last) + 1
    shape = tuple(int(n) for n in stop - first)
    wrapped = np.concatenate([radii, radii[:, :1]], axis=1).astype(np.float32)
    voxels = np.empty(shape, dtype=np.bool_)
    rows, columns = np.meshgrid(
        *(np.arange(a, b) for a, b in zip(first[1:], stop[1:], strict=True)), indexing="ij"
    )
    lowest = geometry.to_lps(np.stack([np.full_like(rows, first[0]), rows, columns], axis=-1)) - centre
    corner = geometry.to_lps(first)
    for k in range(shape[0]):
        x, y, z = geometry.to_lps(np.add(first, (k, 0, 0))) - corner
        if k == 0 or max(abs(x), abs(y)) > _SAME_MM:  # straight stacks need their angles but once
            across, back = lowest[..., 0] + x, lowest[..., 1] + y
            turn = np.arctan2(back, across) % (2 * np.pi) * (len(ANGLES) / (2 * np.pi))
            away = np.hypot(across, back)
        plane = (lowest[..., 2] + z - heights[0]) / step
        voxels[k] = away < map_coordinates(wrapped, [plane, turn], order=1, mode="constant", cval=0.0)
    # The voxel at the centre of the key slice is the lesion's however thin it is.
    nearest = np.clip(np.rint(geometry.to_voxel(centre)).astype(int) - first, 0, np.array(shape) - 1)
    voxels[tuple(nearest)] = True
    start = (int(first[0]), int(first[1]), int(first[2]))
    return Mask(voxels, _block(geometry, start, shape), start)


def _block(geometry: Geometry, start: tuple[int, int, int], shape: tuple[int, ...]) -> Geometry:
    """Return the grid of a block of a volume."""
    origin = geometry.to_lps(start)
    offsets = geometry.offsets_mm
    if offsets is not None:
        kept = offsets[start[0] : start[0] + shape[0]]
        offsets = tuple(offset - kept[0] for offset in kept)
    return replace(
        geometry,
        size=(shape[2], shape[1], shape[0]),
        origin_lps_mm=(float(origin[0]), float(origin[1]), float(origin[2])),
        offsets_mm=offsets,
    )
