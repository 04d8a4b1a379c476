"""The paper's claims, each judged on our cells by a paired patient bootstrap: held, reversed or undecided.

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
from .scoring import COMPLETE, MINED

Cell = Mapping[str, Any]
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
    """A claim's difference on one test set, its interval, and what follows."""

    claim: str
    test_set: str
    verdict: str
    difference: float | None
    interval: tuple[float, float] | None
    seeds: int


def _pair(said: str, row: str, figure: str, labels: str = "all", *, little: bool = False) -> Claim:
    return Claim(said, Quantity("lesanet-paper", figure, labels), Quantity(row, figure, labels), little)


CLAIMS = (
    _pair("score propagation lifts the recall of rare labels (§5.5)", "lesanet-no-spl", "recall", "rare"),
    _pair("score propagation lifts recall (§5.5)", "lesanet-no-spl", "recall"),
    _pair("RHEM lifts precision (§5.5)", "lesanet-no-rhem", "precision"),
    _pair("reliable pairs protect recall (§5.5)", "lesanet-all-pairs", "recall"),
    _pair("label expansion lifts AUC (§5.5)", "lesanet-no-expansion", "auc"),
    _pair("text mining changes AUC little (§5.5)", "lesanet-no-text-mining", "auc", little=True),
    _pair("uncertain labels help (§5.5)", "lesanet-relevant-only", "auc"),
    _pair("the triplet loss lifts AUC slightly (§5.5)", "lesanet-no-triplet", "auc"),
    _pair("LesaNet retrieves better than lesion embedding (§7.2.2)", "lesanet-lesion-embedding", "ACG@5"),
    _pair("LesaNet's AUC is above the multiscale CNN's (§5.4)", "lesanet-multiscale", "auc"),
    _pair("LesaNet's AUC is above WARP's (§5.4)", "lesanet-warp", "auc"),
    _pair("LesaNet's AUC is above lesion embedding's (§5.4)", "lesanet-lesion-embedding", "auc"),
    _pair("RHEM is better than OHEM's selection (§4.2)", "lesanet-ohem", "f1"),
    _pair("RHEM is better than the focal loss's weights (§4.2)", "lesanet-focal", "f1"),
    Claim(
        "body parts are easier than types (§5.4)",
        Quantity("lesanet-paper", "auc", "body part"),
        Quantity("lesanet-paper", "auc", "type"),
    ),
    Claim(
        "types are easier than attributes (§5.4)",
        Quantity("lesanet-paper", "auc", "type"),
        Quantity("lesanet-paper", "auc", "attribute"),
    ),
)


def judge(cells: Sequence[Cell], claims: Sequence[Claim] = CLAIMS) -> tuple[Verdict, ...]:
    """Judge claims on both test sets."""
    return tuple(_judge(cells, claim, test_set) for claim in claims for test_set in (MINED, COMPLETE))


def _judge(cells: Sequence[Cell], claim: Claim, test_set: str) -> Verdict:
    more, less = (_draws(cells, one, test_set) for one in (claim.more, claim.less))
    seeds = sorted(set(more) & set(less))
    if not seeds:
        return Verdict(claim.said, test_set, MISSING, None, None, 0)
    apart = np.mean([more[seed] - less[seed] for seed in seeds], axis=0)
    low, high = interval(apart[1:])
    if claim.little:
        inside, outside = low >= -LITTLE and high <= LITTLE, low > LITTLE or high < -LITTLE
    else:
        inside, outside = low > 0, high < 0
    verdict = HELD if inside else REVERSED if outside else UNDECIDED
    return Verdict(
        claim.said, test_set, verdict, round(float(apart[0]), 4), (round(low, 4), round(high, 4)), len(seeds)
    )


def _draws(cells: Sequence[Cell], wanted: Quantity, test_set: str) -> dict[int, NDArray[np.float64]]:
    """Return a row's figure by seed: its own value first, then a value a resample."""
    return {
        cell["seed"]: np.array(cell["draws"][test_set][wanted.labels][wanted.figure])
        for cell in cells
        if cell["row"] == wanted.row and test_set in cell["draws"]
    }
