"""A detector package of the real form with a narrow network of any weights, for tests of what runs it."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file

from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.network import Detector
from lesionscope.models.detector.onnx import export_head, export_proposals
from lesionscope.models.detector.spec import DetectorSpec
from lesionscope.models.detector_package import FILES, DetectionRules, DetectorCard
from lesionscope.models.onnx_graph import OPSET
from lesionscope.models.package import CARD, sha256_of

LEAST, MOST = 0.3, 40


def lively(categories: int = 2) -> Detector:
    """A detector with random weights whose answers differ from place to place."""
    torch.manual_seed(categories)
    network = Detector(DetectorSpec(width=0.125, categories=categories, hidden=256)).eval()
    for layer in (network.rpn_score, network.rpn_deltas, network.deltas):
        torch.nn.init.normal_(layer.weight, std=0.1)
    torch.nn.init.normal_(network.score.weight, std=0.4)
    with torch.no_grad():  # every category is likely somewhere
        maps = torch.relu(torch.randn(1, network.spec.channels[-1], 16, 16))
        corners = torch.randint(0, 60, (50, 2)).float()
        boxes = torch.cat([corners, corners + 50], dim=1)
        scores, _ = network.judge(maps, boxes, torch.zeros(50, dtype=torch.int64))
        network.score.bias -= scores.mean(dim=0)
    return network


def make_detector_package(folder: Path, network: Detector, *, longest: int = 128) -> Path:
    """Write it; what it finds means nothing."""
    folder.mkdir(parents=True)
    network = copy.deepcopy(network)
    save_file(network.state_dict(), folder / FILES["weights"], metadata={"format": "pt"})
    export_proposals(network, folder / FILES["proposals"])
    export_head(network, folder / FILES["head"])
    card = DetectorCard(
        name="tiny-detector",
        version="1.0",
        task="detection",
        title="A tiny detector",
        demonstration=True,
        scope="any",
        intended_use="Tests.",
        limits=("It has learnt nothing.",),
        categories=tuple(f"kind {number}" for number in range(network.spec.categories)),
        padding_px=5.0,
        input=DetectorInput(longest=longest),
        network=network.spec,
        rules=DetectionRules(least=LEAST, most=MOST),
        opset=OPSET,
        training_data={"slices": 0},
        metrics={},
        licence="BSD-3-Clause",
        sha256={key: sha256_of(folder / name) for key, name in FILES.items()},
    )
    (folder / CARD).write_text(card.as_json(), encoding="utf-8")
    return folder
