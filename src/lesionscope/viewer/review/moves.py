"""From one review state to the next, as plain functions; nothing here writes or draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from lesionscope.errors import UsageError
from lesionscope.inference.reading import LabelAnswer
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.session import queue as queues
from lesionscope.session.agreement import agreement, ratings, readers, to_adjudicate
from lesionscope.session.decisions import Decision
from lesionscope.session.queue import Order
from lesionscope.session.review import exclusive_warnings, sight
from lesionscope.session.state import SessionState
from lesionscope.viewer.review import words
from lesionscope.viewer.review.rows import conflicts, label_rows
from lesionscope.viewer.review.rows import search as find
from lesionscope.viewer.review.state import Adjudication, ReviewState, Search


def sighted(state: ReviewState) -> ReviewState:
    """Work out what the reader sees of the lesion, and which label is the chosen one."""
    project, lesion_id = state.project, state.lesion_id
    if project is None or not state.reader or lesion_id not in project.mined:
        return replace(state, seen=None, rows=(), chosen=None)
    seen = sight(project, lesion_id, state.reader, blinded=state.blind_to(lesion_id))
    if not seen.veiled and (state.read_by_model or seen.others):
        state = looked_at(state, (lesion_id,))
    rows = label_rows(project, seen)
    labels = [row.label for row in rows]
    chosen = state.chosen
    if state.listed is not None:
        chosen = state.listed.label
    elif chosen not in labels:
        chosen = next((label for label in labels if label not in seen.own), labels[0] if labels else None)
    return replace(state, seen=seen, rows=rows, chosen=chosen)


def looked_at(state: ReviewState, lesions: Iterable[str]) -> ReviewState:
    """Remember that the reader has seen what a veil would hide of these lesions."""
    looked = state.looked.union((state.reader, lesion_id) for lesion_id in lesions)
    return state if looked == state.looked else replace(state, looked=looked)


def warned(state: ReviewState, graph: LabelGraph) -> ReviewState:
    """Say which labels exclude each other: those held, and what the chosen one would contradict."""
    seen, chosen = state.seen, state.chosen
    if seen is None:
        return replace(state, warnings=())
    warnings = conflicts(seen, graph)
    if chosen is not None and chosen not in seen.own:
        ahead = exclusive_warnings(seen, graph, chosen)
        warnings += tuple(words.IF_ACCEPTED.format(warning=one) for one in ahead)
    return replace(state, warnings=warnings)


def next_label(state: ReviewState) -> str | None:
    """Return the label to go to after a verdict: the next undecided one, round the end; else the same."""
    labels = [row.label for row in state.rows]
    if state.seen is None or state.chosen not in labels:
        return state.chosen
    start = labels.index(state.chosen)
    return next(
        (label for label in labels[start:] + labels[:start] if label not in state.seen.own), state.chosen
    )


def label_by(state: ReviewState, by: int) -> str | None:
    """Return the label so many rows further down, not past the ends."""
    labels = [row.label for row in state.rows]
    if not labels:
        return None
    start = labels.index(state.chosen) if state.chosen in labels else 0
    return labels[min(max(start + by, 0), len(labels) - 1)]


def lesion_by(state: ReviewState, by: int) -> str | None:
    """Return the lesion so many places further in the queue; ``None`` past its ends."""
    place = state.place - 1 + by
    return state.queue[place] if 0 <= place < len(state.queue) else None


def unfinished(state: ReviewState) -> str | None:
    """Return the next lesion of the queue on which something shown isn't decided, round the end.

    It is the first such one where no lesion of the queue is in sight.
    """
    project = state.project
    if project is None:
        return None
    rest = state.queue[state.place :] + state.queue[: state.place]
    return next(
        (
            one
            for one in rest
            if (seen := sight(project, one, state.reader, blinded=state.blind_to(one))).undecided
            or not seen.saved
        ),
        None,
    )


def first_unfinished(state: ReviewState) -> str | None:
    """Return the queue's first lesion on which something shown isn't decided, else its first."""
    return unfinished(replace(state, lesion_id=None)) or next(iter(state.queue), None)


def queued(state: ReviewState, order: Order, graph: LabelGraph, label: str | None = None) -> ReviewState:
    """Put the lesions in an order; the one in sight stays, where the queue still has it.

    Raises
    ------
    UsageError
        An order that a blinded reader can't have, or a label that no lesion has.
    """
    project = state.project
    if project is None:
        return state
    found = queues.queue(project, order, graph, label=label, blinded=state.blinded)
    if not found and project.mined:
        raise UsageError(words.EMPTY_QUEUE.format(label=label))
    notice = words.NO_PREDICTIONS if order in queues.NEED_PREDICTIONS and not was_read(project) else ""
    return replace(state, order=order, label=label, queue=found, notice=notice)


def next_order(order: Order, *, blinded: bool) -> Order:
    """Return the order after this one that a reader can have; by label comes only where it is asked for."""
    given: Sequence[Order] = [
        one
        for one in queues.ORDERS
        if (one != "label" and not (blinded and one in queues.NEED_PREDICTIONS)) or one == order
    ]
    return given[(given.index(order) + 1) % len(given)]


def was_read(project: SessionState) -> bool:
    """Whether a label model has answered for any lesion."""
    return any(
        task == "labels" and isinstance(one.labels, LabelAnswer)
        for (_, task), one in project.readings.items()
    )


def namesake(project: SessionState, name: str) -> str | None:
    """Return a reader whose name differs from ``name`` in nothing but capitals and spaces."""
    known = {"".join(one.split()).casefold(): one for one in readers(project)}
    other = known.get("".join(name.split()).casefold())
    return None if name in known.values() else other


def searching(state: ReviewState, search: Search, graph: LabelGraph) -> ReviewState:
    """Show what a search finds."""
    found = find(graph, search.words, state.seen)
    return replace(state, search=replace(search, found=found, chosen=0), notice="")


def adjudicating(state: ReviewState, graph: LabelGraph) -> ReviewState:
    """Compare the first two readers who aren't the one at work.

    Raises
    ------
    UsageError
        The reader is blinded, no two have read lesions to the end, or the reader would be one of the two: a
        reading of one's own would be taken for an adjudicator's word on it.
    """
    project = state.project
    if project is None:
        return state
    if state.blinded:
        raise UsageError(words.NOT_BLINDED)
    done = [
        name
        for name in readers(project)
        if any(ratings(project, one, name, graph) is not None for one in project.decided)
    ]
    pair = sorted(done, key=lambda name: name == state.reader)[:2]
    if len(pair) < 2:
        raise UsageError(words.TWO_READERS.format(who=", ".join(done) or "nobody"))
    if state.reader in pair:
        raise UsageError(words.OWN_READING.format(first=pair[0], second=pair[1], reader=state.reader))
    found = agreement(project, pair[0], pair[1], graph)
    open_ones = to_adjudicate(project, found.disagreements, state.reader)
    state = looked_at(state, (one.lesion_id for one in found.disagreements))
    return replace(state, adjudication=Adjudication(found, open_ones), search=None, notice="")


def adjudicated(state: ReviewState, changed: Decision | None = None) -> ReviewState:
    """Leave out what was decided meanwhile; the next open one takes its place.

    Where a step was taken back or repeated, the label that it ``changed`` is chosen, else another
    of its lesion.
    """
    list_ = state.adjudication
    if list_ is None or state.project is None:
        return state
    left = to_adjudicate(state.project, list_.agreement.disagreements, state.reader)
    passed = set(list_.open[: list_.chosen])
    chosen = min(sum(one in passed for one in left), max(len(left) - 1, 0))
    if changed is not None:
        here = [place for place, one in enumerate(left) if one.lesion_id == changed.lesion_id]
        chosen = next((place for place in here if left[place].label == changed.label), (*here, chosen)[0])
    return replace(state, adjudication=replace(list_, open=left, chosen=chosen))


def unlisted(state: ReviewState) -> str:
    """Say why there can be no verdict: what is listed to adjudicate isn't in sight; "" where it is."""
    if state.adjudication is None or state.listed is not None:
        return ""
    return words.AGREED if state.adjudication.current is None else words.NOT_LISTED


def not_own(state: ReviewState, title: str | None, reader: str | None, refused: words.Refused) -> str:
    """Say why a step isn't the reader's to take back or repeat; "" where it is.

    Parameters
    ----------
    state
        The review.
    title
        The step; ``None`` where there is none.
    reader
        Whose decisions it is; ``None`` where it is something else.
    refused
        What is said.
    """
    if title is not None and reader is not None and reader == state.reader:
        return ""
    project = state.project
    if title is None or state.blinded or project is None or (reader is None and not project.decisions):
        return refused.nothing
    return refused.no_decision.format(what=title) if reader is None else refused.not_yours


def changed_by(before: SessionState, after: SessionState) -> Decision | None:
    """Return the first decision of the step that was taken back or repeated."""
    longer, shorter = sorted((before.decisions, after.decisions), key=len, reverse=True)
    return longer[len(shorter)] if len(longer) > len(shorter) else None
