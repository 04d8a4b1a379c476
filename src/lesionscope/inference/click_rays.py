"""Closed outlines around a click, searched along rays at several tolerances, and the most trusted one.

Along each ray an outline may cross any radius. Crossing costs what was passed that is unlike the place
clicked, and is paid for by the step from like to unlike at the crossing; neighbouring rays may differ
little. The cheapest closed outline of each tolerance follows by dynamic programming (A. A. Amini,
T. E. Weymouth, R. C. Jain, *IEEE PAMI* 1990; 12: 855–867), and a linear rule, fitted to phantom training
patients, expects how well each would agree with the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

RAYS = 64
STEP_MM = 0.5
RADIUS_MM = 64.0
"""Outlines are looked for no further away than this."""
RADII: Floats = np.arange(1.0, int(RADIUS_MM / STEP_MM) + 1.0) * STEP_MM
ANGLES: Floats = np.arange(RAYS) * 2 * np.pi / RAYS
TOLERANCES_HU = np.array([12.0, 18.0, 27.0, 40.0, 60.0, 90.0, 140.0, 220.0, 350.0])
"""How unlike the place clicked a point must be to count as wholly unlike it."""

_PASSED_FREE = 0.3
_PASSED = 0.1
_BEND = 0.06
_REACH = 3
_BAND = 3
_CONTRAST_HU = 60.0
EXPECTED = {
    "constant": 0.0495,
    "contrast": 0.0494,
    "sharp": 0.7933,
    "rough": -2.0546,
    "steady": 0.1084,
    "one_sided": -0.0887,
}
"""Weights of the expected Dice coefficient (see docs/click_box.md)."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """One closed outline a tolerance.

    Parameters
    ----------
    radii_mm
        ``(tolerances, rays)``.
    measures
        ``(tolerances, 6)``: what :data:`EXPECTED` weighs, in its order.
    inside_hu
        What the place clicked looks like.
    """

    radii_mm: Floats
    measures: Floats
    inside_hu: float

    @property
    def expected(self) -> Floats:
        """Dice coefficient that each outline is expected to reach, ``(tolerances,)``."""
        return np.asarray(self.measures @ np.array(list(EXPECTED.values())))


def along_rays(planes: Singles, pixel_mm: float, centre: tuple[float, float]) -> Singles:
    """Sample planes ``(n, rows, columns)`` along the rays from one pixel (row, column).

    Returns
    -------
    ndarray
        float32 ``(n, rays, radii)``; beyond a plane's rim its nearest pixel.
    """
    from scipy.ndimage import map_coordinates

    rows = centre[0] + np.sin(ANGLES)[:, None] * RADII / pixel_mm
    columns = centre[1] + np.cos(ANGLES)[:, None] * RADII / pixel_mm
    return np.stack(
        [map_coordinates(p, [rows, columns], order=1, mode="nearest", output=np.float32) for p in planes]
    )


def outlines(rays: Singles) -> Outlines:
    """Find the closed outline of each tolerance on the rays ``(rays, radii)`` of one plane."""
    inside = float(np.median(rays[:, :4]))
    unlike = np.clip(np.abs(rays - np.float32(inside)) / TOLERANCES_HU[:, None, None], 0, 1)
    index = paths(unlike)
    radii: Floats = RADII[index] + STEP_MM / 2
    return Outlines(radii, _measures(rays, index, radii), inside)


def paths(unlike: Floats) -> NDArray[np.intp]:
    """Return the cheapest closed path of each sheet.

    Parameters
    ----------
    unlike
        ``(sheets, rays, radii)``, 0 like the place clicked … 1 unlike it.

    Returns
    -------
    ndarray
        ``(sheets, rays)``: index of the last radius inside.
    """
    sums = _sums(unlike)
    step = _mean(sums, 1, 1 + _BAND) - _mean(sums, 1 - _BAND, 1)
    step[..., -_BAND:] = 0
    passed = np.cumsum(np.maximum(unlike - _PASSED_FREE, 0), axis=-1) * STEP_MM
    return cheapest((_PASSED * passed - step).astype(np.float32), _BEND, _REACH)


def cheapest(cost: Singles, bend: float, reach: int) -> NDArray[np.intp]:
    """Find the closed path of least cost through each sheet ``(sheets, rays, radii)``.

    Two turns are walked and the middle one is kept, so that both ends meet (a path that had to meet
    itself exactly would need one search for each place to start).

    Parameters
    ----------
    cost
        Of crossing each ray at each radius.
    bend
        Cost of each radius by which neighbouring rays differ.
    reach
        By how many radii they may differ.
    """
    sheets, count, length = cost.shape
    shifts = np.arange(-reach, reach + 1)
    penalty = (bend * np.abs(shifts)).astype(np.float32)[:, None, None]
    total = cost[:, 0].copy()
    came_from = np.empty((2 * count, sheets, length), np.int8)
    padded = np.full((sheets, length + 2 * reach), np.inf, np.float32)
    shifted = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1).transpose(1, 0, 2)
    for turn in range(1, 2 * count):
        padded[:, reach : reach + length] = total
        options = shifted + penalty
        came_from[turn] = options.argmin(axis=0) - reach
        total = options.min(axis=0) + cost[:, turn % count]
    at, every = total.argmin(axis=1), np.arange(sheets)
    result = np.empty((sheets, count), np.intp)
    for turn in range(2 * count - 1, count // 2 - 1, -1):
        if turn < count + count // 2:
            result[:, turn % count] = at
        at = at + came_from[turn][every, at]
    return result


def _sums(values: Floats | Singles) -> Floats:
    padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(1, 0)])
    return np.cumsum(padded, axis=-1, dtype=np.float64)


def _mean(sums: Floats, low: int, high: int) -> Floats:
    """Mean over the radii ``low`` … ``high`` (exclusive) away from each one, from running sums."""
    count = sums.shape[-1] - 1
    start = np.clip(np.arange(count) + low, 0, count)
    stop = np.clip(np.arange(count) + high, 0, count)
    return np.asarray((sums[..., stop] - sums[..., start]) / np.maximum(stop - start, 1))


def _measures(rays: Singles, index: NDArray[np.intp], radii: Floats) -> Floats:
    """Measure each outline: see the comments; ``(tolerances, 6)``."""
    sums = _sums(rays)
    every = np.arange(RAYS)
    contrast = _mean(sums, 2, 6)[every, index] - _mean(sums, -3, 1)[every, index]
    noise = 1.5 * float(np.median(np.abs(np.diff(rays[:, :12], axis=1)))) + 1.0
    bends = np.abs(np.diff(radii, axis=1, append=radii[:, :1]))
    tighter = np.concatenate([np.zeros((1, RAYS)), radii[:-1]])
    shared = np.minimum(radii, tighter) ** 2
    joined = np.maximum(radii, tighter) ** 2
    return np.stack(
        [
            np.ones(len(radii)),
            np.tanh(np.median(np.abs(contrast), axis=1) / _CONTRAST_HU),  # how much it stands out
            np.mean(np.abs(contrast) > 3 * noise, axis=1),  # on how many rays it does
            bends.mean(axis=1) / radii.mean(axis=1),
            shared.sum(axis=1) / joined.sum(axis=1),  # whether a tighter tolerance finds the same
            np.abs(np.sign(contrast).mean(axis=1)),  # whether it is the brighter side all round
        ],
        axis=1,
    )
