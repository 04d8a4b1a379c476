"""Reviewing labels: what a reader sees of a lesion, and what follows from a verdict.

Pure functions of a :class:`~lesionscope.session.state.SessionState` and a label graph. *Shown* are
the labels mined for a lesion, those predicted for it (a blinded reader sees these later), and those
that the reader decided on; "all decided" means all of these, never the whole ontology.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import nan

from lesionscope.inference.reading import LabelAnswer, LabelScore
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.session.decisions import Decision, Origin, Verdict, now
from lesionscope.session.state import SessionState


@dataclass(frozen=True)
class Sight:
    """What one reader may see of a lesion's labels.

    Parameters
    ----------
    lesion_id, reader
        Whose sight of what.
    mined
        Labels mined for it, relevant or uncertain.
    predicted
        Scores of the labels predicted for it; none while veiled.
    own
        The reader's standing decisions, by label.
    others
        Other readers' standing decisions; none while veiled.
    saved
        Whether the reader's own reading is complete: everything mined is decided, or something was
        decided where nothing was mined. It rests on nothing that a blinded reader doesn't see.
    veiled
        Whether predictions and other readers' decisions are hidden: blinded, and never saved so far.
    """

    lesion_id: str
    reader: str
    mined: tuple[str, ...]
    predicted: tuple[LabelScore, ...]
    own: Mapping[str, Decision]
    others: tuple[Decision, ...]
    saved: bool
    veiled: bool

    @property
    def shown(self) -> tuple[str, ...]:
        """Labels in sight: mined, then predicted, then those that the reader added."""
        return tuple(dict.fromkeys((*shown(self.mined, self.predicted), *self.own)))

    @property
    def undecided(self) -> tuple[str, ...]:
        """Labels in sight without a decision of the reader's."""
        return tuple(label for label in self.shown if label not in self.own)

    @property
    def held(self) -> frozenset[str]:
        """Labels that the reader accepted or added."""
        return frozenset(label for label, decision in self.own.items() if decision.holds)

    def origin(self, label: str) -> Origin:
        """Return where a label came from, mined before predicted."""
        if label in self.mined:
            return "mined"
        return "predicted" if any(score.label == label for score in self.predicted) else "reader"


def shown(mined: Iterable[str], scores: Iterable[LabelScore]) -> tuple[str, ...]:
    """Return the labels of a lesion that readers are to decide on: mined, then predicted.

    A review, a report and its verification go by the same ones.
    """
    return tuple(dict.fromkeys((*mined, *(score.label for score in scores if score.predicted))))


def complete(mined: Collection[str], decided: Collection[str]) -> bool:
    """Whether a reader's own reading is: all that was mined is decided, or something where nothing was."""
    return bool(decided) and set(decided).issuperset(mined)


def predicted(state: SessionState, lesion_id: str) -> tuple[LabelScore, ...]:
    """Return the scores of the labels that a model predicted for a lesion; none where it wasn't read."""
    reading = state.reading(lesion_id, "labels")
    if reading is None or not isinstance(reading.labels, LabelAnswer):
        return ()
    return tuple(score for score in reading.labels.scores if score.predicted)


def sight(state: SessionState, lesion_id: str, reader: str, *, blinded: bool = False) -> Sight:
    """Return what a reader may see of a lesion now."""
    known = state.mined.get(lesion_id)
    mined = () if known is None else known.labels
    standing = state.standing(lesion_id)
    own = {one.label: one for one in standing if one.reader == reader}
    saved = complete(mined, own)
    # What was seen once can't be unseen: an undo takes decisions back, not what they were made with.
    veiled = blinded and not saved and reader not in state.unveiled.get(lesion_id, ())
    return Sight(
        lesion_id,
        reader,
        mined,
        () if veiled else predicted(state, lesion_id),
        own,
        () if veiled else tuple(one for one in standing if one.reader != reader),
        saved,
        veiled,
    )


