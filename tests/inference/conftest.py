"""A plain chest in which every place is known, and the bundled model."""

from __future__ import annotations

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.models.package import ModelPackage
from lesionscope.models.registry import find


class Places:
    """Points of the plain chest, LPS mm."""

    nodule = (-75.0, 10.0, 20.0)
    ground_glass = (75.0, 20.0, -10.0)
    aerated = (-75.0, -30.0, -40.0)
    at_the_edge = (-75.0, 10.0, -84.0)
    mediastinum = (0.0, 0.0, 0.0)
    chest_wall = (-148.0, 0.0, 0.0)
    air = (-160.0, -110.0, 0.0)
    outside = (0.0, 0.0, 500.0)


def chest() -> CTVolume:
    """Body, two lungs, a nodule, a ground-glass opacity and one at the lowest slice, with noise."""
    geometry = Geometry((112, 84, 60), (3.0, 3.0, 3.0), (-166.5, -124.5, -90.0))
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij")
    x, y, z = np.moveaxis(geometry.to_lps(np.stack([k, j, i], axis=-1)), -1, 0)
    hu = np.full(x.shape, -1000.0)
    hu[(x / 155) ** 2 + (y / 105) ** 2 <= 1] = 30.0
    for side in (-75.0, 75.0):
        hu[((x - side) / 54) ** 2 + (y / 72) ** 2 <= 1] = -860.0
    for (a, b, c), value in {
        Places.nodule: 40.0,
        Places.ground_glass: -580.0,
        Places.at_the_edge: 40.0,
    }.items():
        hu[(x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 <= 81] = value
    hu += np.random.default_rng(3).normal(0, 25, hu.shape)
    return CTVolume(hu.astype(np.int16), geometry, Source("1.2.840.1"))


@pytest.fixture(scope="session")
def volume() -> CTVolume:
    return chest()


@pytest.fixture(scope="session")
def package() -> ModelPackage:
    return find("radpath-demo")


@pytest.fixture(scope="session")
def places() -> type[Places]:
    return Places
