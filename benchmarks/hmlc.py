"""The exact O(depth) form of HLUP beside the paper's powerset form: error and speed, in one run.

``python -m benchmarks.hmlc``. A chain of eight nodes, 4,096 images, forward and backward in float32, in turn;
errors are relative, of the loss of an image whose node does not hold, against 60 digits, for logits that are
small, large, and beyond what float32 can multiply. ``--write`` puts them into ``hmlc.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import mpmath
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.rows import interleaved, record
from lesionscope.models.hmlc.forest import ROOT, Forest
from lesionscope.models.hmlc.unconditional import hlup

DEPTH, IMAGES = 8, 4096
RESULTS = Path(__file__).with_suffix(".json")
RANGES = {"small logits": (-3.0, 3.0), "sure": (5.0, 12.0), "very sure": (30.0, 80.0), "beyond": (120.0, 1e3)}


def chain(depth: int) -> Forest:
    """Nodes one below the other."""
    return Forest((ROOT, *range(depth - 1)))


def powerset_hlup(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Eq. 5–7: cross-entropies along the path, and γ from every subset of it; ``(n, M)``."""
    columns = []
    for node in range(len(forest)):
        y, z = logits[:, list(forest.path(node))], labels[:, node]
        width = y.shape[1]
        plain = functional.binary_cross_entropy_with_logits(y, z[:, None].expand_as(y), reduction="none")
        subsets = [s for size in range(1, width + 1) for s in combinations(range(width), size)]
        chosen = torch.zeros(len(subsets), width, dtype=y.dtype)
        for row, subset in enumerate(subsets):
            chosen[row, list(subset)] = 1
        gamma = -(1 - z) * (y.sum(dim=1) + torch.logsumexp(-y @ chosen.T, dim=1))
        columns.append(plain.sum(dim=1) + gamma)
    return torch.stack(columns, dim=1)


def naive_hlup(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Eq. 3–4 as they stand: the product, then its logarithm; ``(n, M)``."""
    p = torch.stack(
        [torch.sigmoid(logits[:, list(forest.path(m))]).prod(dim=1) for m in range(len(forest))], 1
    )
    return -labels * torch.log(p) - (1 - labels) * torch.log(1 - p)


def exact_hlup(logits: np.ndarray, label: bool, digits: int = 60) -> mpmath.mpf:
    """Return the loss of the last node of one chain of logits."""
    # Logits hide up to Σ |y| / ln 10 digits of p or of 1 − p.
    with mpmath.workdps(digits + int(0.44 * abs(logits).sum())):
        p = mpmath.fprod(1 / (1 + mpmath.exp(-mpmath.mpf(float(y)))) for y in logits)
        return -mpmath.log(p if label else 1 - p)


FORMS: dict[str, Callable[[Tensor, Tensor, Forest], Tensor]] = {
    "exact": hlup,
    "powerset": powerset_hlup,
    "naive": naive_hlup,
}


def errors(count: int = 20) -> dict[str, dict[str, float | str]]:
    """Return each form's largest relative error by range of logits."""
    rng, forest = np.random.default_rng(0), chain(DEPTH)
    found: dict[str, dict[str, float | str]] = {}
    for name, (low, high) in RANGES.items():
        logits = rng.uniform(low, high, (count, DEPTH)).astype(np.float32)
        wanted = [exact_hlup(row, False) for row in logits]
        found[name] = {}
        for form, loss in FORMS.items():
            got = loss(torch.from_numpy(logits), torch.zeros(count, DEPTH), forest)[:, -1].tolist()
            apart = [
                float(abs(mpmath.mpf(g) - w) / w) if np.isfinite(g) else np.inf
                for g, w in zip(got, wanted, strict=True)
            ]
            worst = max(apart)
            found[name][form] = float(f"{worst:.2g}") if np.isfinite(worst) else "not finite"
    return found


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = errors()
    print(json.dumps(found, indent=1))
    if arguments.write:
        content = {"depth": DEPTH, "largest relative error of the loss": found}
        RESULTS.write_text(json.dumps(content, indent=1) + "\n")
    forest, generator = chain(DEPTH), torch.Generator().manual_seed(0)
    logits = torch.randn(IMAGES, DEPTH, generator=generator) * 3
    labels = (torch.rand(IMAGES, DEPTH, generator=generator) < 0.5).float()

    def learn(loss: Callable[[Tensor, Tensor, Forest], Tensor]) -> None:
        leaf = logits.clone().requires_grad_()
        loss(leaf, labels, forest).sum().backward()

    record(
        interleaved(
            f"HLUP loss and gradient, chain of {DEPTH}, {IMAGES:,} images",
            lambda: learn(hlup),
            "the paper's powerset form",
            lambda: learn(powerset_hlup),
            target=5.0,
            rounds=arguments.rounds,
        )
    )


if __name__ == "__main__":
    main()
