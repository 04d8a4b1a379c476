"""A tiny package of any weights, written once a session by the code that writes real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training.engine.half import halve
from lesionscope.training.radpath.package_writer import onnx_section, write_package

from lesionscope.models.card import CalibrationCard, Card, FamiliarityCard, Preprocessing
from lesionscope.models.familiarity import DistanceRule, prepare
from lesionscope.models.pathology_net import NetworkSpec, PathologyNet
from lesionscope.models.probabilities import VectorScaling
from lesionscope.ontology.tree import load_tree

TINY = NetworkSpec(growth=4, blocks=(2, 1, 1), bottleneck=8, hidden=8)


def make_package(folder: Path, name: str = "tiny", spec: NetworkSpec = TINY) -> Path:
    torch.manual_seed(3)
    tree = load_tree()
    network = PathologyNet(tree, spec).eval()
    for module in network.modules():  # statistics that aren't the identity's
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    halve(network)
    rng = np.random.default_rng(0)
    rule = DistanceRule(components=10, groups=network.embedding_groups)
    bank = prepare(rng.normal(size=(40, sum(network.embedding_groups))), rule)
    held_out = rng.normal(size=(60, sum(network.embedding_groups)))
    distances = tuple(float(d) for d in np.sort(bank.distance(held_out)))

    def card(sha256: dict[str, str]) -> Card:
        return Card(
            name=name,
            version="0.1",
            task="pathology",
            title="Tiny",
            demonstration=True,
            scope="lung",
            intended_use="Tests.",
            limits=("Means nothing.",),
            tree=tree,
            preprocessing=Preprocessing(),
            network=network.spec.as_dict(),
            onnx=onnx_section(tree),
            calibration=CalibrationCard(
                "none",
                "none",
                {h.name: VectorScaling((1.0,) * h.width, (0.0,) * h.width) for h in tree.heads},
            ),
            familiarity=FamiliarityCard(rule, "block1", 0.05, distances),
            training_data={},
            metrics={},
            licence="BSD-3-Clause",
            sha256=sha256,
        )

    write_package(folder, network, tree, bank, (48, 48, 48), card)
    return folder


@pytest.fixture
def package_maker() -> Callable[..., Path]:
    return make_package


@pytest.fixture(scope="session")
def tiny_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package folder that tests must not change."""
    return make_package(tmp_path_factory.mktemp("packages") / "tiny")
