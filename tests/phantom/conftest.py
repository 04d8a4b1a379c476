from __future__ import annotations

import pytest

from lesionscope.phantom.cubes import CubeSet, cubes

SMALL = (32, 32, 32)


@pytest.fixture(scope="session")
def few_cubes() -> CubeSet:
    """Two small cubes a leaf, made in this process."""
    return cubes("train", 22, workers=1, shape=SMALL)
