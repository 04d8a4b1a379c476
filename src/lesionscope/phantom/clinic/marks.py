"""Long and short diameters as a radiologist draws them on a lesion's key slice.

A reader's lines end a little off the outline and are a little off the right angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lesionscope.lesions.lesion import Point
from lesionscope.lesions.outlines import Diameters, Points

Segment = tuple[Point, Point]

SLIP_MM = 0.4
SLIP_SHARE = 0.02
"""Standard deviation of a line's end: so many mm and so much of the diameter."""
TURN_DEGREES = 2.5
SMALLEST_MM = 1.5


@dataclass(frozen=True)
class Mark:
    """What a radiologist left of a lesion.

    Parameters
    ----------
    lesion
        Its number in its patient.
    slice_mm
        z of the key slice.
    long, short
        End points of its diameters on that slice, LPS mm.
    bookmarked
        Whether a report refers to it.
    """

    lesion: int
    slice_mm: float
    long: Segment
    short: Segment
    bookmarked: bool

    @property
    def long_mm(self) -> float:
        """Length of the long diameter."""
        return _length_mm(self.long)

    @property
    def short_mm(self) -> float:
        """Length of the short diameter."""
        return _length_mm(self.short)

    def box(self, padding_mm: float = 0.0) -> tuple[float, float, float, float]:
        """Extent of the four end points in the plane: x0, y0, x1, y1, LPS mm."""
        ends = np.array([*self.long, *self.short])[:, :2]
        (x0, y0), (x1, y1) = ends.min(axis=0) - padding_mm, ends.max(axis=0) + padding_mm
        return float(x0), float(y0), float(x1), float(y1)


def drawn(exact: Diameters, slice_mm: float, rng: np.random.Generator) -> tuple[Segment, Segment]:
    """Return both diameters as a hand draws them, the longer line first: ends LPS mm on the slice."""
    one, other = (_wobbled(ends, slice_mm, rng) for ends in (exact.long, exact.short))
    return (one, other) if _length_mm(one) >= _length_mm(other) else (other, one)


def _length_mm(line: Segment) -> float:
    return float(np.linalg.norm(np.subtract(*line)))


def _wobbled(ends: Points, slice_mm: float, rng: np.random.Generator) -> Segment:
    middle = ends.mean(axis=0)
    half = 0.5 * (ends[1] - ends[0])
    length = 2 * float(np.linalg.norm(half))
    if length < SMALLEST_MM:
        direction = half / max(float(np.linalg.norm(half)), 1e-9) if length > 1e-6 else np.array([0.0, 1.0])
        half = direction * SMALLEST_MM / 2
    turn = np.deg2rad(TURN_DEGREES * rng.standard_normal())
    half = np.array(
        [half[0] * np.cos(turn) - half[1] * np.sin(turn), half[0] * np.sin(turn) + half[1] * np.cos(turn)]
    )
    slip = (SLIP_MM + SLIP_SHARE * length) * 0.7 * np.clip(rng.standard_normal((2, 2)), -2, 2)
    # Short lines are drawn with more care than their own length.
    slip *= min(1.0, length / 6.0)
    one, other = middle - half + slip[0], middle + half + slip[1]
    return (float(one[0]), float(one[1]), slice_mm), (float(other[0]), float(other[1]), slice_mm)