def decide(
    seen: Sight,
    graph: LabelGraph,
    label: str,
    verdict: Verdict,
    *,
    replaces: str | None = None,
    seconds: float = nan,
    bulk: bool = False,
    at: str | None = None,
) -> tuple[Decision, ...]:
    """Return a decision and all that follows from it: the content of one ``Decide``.

    What an accepted label implies is accepted where it is shown; what implies a rejected label is
    rejected; what implies a doubted one, and was accepted, is doubted. A replaced label is rejected
    unless its replacement implies it. Labels that nobody sees get no decision: they follow.

    Parameters
    ----------
    seen
        What the reader has in sight.
    label, verdict, replaces, seconds, bulk
        See :class:`~lesionscope.session.decisions.Decision`.
    at
        When; now by default.
    """
    first = Decision(
        lesion_id=seen.lesion_id,
        label=label,
        verdict=verdict,
        reader=seen.reader,
        at=at or now(),
        origin=seen.origin(label),
        replaces=replaces,
        seen=seen.shown,
        seconds=Decision.seconds if seconds != seconds else seconds,
        bulk=bulk,
    )
    made = {label: first}

    def follow(other: str, follows: Verdict) -> None:
        before = made.get(other) or seen.own.get(other)
        if before is not None and (before.holds if follows == "accepted" else before.verdict == follows):
            return
        made[other] = replace(first, label=other, verdict=follows, origin=seen.origin(other), replaces=None)

    shown = [name for name in seen.shown if name in graph.by_name and name != label]
    below = graph.descendants(label) if label in graph.by_name else frozenset()
    above = graph.ancestors(label) if label in graph.by_name else frozenset()
    for name in shown:
        if first.holds and name in above:
            follow(name, "accepted")
        elif verdict == "rejected" and name in below:
            follow(name, "rejected")
        elif verdict == "uncertain" and name in below and name in seen.held:
            follow(name, "uncertain")
    if replaces is not None and replaces != label and replaces not in above:
        gone = graph.descendants(replaces) if replaces in graph.by_name else frozenset()
        for name in (replaces, *(name for name in shown if name in gone and name not in above)):
            follow(name, "rejected")
    return tuple(made.values())


def accept_all(
    seen: Sight, graph: LabelGraph, *, seconds: float = nan, at: str | None = None
) -> tuple[Decision, ...]:
    """Accept every shown label that is undecided: bulk decisions, the content of one ``Decide``.

    Nothing that was decided is decided anew: labels that are :func:`against` it are left out.
    """
    at = at or now()
    undecided, left_out = seen.undecided, against(seen, graph)
    made: dict[str, Decision] = {}
    for label in undecided:
        if label not in left_out:
            for one in decide(seen, graph, label, "accepted", seconds=seconds, bulk=True, at=at):
                if one.label in undecided:
                    made.setdefault(one.label, one)
    return tuple(made.values())


def against(seen: Sight, graph: LabelGraph) -> tuple[str, ...]:
    """Return the undecided labels that imply one which the reader rejected or put in doubt."""
    denied = seen.own.keys() - seen.held
    return tuple(
        label
        for label in seen.undecided
        if label in graph.by_name and not denied.isdisjoint(graph.ancestors(label))
    )


def exclusive_warnings(seen: Sight, graph: LabelGraph, label: str) -> tuple[str, ...]:
    """Say what a label would contradict among those that the reader holds; nothing is forbidden."""
    held = graph.expand(name for name in seen.held if name in graph.by_name)
    if label not in graph.by_name:
        return ()
    old = set(graph.conflicts(held))
    pairs = [pair for pair in graph.conflicts(held | graph.expand([label])) if pair not in old]
    return tuple(
        f"“{one}” and “{other}” exclude each other: check which of them holds."
        for one, other in pairs
        if not any(_says_more(pair, (one, other), graph) for pair in pairs)
    )


def ordered(names: Iterable[str], graph: LabelGraph) -> tuple[str, ...]:
    """Return labels in the ontology's order; words that it doesn't have come last, by the alphabet."""
    wanted = frozenset(names)
    known = tuple(label.name for label in graph.labels if label.name in wanted)
    return known + tuple(sorted(wanted.difference(known)))


def _says_more(pair: tuple[str, str], than: tuple[str, str], graph: LabelGraph) -> bool:
    """Whether a conflict implies another: its labels are the other's, or below them."""
    return pair != than and any(
        all(
            below == above or above in graph.ancestors(below)
            for below, above in zip(turned, than, strict=True)
        )
        for turned in (pair, pair[::-1])
    )
