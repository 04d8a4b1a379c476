"""Letters follow from the displayed axes, the camera and the layer, never from the plane's name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.viewer.letters import NO_LETTERS, EdgeLetters, direction_letters, edge_letters
from lesionscope.viewer.planes import AXIAL, CORONAL, PLANES, SAGITTAL

OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "H": "F", "F": "H"}


def flipped(letters: str) -> str:
    return "".join(OPPOSITE[letter] for letter in letters)


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        (AXIAL, EdgeLetters(left="R", right="L", top="A", bottom="P")),
        (CORONAL, EdgeLetters(left="R", right="L", top="H", bottom="F")),
        (SAGITTAL, EdgeLetters(left="A", right="P", top="H", bottom="F")),
    ],
)
def test_planes_hang_as_radiologists_read_them(plane, expected):
    assert edge_letters(plane.order[-2:], plane.orientation2d) == expected


def test_a_transposed_axial_slice_is_lettered_as_it_shows():
    # napari's Ctrl+T: x runs down, y runs to the right.
    letters = edge_letters((2, 1), ("down", "right"))
    assert letters == EdgeLetters(left="A", right="P", top="R", bottom="L")


@pytest.mark.parametrize("plane", PLANES)
def test_turning_the_camera_swaps_opposite_edges(plane):
    up = {"up": "down", "down": "up", "left": "right", "right": "left"}
    vertical, horizontal = plane.orientation2d
    before = edge_letters(plane.order[-2:], plane.orientation2d)
    after = edge_letters(plane.order[-2:], (up[vertical], up[horizontal]))
    assert (after.left, after.right, after.top, after.bottom) == (
        before.right,
        before.left,
        before.bottom,
        before.top,
    )


def test_a_layer_turned_by_a_quarter_carries_its_letters_along():
    # The layer turned within the axial plane: world (z, y, x) of the patient's (z, y, x).
    world_from_patient = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    letters = edge_letters((1, 2), ("down", "right"), np.linalg.inv(world_from_patient))
    # The patient's left (+x) now lies along world +y, that is down; the back (+y) along −x, left.
    assert letters == EdgeLetters(left="P", right="A", top="R", bottom="L")


def test_3d_and_foreign_axes_have_no_letters():
    assert edge_letters((0, 1, 2), ("down", "right")) == NO_LETTERS
    assert edge_letters((-1, 2), ("down", "right")) == NO_LETTERS
    assert not NO_LETTERS.known


def test_oblique_directions_name_what_they_mix():
    assert direction_letters((1, 1, 0)) == "LP"
    assert direction_letters((-0.9, 0.1, 0.5)) == "RH"
    assert direction_letters((0, 0, 0)) == ""


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3))
def test_the_opposite_direction_has_the_opposite_letters(vector):
    assert direction_letters([-v for v in vector]) == flipped(direction_letters(vector))
