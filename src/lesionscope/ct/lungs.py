"""A coarse lung region, which says whether a point lies in a lung whatever fills it there.

A model for lung lesions must know whether a click lies in a lung, even in the
middle of a mass so big that no air is near. The region is found on a strided
view of the volume (about 4 mm; the volume itself is never resampled):

1. **body**: tissue above −300 HU, freed of table and blankets by an opening,
   the big components, filled slice by slice, so that it includes the lungs, those too
   that the picture's edge cuts open;
2. **lungs**: large low-density components inside the body that are not nearly
   pure gas (bowel, trachea, the gap between arm and chest);
3. **filled**: each lung is closed with a 30 mm ball. Beyond that, a point counts
   when it lies in the convex outline of a lung in its own axial slice (where a mass
   hides the outer wall, the other lung's mirror image stands in) *and* lung lies
   below it. The second condition is what parts a mass in a lung from the
   dome of the liver, which a lung surrounds just as completely, but from above.
   Where the scan ends inside a lung, the end counts as lung if lung fills most
   of its outline there.

What follows from that, on purpose: a hilar or pleural mass counts as lung; the
mediastinum and the heart do not, save where they lie in a hollow of one lung's
outline with lung below. A mass over 6 cm that rests on the diaphragm may be
missed, as may a lung without any air left; the caller can read those anyway.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume

Mask = NDArray[np.bool_]

STEP_MM = 4.0
BODY_HU = -300.0
LUNG_HU = -400.0
GAS_HU = -970.0
"""At or below this a voxel is gas, not lung: air reads −1000, lung mostly −900…−700."""
SHEET_MM = 9.0
REGAINED_MM = 20.0
LIMB_MM = 12.0
"""A part of the body is somewhere at least twice this thick; a table is not."""
RIM_LUNG_HU = -930.0
"""At the picture's edge, where outer air is the other possibility, lung must be this dense."""
RIM_GAS = 0.1
"""And this share of it may be gas, for emphysema; outer air is nearly all gas."""
CLOSING_MM = 30.0
MAIN_AREA_MM2 = 2500.0
"""A lung covers at least this much of some axial slice; gas-filled bowel rarely does."""
BASE_AREA_MM2 = 800.0
"""Enough for the lowest part of a lung in a scan that begins there."""
CUT_SOLIDITY = 0.4
"""Where the scan ends, lung must fill this share of its outline for the end to count as lung."""
RIM_MM = 4.0
VALLEY = 0.4
"""Two lungs are told apart where, seen along x, less than this share of either lies between them."""
BITE_MM = 15.0
"""A row of lung that ends this much short of the other lung's mirror image has lost its wall."""


@dataclass(frozen=True, eq=False)
class LungRegion:
    """Coarse masks of body and lungs on a strided grid, asked by LPS points.

    ``body`` and ``lungs`` are (z, y, x) with axes along +z, +y, +x as nearly as
    the volume's own axes allow; ``aerated`` is the part of ``lungs`` with air.
    """

    body: Mask
    lungs: Mask
    aerated: Mask
    spacing_mm: tuple[float, float, float]
    geometry: Geometry
    strides: tuple[int, int, int]
    order: tuple[int, int, int]
    """Which volume axis (k, j, i = 0, 1, 2) runs along z, y and x."""
    flips: tuple[bool, bool, bool]

    @property
    def has_lungs(self) -> bool:
        """Whether any lung was found in the volume."""
        return bool(self.lungs.any())

    @property
    def lung_volume_ml(self) -> float:
        """Volume of the filled lungs in mL, to the accuracy of the coarse grid."""
        return float(self.lungs.sum() * np.prod(self.spacing_mm) / 1000.0)

    def _lookup(self, mask: Mask, lps: ArrayLike) -> bool:
        if not self.geometry.contains(lps):
            return False
        kji = self.geometry.to_voxel(lps) / np.array(self.strides)
        index = []
        for axis, flip, count in zip(self.order, self.flips, mask.shape, strict=True):
            at = min(max(round(float(kji[axis])), 0), count - 1)
            index.append(count - 1 - at if flip else at)
        return bool(mask[tuple(index)])

    def contains(self, lps: ArrayLike) -> bool:
        """Whether an LPS point (mm) lies in a lung, closed and filled; False outside the volume."""
        return self._lookup(self.lungs, lps)

    def in_body(self, lps: ArrayLike) -> bool:
        """Whether an LPS point (mm) lies in the body, lungs included; False outside the volume."""
        return self._lookup(self.body, lps)


_cache: weakref.WeakKeyDictionary[CTVolume, LungRegion] = weakref.WeakKeyDictionary()
_cache_lock = threading.Lock()


