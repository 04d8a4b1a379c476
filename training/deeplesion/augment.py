"""A slice is a little different each time it is learnt: cut elsewhere, larger or smaller, mirrored."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from lesionscope.models.detector.inputs import DetectorInput

from .detector_recipe import Augmentation
from .slices import Boxes, DetectionSlice, Kinds

Rng = np.random.Generator
SHOWN = 0.5
"""A lesion that the cut shows less of is not learnt."""


def shown(
    one: DetectionSlice, given: DetectorInput, rules: Augmentation, rng: Rng
) -> tuple[NDArray[np.float32], Boxes, Kinds]:
    """Return what a detector is shown of a slice this time.

    Parameters
    ----------
    one
        The slice.
    given
        How a slice becomes a picture.
    rules
        What may be changed of it.
    rng
        Draws the changes.

    Returns
    -------
    tuple
        The picture, float32 ``(3, *rules.window)``; its bookmarks' boxes in the picture's pixels
        ``(g, 4)`` and their categories ``(g,)``.
    """
    hu = one.hu()
    frame = given.frame(hu)
    boxes = one.bookmarks.boxes(one.size)
    scale = frame.scale * math.exp(rng.uniform(-1, 1) * math.log(rules.scale))
    centre = boxes[rng.integers(len(boxes))] if len(boxes) else np.zeros(4)
    top, bottom = _cut(frame.top, frame.bottom, rules.window[0] / scale, centre[1::2], rng)
    left, right = _cut(frame.left, frame.right, rules.window[1] / scale, centre[::2], rng)
    frame = dataclasses.replace(frame, top=top, left=left, bottom=bottom, right=right, scale=scale)
    picture, _ = given.picture(hu, frame)
    picture = _fitted(picture, rules.window, given.knots[0])
    moved, kinds = _kept(frame.to_picture(boxes), one.bookmarks.kinds, rules.window)
    if rng.random() < rules.flip:
        picture = picture[:, :, ::-1]
        moved[:, [0, 2]] = rules.window[1] - 1 - moved[:, [2, 0]]
    return np.ascontiguousarray(picture), moved, kinds


def _cut(first: int, end: int, length: float, lesion: NDArray[np.floating], rng: Rng) -> tuple[int, int]:
    """Return a cut of so many pixels at most, with a lesion in it (its ends), at random otherwise."""
    count = math.floor(length)
    if end - first <= count:
        return first, end
    low, high = max(first, math.ceil(lesion[1]) + 1 - count), min(end - count, math.floor(lesion[0]))
    if low > high:  # a lesion larger than the cut, or at the end of what is seen
        start = int(np.clip(round((low + high) / 2), first, end - count))
    else:
        start = int(rng.integers(low, high + 1))
    return start, start + count


def _fitted(picture: NDArray[np.float32], window: tuple[int, int], air: float) -> NDArray[np.float32]:
    """Cut or fill up a picture to a window."""
    picture = picture[:, : window[0], : window[1]]
    missing = [(0, side - have) for side, have in zip(window, picture.shape[1:], strict=True)]
    return np.pad(picture, ((0, 0), *missing), constant_values=np.float32(air))


def _kept(boxes: Boxes, kinds: Kinds, window: tuple[int, int]) -> tuple[Boxes, Kinds]:
    """Return boxes that the window shows, clipped to it, and their categories."""
    clipped = np.clip(boxes, 0, np.array([window[1] - 1, window[0] - 1] * 2, dtype=np.float32))
    share = _area(clipped) / np.maximum(_area(boxes), 1e-6)
    return clipped[share >= SHOWN], kinds[share >= SHOWN]


def _area(boxes: Boxes) -> NDArray[np.float32]:
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(sides[:, 0] * sides[:, 1])
