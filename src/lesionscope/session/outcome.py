"""What review made of a lesion's mined labels: readers' verdicts brought together and applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.session.agreement import Rating, said
from lesionscope.session.mined import RELATIONS, MinedLesion
from lesionscope.session.review import ordered, sight
from lesionscope.session.state import SessionState


@dataclass(frozen=True)
class Outcome:
    """Labels of a lesion after review, in the ontology's order; those relevant with all they imply."""

    relevant: tuple[str, ...]
    uncertain: tuple[str, ...]
    irrelevant: tuple[str, ...]

    def relation(self, label: str) -> str:
        """Return what a label is to the lesion, "" where nothing is said of it."""
        for relation in RELATIONS:
            if label in getattr(self, relation):
                return relation
        return ""


def settled(
    state: SessionState, lesion_id: str, graph: LabelGraph, adjudicator: str | None = None
) -> Mapping[str, Rating]:
    """Return what all readers together say of a lesion's labels.

    An adjudicator's decision counts alone. Else a label on which readers agree is rated so, and one on
    which they don't is uncertain; whoever has read the lesion to the end says "no" of what he didn't name.
    """
    rated = {
        one.reader: sight(state, lesion_id, one.reader, blinded=True) for one in state.standing(lesion_id)
    }
    words = {reader: said(seen, graph) for reader, seen in rated.items()}
    judged = words.pop(adjudicator, {}) if adjudicator is not None else {}
    found: dict[str, Rating] = {}
    for label in {name for ratings in words.values() for name in ratings}:
        votes = {
            ratings.get(label, "no")
            for reader, ratings in words.items()
            if label in ratings or rated[reader].saved
        }
        found[label] = votes.pop() if len(votes) == 1 else "uncertain"
    return {**found, **judged}


def outcome(mined: MinedLesion, ratings: Mapping[str, Rating], graph: LabelGraph) -> Outcome:
    """Apply ratings to mined labels; what nobody rated stays as it was mined, with what it implies.

    A mined label goes with one that it implies and that was not upheld. Rejected labels that the
    report speaks of are irrelevant, as those that it says of something else.
    """
    core = graph.by_name.keys()
    yes = graph.expand(label for label, rating in ratings.items() if rating == "yes" and label in core)
    no = {label for label, rating in ratings.items() if rating == "no"} - yes
    doubted = {label for label, rating in ratings.items() if rating == "uncertain"} - yes

    def fallen(label: str, into: set[str]) -> bool:
        return label in into or (label in core and not graph.ancestors(label).isdisjoint(into))

    stay = {label for label in mined.relevant if not fallen(label, no | doubted)}
    relevant = yes | stay | (graph.expand(stay & core) - no - doubted)
    uncertain = doubted | {label for label in mined.labels if label not in relevant and not fallen(label, no)}
    spoken = set(mined.irrelevant) | {label for label in mined.labels if fallen(label, no)}
    return Outcome(
        ordered(relevant, graph),
        ordered(uncertain - relevant, graph),
        ordered(spoken - relevant - uncertain, graph),
    )
