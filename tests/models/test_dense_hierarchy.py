"""The hierarchy head passes ancestors' features down, for any tree."""

from __future__ import annotations

import pytest
import torch

from lesionscope.models.dense_hierarchy import DenseHierarchy
from lesionscope.ontology.tree import load_tree, tree_from_dict

DEEP = {
    "name": "deep",
    "nodes": [
        {"tag": "a", "name": "a", "parent": None},
        {"tag": "b", "name": "b", "parent": None},
        {"tag": "aa", "name": "aa", "parent": "a"},
        {"tag": "ab", "name": "ab", "parent": "a"},
        {"tag": "aaa", "name": "aaa", "parent": "aa"},
        {"tag": "aab", "name": "aab", "parent": "aa"},
    ],
    "heads": {"top": None, "mid": "a", "low": "aa"},
    "leaky": ["low"],
}


def test_widths_for_pulmonary_radpath():
    head = DenseHierarchy(load_tree(), 144)
    widths = {n: (h.hidden.in_features, h.logits.out_features) for n, h in head.heads.items()}
    assert widths == {"H1": (144, 3), "H2": (208, 6), "H3": (208, 5), "H4": (272, 3)}


def test_forward_equals_the_equations_written_out():
    torch.manual_seed(0)
    head = DenseHierarchy(tree_from_dict(DEEP), 5, hidden=3).double()
    g = torch.randn(4, 5, dtype=torch.float64)
    top, mid, low = (head.heads[n] for n in ("top", "mid", "low"))

    def hidden(h, x):
        return torch.relu(x @ h.hidden.weight.T + h.hidden.bias)

    f1 = hidden(top, g)
    f2 = hidden(mid, torch.cat([g, f1], 1))
    f3 = hidden(low, torch.cat([g, f1, f2], 1))
    expected = {
        name: f @ h.logits.weight.T + h.logits.bias
        for name, h, f in (("top", top, f1), ("mid", mid, f2), ("low", low, f3))
    }
    got = head(g)
    assert {n: z.shape[1] for n, z in got.items()} == {"top": 2, "mid": 2, "low": 3}
    for name, z in expected.items():
        torch.testing.assert_close(got[name], z)


def test_a_childs_loss_reaches_its_ancestors_but_not_its_cousins():
    head = DenseHierarchy(load_tree(), 8)
    head(torch.randn(3, 8))["H4"].square().sum().backward()
    reached = {n for n, h in head.heads.items() if h.hidden.weight.grad is not None}
    assert reached == {"H1", "H2", "H4"}


@pytest.mark.parametrize("leaky", [[], ["H2", "H3", "H4"]])
def test_the_leak_is_one_more_output(leaky):
    tree = tree_from_dict(load_tree().as_dict() | {"leaky": leaky})
    z = DenseHierarchy(tree, 8)(torch.randn(1, 8))
    assert [z[h].shape[1] for h in ("H1", "H2", "H3", "H4")] == [3, *(c + bool(leaky) for c in (5, 4, 2))]
