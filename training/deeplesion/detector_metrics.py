"""How good a detector is: top-1 accuracy (paper 004, §3), IoU curve, precision and recall, FROC.

Figures are computed at once for the test set itself and for resamples of its patients
(``engine/bootstrap.py``), by weighting slices.

Two truths: a slice's bookmarks, as in the paper, where whatever else is found counts as false; and, where
that is known, all lesions that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .dataset import PADDING_PX
from .found import Candidates
from .slices import Lesions, Slices

Floats = NDArray[np.float64]
BOOKMARKS, TRUTH = "bookmarks", "truth"
MATCH_IOU = 0.5
FP_RATES = (0.5, 1.0, 2.0, 4.0)
"""False positives a slice at which sensitivity is read off (Yan et al., MULAN, MICCAI 2019)."""
IOUS = tuple(round(0.1 * step, 1) for step in range(1, 10))
TIGHT_PX = 5.0
"""Padding of DeepLesion's own boxes."""


@dataclass(frozen=True, eq=False)
class Scored:
    """A detector's candidates on slices, held against lesions.

    Parameters
    ----------
    scores, slices, hits
        Of every candidate, from the highest score down: score, slice, whether it is the first that
        overlaps some lesion enough, ``(n,)`` each.
    lesions
        Which slice each lesion lies on, ``(m,)``.
    kinds
        Their categories, ``(m,)``.
    top_iou
        Overlap of each lesion with its slice's best candidate, as both are boxed; 0 where there is none.
    tight_iou
        The same with boxes :data:`TIGHT_PX` around a lesion.
    """

    scores: Floats
    slices: NDArray[np.int64]
    hits: NDArray[np.bool_]
    lesions: NDArray[np.int64]
    kinds: NDArray[np.int64]
    top_iou: Floats
    tight_iou: Floats


def iou(one: NDArray[np.floating], other: NDArray[np.floating]) -> Floats:
    """Return intersection over union ``(n, m)`` of boxes ``(n, 4)`` and ``(m, 4)``; 0 without area."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2).astype(np.float64)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def scored_against(truth: str, slices: Slices, found: Sequence[Candidates]) -> Scored:
    """Hold candidates against bookmarks, or against all that slices show.

    From a slice's best candidate down, each takes the lesion that it overlaps most, if by
    :data:`MATCH_IOU`; one whose lesion is taken already is false.
    """
    parts: list[tuple[NDArray[np.bool_], Lesions, Floats, Floats]] = []
    for one, own in zip(slices.slices, found, strict=True):
        lesions = one.bookmarks if truth == BOOKMARKS else one.truth
        assert lesions is not None, "nobody knows all that these slices show"
        boxes = lesions.boxes(one.size)
        top = iou(own.boxes[:1], boxes)
        tight = iou(tightened(own.boxes[:1]), lesions.boxes(one.size, TIGHT_PX))
        none = np.zeros((1, len(boxes)))
        parts.append(
            (matched(own.boxes, boxes), lesions, *((v if len(v) else none)[0] for v in (top, tight)))
        )
    hits = np.concatenate([part[0] for part in parts])
    scores = np.concatenate([own.scores for own in found]).astype(np.float64)
    places = np.repeat(np.arange(len(found)), [len(own.scores) for own in found])
    order = np.argsort(-scores, kind="stable")
    return Scored(
        scores[order],
        places[order],
        hits[order],
        np.repeat(np.arange(len(found)), [len(part[1].kinds) for part in parts]),
        np.concatenate([part[1].kinds for part in parts]),
        np.concatenate([part[2] for part in parts]),
        np.concatenate([part[3] for part in parts]),
    )


def matched(boxes: NDArray[np.float32], lesions: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which of a slice's candidates, best first, are the first to meet a lesion; ``(n,)``."""
    hits = np.zeros(len(boxes), dtype=np.bool_)
    taken = np.zeros(len(lesions), dtype=np.bool_)
    if not len(lesions):
        return hits
    for place, overlaps in enumerate(iou(boxes, lesions)):
        best = int(overlaps.argmax())
        if overlaps[best] >= MATCH_IOU and not taken[best]:
            hits[place] = taken[best] = True
    return hits


def tightened(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a detector's boxes as they would be with :data:`TIGHT_PX` around a lesion."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.clip((boxes[:, 2:] - boxes[:, :2]) / 2 - (PADDING_PX - TIGHT_PX), 0, None)
    return np.concatenate([centre - half, centre + half], axis=1)


def froc_draws(scored: Scored, weights: Floats, rates: Sequence[float] = FP_RATES) -> dict[str, Floats]:
    """Return sensitivity at false positives a slice, and their mean, in every resample.

    Parameters
    ----------
    scored
        Candidates held against lesions.
    weights
        How often each slice is in each resample, ``(resamples, slices)``.
    rates
        False positives a slice.
    """
    chosen = weights[:, scored.slices]
    hit = np.cumsum(chosen * scored.hits, axis=1)
    false = np.cumsum(chosen * ~scored.hits, axis=1)
    # Candidates of one score fall together.
    last = np.flatnonzero(np.diff(scored.scores, append=-np.inf))
    hit, false = hit[:, last], false[:, last]
    slices, lesions = weights.sum(axis=1), weights[:, scored.lesions].sum(axis=1)
    result = {}
    for rate in rates:
        allowed = false <= rate * slices[:, None] + 1e-9
        best = np.where(allowed, hit, 0.0).max(axis=1, initial=0.0)
        result[f"sensitivity at {rate:g}"] = _shares(best, lesions)
    return {"mean sensitivity": np.mean(list(result.values()), axis=0), **result}


def accuracy_draws(
    scored: Scored, weights: Floats, kind: int | None = None, threshold: float = MATCH_IOU
) -> Floats:
    """Return the top-1 detection accuracy in every resample: each lesion is an image of its own (§3)."""
    return _top(scored.top_iou, scored, weights, kind, threshold)


def tight_accuracy_draws(scored: Scored, weights: Floats, threshold: float = MATCH_IOU) -> Floats:
    """Return :func:`accuracy_draws` with :data:`TIGHT_PX` around lesions."""
    return _top(scored.tight_iou, scored, weights, None, threshold)


def _top(overlaps: Floats, scored: Scored, weights: Floats, kind: int | None, threshold: float) -> Floats:
    among = np.ones(len(scored.kinds), dtype=np.bool_) if kind is None else scored.kinds == kind
    chosen = weights[:, scored.lesions[among]]
    return _shares((chosen * (overlaps[among] >= threshold)).sum(axis=1), chosen.sum(axis=1))


def precision_recall(scored: Scored) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and score from the highest score down, one each score."""
    last = np.flatnonzero(np.diff(scored.scores, append=-np.inf))
    hit = np.cumsum(scored.hits)[last]
    precision = hit / (last + 1)
    return precision, hit / max(1, len(scored.lesions)), scored.scores[last]


def average_precision(scored: Scored) -> float:
    """Return Σ (recall_k − recall_{k−1}) · precision_k over the scores."""
    precision, recall, _ = precision_recall(scored)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def _shares(some: Floats, of: Floats) -> Floats:
    return np.asarray(np.divide(some, of, out=np.full(len(of), np.nan), where=of > 0))
