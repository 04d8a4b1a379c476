"""The detector's two graphs answer what the network answers, on slices of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from lesionscope.models.detector.network import Detector
from lesionscope.models.detector.onnx import export_head, export_proposals
from lesionscope.models.detector.spec import DetectorSpec
from lesionscope.models.detector_package import (
    HEAD_INPUTS,
    HEAD_OUTPUTS,
    PROPOSALS_INPUTS,
    PROPOSALS_OUTPUTS,
)


def lively(categories: int, pool4: bool = False) -> Detector:
    """A detector with random weights, large enough that its answers differ from place to place."""
    torch.manual_seed(categories)
    network = Detector(DetectorSpec(width=0.125, categories=categories, pool4=pool4, hidden=256)).eval()
    for layer in (network.rpn_score, network.rpn_deltas, network.score, network.deltas):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return network


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def boxes_on(height: int, width: int, count: int, seed: int) -> torch.Tensor:
    """Boxes of all sizes, a pixel to the whole slice; corners lie where rounding is decided, too."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.uniform(-0.5, 1, (count, 2, 2)).clip(0), axis=1) * [width - 1, height - 1]
    ends[: count // 2] = np.round(ends[: count // 2] / 4) * 4
    return torch.from_numpy(ends.reshape(-1, 4).astype(np.float32))


@pytest.mark.parametrize(("categories", "pool4"), [(1, False), (3, True)])
def test_both_graphs_answer_as_the_network(tmp_path: Path, categories: int, pool4: bool) -> None:
    network = lively(categories, pool4)
    proposals = session(export_proposals(network, tmp_path / "proposals.onnx"))
    head = session(export_head(network, tmp_path / "head.onnx"))
    for size in ((128, 160), (272, 208), (96, 304)):
        slices = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(size[0]))
        boxes = boxes_on(*size, 200, size[0])
        with torch.no_grad():
            maps = network.maps(slices)
            wanted = (maps, *network.propose_all(maps))
            judged = network.judge(maps, boxes, torch.zeros(len(boxes), dtype=torch.int64))
        got = proposals.run(list(PROPOSALS_OUTPUTS), {PROPOSALS_INPUTS[0]: slices.numpy()})
        said = head.run(list(HEAD_OUTPUTS), dict(zip(HEAD_INPUTS, (got[0], boxes.numpy()), strict=True)))
        for tensor, array in zip((*wanted, *judged), (*got, *said), strict=True):
            assert array.shape == tuple(tensor.shape)
            np.testing.assert_allclose(array, tensor.numpy(), atol=1e-4)
        assert judged[0].std() > 0.01


def test_a_head_without_proposals_answers_nothing(tmp_path: Path) -> None:
    network = lively(2)
    head = session(export_head(network, tmp_path / "head.onnx"))
    given = {"maps": np.zeros((1, 64, 8, 8), np.float32), "boxes": np.zeros((0, 4), np.float32)}
    logits, deltas = head.run(list(HEAD_OUTPUTS), given)
    assert (logits.shape, deltas.shape) == ((0, 3), (0, 2, 4))
