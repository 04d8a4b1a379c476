"""LesaNet's losses (paper 002, §4) against hand-computed numbers and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lesionscope.training.lesanet.losses import class_weights, weighted_bce
from lesionscope.training.lesanet.rhem import (
    difficulty,
    focal_loss,
    ohem_loss,
    reliable_pairs,
    rhem_loss,
)
from lesionscope.training.lesanet.triplets import distances, select_triplets, similarity, triplet_loss

LN3 = math.log(3)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def cross_entropy(logit: float, y: float) -> float:
    return -math.log(sigmoid(logit) if y else 1 - sigmoid(logit))


def random_batch(seed: int, b: int = 17, c: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(b, c, generator=made, dtype=torch.float64)
    return logits, (torch.rand(b, c, generator=made) < 0.3).double()


def test_class_weights_of_section_4_1() -> None:
    """β⁺ = |P+N|/2|P|, β⁻ = |P+N|/2|N|, at most 300 (§5.2)."""
    positive = np.zeros((1000, 4), bool)
    positive[:250, 0] = True  # 1000/500, 1000/1500
    positive[0, 1] = True  # 500, clamped; 1000/1998
    positive[:, 2] = True  # ½; no negative
    beta_pos, beta_neg = class_weights(positive)
    assert beta_pos.tolist() == [2.0, 300.0, 0.5, 300.0]
    assert beta_neg[:2].tolist() == pytest.approx([2 / 3, 1000 / 1998])
    assert beta_neg[3] == 0.5


def test_weighted_cross_entropy_of_equation_1_by_hand() -> None:
    """σ(ln 3) = ¾, so the terms are 2·ln(4/3), ½·ln 2 and 3·ln 4; one weighs nothing; the mean is over 4."""
    logits = torch.tensor([[LN3, 0.0], [-LN3, 5.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 1.0], [1.5, 0.0]], dtype=torch.float64)
    loss = weighted_bce(logits, targets, weights, torch.tensor([2.0, 7.0]), torch.tensor([9.0, 0.5]))
    wanted = (2 * math.log(4 / 3) + 0.5 * math.log(2) + 1.5 * 2 * math.log(4)) / 4
    assert float(loss) == pytest.approx(wanted, rel=1e-12)


def test_weighted_cross_entropy_of_equation_1_by_loop() -> None:
    logits, targets = random_batch(0)
    beta_pos, beta_neg = torch.linspace(0.5, 300, 9), torch.linspace(0.5, 0.9, 9)
    total = 0.0
    for i in range(17):
        for c in range(9):
            beta = beta_pos[c] if targets[i, c] else beta_neg[c]
            total += float(beta) * cross_entropy(float(logits[i, c]), float(targets[i, c]))
    assert float(weighted_bce(logits, targets, None, beta_pos, beta_neg)) == pytest.approx(
        total / 153, rel=1e-6
    )


def test_scores_far_out_stay_finite() -> None:
    """Eq. 1 at scores whose sigmoid is 0 or 1 in single precision."""
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = weighted_bce(logits, torch.tensor([[1.0, 0.0]]), None, torch.ones(2), torch.ones(2))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(200.0)
    assert logits.grad.tolist() == [[-0.5, 0.5]]


EXCLUSIVE = torch.zeros(5, 5, dtype=torch.bool)
for one, other in ((0, 1), (0, 2), (1, 3)):
    EXCLUSIVE[one, other] = EXCLUSIVE[other, one] = True


def test_reliable_pairs_of_section_4_2() -> None:
    """Positives and what they exclude; positives that exclude each other are reliable on request only."""
    targets = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    pairs = reliable_pairs(targets, EXCLUSIVE)
    assert pairs.int().tolist() == [[1, 1, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]
    kept = reliable_pairs(targets, EXCLUSIVE, keep_conflicts=True)
    assert kept[2].int().tolist() == [1, 1, 1, 1, 1]
    assert torch.equal(kept[[0, 1, 3]], pairs[[0, 1, 3]])


def test_difficulty_of_equation_2_by_hand() -> None:
    """δ = |σ − y|^γ: |¾ − 1|² = 1/16, |¾ − 0|² = 9/16; 0 outside the pairs."""
    logits, targets = torch.full((1, 3), LN3, dtype=torch.float64), torch.tensor([[1.0, 0.0, 0.0]])
    pairs = torch.tensor([[True, True, False]])
    assert difficulty(logits, targets, pairs).tolist() == [pytest.approx([1 / 16, 9 / 16, 0])]
    assert difficulty(logits, targets, None, gamma=1.0).tolist() == [pytest.approx([1 / 4, 3 / 4, 3 / 4])]


def test_rhem_draws_by_difficulty_from_reliable_pairs_only() -> None:
    """§4.2: the expected loss is Σ δ·CE / Σ δ over reliable pairs, without β; 400,000 draws find it."""
    logits, targets = random_batch(1)
    pairs = torch.rand(17, 9, generator=torch.Generator().manual_seed(2)) < 0.5
    top = bottom = square = 0.0
    for i in range(17):
        for c in range(9):
            if pairs[i, c]:
                y = float(targets[i, c])
                delta = abs(sigmoid(float(logits[i, c])) - y) ** 2
                loss = cross_entropy(float(logits[i, c]), y)
                top, bottom, square = top + delta * loss, bottom + delta, square + delta * loss**2
    mean = top / bottom
    error = math.sqrt((square / bottom - mean**2) / 400_000)
    drawn = rhem_loss(logits, targets, pairs, samples=400_000, generator=torch.Generator().manual_seed(3))
    assert abs(float(drawn) - mean) < 4 * error
    everything = rhem_loss(logits, targets, None, samples=400_000, generator=torch.Generator().manual_seed(3))
    assert abs(float(everything) - mean) > 10 * error


def test_rhem_gives_no_gradient_to_pairs_that_are_not_reliable() -> None:
    logits, targets = random_batch(4)
    logits.requires_grad_()
    pairs = torch.zeros(17, 9, dtype=torch.bool)
    pairs[3] = True
    rhem_loss(logits, targets, pairs, generator=torch.Generator().manual_seed(0)).backward()
    assert logits.grad[3].ne(0).any()
    assert logits.grad[torch.arange(17) != 3].eq(0).all()


def test_rhem_without_any_pair_is_zero_and_still_has_a_gradient() -> None:
    """A batch whose reliable pairs are none, or all answered perfectly, must not stop a training."""
    logits = torch.zeros(2, 3, requires_grad=True)
    loss = rhem_loss(logits, torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad.eq(0).all()
    assert float(rhem_loss(torch.full((1, 1), 100.0), torch.ones(1, 1), None)) == 0


def test_ohem_keeps_the_hardest_pairs() -> None:
    """§5.5's comparison [37], by sorting a list."""
    logits, targets = random_batch(5)
    pairs = torch.rand(17, 9, generator=torch.Generator().manual_seed(6)) < 0.5
    losses = sorted(
        (cross_entropy(float(logits[i, c]), float(targets[i, c])) for i, c in pairs.nonzero().tolist()),
        reverse=True,
    )
    kept = losses[: round(0.25 * len(losses))]
    assert float(ohem_loss(logits, targets, pairs)) == pytest.approx(sum(kept) / len(kept), rel=1e-9)
    assert float(ohem_loss(logits, targets, torch.zeros(17, 9))) == 0


