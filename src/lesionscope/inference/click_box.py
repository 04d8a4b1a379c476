"""A click proposes a lesion's outline, its diameters and its extent; or says why it can't.

The slice that was clicked is the key slice: it is the one the reader is looking at. On it the outline is
searched along rays (:mod:`lesionscope.inference.click_rays`) and finished by a random walker (L. Grady,
*IEEE PAMI* 2006; 28: 1768–1783; scikit-image's) between what is surely inside and surely outside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ct.crops import crop, patient_axes
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.inference.click_extent import Mask, mask_of
from lesionscope.inference.click_rays import ANGLES, RADIUS_MM, TOLERANCES_HU, along_rays, outlines
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.lesions.outlines import diameters
from lesionscope.progress import CancelToken

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PIXEL_MM = 0.75
SMOOTHING_MM = 0.7
_MIDDLE = int((RADIUS_MM + 4.0) / PIXEL_MM)
PLANE = 2 * _MIDDLE + 1
"""Pixels a side of the plane that is looked at, the click in its middle."""
UNSURE_MM = 3.0
"""How far from the rays' outline the random walker decides."""
STIFFNESS = 200.0
"""The random walker's beta, for HU in units of the contrast between inside and outside."""
LEAST_EXPECTED = 0.65
"""An outline that is expected to agree less with the truth is not proposed."""
AIR_HU, DENSE_HU = -850.0, 350.0
SMALLEST_MM, LARGEST_MM = 3.0, 120.0
_OUTSIDE_HU = -4000.0
_CONTRAST_FLOOR_HU = 20.0

