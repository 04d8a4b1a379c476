"""From what a reader may see of a lesion to what is shown: label rows, a sentence in pieces, search hits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from lesionscope.inference.reading import LabelAnswer, LabelScore
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.labels import phrase_key
from lesionscope.session.decisions import Decision
from lesionscope.session.mined import RELATIONS, Mention, MinedLesion, Relation
from lesionscope.session.review import Sight, exclusive_warnings
from lesionscope.session.state import SessionState

MOST_FOUND = 40


@dataclass(frozen=True)
class LabelRow:
    """One label that is to be decided on.

    Parameters
    ----------
    label
        Its name.
    mined
        What the report was taken to say; ``None`` where it says nothing of it.
    score
        What a model said, predicted or not; ``None`` where none did, or while veiled.
    own, others
        The reader's decision, and those of others.
    differs
        Whether report and model differ; doubted labels differ from nothing.
    """

    label: str
    mined: Relation | None
    score: LabelScore | None
    own: Decision | None
    others: tuple[Decision, ...]
    differs: bool


@dataclass(frozen=True)
class Piece:
    """A stretch of a sentence under the same mentions.

    Parameters
    ----------
    text
        Its words.
    relation
        The strongest of its mentions' relations; ``None`` between mentions.
    labels
        The labels said by it.
    ends
        Whether a mention ends with it: its letter stands there.
    """

    text: str
    relation: Relation | None = None
    labels: tuple[str, ...] = ()
    ends: bool = False


@dataclass(frozen=True)
class Found:
    """A label that a search found: whether it is shown already, and which held labels it excludes."""

    label: str
    kind: str
    shown: bool = False
    excludes: tuple[str, ...] = ()


def label_rows(state: SessionState, seen: Sight) -> tuple[LabelRow, ...]:
    """Lay out what a reader sees of a lesion, disagreements between report and model first."""
    mined = state.mined[seen.lesion_id]
    scores = {} if seen.veiled else _scores(state, seen.lesion_id)
    rows = [_row(label, mined, scores, seen) for label in seen.shown]
    return tuple(sorted(rows, key=lambda row: not row.differs))


def _row(label: str, mined: MinedLesion, scores: dict[str, LabelScore], seen: Sight) -> LabelRow:
    relation = next((name for name in RELATIONS if label in getattr(mined, name)), None)
    score = scores.get(label)
    differs = score is not None and relation != "uncertain" and score.predicted != (relation == "relevant")
    others = tuple(one for one in seen.others if one.label == label)
    added = label not in seen.mined and not (score is not None and score.predicted)
    return LabelRow(label, relation, score, seen.own.get(label), others, differs and not added)


def _scores(state: SessionState, lesion_id: str) -> dict[str, LabelScore]:
    reading = state.reading(lesion_id, "labels")
    if reading is None or not isinstance(reading.labels, LabelAnswer):
        return {}
    return {score.label: score for score in reading.labels.scores}


def conflicts(seen: Sight, graph: LabelGraph) -> tuple[str, ...]:
    """Say which of the labels that the reader holds exclude each other, each pair once."""
    held = [label for label in seen.own if label in seen.held]
    if not graph.conflicts(graph.expand(label for label in held if label in graph.by_name)):
        return ()
    found: dict[str, None] = {}
    for label in held:
        rest = {name: one for name, one in seen.own.items() if name != label}
        found.update(dict.fromkeys(exclusive_warnings(replace(seen, own=rest), graph, label)))
    return tuple(found)


def pieces(sentence: str, mentions: Iterable[Mention]) -> tuple[Piece, ...]:
    """Cut a sentence where mentions begin and end; together the pieces are the sentence."""
    mentions = tuple(mentions)
    cuts = {0, len(sentence)}.union(*((one.start, one.end) for one in mentions))
    found = []
    for start, end in pairwise(sorted(cut for cut in cuts if 0 <= cut <= len(sentence))):
        here = [one for one in mentions if one.start <= start and end <= one.end]
        relation = next((name for name in RELATIONS if any(one.relation == name for one in here)), None)
        ends = any(one.end == end and one.relation == relation for one in here)
        labels = tuple(dict.fromkeys(one.label for one in here))
        found.append(Piece(sentence[start:end], relation, labels, ends))
    return tuple(found)


def search(graph: LabelGraph, words: str, seen: Sight | None = None) -> tuple[Found, ...]:
    """Find labels by name or synonym: the very words first, then names that begin so, then the rest."""
    key = phrase_key(words)
    if not key:
        return ()
    ranked = []
    for place, (name, keys) in enumerate(_keys(graph)):
        fits = [0 if one == key else 1 if one.startswith(key) else 2 for one in keys if key in one]
        if fits:
            ranked.append((min(fits), place, name))
    names = [name for _, _, name in sorted(ranked)[:MOST_FOUND]]
    held = () if seen is None else tuple(label for label in seen.held if label in graph.by_name)
    return tuple(
        Found(
            name,
            graph.by_name[name].kind,
            seen is not None and name in seen.shown,
            tuple(other for other in held if other in graph.exclusives(name)),
        )
        for name in names
    )


@lru_cache(maxsize=2)
def _keys(graph: LabelGraph) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each label's name and synonyms in the form that searches compare, models' labels first."""
    return tuple(
        (label.name, tuple(phrase_key(one) for one in (label.name, *label.synonyms)))
        for label in sorted(graph.labels, key=lambda label: label.index is None)
    )
