"""In which order lesions are reviewed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Literal, get_args

from lesionscope.errors import UsageError
from lesionscope.inference.reading import LabelAnswer
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.session.review import predicted
from lesionscope.session.state import SessionState

Order = Literal["import", "disagreement", "label", "uncertainty", "rarity"]
ORDERS: tuple[Order, ...] = get_args(Order)
NEED_PREDICTIONS: tuple[Order, ...] = ("disagreement", "uncertainty")
"""Orders that would tell a blinded reader what the model said."""


def queue(
    state: SessionState,
    order: Order,
    graph: LabelGraph,
    *,
    label: str | None = None,
    blinded: bool = False,
) -> tuple[str, ...]:
    """Return the ids of the project's lesions in the order of review.

    Parameters
    ----------
    state, graph
        The project and its labels.
    order
        ``"import"``: as they came. ``"disagreement"``: first where mined and predicted labels differ
        most, by the sum of how far the differing scores lie from their thresholds. ``"label"``: only
        lesions that ``label`` was mined or predicted for. ``"uncertainty"``: first where a score lies
        nearest its threshold, in log odds. ``"rarity"``: first where a label is that few lesions have.
        Lesions alike keep the order of import, and those that no model has read come last.
    label
        For the order by label.
    blinded
        Refuse what would tell a blinded reader what the model said, and look at mined labels alone.

    Raises
    ------
    UsageError
        An order that a blinded reader can't have, or no label to order by.
    """
    if blinded and order in NEED_PREDICTIONS:
        raise UsageError(
            f"Ordered by {order}, the queue would tell a blinded reader what the model said: "
            "choose the order of import, a label, or rarity."
        )
    if order == "import":
        return tuple(state.mined)
    if order == "label":
        if label is None:
            raise UsageError("Name the label that lesions are to be looked at for.")
        return tuple(one for one in state.mined if label in _proposed(state, one, graph, blinded))
    if order == "rarity":
        proposed = {one: _proposed(state, one, graph, blinded) for one in state.mined}
        counts = Counter(name for names in proposed.values() for name in names)
        return _sorted(state, lambda one: min((counts[name] for name in proposed[one]), default=math.inf))
    if order == "uncertainty":
        return _sorted(state, lambda one: _distance(state, one))
    return _sorted(state, lambda one: -_difference(state, one, graph))


def _sorted(state: SessionState, key: Callable[[str], float]) -> tuple[str, ...]:
    return tuple(sorted(state.mined, key=key))


def _proposed(state: SessionState, lesion_id: str, graph: LabelGraph, blinded: bool) -> frozenset[str]:
    """Return what was mined, with what it implies, and what was predicted."""
    mined = graph.expand(name for name in state.mined[lesion_id].labels if name in graph.by_name)
    return mined if blinded else mined.union(score.label for score in predicted(state, lesion_id))


def _difference(state: SessionState, lesion_id: str, graph: LabelGraph) -> float:
    """Return how far mined and predicted labels differ; doubted labels differ from nothing."""
    answer = _answer(state, lesion_id)
    if answer is None:
        return -math.inf
    known = state.mined[lesion_id]
    mined = graph.expand(name for name in known.relevant if name in graph.by_name)
    return sum(
        abs(score.probability - score.threshold)
        for score in answer.scores
        if score.predicted != (score.label in mined) and score.label not in known.uncertain
    )


def _distance(state: SessionState, lesion_id: str) -> float:
    """Return how near a score comes to its threshold, in log odds."""
    answer = _answer(state, lesion_id)
    if answer is None:
        return math.inf
    return min(
        (abs(_logit(score.probability) - _logit(score.threshold)) for score in answer.scores),
        default=math.inf,
    )


def _answer(state: SessionState, lesion_id: str) -> LabelAnswer | None:
    reading = state.reading(lesion_id, "labels")
    return reading.labels if reading is not None and isinstance(reading.labels, LabelAnswer) else None


def _logit(probability: float) -> float:
    inside = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(inside) - math.log1p(-inside)
