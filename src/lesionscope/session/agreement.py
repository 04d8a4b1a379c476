"""Two readers of one project: how they rate labels, Cohen's kappa, and what goes to adjudication."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.session.decisions import Decision
from lesionscope.session.review import Sight, ordered, sight
from lesionscope.session.state import SessionState

Rating = Literal["yes", "uncertain", "no"]


@dataclass(frozen=True)
class LabelAgreement:
    """Two readers on one label, over the lesions that both have read.

    ``kappa`` is NaN where chance alone would agree always, as when both said the same of every lesion.
    """

    label: str
    lesions: int
    agreed: int
    kappa: float


@dataclass(frozen=True)
class Disagreement:
    """A label of a lesion that readers rate differently: for adjudication."""

    lesion_id: str
    label: str
    ratings: tuple[tuple[str, Rating], ...]
    """(reader, rating), the first reader first."""


@dataclass(frozen=True)
class Agreement:
    """Two readers of a project.

    ``lesions`` counts those that both have read: each has decided on everything mined.
    """

    readers: tuple[str, str]
    lesions: int
    labels: tuple[LabelAgreement, ...]
    disagreements: tuple[Disagreement, ...]


def together(states: Sequence[SessionState]) -> SessionState:
    """Return the lesions and decisions of several projects, such as one of each reader, as of one."""
    decided: dict[str, tuple[Decision, ...]] = {}
    for state in states:
        for lesion_id, decisions in state.decided.items():
            decided[lesion_id] = decided.get(lesion_id, ()) + decisions
    return SessionState(
        decisions=tuple(decision for state in states for decision in state.decisions),
        decided=decided,
        mined={one.id: one for state in states for one in state.mined.values()},
        studies={one.id: one for state in states for one in state.studies.values()},
    )


def readers(state: SessionState) -> tuple[str, ...]:
    """Return who decided anything, in the order of their first decision."""
    return tuple(dict.fromkeys(decision.reader for decision in state.decisions))


def ratings(
    state: SessionState, lesion_id: str, reader: str, graph: LabelGraph
) -> Mapping[str, Rating] | None:
    """Return a reader's ratings of a lesion's labels; ``None`` until the reader's reading is saved.

    What an accepted label implies is rated "yes" too. Of any label that is not there the reader says "no".
    """
    seen = sight(state, lesion_id, reader, blinded=True)
    if not seen.saved:
        return None
    return said(seen, graph)


def said(seen: Sight, graph: LabelGraph) -> Mapping[str, Rating]:
    """Return what a reader's decisions say of labels, those that accepted ones imply included."""
    found: dict[str, Rating] = {}
    for label, decision in seen.own.items():
        found[label] = "yes" if decision.holds else "uncertain" if decision.verdict == "uncertain" else "no"
    found.update(dict.fromkeys(graph.expand(name for name in seen.held if name in graph.by_name), "yes"))
    return found


def agreement(state: SessionState, first: str, second: str, graph: LabelGraph) -> Agreement:
    """Compare two readers, label by label, over the lesions that both have read.

    Labels that either decided on are compared, and what these imply.
    """
    both = [
        (lesion_id, one, other)
        for lesion_id in state.decided
        if (one := ratings(state, lesion_id, first, graph)) is not None
        and (other := ratings(state, lesion_id, second, graph)) is not None
    ]
    labels = ordered({name for _, one, other in both for name in (*one, *other)}, graph)
    compared = []
    for label in labels:
        a = [one.get(label, "no") for _, one, _ in both]
        b = [other.get(label, "no") for _, _, other in both]
        agreed = sum(x == y for x, y in zip(a, b, strict=True))
        compared.append(LabelAgreement(label, len(both), agreed, cohens_kappa(a, b)))
    differing = tuple(
        Disagreement(lesion_id, label, ((first, x), (second, y)))
        for lesion_id, one, other in both
        for label in labels
        if (x := one.get(label, "no")) != (y := other.get(label, "no"))
    )
    return Agreement((first, second), len(both), tuple(compared), differing)


def to_adjudicate(
    state: SessionState, disagreements: Iterable[Disagreement], adjudicator: str
) -> tuple[Disagreement, ...]:
    """Return the disagreements that an adjudicator has not decided on yet."""
    return tuple(
        one
        for one in disagreements
        if all(decision.label != one.label for decision in state.standing(one.lesion_id, adjudicator))
    )


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Return Cohen's kappa of two readers' ratings of the same things, unweighted; NaN where undefined.

    J. Cohen, *A coefficient of agreement for nominal scales* (Educ. Psychol. Meas. 20, 1960):
    (p_o − p_e) / (1 − p_e).
    """
    count = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True))
    a, b = Counter(first), Counter(second)
    by_chance = sum(a[name] * b[name] for name in a)
    # Whole numbers up to here: 1 − p_e is 0 exactly where it should be.
    return nan if by_chance == count * count else (count * agreed - by_chance) / (count * count - by_chance)