def lung_region(volume: CTVolume) -> LungRegion:
    """Find body and lungs of a volume; kept for as long as the volume lives."""
    with _cache_lock:
        known = _cache.get(volume)
    if known is None:
        known = find_lungs(volume)
        with _cache_lock:
            _cache[volume] = known
    return known


def find_lungs(volume: CTVolume) -> LungRegion:
    """Find body and lungs of a volume, afresh (see the module's text for how)."""
    geometry = volume.geometry
    steps = (geometry.slice_step_mm, geometry.spacing_mm[1], geometry.spacing_mm[0])
    strides = tuple(max(1, int(STEP_MM / step + 1e-6)) for step in steps)
    order, flips = _patient_order(geometry)
    coarse = volume.hu[:: strides[0], :: strides[1], :: strides[2]].astype(np.float32)
    coarse = np.nan_to_num(coarse, nan=-1024.0, posinf=3071.0, neginf=-1024.0)
    coarse = coarse.transpose(order)
    coarse = coarse[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    spacing = tuple(float(steps[axis] * strides[axis]) for axis in order)
    body = find_body(coarse, spacing)
    aerated = _aerated_lungs(coarse, body, spacing)
    lungs = np.zeros_like(aerated)
    sides = _sides(aerated, spacing)
    for index, (lung, side) in enumerate(sides):
        wall = np.zeros_like(lung)
        if len(sides) == 2:
            wall = _missing_wall(lung, sides[1 - index][0], side, spacing)
        lungs |= _filled(lung, wall, spacing)
    if lungs.any():
        from scipy import ndimage

        # A tumour on the chest wall may be wider than the closing: the coarse grid's own rim is added.
        near = ndimage.distance_transform_edt(~lungs, sampling=spacing) <= RIM_MM
        lungs = near & body
    return LungRegion(body, lungs, aerated, spacing, geometry, strides, order, flips)  # type: ignore[arg-type]


def _patient_order(geometry: Geometry) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]]:
    """Which volume axes (k, j, i) run most nearly along z, y, x, and which must be flipped."""
    along = geometry.axes[:, ::-1]  # rows x, y, z; columns k, j, i
    best = max(
        itertools.permutations(range(3)),
        key=lambda p: sum(abs(along[2 - n, axis]) for n, axis in enumerate(p)),
    )
    flips = tuple(bool(along[2 - n, axis] < 0) for n, axis in enumerate(best))
    return (best[0], best[1], best[2]), (flips[0], flips[1], flips[2])


def find_body(hu: NDArray[np.float32], spacing: tuple[float, ...]) -> Mask:
    """Find tissue without table and clothes, filled in each axial slice: the lungs are inside.

    Parameters
    ----------
    hu
        ``(z, y, x)``, finite; a few millimetres a voxel.
    spacing
        Steps along z, y and x in mm.
    """
    from scipy import ndimage

    tissue = hu > BODY_HU
    # A table top and blankets are sheets under about 1 cm thick: an in-plane opening parts them off.
    depth = np.stack([_depth(plane, spacing[1:]) for plane in tissue])
    labels, count = ndimage.label(depth > SHEET_MM / 2)
    if count == 0:
        return tissue
    sizes = np.bincount(labels.ravel())[1:]
    thickest = ndimage.maximum(depth, labels, np.arange(1, count + 1))
    chosen = (sizes >= 0.05 * sizes.max()) & ((thickest >= LIMB_MM) | (sizes == sizes.max()))
    keep = np.isin(labels, 1 + np.flatnonzero(chosen))
    # The chest wall of a thin person breaks up under the opening: take tissue near the core back,
    # where it hangs together with it (a table hardly does).
    near = np.stack([_depth(~plane, spacing[1:]) <= REGAINED_MM for plane in keep]) & tissue
    body = ndimage.binary_propagation(keep, mask=near)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in body])
    return filled | _lung_at_the_rim(hu, filled, spacing)


