"""Lines as a hand draws them, and the box round them."""

import numpy as np
import pytest

from lesionscope.lesions.outlines import Diameters
from lesionscope.phantom.clinic.marks import Mark, drawn


def test_a_hand_wobbles_by_millimetres_not_more():
    exact = Diameters(np.array([[0.0, 0.0], [30.0, 0.0]]), np.array([[15.0, -9.0], [15.0, 9.0]]))
    rng = np.random.default_rng(2)
    lengths, angles = [], []
    for _ in range(400):
        mark = Mark(0, 7.5, *drawn(exact, 7.5, rng), True)
        assert {end[2] for end in (*mark.long, *mark.short)} == {7.5}
        lengths.append((mark.long_mm, mark.short_mm))
        one, other = (np.subtract(ends[1], ends[0]) for ends in (mark.long, mark.short))
        angles.append(np.degrees(np.arccos(one @ other / np.linalg.norm(one) / np.linalg.norm(other))))
    long_mm, short_mm = np.array(lengths).T
    assert long_mm.mean() == pytest.approx(30, abs=0.4) and 0.4 < long_mm.std() < 2.0
    assert short_mm.mean() == pytest.approx(18, abs=0.4) and 0.3 < short_mm.std() < 1.5
    assert np.mean(angles) == pytest.approx(90, abs=1.0) and 1 < np.std(angles) < 8


def test_the_longer_line_is_the_long_diameter():
    """On a round lesion half of all hands draw the short one longer."""
    exact = Diameters(np.array([[0.0, 0.0], [12.0, 0.0]]), np.array([[6.0, -6.0], [6.0, 6.0]]))
    rng = np.random.default_rng(3)
    turned = 0
    for _ in range(200):
        mark = Mark(0, 0.0, *drawn(exact, 0.0, rng), True)
        assert mark.long_mm >= mark.short_mm
        x, y, _ = np.abs(np.subtract(*mark.long))
        turned += bool(y > x)
    assert 60 < turned < 140


def test_a_box_holds_all_four_ends():
    mark = Mark(0, 0.0, ((1.0, 2.0, 0.0), (11.0, 6.0, 0.0)), ((5.0, 8.0, 0.0), (7.0, -1.0, 0.0)), True)
    assert mark.box() == (1.0, -1.0, 11.0, 8.0)
    assert mark.box(2.0) == (-1.0, -3.0, 13.0, 10.0)
