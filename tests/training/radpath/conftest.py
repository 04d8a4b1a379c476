"""A tiny network and few stand-ins for phantoms."""

from __future__ import annotations

import numpy as np
import pytest
from cube_fakes import ball_cubes, fake_cubes
from lesionscope.training.radpath.dataset import Cubes

from lesionscope.ontology.tree import load_tree
from lesionscope.phantom import radpath

TINY_SETTINGS = [
    "network.growth=4",
    "network.blocks=[2, 1, 1]",
    "network.bottleneck=8",
    "network.hidden=8",
    "threads=1",
    "device=cpu",
    "batch=8",
    "preprocessing.shape=[32, 32, 32]",
]


@pytest.fixture
def phantoms(monkeypatch):
    monkeypatch.setattr(radpath, "cubes", fake_cubes)


@pytest.fixture(scope="session")
def small_cubes() -> Cubes:
    tree = load_tree()
    hu, tags = ball_cubes(33)
    leaf = np.array([tree.leaves.index(tag) for tag in tags])
    return Cubes(tree, hu, leaf, {}, np.arange(33))


@pytest.fixture(scope="session")
def tiny_settings() -> list[str]:
    return list(TINY_SETTINGS)
