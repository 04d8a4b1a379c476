"""LesaNet with scores that follow the ontology's trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from lesionscope.errors import InputError
from lesionscope.models.hmlc.forest import ROOT
from lesionscope.models.lesanet.network import LesaNet
from lesionscope.models.lesanet.spec import LesaNetSpec
from lesionscope.models.lesanet.tree_scores import TreeScores, forest_of
from lesionscope.ontology.label_graph import load_labels

SPEC = LesaNetSpec(kind="lesanet-tree", width=0.125, score_propagation=False)


def test_the_tree_parts_are_the_pairs_of_children_with_one_parent() -> None:
    graph = load_labels()
    forest = forest_of(graph)
    pairs = graph.reduction()
    children = [child for child, _ in pairs]
    single = {(child, parent) for child, parent in pairs if children.count(child) == 1}
    found = {
        (graph.core[node], graph.core[parent]) for node, parent in enumerate(forest.parents) if parent != ROOT
    }
    assert found == single
    assert len(found) > 60
    assert all(parent in graph.ancestors(child) for child, parent in found)


def test_no_label_is_more_probable_than_its_only_parent_and_scores_are_products() -> None:
    torch.manual_seed(0)
    layer = TreeScores(16, 171)
    features = torch.randn(200, 16) * 8
    with torch.no_grad():
        scores = layer(features).double()
        own = torch.nn.functional.linear(features, layer.weight, layer.bias).double()
    for node, parent in enumerate(layer.forest.parents):
        if parent != ROOT:
            assert (scores[:, node] <= scores[:, parent] + 1e-4).all()
            assert (torch.sigmoid(scores[:, node]) <= torch.sigmoid(scores[:, parent]) + 1e-7).all()
        wanted = torch.sigmoid(own[:, list(layer.forest.path(node))]).prod(dim=1)
        assert torch.allclose(torch.sigmoid(scores[:, node]), wanted, atol=1e-6)


def test_the_network_answers_in_the_family_s_form_and_learns() -> None:
    torch.manual_seed(0)
    network = LesaNet(SPEC)
    output = network(torch.randn(2, 3, 120, 120), torch.tensor([[40.0, 40.0, 80.0, 80.0]] * 2))
    assert output.refined is output.scores and output.scores.shape == (2, 171)
    output.scores.sum().backward()
    assert torch.isfinite(network.class_scores1.weight.grad).all()
    plain = LesaNet(LesaNetSpec(width=0.125, score_propagation=False))
    assert network.state_dict().keys() == plain.state_dict().keys()


def test_the_layer_is_the_same_in_onnx_at_extreme_logits_too(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = TreeScores(4, 171).eval()
    features = torch.cat([torch.randn(8, 4), torch.randn(8, 4) * 400])
    torch.onnx.export(
        layer,
        (features,),
        str(tmp_path / "layer.onnx"),
        input_names=["x"],
        dynamic_axes={"x": {0: "n"}},
        opset_version=18,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(tmp_path / "layer.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": features[:11].numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, layer(features[:11]).numpy(), rtol=1e-4, atol=1e-4)


def test_score_propagation_is_refused() -> None:
    with pytest.raises(InputError, match="score propagation would undo"):
        LesaNetSpec(kind="lesanet-tree")
    with pytest.raises(ValueError, match="171 labels"):
        TreeScores(4, 5)
