"""Diameters against shapes whose diameters are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.lesions.outlines import diameters, main_part, outline


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
