"""The texture numbers against NumPy, and what they must and must not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from lesionscope.models.card import Preprocessing
from lesionscope.models.texture import LAGS, WIDTH, lung_texture

HOW = Preprocessing()


def describe(hu):
    return lung_texture(torch.from_numpy(HOW.normalise(np.atleast_1d(hu)[None, None])))[0].numpy()


def lung(seed=0, noise=20.0, blur=0.0):
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(48, 48, 48))
    if blur:
        field = ndimage.gaussian_filter(field, blur)
    return -850 + noise * field / field.std()


def test_uniform_lung_equals_numpy():
    hu = lung()
    smooth = ndimage.uniform_filter(hu, 3, mode="nearest")
    inside = (slice(4, 44),) * 3  # the graph leaves out what lies next to the border differently
    r = (hu - smooth)[inside]
    got = describe(hu)
    assert got.shape == (WIDTH,)
    assert got[0] == pytest.approx(np.log(np.mean(r**2) + 1), abs=0.03)
    assert got[2] == pytest.approx(np.log(np.mean(r**4) / (np.mean(r**2) + 1) ** 2 + 1), abs=0.03)
    assert got[3] == pytest.approx(-8.5, abs=0.01)
    for index, (k, j, i) in enumerate(LAGS):
        there = tuple(slice(4 + d, 44 + d) for d in (k, j, i))
        expected = np.mean(r * (hu - smooth)[there]) / np.mean(r**2)
        assert got[5 + index] == pytest.approx(expected, abs=0.02)


def test_noise_and_sharpness_show():
    quiet, loud, soft = describe(lung(noise=10)), describe(lung(noise=30)), describe(lung(noise=10, blur=0.8))
    assert loud[0] - quiet[0] == pytest.approx(np.log(9), abs=0.1)
    np.testing.assert_allclose(loud[5:17], quiet[5:17], atol=0.02)
    assert soft[5] > quiet[5] + 0.3


def test_padding_and_soft_tissue_do_not_count():
    hu = lung()
    padded = hu.copy()
    padded[:14] = -1024
    np.testing.assert_allclose(describe(padded)[:17], describe(hu)[:17], atol=0.08)
    mass = hu.copy()
    mass[12:36, 12:36, 12:36] = 40 + np.random.default_rng(1).normal(0, 200, (24, 24, 24))
    np.testing.assert_allclose(describe(mass)[:17], describe(hu)[:17], atol=0.08)


def test_a_cube_without_lung_gives_zeros_and_no_number_is_missing():
    for hu in (np.full((48, 48, 48), 40.0), np.full((48, 48, 48), -1024.0)):
        got = describe(hu)
        np.testing.assert_array_equal(got, np.zeros(WIDTH))