def test_focal_loss_by_loop() -> None:
    """§5.5's comparison [22]: (1 − p_t)^γ · −log p_t, over the number of positives."""
    logits, targets = random_batch(7)
    pairs = torch.rand(17, 9, generator=torch.Generator().manual_seed(8)) < 0.5
    total, positives = 0.0, 0
    for i, c in pairs.nonzero().tolist():
        y = float(targets[i, c])
        right = sigmoid(float(logits[i, c])) if y else 1 - sigmoid(float(logits[i, c]))
        total += (1 - right) ** 2 * -math.log(right)
        positives += int(y)
    assert float(focal_loss(logits, targets, pairs)) == pytest.approx(total / positives, rel=1e-9)


def test_similarity_of_equation_3_by_hand() -> None:
    """|X ∩ Y|²/|X ∪ Y|: 2 labels shared by sets of 2 and 3 → 4/3; nothing shared, or no labels → 0."""
    y = torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    sim = similarity(y)
    assert sim[0].tolist() == pytest.approx([2, 4 / 3, 0, 0])
    assert sim[3].tolist() == [0, 0, 0, 0]
    assert torch.equal(sim, sim.T)


def reference_choices(sim: np.ndarray, a: int, theta: float) -> dict[tuple[int, int], float]:
    """Return §4.4's probability of each (B, C) for an anchor, by loops; ties give none."""
    n = len(sim)
    similar = [b for b in range(n) if b != a and sim[a, b] >= theta]
    if not similar:
        most = max(sim[a, b] for b in range(n) if b != a)
        similar = [b for b in range(n) if b != a and sim[a, b] == most]
    found: dict[tuple[int, int], float] = {}
    for b in similar:
        apart = [c for c in range(n) if c != a and sim[a, c] < sim[a, b]]
        for c in apart:
            found[b, c] = 1 / len(similar) / len(apart)
    return found


