"""LesaNet's ONNX graph answers as the network does; those in half precision, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lesionscope.training.engine.half import halve
from test_lesanet import EDGES, awake

from lesionscope.models.lesanet.network import LesaNet, LesionEmbedding, build
from lesionscope.models.lesanet.onnx import INPUTS, OUTPUTS, export_onnx
from lesionscope.models.lesanet.spec import LesaNetSpec

Pair = tuple[LesaNet | LesionEmbedding, onnxruntime.InferenceSession]


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module", params=["clamped", "released"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    torch.manual_seed(5)
    network = halve(awake(LesaNet(LesaNetSpec(width=0.125, classes=7, roi=request.param))))
    return network, session(export_onnx(network, tmp_path_factory.mktemp("graph") / "model.onnx"))


def answers(pair: Pair, patches: torch.Tensor, boxes: torch.Tensor) -> None:
    network, graph = pair
    with torch.no_grad():
        wanted = network(patches, boxes)._asdict()
    found = graph.run(OUTPUTS, dict(zip(INPUTS, (patches.numpy(), boxes.numpy()), strict=True)))
    for name, value in zip(OUTPUTS, found, strict=True):
        assert value.shape == tuple(wanted[name].shape)
        assert np.abs(value - wanted[name].numpy()).max() < 1e-4, name


def test_graph_is_one_of_inputs_and_outputs_named(pair: Pair) -> None:
    _, graph = pair
    assert [(item.name, item.shape) for item in graph.get_inputs()] == [
        ("patch", ["n", 3, 120, 120]),
        ("box", ["n", 4]),
    ]
    assert tuple(item.name for item in graph.get_outputs()) == OUTPUTS


def test_graph_answers_boxes_at_every_edge(pair: Pair) -> None:
    """At the edge, tiny, a point, thin, as large as the patch and larger; eight in a batch."""
    patches = torch.randn(len(EDGES), 3, 120, 120, generator=torch.Generator().manual_seed(1))
    answers(pair, patches, EDGES)


coordinate = st.floats(-20, 140, width=32)


@settings(max_examples=25, deadline=None)
@given(
    corner=st.tuples(st.floats(0, 119, width=32), st.floats(0, 119, width=32)),
    size=st.tuples(coordinate, coordinate),
)
def test_graph_answers_any_box(pair: Pair, corner: tuple[float, float], size: tuple[float, float]) -> None:
    patches = torch.randn(1, 3, 120, 120, generator=torch.Generator().manual_seed(2))
    box = torch.tensor([[*corner, corner[0] + abs(size[0]), corner[1] + abs(size[1])]])
    answers(pair, patches, box)


def test_a_lesions_answer_is_its_own(pair: Pair) -> None:
    """Lesions of a batch don't see each other, in the graph either."""
    _, graph = pair
    patches = torch.randn(3, 3, 120, 120, generator=torch.Generator().manual_seed(3)).numpy()
    boxes = EDGES[:3].numpy()
    together = graph.run(["refined"], {"patch": patches, "box": boxes})[0]
    for i in range(3):
        alone = graph.run(["refined"], {"patch": patches[i : i + 1], "box": boxes[i : i + 1]})[0]
        assert np.allclose(alone[0], together[i], atol=1e-5)


def test_weights_that_fit_halves_make_the_file_small(tmp_path: Path) -> None:
    torch.manual_seed(6)
    network = awake(LesaNet(LesaNetSpec(width=0.125, classes=7)))
    whole = export_onnx(network, tmp_path / "whole.onnx").stat().st_size
    graph = export_onnx(halve(network), tmp_path / "half.onnx")
    assert graph.stat().st_size < 0.55 * whole
    answers((network, session(graph)), torch.randn(len(EDGES), 3, 120, 120), EDGES)


def test_other_networks_of_the_family_export_too(tmp_path: Path) -> None:
    for spec in (
        LesaNetSpec(width=0.125, classes=5, embedding=0, score_propagation=False),
        LesaNetSpec("lesion-embedding", 0.125, 5, 1024, score_propagation=False),
    ):
        network = awake(build(spec))
        graph = session(export_onnx(network, tmp_path / "model.onnx"))
        answers((network, graph), torch.randn(len(EDGES), 3, 120, 120), EDGES)
