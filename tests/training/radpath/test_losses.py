"""The loss against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lesionscope.training.radpath.losses import IGNORE, class_weights, head_targets, hierarchy_loss

from lesionscope.ontology.tree import load_tree, tree_from_dict

TREE = load_tree()


def leaves(*tags):
    return np.array([TREE.leaves.index(tag) for tag in tags])


def test_targets_follow_the_path_and_fall_into_the_leak():
    targets = head_targets(TREE, leaves("H4b", "H2d", "H3c", "H1c"))
    assert targets["H1"].tolist() == [0, 0, 1, 2]
    assert targets["H2"].tolist() == [0, 3, 5, 5]
    assert targets["H3"].tolist() == [4, 4, 2, 4]
    assert targets["H4"].tolist() == [1, 2, 2, 2]


def test_without_leaks_cases_from_elsewhere_are_ignored():
    dry = tree_from_dict(TREE.as_dict() | {"leaky": []})
    targets = head_targets(dry, leaves("H4b", "H3c", "H1c"))
    assert targets["H2"].tolist() == [0, IGNORE, IGNORE]
    assert targets["H4"].tolist() == [1, IGNORE, IGNORE]


def test_class_weights_are_n_over_k_n_c():
    targets = {"H1": np.array([0, 0, 0, 1]), "H2": np.array([0, 5, IGNORE, 5])}
    targets |= {"H3": np.array([IGNORE] * 4), "H4": np.array([2, 2, 2, 2])}
    weights = class_weights(TREE, targets)
    np.testing.assert_allclose(weights["H1"], [4 / (2 * 3), 4 / 2, 0])
    np.testing.assert_allclose(weights["H2"], [3 / 2, 0, 0, 0, 0, 3 / 4])
    np.testing.assert_allclose(weights["H3"], np.zeros(5))
    np.testing.assert_allclose(weights["H4"], [0, 0, 1])
    assert np.mean(weights["H1"].numpy()[targets["H1"]]) == pytest.approx(1)


def test_the_loss_by_hand():
    # two cases in a head of two classes, the second case unknown to head b
    logits = {
        "a": torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]),
        "b": torch.tensor([[math.log(4), 0.0]] * 2),
    }
    targets = {"a": torch.tensor([1, 0]), "b": torch.tensor([1, IGNORE])}
    weights = {"a": torch.tensor([2.0, 0.5]), "b": torch.tensor([1.0, 3.0])}
    total, by_head = hierarchy_loss(logits, targets, weights)
    a = (0.5 * -math.log(3 / 4) + 2.0 * -math.log(1 / 2)) / 2
    b = 3.0 * -math.log(1 / 5) / 1
    assert float(by_head["a"]) == pytest.approx(a, abs=1e-6)
    assert float(by_head["b"]) == pytest.approx(b, abs=1e-6)
    assert float(total) == pytest.approx(a + b, abs=1e-6)
    unweighted, _ = hierarchy_loss(logits, targets, None)
    assert float(unweighted) == pytest.approx(
        (-math.log(3 / 4) - math.log(1 / 2)) / 2 - math.log(1 / 5), abs=1e-6
    )


def test_a_head_without_any_target_gives_zero_and_no_gradient():
    z = torch.randn(3, 2, requires_grad=True)
    total, _ = hierarchy_loss({"a": z}, {"a": torch.full((3,), IGNORE)}, None)
    total.backward()
    assert float(total.detach()) == 0 and torch.equal(z.grad, torch.zeros_like(z))
