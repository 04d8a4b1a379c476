"""A label package of the real form with a narrow network of any weights, for tests of what reads it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from lesionscope.training.engine.half import halve, halved_state
from lesionscope.training.package_folder import save_bank, save_card, save_weights

from lesionscope.ct.patches import PREPROCESSING
from lesionscope.models.card import FamiliarityCard
from lesionscope.models.familiarity import DistanceRule, prepare
from lesionscope.models.label_package import BANK, FILES, LabelCard, ontology_digest
from lesionscope.models.lesanet.network import LesaNet
from lesionscope.models.lesanet.onnx import INPUTS, OUTPUTS, TEXTURE, export_onnx
from lesionscope.models.lesanet.spec import LesaNetSpec
from lesionscope.models.lesanet.texture import WIDTH
from lesionscope.models.onnx_graph import OPSET
from lesionscope.ontology.label_graph import load_labels

OWN = ("lung nodule", "liver", "hypoattenuation")
"""Labels that the network always predicts by their own score: the first two exclude each other."""
LIFTED, LIFTING = "solid pulmonary nodule", "lung nodule"
"""A label that only score propagation lifts over its threshold, and the one that does."""


def make_label_package(folder: Path, *, name: str = "tiny-labels", familiar: bool = True) -> Path:
    """Write it; weights are random but for the labels named above."""
    torch.manual_seed(5)
    labels = load_labels().core
    spec = LesaNetSpec(width=0.125, embedding=32)
    network = LesaNet(spec).eval()
    place = {label: index for index, label in enumerate(labels)}
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2.0)
        network.class_scores1.weight.mul_(0.2)
        network.class_scores1.bias.fill_(-4.0)
        for label in OWN:
            network.class_scores1.bias[place[label]] = 3.0
        network.class_scores1.bias[place[LIFTED]] = -1.0
        network.class_scores2.weight[place[LIFTED], place[LIFTING]] = 1.0
    halve(network)
    folder.mkdir(parents=True)
    save_weights(folder, halved_state(network))
    export_onnx(network, folder / FILES["onnx"], texture=True)
    files, familiarity = FILES, None
    if familiar:
        rng = np.random.default_rng(0)
        rule = DistanceRule(method="neighbours", k=3)
        bank = prepare(rng.normal(size=(40, WIDTH)), rule)
        save_bank(folder, bank)
        distances = np.sort(bank.distance(rng.normal(size=(60, WIDTH))))
        familiarity = FamiliarityCard(rule, TEXTURE, 0.05, tuple(float(d) for d in distances))
        files = FILES | BANK
    card = partial(
        LabelCard,
        name=name,
        version="0.1",
        task="labels",
        title="Tiny labels",
        demonstration=True,
        scope="body",
        intended_use="Tests.",
        limits=("Means nothing.",),
        labels=labels,
        thresholds=(0.5,) * len(labels),
        calibration=None,
        preprocessing=PREPROCESSING,
        network=spec.as_dict(),
        onnx={"inputs": list(INPUTS), "outputs": [*OUTPUTS, TEXTURE], "opset": OPSET},
        familiarity=familiarity,
        training_data={},
        metrics={},
        licence="BSD-3-Clause",
        ontology=ontology_digest(labels),
    )
    save_card(folder, files, lambda sha256: card(sha256=sha256))
    return folder
