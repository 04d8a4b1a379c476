"""RECIST diameters of a closed contour: exact, where an outline's are sampled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.lesions.outlines import Diameters

Points = NDArray[np.float64]
MOST = 2000
"""Corners that are compared pair by pair; of more only every second, third… counts."""


def area(corners: Points) -> float:
    """Area of a polygon ``(n, 2)``, in the square of its unit (shoelace formula)."""
    x, y = (corners - corners.mean(axis=0)).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def polygon_diameters(corners: Points) -> Diameters:
    """Measure a polygon ``(n, 2)`` mm: its farthest corners, and its widest extent across them.

    Across the long axis, the width changes evenly between corners, so that it is widest at one of them.
    Hollows are measured over, as with callipers.
    """
    corners = corners[:: 1 + len(corners) // MOST]
    gaps = np.square(corners[:, None] - corners[None]).sum(axis=2)
    first, second = np.unravel_index(int(gaps.argmax()), gaps.shape)
    start, end = corners[first], corners[second]
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    across = np.array([-along[1], along[0]])
    s, h = (corners - start) @ along, (corners - start) @ across
    # Every edge's height at every corner's place along the long axis.
    a, b = s, np.roll(s, -1)
    crosses = (s[:, None] >= np.minimum(a, b)) & (s[:, None] <= np.maximum(a, b))
    flat = np.abs(b - a) < 1e-9
    share = (s[:, None] - a) / np.where(flat, 1.0, b - a)
    heights = h + np.clip(share, 0, 1) * (np.roll(h, -1) - h)
    # An edge straight across reaches from one of its ends to the other; its other end is a corner too.
    top = np.where(crosses, heights, -np.inf).max(axis=1)
    bottom = np.where(crosses, heights, np.inf).min(axis=1)
    widest = int((top - bottom).argmax())
    foot = start + along * s[widest]
    short = np.stack([foot + across * bottom[widest], foot + across * top[widest]])
    return Diameters(np.stack([start, end]), short)
