"""The outline of a region in a plane, and the RECIST diameters of an outline.

RECIST 1.1 (E. A. Eisenhauer et al., *Eur J Cancer* 2009; 45: 228–247): the longest diameter in the
axial plane and the longest one at a right angle to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Diameters:
    """Diameters of an outline in its plane: end points ``(2, 2)`` as (x, y) mm, each."""

    long: Points
    short: Points

    @property
    def long_mm(self) -> float:
        """Length of the long one."""
        return float(np.linalg.norm(self.long[1] - self.long[0]))

    @property
    def short_mm(self) -> float:
        """Length of the short one."""
        return float(np.linalg.norm(self.short[1] - self.short[0]))


def outline(share: NDArray[np.float32], x: Points, y: Points) -> Points:
    """Return points ``(n, 2)`` mm where a slice ``(ny, nx)`` of shares crosses one half.

    Crossings lie on the grid's own lines, at the place that interpolation gives.
    """
    share = np.pad(np.asarray(share, dtype=np.float64), 1)
    x = np.concatenate([[2 * x[0] - x[1]], x, [2 * x[-1] - x[-2]]])
    y = np.concatenate([[2 * y[0] - y[1]], y, [2 * y[-1] - y[-2]]])
    level = share - 0.5
    parts = []
    for axis in (0, 1):
        a = level[:-1] if axis == 0 else level[:, :-1]
        b = level[1:] if axis == 0 else level[:, 1:]
        rows, columns = np.nonzero((a > 0) != (b > 0))
        t = a[rows, columns] / (a[rows, columns] - b[rows, columns])
        if axis == 0:
            parts.append(np.stack([x[columns], y[rows] + t * (y[rows + 1] - y[rows])], axis=1))
        else:
            parts.append(np.stack([x[columns] + t * (x[columns + 1] - x[columns]), y[rows]], axis=1))
    return np.concatenate(parts)


def main_part(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep the largest connected part of a slice of shares: what one pair of lines measures."""
    from scipy.ndimage import label

    parts, count = label(share > 0.5)
    if count < 2:
        return share
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.where((parts == int(sizes.argmax())) | (parts == 0), share, 0).astype(np.float32)


def diameters(edge: Points) -> Diameters:
    """Measure an outline ``(n, 2)`` mm: the farthest pair, and the longest chord across it."""
    gaps = np.square(edge[:, None] - edge[None]).sum(axis=2)
    first, second = np.unravel_index(int(gaps.argmax()), gaps.shape)
    a, b = edge[first], edge[second]
    length = float(np.linalg.norm(b - a))
    along = (b - a) / max(length, 1e-9)
    across = np.array([-along[1], along[0]])
    s, h = (edge - a) @ along, (edge - a) @ across
    # The outline's height above and below the long axis at stations along it.
    upper, lower = h > 0, h <= 0
    stations = np.linspace(0.12, 0.88, 39) * length
    best: tuple[float, float, float, float] = (0.0, 0.5 * length, 0.0, 0.0)
    half = max(0.04 * length, 0.6)
    for station in stations:
        near = np.abs(s - station) < half
        top, bottom = h[near & upper], h[near & lower]
        if len(top) and len(bottom):
            up, down = float(top.max()), float(bottom.min())
            if up - down > best[0]:
                best = (up - down, float(station), down, up)
    foot = a + along * best[1]
    return Diameters(np.stack([a, b]), np.stack([foot + across * best[2], foot + across * best[3]]))
