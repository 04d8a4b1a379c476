"""Patient directions at the edges of a canvas, computed from geometry and camera.

Nothing here knows what a canvas "should" show: the letters follow from which
world axes are displayed, which way the camera lets them run, and how the layer
is turned, so they stay right after a transpose, a roll or a rotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

WORLD_AXES_LPS = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""LPS unit vectors of the world's axes (z, y, x), one a row."""

NEGLIGIBLE = 0.3
"""Smallest component that earns a further letter: about 17 degrees of obliquity."""


@dataclass(frozen=True)
class EdgeLetters:
    """What lies beyond each edge of a canvas: R, L, A, P, H, F or a mix such as ``LP``."""

    left: str
    right: str
    top: str
    bottom: str

    @property
    def known(self) -> bool:
        """Whether there is anything to show (not so in a 3-D view)."""
        return bool(self.left)


NO_LETTERS = EdgeLetters("", "", "", "")


def direction_letters(lps: ArrayLike) -> str:
    """Name a direction in the patient, largest component first.

    Parameters
    ----------
    lps
        A direction (x, y, z) in LPS; need not have unit length.

    Returns
    -------
    str
        ``"L"``, ``"P"``, ``"H"``, … or several for an oblique direction
        (DICOM PS3.3 C.7.6.1.1.1, Patient Orientation); empty for a zero vector.
    """
    vector = np.asarray(lps, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        return ""
    vector = vector / length
    names = (("R", "L"), ("A", "P"), ("F", "H"))
    order = np.argsort(-np.abs(vector), kind="stable")
    return "".join(names[axis][int(vector[axis] > 0)] for axis in order if abs(vector[axis]) >= NEGLIGIBLE)


def edge_letters(
    displayed: Sequence[int],
    orientation2d: Sequence[str],
    patient_from_world: ArrayLike | None = None,
) -> EdgeLetters:
    """Letters at the four edges of a 2-D canvas.

    Parameters
    ----------
    displayed
        World axes shown, (vertical, horizontal); 0, 1, 2 stand for z, y, x.
    orientation2d
        Which way each grows on screen: (``"up"`` or ``"down"``, ``"left"`` or ``"right"``).
    patient_from_world
        3×3 matrix that takes a world direction (z, y, x) to the patient's own
        (z, y, x), where a layer has been turned; identity where left out.

    Returns
    -------
    EdgeLetters
        Empty letters where anything but two spatial axes is displayed.
    """
    if len(displayed) != 2 or any(axis not in (0, 1, 2) for axis in displayed):
        return NO_LETTERS
    turn = np.eye(3) if patient_from_world is None else np.asarray(patient_from_world, dtype=np.float64)
    patient = (turn @ np.eye(3)).T @ WORLD_AXES_LPS
    down = patient[displayed[0]] * (1.0 if str(orientation2d[0]) == "down" else -1.0)
    right = patient[displayed[1]] * (1.0 if str(orientation2d[1]) == "right" else -1.0)
    return EdgeLetters(
        left=direction_letters(-right),
        right=direction_letters(right),
        top=direction_letters(-down),
        bottom=direction_letters(down),
    )
