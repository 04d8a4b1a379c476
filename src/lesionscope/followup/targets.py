"""Which lesions may be RECIST 1.1 targets, and a proposal of them (sources as in ``response.py``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lesionscope.followup.response import ROUNDING_MM

MOST_TARGETS, MOST_AN_ORGAN = 5, 2
"""Targets in all and in one organ (§4.1)."""
MEASURABLE_MM, MEASURABLE_NODE_MM = 10.0, 15.0
"""Least long axis, and least short axis of a node, of a target on CT (§3.1)."""
THICK_SLICE_MM = 5.0
"""Above it a lesion must measure two slices (§3.1)."""
PATHOLOGICAL_NODE_MM = 10.0
"""Nodes from here on are disease, if only as non-targets below 15 mm (§3.1)."""
NODES, UNKNOWN = "lymph nodes", "unknown"
"""The organ of every node (all nodes are one: Q&A), and of lesions of which nobody said it."""


@dataclass(frozen=True)
class Candidate:
    """A lesion at baseline; diameters ``None`` where none were drawn."""

    id: str
    name: str
    organ: str
    node: bool
    long_mm: float | None
    short_mm: float | None
    slice_mm: float = 0.0

    @property
    def site(self) -> str:
        """The organ that it counts for; lesions whose organ isn't known count as in one."""
        return NODES if self.node else self.organ or UNKNOWN

    @property
    def recist_mm(self) -> float | None:
        """The diameter that would go into the sum."""
        return self.short_mm if self.node else self.long_mm


def why_not_target(candidate: Candidate) -> str | None:
    """Say why a lesion can't be a target; ``None`` where it can."""
    size = candidate.recist_mm
    axis = "short" if candidate.node else "long"
    if size is None:
        return f"{candidate.name} has no {axis} diameter: draw it first."
    least = MEASURABLE_NODE_MM if candidate.node else MEASURABLE_MM
    if candidate.slice_mm > THICK_SLICE_MM:
        least = max(least, 2 * candidate.slice_mm)
    if size < least - ROUNDING_MM:
        return (
            f"{candidate.name} measures {size:.1f} mm: a target's {axis} axis is {least:g} mm or more here."
        )
    return None


def is_disease(candidate: Candidate) -> bool:
    """Whether a lesion is to be followed at all: nodes below 10 mm are normal."""
    size = candidate.recist_mm
    return not candidate.node or size is None or size >= PATHOLOGICAL_NODE_MM - ROUNDING_MM


def propose_targets(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Choose targets: the largest of each organ first, then the second ones (§4.1).

    Returns
    -------
    tuple of str
        Ids, in the order chosen; the reader may choose otherwise, for what can be measured
        again reliably is not seen from sizes.
    """
    fit = [one for one in candidates if why_not_target(one) is None]
    fit.sort(key=lambda one: -(one.recist_mm or 0.0))
    rank: Counter[str] = Counter()
    ranked: list[tuple[int, str]] = []
    for one in fit:
        ranked.append((rank[one.site], one.id))
        rank[one.site] += 1
    by_turn = sorted(ranked, key=lambda pair: pair[0])
    return tuple(id for turn, id in by_turn if turn < MOST_AN_ORGAN)[:MOST_TARGETS]


def wrong_with_targets(chosen: Iterable[Candidate]) -> tuple[str, ...]:
    """Say what RECIST 1.1 has against a choice of targets; empty where nothing."""
    targets = tuple(chosen)
    found = [reason for one in targets if (reason := why_not_target(one)) is not None]
    if len(targets) > MOST_TARGETS:
        found.append(f"{len(targets)} targets are chosen: RECIST 1.1 allows {MOST_TARGETS}.")
    for site, count in Counter(one.site for one in targets).items():
        if count > MOST_AN_ORGAN:
            found.append(
                f"{count} targets are chosen in one organ ({site}): RECIST 1.1 allows {MOST_AN_ORGAN}."
            )
    return tuple(found)
