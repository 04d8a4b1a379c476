"""Choosing triplets and their loss for a batch, beside a loop over them as the reference has it (row 10).

``python -m benchmarks.triplets [--rounds 15]``. 128 lesions, 5,000 triplets, with the gradient,
on one thread. The loop draws A, B and C one after another from lists; both obey the same rule, and over
many draws choose each lesion equally often.
"""

from __future__ import annotations

import argparse
import random

import numpy as np
import torch
from lesionscope.training.lesanet.triplets import (
    MARGIN,
    THRESHOLD,
    TRIPLETS,
    select_triplets,
    similarity,
    triplet_loss,
)
from torch import Tensor
from torch.nn import functional

from benchmarks.rows import interleaved, record

LESIONS, LABELS, DIMENSION = 128, 171, 256
DRAWS = 40
"""Batches drawn to compare how often each lesion is chosen."""


def looped_triplets(sim: list[list[float]], count: int, rng: random.Random) -> list[tuple[int, int, int]]:
    """Draw triplets one at a time; the rule of :func:`select_triplets`."""
    everybody, found = range(len(sim)), []
    for _ in range(count):
        a = rng.randrange(len(sim))
        row = sim[a]
        others = [i for i in everybody if i != a]
        least = min(THRESHOLD, max(row[i] for i in others))
        b = rng.choice([i for i in others if row[i] >= least])
        less = [i for i in others if row[i] < row[b]]
        if less:
            found.append((a, b, rng.choice(less)))
    return found


def looped_loss(embedding: Tensor, triplets: list[tuple[int, int, int]]) -> Tensor:
    """Return L_triplet from the rows that the triplets name."""
    a, b, c = (embedding[[triplet[place] for triplet in triplets]] for place in range(3))
    near, far = (a - b).norm(dim=1), (a - c).norm(dim=1)
    return functional.relu(near - far + MARGIN).mean()


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    generator, rng = torch.Generator().manual_seed(0), random.Random(0)
    # About six labels a lesion, a few of them frequent, as in DeepLesion.
    frequency = 0.5 / torch.arange(1, LABELS + 1)
    targets = (torch.rand(LESIONS, LABELS, generator=generator) < frequency * 2).float()
    embedding = torch.randn(LESIONS, DIMENSION, generator=generator)
    sim = similarity(targets)
    listed = sim.tolist()

    chosen = select_triplets(sim, generator=generator)
    ours, theirs = embedding.clone().requires_grad_(), embedding.clone().requires_grad_()
    triplet_loss(ours, chosen).backward()
    looped_loss(theirs, [tuple(row) for row in chosen.tolist()]).backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)
    counts = np.zeros((2, 3, LESIONS))
    for _ in range(DRAWS):
        for which, drawn in enumerate(
            (
                select_triplets(sim, generator=generator).numpy(),
                np.array(looped_triplets(listed, TRIPLETS, rng)),
            )
        ):
            for place in range(3):
                counts[which, place] += np.bincount(drawn[:, place], minlength=LESIONS)
    # Both are sums of independent draws: their difference over its deviation is about normal.
    z = (counts[0] - counts[1]) / np.sqrt(np.maximum(counts.sum(axis=0), 1))
    assert np.abs(z).max() < 5, "the two draw from different distributions"

    def run_ours() -> None:
        leaf = embedding.clone().requires_grad_()
        triplet_loss(leaf, select_triplets(similarity(targets), generator=generator)).backward()

    def run_peer() -> None:
        leaf = embedding.clone().requires_grad_()
        looped_loss(leaf, looped_triplets(similarity(targets).tolist(), TRIPLETS, rng)).backward()

    record(
        interleaved(
            f"{TRIPLETS:,} triplets of {LESIONS} lesions and their loss",
            run_ours,
            "a Python loop, one triplet at a time",
            run_peer,
            target=100.0,
            good=33.0,
            rounds=rounds,
            limit="about 1 ms",
            number=10,
        )
    )


if __name__ == "__main__":
    main()
