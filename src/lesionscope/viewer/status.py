"""What the status bar says of the point under the pointer."""

from __future__ import annotations

from lesionscope.ct.volume import CTVolume
from lesionscope.lesions.lesion import Point

SIDES = (("R", "L"), ("A", "P"), ("F", "H"))


def place(lps: Point) -> str:
    """Write a point as readers say it: ``R 57.4  P 131.2  F 520.4 mm``, letters by sign."""
    parts = (f"{SIDES[axis][int(value >= 0)]} {abs(value):.1f}" for axis, value in enumerate(lps))
    return "  ".join(parts) + " mm"


def coordinates(lps: Point) -> str:
    """Write a point as scripts take it: ``(-57.44, 131.23, -520.36)``, LPS mm."""
    return "(" + ", ".join(f"{value:.2f}" for value in lps) + ")"


def readout(volume: CTVolume, lps: Point) -> str:
    """HU and place of a point; the value comes from the volume as it was read.

    Parameters
    ----------
    volume
        The volume as read, not the grid it is shown on.
    lps
        A point, LPS mm.
    """
    value = volume.hu_at(lps)
    if value is None:
        return f"outside the scan  ·  {place(lps)}  {coordinates(lps)}"
    number = f"{value:.0f}".replace("-", "−")
    unit = "value" if any(finding.code == "not-hu" for finding in volume.findings) else "HU"
    return f"{unit} {number}  ·  {place(lps)}  {coordinates(lps)}"
