"""Tissue texture of label patches, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from lesionscope.ct.patches import preprocess
from lesionscope.models.lesanet.texture import FLAT_HU, LAGS, TISSUES_HU, WIDTH, patch_texture


def textures(hu):
    return patch_texture(torch.from_numpy(preprocess(hu[None].astype(np.float32))))[0].numpy()


def reference(hu):
    """Describe one patch ``(3, 120, 120)`` in float64; edges as an average over fewer pixels."""
    ones = ndimage.uniform_filter(np.ones_like(hu), (1, 3, 3), mode="constant")
    smooth = ndimage.uniform_filter(hu, (1, 3, 3), mode="constant") / ones
    r = hu - smooth
    high = ndimage.maximum_filter(smooth, (1, 3, 3), mode="nearest")
    low = ndimage.minimum_filter(smooth, (1, 3, 3), mode="nearest")

    def rises(values, limit):
        return np.clip((values - limit) / 20, 0, 1)

    numbers = []
    for floor, top in TISSUES_HU:
        w = rises(smooth, floor) * rises(-smooth, -top) * rises(-(high - low), -FLAT_HU)
        total = max(w.sum(), 1)
        variance = (w * r**2).sum() / total + 1
        level = (w * smooth).sum() / total
        part = [
            np.log(variance),
            np.arcsinh((w * r**3).sum() / total / variance**1.5),
            np.log((w * r**4).sum() / total / variance**2 + 1),
            level / 100,
            0.5 * np.log((w * (smooth - level) ** 2).sum() / total + 1),
        ]
        for k, j, i in LAGS:
            moved = (slice(k, 3), slice(j, 120), slice(i, 120))
            still = (slice(0, 3 - k), slice(0, 120 - j), slice(0, 120 - i))
            both = w[still] * w[moved]
            part.append((r[still] * r[moved] * both).sum() / max(both.sum(), 1) / variance)
        numbers += [*(np.array(part) * min(w.sum() / 200, 1)), np.log1p(w.sum())]
    return np.array(numbers)


@pytest.mark.parametrize("level", [-850, -100, 60, 700])
def test_it_is_its_definition(level):
    rng = np.random.default_rng(abs(level))
    hu = ndimage.gaussian_filter(rng.normal(0, 60, (3, 120, 120)), (0.3, 0.8, 0.8)) + level
    hu[:, :40] += np.linspace(0, 400, 120)  # a part that crosses limits
    found = textures(hu)
    assert found.shape == (WIDTH,)
    np.testing.assert_allclose(found, reference(hu), atol=2e-3)


def test_smoother_noise_shows_in_its_neighbours():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 30, (3, 120, 120))
    soft_tissue = 2 * (6 + len(LAGS))
    beside = soft_tissue + 5 + LAGS.index((0, 0, 1))
    sharp, smooth = (textures(ndimage.gaussian_filter(noise, (0, s, s)) + 100) for s in (0.0, 1.0))
    assert smooth[beside] > sharp[beside] + 0.2 and smooth[soft_tissue] < sharp[soft_tissue] - 1


def test_tissue_that_is_not_there_says_nothing():
    found = textures(np.full((3, 120, 120), 60.0))
    parts = found.reshape(len(TISSUES_HU), -1)
    assert (parts[:2] == 0).all() and parts[2, -1] == pytest.approx(np.log1p(3 * 120 * 120), abs=1e-3)
