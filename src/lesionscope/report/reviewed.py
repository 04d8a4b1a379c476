"""Which labels go into a report: those that readers accepted or added; others only where asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from lesionscope.inference.reading import LabelAnswer, LabelScore
from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.session.decisions import Decision, standing
from lesionscope.session.review import shown
from lesionscope.session.state import SessionState

State = Literal["accepted", "added", "unreviewed"]


@dataclass(frozen=True)
class Review:
    """What readers decided, and what is to be shown beside it.

    Parameters
    ----------
    decisions
        In the order in which they were made; the last one on a label counts, whoever made it.
    mined
        Lesion id → labels that a report's sentence gave it.
    unreviewed
        Whether answers that no reader decided on go in; they are marked as such then.
    sentences
        Lesion id → the sentence as a person edited it, in place of the one made from the labels.
    """

    decisions: tuple[Decision, ...] = ()
    mined: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unreviewed: bool = True
    sentences: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of_session(cls, state: SessionState, *, unreviewed: bool) -> Review:
        """Return what a session holds of it."""
        return cls(
            state.decisions,
            {lesion_id: one.labels for lesion_id, one in state.mined.items()},
            unreviewed,
            {one.lesion_id: one.sentence for one in state.notes.values() if one.sentence is not None},
        )

    def of(self, lesion_id: str) -> dict[str, Decision]:
        """Return the decision in effect on each label of a lesion, oldest first."""
        latest: dict[str, Decision] = {}
        for decision in standing(self.decisions).values():
            if decision.lesion_id == lesion_id:
                latest.pop(decision.label, None)
                latest[decision.label] = decision
        return latest


@dataclass(frozen=True)
class Finding:
    """One label as a report has it; ``score`` where a model gave one, ``decision`` where a reader did."""

    label: str
    kind: str
    state: State
    score: LabelScore | None = None
    decision: Decision | None = None
    mined: bool = False

    @property
    def origin(self) -> str:
        """Where the label came from: ``reader``, ``mined`` or ``predicted``."""
        if self.decision is not None:
            return self.decision.origin
        return "mined" if self.mined else "predicted"

    def as_dict(self) -> dict[str, Any]:
        """Return it as the JSON has it."""
        decision = self.decision
        return {
            "label": self.label,
            "class": self.kind,
            "review": self.state,
            "origin": self.origin,
            "probability": None if self.score is None else float(self.score.probability),
            "reader": None if decision is None else decision.reader,
            "at": None if decision is None else decision.at,
        }


def findings_of(
    lesion_id: str, answer: LabelAnswer | None, review: Review, graph: LabelGraph | None = None
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return the labels of a lesion that go into a report, and those shown that nobody decided on.

    The likeliest come first, then mined ones and those that readers added. A rejected label, and one
    that a reader called uncertain, is decided on and stays out.
    """
    known = load_labels() if graph is None else graph
    decided = review.of(lesion_id)
    scores = {} if answer is None else {score.label: score for score in answer.scores}
    mined = review.mined.get(lesion_id, ())
    open_to = shown(mined, scores.values())
    found = []
    for name in dict.fromkeys((*sorted(open_to, key=lambda one: _place(scores.get(one))), *decided)):
        decision = decided.get(name)
        state: State = "unreviewed"
        if decision is not None:
            state = "added" if decision.verdict == "added" else "accepted"
        if decision.holds if decision is not None else review.unreviewed:
            score = scores.get(name)
            kind = known.by_name[name].kind if name in known.by_name else score.kind if score else "attribute"
            found.append(Finding(name, kind, state, score, decision, name in mined))
    return tuple(found), tuple(name for name in open_to if name not in decided)


def _place(score: LabelScore | None) -> float:
    """Return where a label stands: the likeliest first, those without a prediction last."""
    return -score.probability if score is not None and score.predicted else 1.0


def how_far(begun: bool, left: bool) -> str:
    """Say how much of a lesion readers reviewed: did they begin, and is anything left to do."""
    if not begun:
        return "unreviewed"
    return "partly reviewed" if left else "reviewed"


def summary(
    lesions: Iterable[Mapping[str, Any]], review: Review, *, unreviewed_scores: bool
) -> dict[str, Any]:
    """Say what was reviewed and by whom.

    It is complete only where readers decided on each lesion: one that no model read, or whose answers are
    stale, shows nothing to decide on, and yet nobody vouched for it.

    Parameters
    ----------
    lesions
        Their parts of the report, with ``undecided`` and ``review``.
    unreviewed_scores
        Whether the report holds answers that nobody can decide on, such as a tree's.
    """
    entries = list(lesions)
    ids = {entry["id"] for entry in entries}
    standing_now = [d for one in sorted(ids) for d in review.of(one).values()]
    times = sorted(decision.at for decision in standing_now)
    undecided = sum(len(entry["undecided"]) for entry in entries)
    return {
        "readers": sorted({decision.reader for decision in standing_now}),
        "decided": len(standing_now),
        "undecided": undecided,
        "first_at": times[0] if times else None,
        "last_at": times[-1] if times else None,
        "unreviewed_included": review.unreviewed,
        "complete": bool(entries)
        and all(entry["review"] == "reviewed" for entry in entries)
        and not unreviewed_scores,
    }
