"""What the other rows are trained on: WARP, and the lesion embedding's sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lesionscope.training.lesanet.lesion_graph import COARSE, coarse_parts, descriptions, sequence_loss
from lesionscope.training.lesanet.warp import warp_loss

from lesionscope.ontology.label_graph import load_labels


def reference_warp(scores, targets, known, ancestors):
    """WARP in loops: every positive against what shall stand below it."""
    total, pairs = 0.0, 0
    for s, y, k in zip(scores, targets, known, strict=True):
        for p in range(len(s)):
            if not (y[p] and k[p]):
                continue
            pairs += 1
            hinges = []
            for n in range(len(s)):
                below = k[n] and (not y[n] or ancestors[p][n])
                if below and 1 + s[n] - s[p] > 0:
                    hinges.append(1 + s[n] - s[p])
            if hinges:
                total += sum(1 / j for j in range(1, len(hinges) + 1)) * sum(hinges) / len(hinges)
    return total / max(pairs, 1)


@pytest.mark.parametrize("seed", range(4))
def test_warp_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1.5, (5, 7))
    targets, known = rng.random((5, 7)) < 0.4, rng.random((5, 7)) < 0.8
    ancestors = np.triu(rng.random((7, 7)) < 0.4, 1)
    ours = warp_loss(
        torch.from_numpy(scores),
        torch.from_numpy(targets.astype(float)),
        torch.from_numpy(known.astype(float)),
        torch.from_numpy(ancestors),
    )
    assert float(ours) == pytest.approx(reference_warp(scores, targets, known, ancestors), abs=1e-9)


def test_warp_puts_fine_labels_above_coarse_ones():
    scores = torch.zeros(1, 3, requires_grad=True)
    ancestors = torch.tensor([[False, True, False], [False] * 3, [False] * 3])
    warp_loss(scores, torch.tensor([[1.0, 1.0, 0.0]]), torch.ones(1, 3), ancestors).backward()
    fine, coarse, wrong = scores.grad[0].tolist()
    assert fine < coarse < wrong  # the gradient lifts the fine label most and lowers the wrong one


def test_coarse_parts_are_deeplesions():
    graph = load_labels()
    positive = np.zeros((3, len(graph.core)), dtype=bool)
    for row, names in enumerate(({"liver"}, {"right lower lobe"})):
        positive[row, [p for p, name in enumerate(graph.core) if name in graph.expand(names)]] = True
    parts = coarse_parts(positive, graph)
    assert [COARSE[p] for p in parts[:2]] == ["liver", "lung"] and parts[2] == -1


def test_a_sequence_orders_by_part_place_and_size():
    """A hand-made batch with one sequence: A and B alike, C another size, D another place, E another part."""
    columns = {
        "location_x": np.array([0.5, 0.5, 0.5, 0.1, 0.5]),
        "location_y": np.full(5, 0.5),
        "location_z": np.full(5, 0.5),
        "long_mm": np.array([10.0, 10.0, 40.0, 12.0, 10.0]),
        "short_mm": np.array([8.0, 8.0, 30.0, 9.0, 8.0]),
    }
    described = torch.from_numpy(descriptions(np.array([0, 0, 0, 0, 1]), columns))
    line = torch.tensor([[0.0], [0.1], [1.0], [2.0], [3.0]])
    draw = torch.Generator().manual_seed(0)
    # Anchors are 0 and 1; nearer ones are nearer by more than every margin.
    assert float(sequence_loss(line, described, count=64, generator=draw)) == 0
    # All in one point: each term is its margin.
    assert float(sequence_loss(line * 0, described, count=64, generator=draw)) == pytest.approx(0.35)
    # Nothing to draw from: no part is known.
    described[:, 0] = -1
    assert float(sequence_loss(line, described, count=64, generator=draw)) == 0
