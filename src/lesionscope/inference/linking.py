"""Boxes found slice by slice, put together: those of neighbouring slices that overlap are one candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
OVERLAP = 0.3
"""Intersection over union from which boxes of two slices are of one lesion: as much as makes two boxes
of one slice the same to the detector, since towards its ends a lesion shrinks from slice to slice."""
BRIDGED = 1
"""Slices without such a box that a lesion may pass through."""


@dataclass(frozen=True, eq=False)
class SliceBoxes:
    """What was found on one slice.

    Parameters
    ----------
    boxes
        x0, y0, x1, y1 in pixels of the slice, ``(n, 4)``.
    scores
        0…1, ``(n,)``.
    categories
        From 0, ``(n,)``.
    padding
        Pixels across and down that boxes reach beyond a lesion on each side.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    scores: Floats = field(default_factory=lambda: np.zeros(0))
    categories: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    padding: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Chain:
    """Boxes of one candidate as (slice, place among the slice's boxes), by slice; ``key`` is the best."""

    key: tuple[int, int]
    links: tuple[tuple[int, int], ...]

    @property
    def first(self) -> int:
        """Its lowest slice number."""
        return self.links[0][0]

    @property
    def last(self) -> int:
        """Its highest slice number."""
        return self.links[-1][0]


def overlap(box: Floats, boxes: Floats) -> Floats:
    """Return intersection over union ``(n,)`` of a box ``(4,)`` with boxes ``(n, 4)``; 0 without area."""
    shared = _area(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]))
    union = _area(box[2:] - box[:2]) + _area(boxes[:, 2:] - boxes[:, :2]) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros(len(boxes)), where=union > 0))


def _area(sides: Floats) -> Floats:
    """Return the areas of boxes with sides ``(…, 2)``; 0 for one that is turned inside out."""
    return np.asarray(np.clip(sides, 0, None).prod(axis=-1))


def link(found: Mapping[int, SliceBoxes], least_overlap: float = OVERLAP) -> tuple[Chain, ...]:
    """Put boxes together, greedily from the best score down.

    The best box that no candidate has yet is a candidate's key. From it the candidate grows slice by slice
    in both directions: on each it takes the free box that overlaps its last one most, where that is by
    ``least_overlap`` or more, and ends after more than :data:`BRIDGED` slices without one. Categories don't
    count: a lesion's slices may be taken for different ones.

    Parameters
    ----------
    found
        Boxes by slice number.
    least_overlap
        Intersection over union.

    Returns
    -------
    tuple of Chain
        By their keys' scores, the best first; each box is in exactly one.
    """
    free = {number: np.ones(len(one.scores), dtype=np.bool_) for number, one in found.items()}
    keys = sorted(
        ((number, place) for number, one in found.items() for place in range(len(one.scores))),
        key=lambda key: (-found[key[0]].scores[key[1]], key),
    )
    chains = []
    for key in keys:
        if not free[key[0]][key[1]]:
            continue
        links = [key]
        free[key[0]][key[1]] = False
        for way in (-1, 1):
            (number, place), missed = key, 0
            box = found[number].boxes[place]
            while missed <= BRIDGED and (number := number + way) in found:
                best = _best(box, found[number].boxes, free[number], least_overlap)
                if best is None:
                    missed += 1
                    continue
                missed = 0
                free[number][best] = False
                links.append((number, best))
                box = found[number].boxes[best]
        chains.append(Chain(key, tuple(sorted(links))))
    return tuple(chains)


def _best(box: Floats, boxes: Floats, free: NDArray[np.bool_], least: float) -> int | None:
    """Return which free box overlaps a box most; of equal ones the first."""
    if not free.any():
        return None
    shares = np.where(free, overlap(box, boxes), -1.0)
    best = int(shares.argmax())
    return best if shares[best] >= least else None
