from __future__ import annotations

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.canvas import Canvas, paint_balls
from lesionscope.phantom.scanner import KERNELS, Scanner, render


def uniform(canvas: Canvas) -> None:
    canvas.hu[...] = 40.0


@pytest.mark.parametrize("kernel", KERNELS)
def test_noise_has_the_sd_asked_for(kernel: str) -> None:
    geometry = Geometry((96, 96, 12), (0.7, 0.7, 2.0))
    hu = render(uniform, geometry, Scanner(0.7, 2.0, 2.0, kernel, 20.0), np.random.default_rng(0))
    assert hu.dtype == np.int16
    assert float(hu.std()) == pytest.approx(20.0, rel=0.05)
    assert float(hu.mean()) == pytest.approx(40.0, abs=1.0)


def test_sharper_kernels_have_finer_noise() -> None:
    geometry = Geometry((96, 96, 8), (0.6, 0.6, 1.0))
    neighbours = {}
    for kernel in KERNELS:
        hu = render(uniform, geometry, Scanner(0.6, 1.0, 1.0, kernel, 30.0), np.random.default_rng(0))
        x = hu - hu.mean()
        neighbours[kernel] = float((x[:, :, 1:] * x[:, :, :-1]).mean() / x.var())
    assert neighbours["lung"] < neighbours["standard"] < neighbours["soft"]


def test_thick_slices_average_over_their_thickness() -> None:
    """A thin plate's HU, integrated along z, doesn't depend on the slice thickness."""

    def plate(canvas: Canvas) -> None:
        canvas.hu[...] = 0.0
        paint_balls(canvas, np.array([[0.0, 0.0, 0.2]]), np.array([3.0]), 1000.0)

    totals = []
    for step in (1.0, 2.5, 5.0):
        count = int(60 / step) | 1
        geometry = Geometry((41, 41, count), (0.7, 0.7, step), (-14, -14, -step * (count - 1) / 2))
        hu = render(plate, geometry, Scanner(0.7, step, step, "soft", 1e-6), np.random.default_rng(0))
        totals.append(float(hu.astype(float).sum()) * 0.49 * step)
    exact = 1000 * 4 / 3 * np.pi * 27
    assert totals == pytest.approx([exact] * 3, rel=0.06)
