"""Stand-ins for phantoms: a bright ball of the class's own size in noise."""

from __future__ import annotations

import dataclasses

import numpy as np

from lesionscope.phantom.cubes import CubeSet
from lesionscope.phantom.latents import LEAVES, draw_lesion

SIDE = 48
"""Of a stand-in's cube, from which crops of 32 are cut."""


def ball_cubes(n: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Balls in noise, int16 ``(n, SIDE, SIDE, SIDE)``: radius and HU tell the class."""
    rng = np.random.default_rng(seed)
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    r = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    hu = rng.normal(-850, 30, (n, SIDE, SIDE, SIDE)).astype(np.float32)
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
