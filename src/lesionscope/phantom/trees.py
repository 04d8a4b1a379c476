"""Branching trees that fill a lung: vessels and airways.

A tree is grown towards points spread over the lung: at each level every set of
points is halved across its longest direction and a branch runs towards each
half's middle, as in H. Kitaoka et al., "A three-dimensional model of the human
airway tree", *J Appl Physiol* 87 (1999). Radii shrink as Murray's law has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.phantom.canvas import Cones

Points = NDArray[np.float64]
MURRAY = 2.0 ** (-1 / 3)
"""Radius of a branch over its parent's."""


def grow(
    root: Points, targets: Points, radius_mm: float, rng: np.random.Generator
) -> tuple[Cones, NDArray[np.intp]]:
    """Grow one tree.

    Parameters
    ----------
    root
        Where it enters the lung, ``(3,)`` LPS mm.
    targets
        ``(2**levels, 3)`` points it must reach.
    radius_mm
        At the root.

    Returns
    -------
    tuple
        Two cones a branch (it bends in the middle), and the level of each cone.
    """
    levels = len(targets).bit_length() - 1
    position = root[None, :]
    groups = targets[None, :, :]
    pieces: list[tuple[Points, Points, Points, Points]] = []
    level_of: list[NDArray[np.intp]] = []
    for level in range(levels):
        count = groups.shape[1]
        centred = groups - groups.mean(axis=1, keepdims=True)
        scatter = np.einsum("gni,gnj->gij", centred, centred) + 1e-6 * np.eye(3)
        longest = np.linalg.eigh(scatter)[1][:, :, -1]
        # Which way an axis points is the library's whim: its largest part is made positive.
        largest = np.abs(longest).argmax(axis=1)[:, None]
        longest *= np.sign(np.take_along_axis(longest, largest, axis=1))
        order = np.argsort(np.einsum("gni,gi->gn", centred, longest), axis=1)
        groups = np.take_along_axis(groups, order[:, :, None], axis=1).reshape(-1, count // 2, 3)
        parent = np.repeat(position, 2, axis=0)
        aim = groups.mean(axis=1) - parent
        share = 1.0 if level == levels - 1 else rng.uniform(0.34, 0.5, (len(aim), 1))
        position = parent + share * aim
        length = np.linalg.norm(position - parent, axis=1, keepdims=True)
        bend = 0.5 * (parent + position) + rng.normal(0.0, 0.07, (len(aim), 3)) * length
        thick = radius_mm * MURRAY**level * np.exp(rng.normal(0.0, 0.08, len(aim)))
        middle = thick * 0.5 * (1 + MURRAY)
        pieces += [(parent, bend, thick, middle), (bend, position, middle, thick * MURRAY)]
        level_of += [np.full(len(aim), level), np.full(len(aim), level)]
    joined = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return Cones(*joined), np.concatenate(level_of)
