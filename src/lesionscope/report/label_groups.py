"""A label model's answer in the order in which people read it: three groups, the most specific first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lesionscope.inference.reading import LabelAnswer, LabelScore
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.ontology.labels import KINDS


@dataclass(frozen=True)
class Branch:
    """A predicted label that no other of its group implies, and those of its group that it implies.

    A label that several imply is with the most likely of them alone.
    """

    score: LabelScore
    implied: tuple[LabelScore, ...] = ()


@dataclass(frozen=True)
class Group:
    """One class of labels: what is predicted, the most likely first, and the rest."""

    kind: str
    branches: tuple[Branch, ...]
    rest: tuple[LabelScore, ...]
    """Not predicted; the nearest to its threshold first."""


def groups(answer: LabelAnswer, graph: LabelGraph | None = None) -> tuple[Group, ...]:
    """Lay out an answer as body parts, types and attributes."""
    known = load_labels() if graph is None else graph
    found = []
    for kind in KINDS:
        scores = sorted((s for s in answer.scores if s.kind == kind), key=lambda s: -s.probability)
        predicted = [score for score in scores if score.predicted]
        rest = sorted((s for s in scores if not s.predicted), key=lambda s: s.threshold - s.probability)
        found.append(Group(kind, _branches(predicted, known), tuple(rest)))
    return tuple(found)


def _branches(predicted: Sequence[LabelScore], graph: LabelGraph) -> tuple[Branch, ...]:
    above = {score.label: graph.ancestors(score.label) for score in predicted}
    implied = {name for score in predicted for name in above[score.label]}
    shown: set[str] = set()
    branches = []
    for score in predicted:
        if score.label in implied:
            continue
        mine = [s for s in predicted if s.label in above[score.label] and s.label not in shown]
        shown |= {one.label for one in mine}
        # Up the lineage: what implies more comes first.
        mine.sort(key=lambda one: -len(above[one.label]))
        branches.append(Branch(score, tuple(mine)))
    return tuple(branches)


def conflicts_of(answer: LabelAnswer) -> Mapping[str, tuple[str, ...]]:
    """Return, for each label that takes part in a conflict, the predicted labels that exclude it."""
    against: dict[str, set[str]] = {}
    for one, other in answer.conflicts:
        against.setdefault(one, set()).add(other)
        against.setdefault(other, set()).add(one)
    order = [score.label for score in answer.scores]
    return {name: tuple(sorted(others, key=order.index)) for name, others in against.items()}
