"""The miner over the package's own labels, made once."""

from __future__ import annotations

import pytest

from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels


@pytest.fixture(scope="session")
def miner() -> Miner:
    return Miner(load_labels())
