"""From a label network's raw scores to what is said of each label, and why (NumPy only)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionscope.inference.reading import LabelScore, Why
from lesionscope.models.label_package import LabelCard
from lesionscope.ontology.label_graph import LabelGraph

Floats = NDArray[np.float64]
SOURCES = 3
"""So many labels are named as having propagated to one."""


@dataclass(frozen=True, eq=False)
class Propagation:
    """The score propagation layer's weights W ``(C, C)``: w_ij is what label i receives from label j."""

    weight: Floats

    def sources(self, scores: Floats, label: int) -> tuple[int, ...]:
        """Return the labels whose raw scores ``(C,)`` lifted one, the strongest first.

        Those that speak for their own label (a score above 0) and came with a positive weight.
        """
        given = np.where(scores > 0, self.weight[label] * scores, 0.0)
        given[label] = 0.0
        order = np.argsort(-given, kind="stable")[:SOURCES]
        return tuple(int(j) for j in order if given[j] > 0)


def probabilities(card: LabelCard, scores: Floats) -> Floats:
    """Turn raw scores ``(C,)`` into probabilities, calibrated where the card says how."""
    logits = scores
    if card.calibration is not None:
        logits = np.array(card.calibration.scale) * scores + np.array(card.calibration.shift)
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def label_scores(
    card: LabelCard, graph: LabelGraph, scores: Floats, refined: Floats, propagation: Propagation | None
) -> tuple[LabelScore, ...]:
    """Say what a network's answer means.

    Labels whose probability reaches their threshold are predicted, and so is all that they imply. The
    probability given for a label is at least that of each predicted label that implies it, so that it
    never rises from parent to child among what is predicted.

    Parameters
    ----------
    card, graph
        The model's labels, thresholds and calibration, and what the labels imply.
    scores, refined
        Raw scores before and after score propagation, ``(C,)`` in the card's order.
    propagation
        The layer's weights; ``None`` where the network has none.
    """
    names = card.labels
    own, after = probabilities(card, scores), probabilities(card, refined)
    thresholds = np.array(card.thresholds)
    reached = after >= thresholds
    place = {name: i for i, name in enumerate(names)}
    chosen = sorted(np.flatnonzero(reached).tolist(), key=lambda i: -after[i])
    implying: dict[int, list[int]] = {}
    for j in chosen:
        for ancestor in graph.ancestors(names[j]):
            if ancestor in place:
                implying.setdefault(place[ancestor], []).append(j)
    predicted = {*chosen, *implying}
    shown = after.copy()
    for i in predicted:
        for ancestor in graph.ancestors(names[i]):
            if ancestor in place:
                shown[place[ancestor]] = max(shown[place[ancestor]], after[i])
    answer = []
    for i, name in enumerate(names):
        why: Why = "own score"
        sources: tuple[str, ...] = ()
        if reached[i] and own[i] < thresholds[i]:
            why = "propagated"
            if propagation is not None:
                sources = tuple(names[j] for j in propagation.sources(scores, i))
        elif i in implying and not reached[i]:
            why = "implied"
            sources = tuple(names[j] for j in implying[i])
        answer.append(
            LabelScore(
                label=name,
                kind=graph.by_name[name].kind,
                probability=float(shown[i]),
                threshold=float(thresholds[i]),
                predicted=i in predicted,
                own=float(own[i]),
                why=why,
                sources=sources,
            )
        )
    return tuple(answer)


def conflicts(graph: LabelGraph, scores: tuple[LabelScore, ...]) -> tuple[tuple[str, str], ...]:
    """Return the predicted labels that exclude each other, in pairs of the most specific ones.

    A pair is left out where a more specific one stands for it: right lung and liver speak for
    chest and abdomen too.
    """
    predicted = [score.label for score in scores if score.predicted]
    found = graph.conflicts(predicted)
    pairs = set(map(frozenset, found))
    family = {name: [name] for pair in found for name in pair}
    for name in predicted:
        for ancestor in graph.ancestors(name):
            if ancestor in family:
                family[ancestor].append(name)

    def spoken_for(one: str, other: str) -> bool:
        more_specific = ((a, b) for a in family[one] for b in family[other] if (a, b) != (one, other))
        return any(frozenset(pair) in pairs for pair in more_specific)

    return tuple(pair for pair in found if not spoken_for(*pair))
