"""Everything that fixes the shape of a detector; needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lesionscope.errors import InputError
from lesionscope.models.lesanet.spec import CHANNELS, WIDTHS

SIZES = (48, 72, 96)
"""Anchors' (§2.3)."""
RATIOS = (1.0, 0.5, 2.0)
"""Their heights by their widths."""
LARGEST_LOG = math.log(1000 / 16)
"""A decoded box is at most exp of it as wide as its anchor, lest a wild logit overflow."""


@dataclass(frozen=True)
class DetectorSpec:
    """Shape of a detector.

    Parameters
    ----------
    width
        Share of VGG-16's channels that every layer has: 1, ½, ¼ or ⅛.
    categories
        C, the kinds of lesion that it tells apart: 1 for the paper's single-class detector, 5 for its other.
    pool4
        Whether VGG-16's fourth pooling is in it; the paper leaves it out for maps twice as fine (§2.3).
    hidden
        Values of FC6 and of FC7 at width 1: 4096 in VGG-16, fewer for a smaller file.
    """

    width: float = 1.0
    categories: int = 1
    pool4: bool = False
    hidden: int = 4096

    def __post_init__(self) -> None:
        if self.width not in WIDTHS:
            raise InputError(f"width must be one of {', '.join(map(str, WIDTHS))}, not {self.width}.")
        if self.categories < 1 or self.hidden * self.width < 1:
            raise InputError("categories must be positive, and hidden leave one value or more.")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of VGG-16's five blocks."""
        return tuple(round(count * self.width) for count in CHANNELS)

    @property
    def stride(self) -> int:
        """Pixels of a slice a pixel of the map."""
        return 16 if self.pool4 else 8