_NOTHING = "{why} A box of 20 mm is declared around the click: draw the diameters to measure the lesion."
_OUTSIDE = "The click lies outside the volume."
_AIR = "The click lies in air."
_DENSE = "The click lies in bone or something as dense."
_VAGUE = "No clear boundary surrounds the click."
_LEAVES = "What was clicked reaches the edge of the volume."
_SMALL = "What was clicked is smaller than {limit:g} mm."
_LARGE = "What was clicked is larger than {limit:g} mm or has no boundary on one side."
_FOUND = "Proposed from a click: {long:.1f} × {short:.1f} mm. Check the ends before you rely on them."


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a click proposes.

    Parameters
    ----------
    click_lps_mm
        The click, moved to the middle of its slice.
    found
        Whether anything is proposed; where not, everything but ``sentence`` is empty.
    sentence
        For the person: what was found, or why nothing was.
    long, short
        RECIST diameters in the axial plane of the click, LPS mm.
    contour_lps_mm
        Closed outline in that plane, ``(n, 3)`` LPS mm, the first point not repeated.
    mask
        The lesion's voxels on the volume's own grid.
    expected_dice
        Agreement with the truth that training phantoms lead to expect.
    timings_ms
        How long each step took.
    """

    click_lps_mm: Point
    found: bool
    sentence: str
    long: Diameter | None = None
    short: Diameter | None = None
    contour_lps_mm: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    mask: Mask | None = None
    expected_dice: float | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def lesion(self, geometry: Geometry, previous: Lesion | None = None) -> Lesion:
        """Return the lesion proposed, or the declared box; it keeps identity and click of ``previous``."""
        if self.long is None:
            return previous if previous is not None else lesion_from_click(self.click_lps_mm)
        click = self.click_lps_mm if previous is None else previous.centroid_lps_mm
        return lesion_from_diameters(self.long, self.short, geometry=geometry, previous=previous, click=click)


def propose(volume: CTVolume, click_lps: ArrayLike, *, cancel: CancelToken | None = None) -> Proposal:
    """Propose a lesion around a click.

    Parameters
    ----------
    volume
        Any volume; it is looked at on a patient-aligned grid around the click.
    click_lps
        ``(x, y, z)`` LPS mm.
    cancel
        Asked between the steps.

    Raises
    ------
    Cancelled
        It was asked to stop.
    """
    token = cancel or CancelToken()
    began = time.perf_counter()
    click = on_slice(volume.geometry, click_lps)
    if not volume.geometry.contains(click):
        return _nothing(click, _OUTSIDE, {})
    plane, outside = _plane_at(volume, click)
    token.check()
    rays = along_rays(_smoothed(plane, SMOOTHING_MM)[None], PIXEL_MM, (_MIDDLE, _MIDDLE))[0]
    here = float(np.median(rays[:, :4]))
    if here < AIR_HU or here > DENSE_HU:
        return _nothing(click, _AIR if here < AIR_HU else _DENSE, {})
    looked = time.perf_counter()
    candidates = outlines(rays)
    best = int(candidates.expected.argmax())
    expected, radii = float(candidates.expected[best]), candidates.radii_mm[best]
    timings = {"plane": 1e3 * (looked - began), "rays": 1e3 * (time.perf_counter() - looked)}
    token.check()
    if radii.max() >= RADIUS_MM - 1.0:
        return _nothing(click, _LARGE.format(limit=LARGEST_MM), timings)
    if _touches(outside, radii):
        return _nothing(click, _LEAVES, timings)
    if expected < LEAST_EXPECTED:
        return _nothing(click, _VAGUE, timings)
    walked = time.perf_counter()
    inside = _walk(_smoothed(plane, 0.5), radii)
    contour = _contour(inside)
    timings["walker"] = 1e3 * (time.perf_counter() - walked)
    token.check()
    exact = diameters(contour)
    if exact.long_mm < SMALLEST_MM:
        return _nothing(click, _SMALL.format(limit=SMALLEST_MM), timings)
    if exact.long_mm > LARGEST_MM:
        return _nothing(click, _LARGE.format(limit=LARGEST_MM), timings)
    spread = time.perf_counter()
    mask = mask_of(volume, click, contour, candidates.inside_hu, float(TOLERANCES_HU[best]))
    timings["mask"] = 1e3 * (time.perf_counter() - spread)
    timings["total"] = 1e3 * (time.perf_counter() - began)
    long, short = (_placed(ends, click) for ends in (exact.long, exact.short))
    return Proposal(
        click,
        True,
        _FOUND.format(long=exact.long_mm, short=exact.short_mm),
        long,
        short if short.length_mm >= PIXEL_MM else None,
        np.column_stack([contour + click[:2], np.full(len(contour), click[2])]),
        mask,
        expected,
        timings,
    )


@cache
def practise() -> None:
    """Propose once on a made-up ball, so that all that a proposal loads is there when a person clicks."""
    z, y, x = np.ogrid[-4:5, -32:33, -32:33]
    hu = np.where(x * x + y * y + (2 * z) ** 2 < 100, 40, -800).astype(np.int16)
    geometry = Geometry((65, 65, 9), (1.0, 1.0, 2.0), (-32.0, -32.0, -8.0))
    propose(CTVolume(hu, geometry, Source("practice")), (0.0, 0.0, 0.0))


def on_slice(geometry: Geometry, lps: ArrayLike) -> Point:
    """Move a point to the middle of the slice it lies in, where slices are axial; else return it as it is."""
    point = np.array(lps, dtype=np.float64)
    if geometry.is_axis_aligned and geometry.contains(point):
        index = geometry.to_voxel(point)
        axis = 2 - patient_axes(geometry).index(2)
        index[axis] = np.clip(np.round(index[axis]), 0, geometry.size[2 - axis] - 1)
        point[2] = geometry.to_lps(index)[2]
    return float(point[0]), float(point[1]), float(point[2])


def _nothing(click: Point, why: str, timings: Mapping[str, float]) -> Proposal:
    return Proposal(click, False, _NOTHING.format(why=why), timings_ms=timings)


def _plane_at(volume: CTVolume, click: Point) -> tuple[Singles, NDArray[np.bool_]]:
    """Cut the axial plane of a click, and say which of its pixels lie outside the volume.

    Those hold the nearest value inside, so that the volume's rim is not taken for a boundary.
    """
    from scipy.ndimage import distance_transform_edt

    plane = crop(volume, click, shape=(1, PLANE, PLANE), spacing_mm=PIXEL_MM, pad_hu=_OUTSIDE_HU)[0]
    outside = plane == _OUTSIDE_HU
    if outside.any() and not outside.all():
        nearest = distance_transform_edt(outside, return_distances=False, return_indices=True)
        plane = plane[tuple(nearest)]
    return plane, outside


def _smoothed(plane: Singles, mm: float) -> Singles:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(plane, mm / PIXEL_MM), dtype=np.float32)


def _touches(outside: NDArray[np.bool_], radii: Floats) -> bool:
    """Whether an outline reaches beyond the volume."""
    if not outside.any():
        return False
    reach = (radii + PIXEL_MM) / PIXEL_MM
    rows = np.rint(_MIDDLE + np.sin(ANGLES) * reach).astype(int)
    columns = np.rint(_MIDDLE + np.cos(ANGLES) * reach).astype(int)
    return bool(outside[rows, columns].any())


def _walk(plane: Singles, radii: Floats) -> Singles:
    """Return for each pixel how likely a random walker from it reaches the inside first."""
    from scipy.ndimage import distance_transform_edt
    from skimage.draw import polygon2mask
    from skimage.segmentation import random_walker

    corners = np.stack([np.sin(ANGLES) * radii, np.cos(ANGLES) * radii], axis=1) / PIXEL_MM + _MIDDLE
    within = polygon2mask(plane.shape, corners)
    within[_MIDDLE, _MIDDLE] = True
    margin = int(UNSURE_MM / PIXEL_MM) + 3
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    high = np.ceil(corners.max(axis=0)).astype(int) + margin + 1
    window = slice(low[0], high[0]), slice(low[1], high[1])
    hu, within = plane[window], within[window]
    depth, away = (distance_transform_edt(part) * PIXEL_MM for part in (within, ~within))
    sure = depth >= min(UNSURE_MM, 0.5 * float(depth.max()))
    seeds = np.where(sure, 1, np.where(away > UNSURE_MM, 2, 0)).astype(np.int32)
    inside = float(np.median(hu[sure]))
    near = (away > 1.0) & (away < UNSURE_MM)
    contrast = float(np.median(np.abs(hu[near] - inside))) + _CONTRAST_FLOOR_HU
    shade = np.clip((hu - inside) / contrast, -1.5, 1.5)
    result = np.zeros(plane.shape, dtype=np.float32)
    result[window] = random_walker(shade, seeds, beta=STIFFNESS, mode="bf", return_full_prob=True)[0]
    return result


def _contour(inside: Singles) -> Floats:
    """Return the longest outline where a share crosses one half: ``(n, 2)`` mm from the middle, x and y."""
    from skimage.measure import find_contours

    longest = max(find_contours(inside, 0.5), key=len)
    return np.asarray((longest[:-1, ::-1] - _MIDDLE) * PIXEL_MM)


def _placed(ends: Floats, click: Point) -> Diameter:
    first, second = ((float(x + click[0]), float(y + click[1]), click[2]) for x, y in ends)
    return Diameter(first, second)