@pytest.mark.parametrize("theta", [1.0, 2.5])
def test_triplets_are_drawn_as_section_4_4_says(theta: float) -> None:
    """Every triplet that comes is one that may; each comes as often as it should."""
    made = torch.Generator().manual_seed(11)
    targets = (torch.rand(7, 5, generator=made) < 0.5).float()
    targets[6] = 0  # a lesion that shares nothing: as anchor it gives ties alone
    sim = similarity(targets)
    count = 200_000
    drawn = select_triplets(sim, count=count, threshold=theta, generator=made)
    found: dict[tuple[int, int, int], int] = {}
    rows, times = torch.unique(drawn, dim=0, return_counts=True)
    for row, n in zip(rows.tolist(), times.tolist(), strict=True):
        found[tuple(row)] = n
    wanted = {
        (a, b, c): p / 7 for a in range(7) for (b, c), p in reference_choices(sim.numpy(), a, theta).items()
    }
    assert not any(a == 6 for a, _, _ in wanted)
    assert found.keys() <= wanted.keys()
    for triplet, p in wanted.items():
        assert abs(found.get(triplet, 0) - count * p) < 5 * math.sqrt(count * p)


def test_batches_without_triplets_give_none() -> None:
    """Lesions all alike, or too few, hold no dissimilar one (§4.4)."""
    assert len(select_triplets(similarity(torch.ones(6, 3)))) == 0
    assert select_triplets(similarity(torch.ones(2, 3))).shape == (0, 3)
    embedding = torch.randn(6, 4, requires_grad=True)
    loss = triplet_loss(embedding, torch.empty(0, 3, dtype=torch.int64))
    loss.backward()
    assert float(loss.detach()) == 0


def test_triplet_loss_of_equation_4_by_hand() -> None:
    """d(A,B) = √2, d(A,C) = 2: 0.1 + √2 − 2 < 0; the other way round 2 − √2 + 0.1; the mean of both."""
    embedding = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    loss = triplet_loss(embedding, torch.tensor([[0, 1, 2], [0, 2, 1]]), margin=0.1)
    assert float(loss) == pytest.approx((2 - math.sqrt(2) + 0.1) / 2, rel=1e-6)


def test_triplet_loss_of_equation_4_is_torchs_own() -> None:
    made = torch.Generator().manual_seed(12)
    embedding = torch.nn.functional.normalize(torch.randn(12, 8, generator=made, dtype=torch.float64), dim=1)
    ours, theirs = embedding.clone().requires_grad_(), embedding.clone().requires_grad_()
    triplets = torch.randint(0, 4, (300, 3), generator=made) + torch.tensor([0, 4, 8])
    a, b, c = triplets.T
    one = triplet_loss(ours, triplets)
    other = torch.nn.TripletMarginLoss(margin=0.1, eps=0)(theirs[a], theirs[b], theirs[c])
    assert float(one.detach()) == pytest.approx(float(other.detach()), rel=1e-9)
    one.backward()
    other.backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-9)


def test_distances_of_near_embeddings_do_not_cancel() -> None:
    x = torch.nn.functional.normalize(torch.ones(2, 256), dim=1)
    x[1, 0] += 1e-4
    assert float(distances(x)[0, 1]) == pytest.approx(1e-4, rel=1e-2)
