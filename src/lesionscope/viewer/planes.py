"""The three standard planes and how a radiologist expects each to hang.

The world of every canvas is (z, y, x) in LPS mm, so each axis grows towards the
head, the back and the patient's left. Hanging is then only a matter of which
axes are shown and which way they run on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plane:
    """A plane through the patient.

    Parameters
    ----------
    name, title
        For programs and for people.
    axis
        The world axis that the wheel scrolls: 0, 1, 2 for z, y, x.
    order
        Order of the world's axes, the sliced one first, then vertical, then horizontal.
    orientation2d
        Which way the vertical and the horizontal axis grow on the screen.
    coordinate
        Letter of the LPS coordinate that the slices step along.
    colour
        Colour of this plane's line in the other two canvases.
    """

    name: str
    title: str
    axis: int
    order: tuple[int, int, int]
    orientation2d: tuple[str, str]
    coordinate: str
    colour: str


AXIAL = Plane("axial", "Axial", 0, (0, 1, 2), ("down", "right"), "z", "#e4685d")
CORONAL = Plane("coronal", "Coronal", 1, (1, 0, 2), ("up", "right"), "y", "#5ec27a")
SAGITTAL = Plane("sagittal", "Sagittal", 2, (2, 0, 1), ("up", "right"), "x", "#5aa9e6")
PLANES = (AXIAL, CORONAL, SAGITTAL)
BY_AXIS = {plane.axis: plane for plane in PLANES}
