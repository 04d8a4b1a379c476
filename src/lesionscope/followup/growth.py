"""How one lesion changed between two visits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from lesionscope.followup.response import ROUNDING_MM

SURE_GROWTH_MM = 2.0
"""Least growth of the mean diameter that is more than measurement error
(MacMahon et al., Radiology 284 (2017) 228–243, Fleischner Society)."""


@dataclass(frozen=True)
class Growth:
    """Change of one diameter; shares as 0.2 = 20 % more.

    Parameters
    ----------
    before_mm, after_mm
        The diameter that counts, at the two visits.
    doubling_days
        Time in which its volume doubles, were it to go on growing alike; ``None`` unless it
        grew by more than can be measured wrong, over a known time.
    """

    before_mm: float
    after_mm: float
    doubling_days: float | None = None

    @property
    def change_mm(self) -> float:
        """Millimetres gained."""
        return self.after_mm - self.before_mm

    @property
    def share(self) -> float | None:
        """Change as a share of the size before; ``None`` for a lesion that wasn't there."""
        return self.change_mm / self.before_mm if self.before_mm > 0 else None


def days_between(first: str, second: str) -> int | None:
    """Days from one DICOM date (YYYYMMDD) to another; ``None`` where either is no date."""
    try:
        start, end = (datetime.strptime(date.strip(), "%Y%m%d") for date in (first, second))
    except ValueError:
        return None
    return (end - start).days


def doubling_days(before_mm: float, after_mm: float, days: int | None) -> float | None:
    """Volume doubling time of a lesion that grows alike in all directions.

    ``days · ln 2 / (3 ln(after / before))``: Schwartz, Cancer 14 (1961) 1272–1294, for volumes
    that go as the cube of the diameter.

    Parameters
    ----------
    before_mm, after_mm
        Mean diameters, or the long ones where only these are known.
    days
        Time between; ``None`` = unknown.
    """
    if days is None or days <= 0 or before_mm <= 0 or after_mm - before_mm < SURE_GROWTH_MM - ROUNDING_MM:
        return None
    return days * math.log(2) / (3 * math.log(after_mm / before_mm))


def growth(
    before: tuple[float | None, float | None],
    after: tuple[float | None, float | None],
    *,
    node: bool = False,
    days: int | None = None,
) -> Growth | None:
    """Compare a lesion's (long, short) diameters at two visits.

    Returns
    -------
    Growth or None
        Of the short axis for nodes, of the long one else; ``None`` where that wasn't drawn twice.
    """
    axis = 1 if node else 0
    first, second = before[axis], after[axis]
    if first is None or second is None:
        return None
    means = [_mean(sizes) for sizes in (before, after)]
    known = means[0] is not None and means[1] is not None
    pair = (means[0], means[1]) if known else (first, second)
    return Growth(first, second, doubling_days(pair[0] or 0.0, pair[1] or 0.0, days))


def _mean(sizes: tuple[float | None, float | None]) -> float | None:
    long, short = sizes
    return None if long is None or short is None else (long + short) / 2
