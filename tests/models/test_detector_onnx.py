"""The detector's graph finds what the network finds, on slices of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from lesionscope.models.detector.network import Detector
from lesionscope.models.detector.onnx import INPUT, LEAST, MOST, OUTPUTS, export_onnx
from lesionscope.models.detector.spec import DetectorSpec


def lively(categories: int, pool4: bool = False) -> Detector:
    """A detector with random weights, large enough that its answers differ from place to place."""
    torch.manual_seed(categories)
    network = Detector(DetectorSpec(width=0.125, categories=categories, pool4=pool4, hidden=256)).eval()
    for layer in (network.rpn_score, network.rpn_deltas, network.score, network.deltas):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return network


def run(path: Path, slices: torch.Tensor) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return list(session.run(list(OUTPUTS), {INPUT: slices.numpy()}))


@pytest.mark.parametrize(("categories", "pool4"), [(1, False), (3, True)])
def test_the_graph_finds_what_the_network_finds(tmp_path: Path, categories: int, pool4: bool) -> None:
    network = lively(categories, pool4)
    path = export_onnx(network, tmp_path / "model.onnx")
    for size in ((128, 160), (272, 208), (97, 301)):
        slices = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(size[0]))
        with torch.no_grad():
            (found,) = network(slices, LEAST, MOST)
        boxes, scores, kinds = run(path, slices)
        assert len(boxes) > 5
        np.testing.assert_allclose(boxes, found.boxes.numpy(), atol=1e-2)
        np.testing.assert_allclose(scores, found.scores.numpy(), atol=1e-5)
        assert kinds.tolist() == found.categories.tolist()
        assert len(set(kinds.tolist())) == categories


@pytest.mark.parametrize("nothing", ["proposed", "found"])
def test_a_slice_may_hold_nothing(tmp_path: Path, nothing: str) -> None:
    network = lively(1)
    if nothing == "proposed":  # every proposal is far too narrow
        torch.nn.init.constant_(network.rpn_deltas.bias, -6.0)
    else:
        torch.nn.init.constant_(network.score.bias[:1], 50.0)
    slices = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        assert len(network(slices, LEAST, MOST)[0].boxes) == 0
    boxes, scores, kinds = run(export_onnx(network, tmp_path / "model.onnx"), slices)
    assert (boxes.shape, scores.shape, kinds.shape) == ((0, 4), (0,), (0,))
