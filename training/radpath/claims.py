"""The paper's claims (paper 000, §3.2), as its numbers support them, judged on our cells.

Each is a difference of two rows' figures in one column of Table 2, averaged over the
seeds that both have, with its interval from paired resamples of the test lesions. A
claim about *some* of several rows takes the best of them at a level corrected for the
choice (Bonferroni); one about *all* of them takes the worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.bootstrap import LEVEL
from ..engine.claims import HELD, MISSING, REVERSED, UNDECIDED, Cell
from .metrics import interval
from .published import COLUMNS, HEADS, LEAVES, TABLE_2, TITLES

HIERARCHICAL = tuple(row for row in TITLES if row != "leaf-node")


@dataclass(frozen=True)
class Claim:
    """In ``column``, ``more`` is above ``less``: for ``some`` pair or for all of them."""

    said: str
    column: str
    pairs: tuple[tuple[str, str], ...]
    some: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a claim: the deciding pair's difference, its interval, and the paper's difference."""

    claim: Claim
    verdict: str
    pair: tuple[str, str] | None
    difference: float | None
    interval: tuple[float, float] | None
    paper: float | None
    seeds: int


def _claims() -> tuple[Claim, ...]:
    against = tuple((row, "leaf-node") for row in HIERARCHICAL)
    dense = (("dense", "flattened"), ("leaky-dense", "leaky-flattened"))
    leak = (("leaky-flattened", "flattened"), ("leaky-dense", "dense"))
    return (
        *(Claim(f"some hierarchical system beats Leaf-Node at {c}", c, against, some=True) for c in COLUMNS),
        *(Claim(f"dense is at least as good as flattened at {c}", c, dense) for c in HEADS),
        Claim("Leaf-Node is weakest at H4", "H4", against),
        *(Claim(f"the leak helps at {c}", c, leak) for c in ("H1", LEAVES)),
        Claim("the leak helps at H3 (the paper's words; its numbers say otherwise)", "H3", leak),
    )


CLAIMS = _claims()


def judge(cells: Sequence[Cell], mean: str = "weighted", claims: Sequence[Claim] = CLAIMS) -> list[Verdict]:
    """Judge claims on the cells that there are, by the paper's weighted means or by plain ones."""
    return [_judge(cells, mean, claim) for claim in claims]


def _judge(cells: Sequence[Cell], mean: str, claim: Claim) -> Verdict:
    level = 1 - (1 - LEVEL) / len(claim.pairs) if claim.some else LEVEL
    judged = []
    for pair in claim.pairs:
        more, less = (_draws(cells, row, mean, claim.column) for row in pair)
        seeds = sorted(set(more) & set(less))
        if not seeds:
            return Verdict(claim, MISSING, None, None, None, None, 0)
        apart = np.mean([more[seed] - less[seed] for seed in seeds], axis=0)
        judged.append((interval(float(apart[0]), apart[1:], level), pair, len(seeds)))
    lows, highs = [one.low for one, *_ in judged], [one.high for one, *_ in judged]
    pick = max if claim.some else min
    held = pick(lows) > 0
    against = pick(highs) < 0
    one, pair, count = pick(judged, key=lambda row: row[0].high if against else row[0].low)
    paper = round(TABLE_2[pair[0]][claim.column] - TABLE_2[pair[1]][claim.column], 1)
    verdict = HELD if held else REVERSED if against else UNDECIDED
    return Verdict(claim, verdict, pair, one.value, (one.low, one.high), paper, count)


def _draws(cells: Sequence[Cell], row: str, mean: str, column: str) -> dict[int, NDArray[np.float64]]:
    """Return a row's figure by seed: its own value first, then a value a resample."""
    return {
        cell["seed"]: np.array(cell["draws"][mean][column], dtype=np.float64)
        for cell in cells
        if cell["row"] == row
    }