def _depth(plane: Mask, spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Distance in mm to the nearest pixel outside the mask; beyond the picture lies more of the same."""
    from scipy import ndimage

    if plane.all():
        return np.full(plane.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(plane, sampling=spacing))


def _lung_at_the_rim(hu: NDArray[np.float32], body: Mask, spacing: tuple[float, ...]) -> Mask:
    """Lung that the picture's edge cuts open, with what it surrounds; outer air may be in the picture too.

    A part is judged whole, over all slices: air beside a cushion tells that it is no lung.
    """
    from scipy import ndimage

    found = np.zeros_like(body)
    pixel = spacing[1] * spacing[2]
    gas = ndimage.uniform_filter(hu, size=(1, 3, 3), mode="nearest") <= GAS_HU
    labels, _ = ndimage.label(~body & (hu < LUNG_HU))
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[box] == index
        if part.sum(axis=(1, 2)).max() * pixel < BASE_AREA_MM2 or gas[box][part].mean() > RIM_GAS:
            continue
        if np.median(hu[box][part]) > RIM_LUNG_HU:
            found[box] |= part
    for k in np.flatnonzero(found.any(axis=(1, 2))):
        found[k] = ndimage.binary_fill_holes(found[k] | body[k])
    return found


def _aerated_lungs(hu: NDArray[np.float32], body: Mask, spacing: tuple[float, ...]) -> Mask:
    """Low-density components in the body that are large and not gas alone."""
    from scipy import ndimage

    lungs = np.zeros_like(body)
    # Averaged over neighbours: lung-kernel noise would make gas of single lung voxels.
    smooth = ndimage.uniform_filter(hu, size=(1, 3, 3), mode="nearest")
    labels, count = ndimage.label(body & (hu < LUNG_HU))
    if count == 0:
        return lungs
    pixel = spacing[1] * spacing[2]
    boxes = ndimage.find_objects(labels)
    cross = ndimage.generate_binary_structure(2, 1)[np.newaxis]
    parts: list[tuple[int, float]] = []
    for index, box in enumerate(boxes, start=1):
        part = labels[box] == index
        area = float(part.sum(axis=(1, 2)).max()) * pixel
        if area < BASE_AREA_MM2 / 4:
            continue
        # Away from the walls, whose partial volume looks like lung, bowel holds gas and lungs don't.
        core = ndimage.binary_erosion(part, cross, border_value=1)
        if not core.any():
            continue
        gas = float(np.mean(smooth[box][core] <= GAS_HU))
        # Emphysema and hyperinflation may read like gas in places, but then over a whole lung.
        if gas > (0.85 if area > 4 * MAIN_AREA_MM2 else 0.3):
            continue
        parts.append((index, area))
    main = [index for index, area in parts if area >= MAIN_AREA_MM2]
    if main:
        bottom = min(boxes[index - 1][0].start for index in main)
        kept = main + [
            index
            for index, _ in parts
            if index not in main and boxes[index - 1][0].stop > bottom  # no faeces below the lungs
        ]
    else:  # a scan that begins in the lowest part of the lungs
        kept = [i for i, area in parts if area >= BASE_AREA_MM2 and boxes[i - 1][0].stop == len(hu)]
    return np.asarray(np.isin(labels, kept))


def _sides(aerated: Mask, spacing: tuple[float, ...]) -> tuple[tuple[Mask, int], ...]:
    """Part the lungs where least of them lies, seen along x: the mediastinum must not be filled.

    Returns
    -------
    tuple
        Each lung with its side: −1 right (towards −x), +1 left, 0 where only one is seen.
    """
    from scipy import ndimage

    if not aerated.any():
        return ()
    profile = ndimage.uniform_filter1d(
        aerated.sum(axis=(0, 1)).astype(float), max(1, round(20.0 / spacing[2])), mode="constant"
    )
    seen = np.flatnonzero(aerated.any(axis=(0, 1)))
    margin = (seen[-1] - seen[0]) // 5
    middle = np.arange(seen[0] + margin, seen[-1] - margin + 1)
    lowest = middle[profile[middle] <= profile[middle].min() + 1e-9]
    cut = int(np.median(lowest))
    if profile[cut] > VALLEY * min(profile[:cut].max(initial=0), profile[cut:].max(initial=0)):
        return ((aerated, 0),)
    right, left = aerated.copy(), aerated.copy()
    right[..., cut:] = False
    left[..., :cut] = False
    return tuple((lung, side) for lung, side in ((right, -1), (left, 1)) if lung.any())


def _lateral(lung: Mask, side: int) -> NDArray[np.float64]:
    """Index along x of the outermost voxel in each row, ``(z, y)``; NaN in rows without lung."""
    width = lung.shape[2]
    outermost = lung.argmax(axis=2) if side < 0 else width - 1 - lung[..., ::-1].argmax(axis=2)
    return np.where(lung.any(axis=2), outermost, np.nan)


def _missing_wall(lung: Mask, other: Mask, side: int, spacing: tuple[float, ...]) -> Mask:
    """Where the lung's outer wall would be if it were the other's mirror image.

    A mass on the chest wall takes a bite out of a lung that its convex outline
    doesn't close. Only rows between others of the lung are completed.
    """
    wall = np.zeros_like(lung)
    own, mirrored = _lateral(lung, side), _lateral(other, -side)
    both = np.isfinite(own).any(axis=1) & np.isfinite(mirrored).any(axis=1)
    if not both.any():
        return wall
    extreme = np.nanmin if side < 0 else np.nanmax
    opposite = np.nanmax if side < 0 else np.nanmin
    centre = np.median(extreme(own[both], axis=1) + opposite(mirrored[both], axis=1))
    expected = centre - mirrored
    rows = np.isfinite(own)
    between = np.logical_or.accumulate(rows, axis=1)
    between &= np.logical_or.accumulate(rows[:, ::-1], axis=1)[:, ::-1]
    lacking = side * (expected - np.nan_to_num(own, nan=expected - side * 1e3)) * spacing[2] > BITE_MM
    for k, j in np.argwhere(between & lacking & np.isfinite(expected)):
        wall[k, j, min(max(round(float(expected[k, j])), 0), lung.shape[2] - 1)] = True
    return wall


def _filled(lung: Mask, wall: Mask, spacing: tuple[float, ...]) -> Mask:
    """Close one lung, then fill its outline (``wall`` included) wherever lung lies below."""
    from scipy import ndimage

    where = ndimage.find_objects((lung | wall).astype(np.uint8))[0]
    bottom, top = where[0].start == 0, where[0].stop == len(lung)
    filled = np.zeros_like(lung)
    lung, wall = lung[where], wall[where]
    closed = _closed(lung, spacing, bottom=bottom, top=top)
    outlines = np.stack([_outline(*planes) for planes in zip(lung, wall, strict=True)])
    support = closed.copy()
    if bottom and lung[0].sum() >= CUT_SOLIDITY * outlines[0].sum():
        support[0] |= outlines[0]
    below = np.logical_or.accumulate(support, axis=0)
    above = np.logical_or.accumulate(closed[::-1], axis=0)[::-1]
    lung_below = np.logical_or.accumulate(closed, axis=0)
    filled[where] = closed | (outlines & below) | (above & lung_below)
    return filled


def _closed(lung: Mask, spacing: tuple[float, ...], *, bottom: bool, top: bool) -> Mask:
    """Close with a ball; where the scan ends within the lung it goes on unseen, like its last slice."""
    from scipy import ndimage

    beyond = int(np.ceil(2 * CLOSING_MM / spacing[0]))
    margins = [int(np.ceil(CLOSING_MM / step)) + 1 for step in spacing]
    ends = (beyond if bottom else 0, beyond if top else 0)
    padded = np.pad(lung, (ends, (0, 0), (0, 0)), mode="edge")
    padded = np.pad(padded, [(m, m) for m in margins])
    grown = ndimage.distance_transform_edt(~padded, sampling=spacing) <= CLOSING_MM
    closed = ndimage.distance_transform_edt(grown, sampling=spacing) > CLOSING_MM
    closed = ndimage.binary_fill_holes(closed | padded)
    start = [margins[0] + ends[0], margins[1], margins[2]]
    return np.asarray(closed[tuple(slice(s, s + n) for s, n in zip(start, lung.shape, strict=True))])


def _outline(lung: Mask, wall: Mask) -> Mask:
    """Convex hull of one slice's lung and missing wall, as a mask of the pixels whose centres it holds."""
    if not lung.any():
        return lung
    points = lung | wall
    rows = np.flatnonzero(points.any(axis=1))
    first = points.argmax(axis=1)[rows]
    last = points.shape[1] - 1 - points[:, ::-1].argmax(axis=1)[rows]
    j = np.arange(rows[0], rows[-1] + 1)
    low = np.interp(j, *_lower_hull(rows, first))
    mirrored, height = _lower_hull(rows, -last)
    high = -np.interp(j, mirrored, height)
    inside = np.zeros_like(lung)
    i = np.arange(lung.shape[1])
    inside[j] = (i >= low[:, np.newaxis] - 1e-9) & (i <= high[:, np.newaxis] + 1e-9)
    return inside


def _lower_hull(x: NDArray[np.intp], y: NDArray[np.intp]) -> tuple[list[int], list[int]]:
    """Lower convex hull of points with increasing ``x`` (Andrew's monotone chain)."""
    hull: list[tuple[int, int]] = []
    for c, d in zip(x.tolist(), y.tolist(), strict=True):
        while len(hull) > 1:
            (e, f), (g, h) = hull[-2:]
            if (g - e) * (d - f) - (h - f) * (c - e) > 0:
                break
            hull.pop()
        hull.append((c, d))
    return [point[0] for point in hull], [point[1] for point in hull]
