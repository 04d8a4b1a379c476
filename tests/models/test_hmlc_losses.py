"""HLCP and HLUP against 100 digits, the paper's powerset form, and the plain formula."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from benchmarks.hmlc import chain, exact_hlup, naive_hlup, powerset_hlup
from lesionscope.models.hmlc.conditional import hlcp
from lesionscope.models.hmlc.forest import ROOT, Forest
from lesionscope.models.hmlc.unconditional import hlup, log_probabilities
from lesionscope.ontology.tree import CHEST_XRAY, load_bundled_tree, load_tree, tree_from_dict

DIGITS = 100
FAMILY = tree_from_dict(
    {
        "name": "hand",
        "siblings": "independent",
        "nodes": [
            {"tag": "animal", "name": "animal", "parent": None},
            {"tag": "bird", "name": "bird", "parent": "animal"},
            {"tag": "plant", "name": "plant", "parent": None},
            {"tag": "owl", "name": "owl", "parent": "bird"},
            {"tag": "barn-owl", "name": "barn owl", "parent": "owl"},
            {"tag": "fish", "name": "fish", "parent": "animal"},
        ],
    }
)
EXTREMES = [
    [0.0, 0.0, 0.0, 0.0],
    [120.0, 130.0, 150.0, 200.0],
    [99.0, 98.0, 101.0, 103.0],
    [2e3, 2e3, 2e3, 2e3],
    [2e3, -2e3, 2e3, 3.0],
    [-90.0, -95.0, -110.0, 2.0],
    [-2e3, -2e3, -2e3, -2e3],
    [20.0, 16.0, 17.5, -0.4],
    [0.7, 40.0, 41.0, 42.0],
    [88.0, 88.7, 89.0, 104.0],
]


def test_a_path_is_the_tree_s() -> None:
    forest = Forest.of_tree(FAMILY)
    assert forest.parents == (ROOT, 0, ROOT, 1, 3, 0)
    assert forest.path(4) == (0, 1, 3, 4)
    assert forest.order == (0, 2, 1, 5, 3, 4)
    assert forest.is_leaf.tolist() == [False, False, True, False, True, True]
    labels = np.zeros((1, 6), bool)
    labels[0, 4] = True
    assert forest.closed(labels).tolist() == [[True, True, False, True, True, False]]


@pytest.mark.parametrize("parents", [(0,), (1, 0), (ROOT, 5), (-2,)])
def test_what_is_no_forest_is_refused(parents: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ancestor|parent"):
        Forest(parents)


@pytest.mark.parametrize("logits", EXTREMES)
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_hlup_has_the_reference_s_value_at_any_logits(
    logits: list[float], label: float, dtype: torch.dtype
) -> None:
    y = torch.tensor([logits], dtype=dtype)
    own = hlup(y, torch.full_like(y, label), chain(4))[0, -1]
    wanted = exact_hlup(y[0].numpy(), bool(label), DIGITS)
    eps, tiny = torch.finfo(dtype).eps, torch.finfo(dtype).tiny
    # e^S keeps the relative error of S, which grows with S itself as long as e^S can be told from 0.
    allowed = (4 + min(float(abs(y).sum()), 110)) * eps
    assert abs(mpmath.mpf(float(own)) - wanted) <= allowed * wanted + tiny


def reference_gradient(logits: np.ndarray, label: bool) -> list[float]:
    """∂/∂y_k: −σ(−y_k) for z = 1, and p/(1 − p) · σ(−y_k) for z = 0."""
    with mpmath.workdps(DIGITS + int(0.44 * abs(logits).sum())):
        off = [1 / (1 + mpmath.exp(mpmath.mpf(float(y)))) for y in logits]
        p = mpmath.fprod(1 - one for one in off)
        return [float(-one if label else p / (1 - p) * one) for one in off]


@pytest.mark.parametrize("logits", EXTREMES)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_gradients_are_finite_and_the_reference_s(logits: list[float], label: float) -> None:
    y = torch.tensor([logits], requires_grad=True)
    hlup(y, torch.full_like(y, label), chain(4))[0, -1].backward()
    assert y.grad is not None
    wanted = reference_gradient(y.detach()[0].numpy(), bool(label))
    np.testing.assert_allclose(y.grad[0].numpy(), wanted, rtol=2e-5, atol=2e-7)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=6, max_size=6), st.integers(0, 63))
@settings(max_examples=150, deadline=None)
def test_losses_and_gradients_are_finite_for_any_logits(logits: list[float], bits: int) -> None:
    forest = Forest.of_tree(FAMILY)
    z = torch.tensor([[float(bits >> i & 1) for i in range(6)]])
    for loss in (hlup, hlcp):
        y = torch.tensor([logits], requires_grad=True)
        value = loss(y, z, forest)
        value.sum().backward()
        assert torch.isfinite(value).all() and (value >= 0).all()
        assert y.grad is not None and torch.isfinite(y.grad).all()


def test_gradients_are_those_of_finite_differences() -> None:
    forest = Forest.of_tree(load_bundled_tree(CHEST_XRAY))
    torch.manual_seed(1)
    y = (torch.randn(3, 19, dtype=torch.float64) * 4).requires_grad_()
    z = (torch.rand(3, 19) < 0.5).double()
    for loss in (hlup, hlcp):
        assert torch.autograd.gradcheck(lambda y, loss=loss: loss(y, z, forest), (y,), atol=1e-6)


@pytest.mark.parametrize("tree", [FAMILY, load_bundled_tree(CHEST_XRAY), load_tree()])
def test_three_forms_of_hlup_agree_where_all_can_be_computed(tree: object) -> None:
    forest = Forest.of_tree(tree)  # type: ignore[arg-type]
    torch.manual_seed(2)
    y = torch.randn(50, len(forest), dtype=torch.float64) * 3
    z = (torch.rand(50, len(forest)) < 0.4).double()
    own = hlup(y, z, forest)
    assert torch.allclose(own, powerset_hlup(y, z, forest), rtol=1e-9, atol=1e-12)
    assert torch.allclose(own, naive_hlup(y, z, forest), rtol=1e-9, atol=1e-12)


def test_the_naive_form_fails_where_ours_does_not() -> None:
    y, z = torch.full((1, 4), 120.0), torch.zeros(1, 4)
    assert torch.isinf(naive_hlup(y, z, chain(4))).all()
    assert torch.isfinite(hlup(y, z, chain(4))).all()


def test_hlcp_counts_a_node_only_where_its_parent_holds() -> None:
    forest = Forest.of_tree(FAMILY)
    y = torch.tensor([[0.5, -1.0, 2.0, 0.3, 4.0, -0.7]])
    z = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    got = hlcp(y, z, forest)[0]
    plain = functional.binary_cross_entropy_with_logits(y, z, reduction="none")[0]
    counts = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 1.0])
    assert torch.allclose(got, plain * counts)


def test_a_child_is_never_more_probable_than_its_parent() -> None:
    forest = Forest.of_tree(load_bundled_tree(CHEST_XRAY))
    torch.manual_seed(3)
    s = log_probabilities(torch.randn(200, 19) * 20, forest).numpy()
    for node, parent in enumerate(forest.parents):
        if parent != ROOT:
            assert (s[:, node] <= s[:, parent]).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_summed_in_float32_even_under_autocast(dtype: torch.dtype) -> None:
    forest = chain(4)
    y = (torch.randn(20, 4, generator=torch.Generator().manual_seed(4)) * 9).to(dtype)
    z = torch.zeros(20, 4)
    for loss in (hlup, hlcp):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(y, z, forest)
        assert value.dtype == torch.float32
        assert torch.equal(value, loss(y.float(), z, forest))
