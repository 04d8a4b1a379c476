"""Diameters against shapes whose diameters are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.phantom.clinic.marks import Diameters, Mark, diameters, drawn, main_part, outline


def ellipse(a, b, angle, centre=(0.0, 0.0), n=81, half=40.0):
    line = np.linspace(-half, half, n)
    x, y = np.meshgrid(line, line)
    u = (x - centre[0]) * np.cos(angle) + (y - centre[1]) * np.sin(angle)
    v = -(x - centre[0]) * np.sin(angle) + (y - centre[1]) * np.cos(angle)
    rho = np.hypot(u / a, v / b)
    return np.clip(0.5 + (1 - rho) * 0.5 * (a + b) / 2.0, 0, 1).astype(np.float32), line


@given(st.floats(12, 30), st.floats(0.5, 0.9), st.floats(0, np.pi))
def test_an_ellipse_has_its_own_axes(a, ratio, angle):
    share, line = ellipse(a, ratio * a, angle)
    found = diameters(outline(share, line, line))
    assert found.long_mm == pytest.approx(2 * a, rel=0.03)
    assert found.short_mm == pytest.approx(2 * ratio * a, rel=0.06)
    along = (found.long[1] - found.long[0]) / found.long_mm
    across = (found.short[1] - found.short[0]) / found.short_mm
    assert abs(along @ across) < 1e-6
    assert abs(along @ (np.cos(angle), np.sin(angle))) > 0.95


def test_only_the_largest_part_is_measured():
    one, line = ellipse(12, 8, 0.3, (-20, 0))
    other, _ = ellipse(6, 5, 0.0, (25, 20))
    alone = diameters(outline(one, line, line))
    both = diameters(outline(main_part(np.maximum(one, other)), line, line))
    assert both.long_mm == pytest.approx(alone.long_mm)


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


def test_a_box_holds_all_four_ends():
    mark = Mark(0, 0.0, ((1.0, 2.0, 0.0), (11.0, 6.0, 0.0)), ((5.0, 8.0, 0.0), (7.0, -1.0, 0.0)), True)
    assert mark.box() == (1.0, -1.0, 11.0, 8.0)
    assert mark.box(2.0) == (-1.0, -3.0, 13.0, 10.0)
