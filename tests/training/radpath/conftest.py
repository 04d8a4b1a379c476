"""Small stand-ins: a tiny network, and phantoms that are a bright ball of the class's own size."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from lesionscope.training.radpath.dataset import Cubes

from lesionscope.models.pathology_net import NetworkSpec
from lesionscope.ontology.tree import load_tree
from lesionscope.phantom.cubes import CubeSet
from lesionscope.phantom.latents import LEAVES, draw_lesion

TINY = NetworkSpec(growth=4, blocks=(2, 1, 1), bottleneck=8, hidden=8)
TINY_SETTINGS = [
    "network.growth=4",
    "network.blocks=[2, 1, 1]",
    "network.bottleneck=8",
    "network.hidden=8",
    "threads=1",
    "device=cpu",
    "batch=8",
]


def ball_cubes(n: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Balls in noise, int16 (n, 64, 64, 64): radius and HU tell the class."""
    rng = np.random.default_rng(seed)
    axis = np.arange(64) - 31.5
    r = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    hu = rng.normal(-850, 30, (n, 64, 64, 64)).astype(np.float32)
    tags = [LEAVES[i % len(LEAVES)] for i in range(n)]
    for i in range(n):
        c = i % len(LEAVES)
        hu[i][r < 5 + 1.5 * (c % 6)] = -600 if c < 6 else 50
    return hu.round().astype(np.int16), tags


def fake_cubes(split, n, *, frequencies="balanced", first_seed=0, workers=2, cache=None, progress=None, **_):
    """Same interface as :func:`lesionscope.phantom.radpath.cubes`."""
    offset = {"train": 1, "validation": 2, "test": 3}[split]
    hu, tags = ball_cubes(n, offset)
    rng = np.random.default_rng(offset)
    rows = [dataclasses.asdict(draw_lesion(rng, tag)) for tag in tags]
    latents = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    progress(n, n, "Scanning phantoms")
    return CubeSet(hu, tuple(tags), np.arange(n) + offset * 1000, latents, {})


@pytest.fixture
def phantoms(monkeypatch):
    import lesionscope.phantom.radpath as radpath

    monkeypatch.setattr(radpath, "cubes", fake_cubes)


@pytest.fixture(scope="session")
def small_cubes() -> Cubes:
    tree = load_tree()
    hu, tags = ball_cubes(33)
    leaf = np.array([tree.leaves.index(tag) for tag in tags])
    return Cubes(tree, hu, leaf, {}, np.arange(33))


@pytest.fixture
def tiny_settings() -> list[str]:
    return list(TINY_SETTINGS)
