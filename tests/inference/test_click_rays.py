"""Closed paths against every closed path there is, and outlines of shapes that are known."""

import itertools

import numpy as np
import pytest

from lesionscope.inference.click_rays import ANGLES, RADII, cheapest, outlines


def by_trying_all(cost, bend, reach):
    rays, radii = cost.shape
    best = np.inf, None
    for path in itertools.product(range(radii), repeat=rays):
        jumps = np.abs(np.diff(path, append=path[0]))
        if jumps.max() <= reach:
            total = cost[np.arange(rays), path].sum() + bend * jumps.sum()
            best = min(best, (total, path), key=lambda pair: pair[0])
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_cheapest_closed_path_is_that_of_trying_all(seed):
    rng = np.random.default_rng(seed)
    cost = rng.normal(size=(2, 6, 5)).astype(np.float32)
    for sheet, found in zip(cost, cheapest(cost, 0.3, 2), strict=True):
        total, path = by_trying_all(sheet.astype(float), 0.3, 2)
        assert tuple(found) == path, total


def test_a_bend_beyond_reach_is_never_taken():
    cost = np.ones((1, 8, 12), np.float32)
    cost[0, np.arange(8), [2, 11, 2, 11, 2, 11, 2, 11]] = -5
    found = cheapest(cost, 0.0, 3)[0]
    assert np.abs(np.diff(found, append=found[0])).max() <= 3


@pytest.mark.parametrize("radius", [3.0, 12.0, 40.0])
def test_a_disc_is_outlined_at_every_tolerance_that_sees_it(radius):
    rays = np.where(radius > RADII, 60.0, -60.0)[None].repeat(len(ANGLES), axis=0).astype(np.float32)
    found = outlines(rays)
    assert found.inside_hu == 60
    np.testing.assert_allclose(found.radii_mm[:6], radius, atol=0.75)
    assert found.expected[:6].max() > 0.8


def test_noise_without_a_boundary_is_not_trusted():
    rays = np.random.default_rng(3).normal(50, 12, (len(ANGLES), len(RADII))).astype(np.float32)
    assert outlines(rays).expected.max() < 0.5
