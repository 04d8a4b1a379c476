"""A paper's claims, each judged on our cells by a paired bootstrap: held, reversed or undecided.

A cell keeps its figures in every resample of the test patients, and resamples are the same in all
cells. So the difference of two rows, averaged over the seeds that both have, comes with an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bootstrap import interval
from .markdown import head, line

Cell = Mapping[str, Any]
"""Of a table: ``row``, ``seed``, and ``draws`` by test set, labels and figure: a value, then resamples."""
HELD, REVERSED, UNDECIDED, MISSING = "held", "reversed", "undecided", "no cells"
LITTLE = 0.01
"""A difference within this is "little"."""


@dataclass(frozen=True)
class Quantity:
    """A figure of a row: of which labels, on which test set."""

    row: str
    figure: str
    labels: str = "all"


@dataclass(frozen=True)
class Claim:
    """``more`` is above ``less`` — or, where ``little``, they differ by at most :data:`LITTLE`."""

    said: str
    more: Quantity
    less: Quantity
    little: bool = False


@dataclass(frozen=True)
class Verdict:
    """A claim's difference on one test set, its interval, what follows, and each seed's difference."""

    claim: Claim
    test_set: str
    verdict: str
    difference: float | None = None
    interval: tuple[float, float] | None = None
    seeds: tuple[float, ...] = ()


def judge(cells: Sequence[Cell], claims: Sequence[Claim], test_sets: Sequence[str]) -> tuple[Verdict, ...]:
    """Judge claims on test sets."""
    return tuple(_judge(cells, claim, test_set) for claim in claims for test_set in test_sets)


def _judge(cells: Sequence[Cell], claim: Claim, test_set: str) -> Verdict:
    more, less = (_draws(cells, one, test_set) for one in (claim.more, claim.less))
    seeds = sorted(set(more) & set(less))
    if not seeds:
        return Verdict(claim, test_set, MISSING)
    each = [more[seed] - less[seed] for seed in seeds]
    apart = np.mean(each, axis=0)
    low, high = interval(apart[1:])
    if claim.little:
        inside, outside = low >= -LITTLE and high <= LITTLE, low > LITTLE or high < -LITTLE
    else:
        inside, outside = low > 0, high < 0
    verdict = HELD if inside else REVERSED if outside else UNDECIDED
    own = tuple(round(float(one[0]), 4) for one in each)
    return Verdict(claim, test_set, verdict, round(float(apart[0]), 4), (round(low, 4), round(high, 4)), own)


def _draws(cells: Sequence[Cell], wanted: Quantity, test_set: str) -> dict[int, NDArray[np.float64]]:
    """Return a row's figure by seed: its own value first, then a value a resample."""
    return {
        cell["seed"]: np.array(cell["draws"][test_set][wanted.labels][wanted.figure])
        for cell in cells
        if cell["row"] == wanted.row and test_set in cell["draws"]
    }


def as_table(verdicts: Sequence[Verdict]) -> str:
    """Return verdicts as a Markdown table."""
    lines = head("claim", "test set", "verdict", "difference", "95 % interval", "each seed")
    for one in verdicts:
        ends = "" if one.interval is None else "{:+.4f} … {:+.4f}".format(*one.interval)
        apart = "" if one.difference is None else f"{one.difference:+.4f}"
        each = ", ".join(f"{difference:+.4f}" for difference in one.seeds)
        lines.append(line(one.claim.said, one.test_set, one.verdict, apart, ends, each))
    return "\n".join(lines)
