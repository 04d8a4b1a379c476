"""The five systems against a reference of their own, on small trees of any names and depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lesionscope.training.radpath.losses import class_weights, head_targets, hierarchy_loss
from radpath_reference import Tree, logits, losses, probabilities

from lesionscope.models.pathology_net import NetworkSpec, PathologyNet
from lesionscope.models.probabilities import tree_scores
from lesionscope.models.systems import SYSTEMS, answered_tree, build, learnt_tree
from lesionscope.ontology.tree import load_tree, tree_from_dict

FOUR_LEVELS = {
    "name": "birds",
    "nodes": [
        {"tag": tag, "name": tag, "parent": parent}
        for tag, parent in (
            ("perching", None),
            ("wading", None),
            ("crow", "perching"),
            ("finch", "perching"),
            ("heron", "wading"),
            ("stork", "wading"),
            ("raven", "crow"),
            ("jay", "crow"),
            ("rook", "crow"),
            ("northern", "raven"),
            ("forest", "raven"),
        )
    ],
    "heads": {"order": None, "perchers": "perching", "waders": "wading", "crows": "crow", "ravens": "raven"},
    "leaky": ["perchers", "crows", "ravens"],
}
TWO_LEAVES = {
    "name": "coin",
    "nodes": [
        {"tag": "heads", "name": "heads", "parent": None},
        {"tag": "tails", "name": "t", "parent": None},
    ],
    "heads": {"side": None},
    "leaky": ["side"],
}
TREES = [tree_from_dict(FOUR_LEVELS), tree_from_dict(TWO_LEAVES), load_tree()]


def reference(tree):
    return Tree(
        {node.tag: node.parent for node in tree.nodes},
        {head.name: head.parent for head in tree.heads},
        [head.name for head in tree.heads if head.leaky],
    )


def made(kind, tree, n=7, features=5):
    """Heads in double precision, features of n cases, and the heads' state as arrays."""
    with torch.random.fork_rng():
        torch.manual_seed(len(tree.nodes))
        heads = build(kind, tree, features, hidden=3).double()
        with torch.no_grad():
            for parameter in heads.parameters():
                parameter.normal_(std=0.7)
        g = torch.randn(n, features, dtype=torch.float64)
    return heads, g, {name: value.numpy() for name, value in heads.state_dict().items()}


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
@pytest.mark.parametrize("kind", SYSTEMS)
def test_probabilities_are_the_references(kind, tree):
    heads, g, state = made(kind, tree)
    with torch.no_grad():
        answered = {name: z.numpy() for name, z in heads(g).items()}
    scores = tree_scores(answered_tree(kind, tree), answered)
    for case in range(len(g)):
        z = logits(kind, reference(tree), state, g[case].numpy())
        wanted, leak = probabilities(kind, reference(tree), z)
        for tag, value in wanted.items():
            assert scores.probability[case, scores.column(tag)] == pytest.approx(value, abs=1e-6)
        assert set(leak) == set(scores.leak)
        for head, value in leak.items():
            assert scores.leak[head][case] == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(scores.leaves().sum(axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
@pytest.mark.parametrize("kind", SYSTEMS)
def test_losses_are_the_references(kind, tree, weighted):
    learnt = learnt_tree(kind, tree)
    heads, g, state = made(kind, tree, n=20)
    leaf = np.random.default_rng(3).integers(len(tree.leaves), size=20)
    targets = head_targets(learnt, leaf)
    weights = {k: w.double() for k, w in class_weights(learnt, targets).items()} if weighted else None
    z = {"leaves": heads.leaves(g)} if kind == "leaf-node" else heads(g)
    total, by_head = hierarchy_loss(z, {k: torch.from_numpy(v) for k, v in targets.items()}, weights)
    wanted = losses(
        kind,
        reference(tree),
        [logits(kind, reference(tree), state, one.numpy()) for one in g],
        [tree.leaves[i] for i in leaf],
        weighted,
    )
    assert {name: float(value) for name, value in by_head.items()} == pytest.approx(wanted, abs=1e-6)
    assert float(total) == pytest.approx(sum(wanted.values()), abs=1e-6)


def test_a_leaf_node_network_answers_the_softmax_of_its_leaves_however_deep():
    tree = TREES[0]
    heads, g, _ = made("leaf-node", tree)
    with torch.no_grad():
        leaves = torch.softmax(heads.leaves(g), dim=1).numpy()
        scores = tree_scores(answered_tree("leaf-node", tree), {k: z.numpy() for k, z in heads(g).items()})
    np.testing.assert_allclose(scores.leaves(), leaves, atol=1e-12)


@pytest.mark.parametrize("kind", SYSTEMS)
def test_every_system_stands_on_the_same_backbone(kind):
    spec = NetworkSpec(kind=kind, growth=4, blocks=(2, 1, 1), bottleneck=8, hidden=8)
    tree = TREES[0]
    network = PathologyNet(tree, spec).eval()
    with torch.no_grad():
        cube = torch.zeros(2, 1, 48, 48, 48)
        answered, _ = network(cube)
        learnt = network.learnt(cube)
    widths = {head.name: head.width for head in answered_tree(kind, tree).heads}
    assert {name: z.shape[1] for name, z in answered.items()} == widths
    assert {name: z.shape[1] for name, z in learnt.items()} == {
        head.name: head.width for head in learnt_tree(kind, tree).heads
    }


def test_the_leak_is_one_more_answer_and_nothing_else():
    tree = TREES[0]
    for kind in ("flattened", "dense"):
        bare = {head.name: head.width for head in answered_tree(kind, tree).heads}
        leaky = {head.name: head.width for head in answered_tree(f"leaky-{kind}", tree).heads}
        assert {name: leaky[name] - bare[name] for name in bare} == {
            "order": 0,
            "perchers": 1,
            "waders": 0,
            "crows": 1,
            "ravens": 1,
        }
