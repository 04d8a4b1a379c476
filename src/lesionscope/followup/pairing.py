"""Which lesion of a follow-up is which of the baseline: proposed by place, decided by the reader.

Each baseline lesion is carried through the registration; the cheapest pairs together (Kuhn's
Hungarian method) are proposed, with a gate in millimetres beyond which nothing is. What the pairs
are worth to a reader is only a ``confidence``; nothing counts before it is confirmed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from lesionscope.followup.rigid import Rigid
from lesionscope.lesions.lesion import Lesion

GATE_MM = 30.0
"""Lesions further apart than this are never proposed: what breathing moves at the diaphragm
(Keall et al., Med Phys 33 (2006) 3874–3900: 1–3 cm) and a rigid map can't follow."""
SPREAD_MM = 10.0
"""Distance that costs as much as :data:`SIZE_FACTOR` in size."""
SIZE_FACTOR = 2.0
"""Ratio of sizes that costs as much as :data:`SPREAD_MM`; lesions do grow, so size says little."""
OTHER_PLACE = 4.0
"""Cost of body parts, where both lesions' are known, that have nothing in common."""
REFUSED = 1e6
_NOTHING_KNOWN: Mapping[str, frozenset[str]] = MappingProxyType({})


class Verdict(StrEnum):
    """What became of a proposed pair."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Pair:
    """A lesion of the baseline and one of the follow-up, by their ids.

    ``distance_mm`` lies between where registration carries the first and where the second was
    marked. ``confidence``, 0…1, says how well place, size and body part fit: 1 for two alike at
    the same place. It is no probability.
    """

    baseline: str
    followup: str
    distance_mm: float
    confidence: float
    verdict: Verdict = Verdict.PROPOSED


@dataclass(frozen=True)
class Pairing:
    """All pairs there are between two studies; frozen, each decision makes a new one."""

    pairs: tuple[Pair, ...] = ()

    @property
    def standing(self) -> tuple[Pair, ...]:
        """Pairs that aren't refused."""
        return tuple(pair for pair in self.pairs if pair.verdict is not Verdict.REFUSED)

    @property
    def confirmed(self) -> tuple[Pair, ...]:
        """Pairs that the reader confirmed."""
        return tuple(pair for pair in self.pairs if pair.verdict is Verdict.CONFIRMED)

    @property
    def undecided(self) -> tuple[Pair, ...]:
        """Pairs that the reader hasn't decided on."""
        return tuple(pair for pair in self.pairs if pair.verdict is Verdict.PROPOSED)

    def of(self, lesion_id: str) -> Pair | None:
        """Return the pair that a lesion of either study stands in."""
        return next((pair for pair in self.standing if lesion_id in (pair.baseline, pair.followup)), None)

    def decided(self, pair: Pair, verdict: Verdict) -> Pairing:
        """Return the pairing with one pair decided."""
        return Pairing(
            tuple(
                replace(known, verdict=verdict) if _ids(known) == _ids(pair) else known
                for known in self.pairs
            )
        )

    def joined(self, baseline: str, followup: str, distance_mm: float) -> Pairing:
        """Return the pairing with two lesions paired by hand; other pairs of theirs are refused."""
        both = {baseline, followup}
        kept = tuple(
            replace(pair, verdict=Verdict.REFUSED) if both & set(_ids(pair)) else pair
            for pair in self.pairs
            if _ids(pair) != (baseline, followup)
        )
        return Pairing((*kept, Pair(baseline, followup, distance_mm, 1.0, Verdict.CONFIRMED)))


def propose(
    baseline: Iterable[Lesion],
    followup: Iterable[Lesion],
    to_followup: Rigid,
    *,
    parts: Mapping[str, frozenset[str]] = _NOTHING_KNOWN,
    earlier: Pairing | None = None,
    absent: Collection[str] = (),
) -> Pairing:
    """Pair the lesions of two studies.

    Parameters
    ----------
    baseline, followup
        Their lesions.
    to_followup
        Registration: the baseline's LPS mm to the follow-up's.
    parts
        Body parts by lesion id, of lesions of either study, where labels name any.
    earlier
        What the reader decided before: confirmed pairs stay as they are, refused ones aren't
        proposed again.
    absent
        Baseline lesions that the follow-up doesn't show, as the reader says: nothing is proposed for them.

    Returns
    -------
    Pairing
        Confirmed pairs, refused ones, then proposals, the surest first.
    """
    before = earlier or Pairing()
    first, second = tuple(baseline), tuple(followup)
    ids = {lesion.id for lesion in (*first, *second)}
    kept = [p for p in before.pairs if p.verdict is not Verdict.PROPOSED and ids.issuperset(_ids(p))]
    taken = {id for pair in kept if pair.verdict is Verdict.CONFIRMED for id in _ids(pair)}
    refused = {_ids(pair) for pair in kept if pair.verdict is Verdict.REFUSED}
    rows = [lesion for lesion in first if lesion.id not in taken and lesion.id not in absent]
    columns = [lesion for lesion in second if lesion.id not in taken]
    proposals = _assigned(rows, columns, to_followup, parts, refused)
    return Pairing((*kept, *sorted(proposals, key=lambda pair: -pair.confidence)))


def _assigned(
    rows: list[Lesion],
    columns: list[Lesion],
    to_followup: Rigid,
    parts: Mapping[str, frozenset[str]],
    refused: set[tuple[str, str]],
) -> list[Pair]:
    from scipy.optimize import linear_sum_assignment

    if not rows or not columns:
        return []
    distance = np.full((len(rows), len(columns)), np.inf)
    cost = np.full(distance.shape, REFUSED)
    for i, one in enumerate(rows):
        carried = to_followup.points(one.centroid_lps_mm)
        for j, other in enumerate(columns):
            distance[i, j] = float(np.linalg.norm(np.subtract(other.centroid_lps_mm, carried)))
            if distance[i, j] <= GATE_MM and (one.id, other.id) not in refused:
                apart = _apart(parts.get(one.id), parts.get(other.id))
                cost[i, j] = _cost(distance[i, j], _ratio(one, other)) + OTHER_PLACE * apart
    # Beyond the gate costs more than all pairs within it, so it is chosen only where nothing else is left.
    chosen = zip(*linear_sum_assignment(cost), strict=True)
    return [
        Pair(rows[i].id, columns[j].id, float(distance[i, j]), math.exp(-float(cost[i, j]) / 2))
        for i, j in chosen
        if cost[i, j] < REFUSED
    ]


def _cost(distance_mm: float, ratio: float) -> float:
    """Squared distance and squared log ratio of sizes, each by its own unit."""
    return (distance_mm / SPREAD_MM) ** 2 + (math.log(ratio) / math.log(SIZE_FACTOR)) ** 2 / 2


def _apart(one: frozenset[str] | None, other: frozenset[str] | None) -> float:
    """Share of the two lesions' body parts that only one has; 0 where either's aren't known."""
    if not one or not other:
        return 0.0
    return 1 - len(one & other) / len(one | other)


def _ratio(one: Lesion, other: Lesion) -> float:
    """Ratio of the long diameters; 1 where either wasn't drawn."""
    if one.long is None or other.long is None:
        return 1.0
    return other.long.length_mm / one.long.length_mm


def _ids(pair: Pair) -> tuple[str, str]:
    return pair.baseline, pair.followup
