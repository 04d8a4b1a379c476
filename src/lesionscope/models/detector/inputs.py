"""What a detector sees of a slice: the same for training, evaluation and search; needs no torch.

A key slice and one neighbour on each side, the nearest below and above that lie about so many millimetres
away, as three channels from the head to the feet (paper 004 feeds VGG-16's three). Air around the body is
left out, slices are resized so that the longer side of the *whole* slice has 512 pixels (§2.3), and HU
become greys by straight lines between knots, so that soft tissue has most of them and nothing is clipped
that a lesion may show in.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
_LOWEST, _HIGHEST = -32768, 32767


@dataclass(frozen=True)
class Frame:
    """Where a detector's picture lies on its slice.

    Parameters
    ----------
    rows, columns
        Of the slice.
    top, left, bottom, right
        The slice's rows and columns that are seen: the first ones, and those after the last.
    scale
        Pixels of the picture a pixel of the slice.
    """

    rows: int
    columns: int
    top: int
    left: int
    bottom: int
    right: int
    scale: float

    def to_picture(self, boxes: ArrayLike) -> Floats:
        """Return boxes ``(n, 4)`` of the slice in the picture's pixels."""
        given = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        moved = given - np.array([self.left, self.top] * 2)
        return np.asarray((moved + 0.5) * self.scale - 0.5, dtype=np.float32)

    def to_slice(self, boxes: ArrayLike) -> Floats:
        """Return boxes ``(n, 4)`` of the picture in the slice's pixels, clipped to it."""
        given = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        moved = (given + 0.5) / self.scale - 0.5 + np.array([self.left, self.top] * 2)
        last = np.array([self.columns - 1, self.rows - 1] * 2)
        return np.asarray(np.clip(moved, 0, last), dtype=np.float32)


@dataclass(frozen=True)
class DetectorInput:
    """How a slice becomes a detector's input.

    Parameters
    ----------
    longest
        Pixels that a slice's longer side is resized to.
    neighbour_mm
        How far the neighbours lie, about.
    knots_hu, knots
        HU and the greys that they become; straight lines between, the ends' own grey beyond.
    body_hu
        A row or column that nowhere has so many HU shows no body.
    margin_px
        Rows and columns of air that are kept around the body, in the slice's pixels.
    multiple
        Rows and columns of a picture are filled up with air to a multiple of this.
    """

    longest: int = 512
    neighbour_mm: float = 3.0
    knots_hu: tuple[float, ...] = (-1024.0, -200.0, 300.0, 1500.0)
    knots: tuple[float, ...] = (-1.0, -0.5, 0.75, 1.0)
    body_hu: float = -500.0
    margin_px: int = 24
    multiple: int = 16

    def __post_init__(self) -> None:
        rising = all(np.all(np.diff(values) > 0) for values in (self.knots_hu, self.knots))
        if not rising or len(self.knots_hu) != len(self.knots) or len(self.knots) < 2:
            raise ValueError("knots_hu and knots must be as many, two or more, and rise")
        if min(self.longest, self.multiple) < 1 or self.neighbour_mm <= 0 or self.margin_px < 0:
            raise ValueError("longest, multiple and neighbour_mm must be positive, margin_px not negative")

    def slices_away(self, step_mm: float) -> int:
        """Return how many slices away the neighbours lie; the next ones where the step isn't known."""
        if not (math.isfinite(step_mm) and step_mm > 0):
            return 1
        return max(1, math.floor(self.neighbour_mm / step_mm + 0.5))

    def frame(self, hu: NDArray[Any]) -> Frame:
        """Say what of slices ``(3, rows, columns)`` is seen, and how large."""
        rows, columns = hu.shape[1:]
        body: NDArray[np.bool_] = np.any(hu > self.body_hu, axis=0)
        (top, bottom), (left, right) = self._seen(body, axis=1), self._seen(body, axis=0)
        return Frame(rows, columns, top, left, bottom, right, self.longest / max(rows, columns))

    def picture(self, hu: NDArray[Any], frame: Frame | None = None) -> tuple[Floats, Frame]:
        """Make a detector's input of slices.

        Parameters
        ----------
        hu
            ``(3, rows, columns)``: the neighbour above, the key slice, the neighbour below.
        frame
            What is seen; :meth:`frame` says where it isn't given.

        Returns
        -------
        tuple
            float32 ``(3, h, w)``, h and w multiples of ``multiple``, and where it lies.
        """
        frame = self.frame(hu) if frame is None else frame
        seen = self.greys(hu[:, frame.top : frame.bottom, frame.left : frame.right])
        for axis in (1, 2):
            seen = resized(seen, axis, frame.scale)
        missing = [(0, -side % self.multiple) for side in seen.shape[1:]]
        padded: Floats = np.pad(seen, ((0, 0), *missing), constant_values=np.float32(self.knots[0]))
        return padded, frame

    def greys(self, hu: NDArray[Any]) -> Floats:
        """Turn HU of any shape into greys."""
        if hu.dtype == np.int16:
            greys: Floats = _table(self.knots_hu, self.knots)[hu.astype(np.int32) - _LOWEST]
            return greys
        return np.asarray(np.interp(hu, self.knots_hu, self.knots), dtype=np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``input`` section."""
        own = dataclasses.asdict(self)
        return own | {name: list(own[name]) for name in ("knots_hu", "knots")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DetectorInput:
        """Undo :meth:`as_dict`.

        Raises
        ------
        ValueError, TypeError
            An entry is missing, unknown or makes no sense.
        """
        if set(data) != {field.name for field in dataclasses.fields(cls)}:
            raise ValueError("other entries than this version knows")
        values = dict(data) | {name: tuple(map(float, data[name])) for name in ("knots_hu", "knots")}
        return cls(**values)

    def _seen(self, body: NDArray[np.bool_], axis: int) -> tuple[int, int]:
        """Return the first row (along axis 1) or column (axis 0) that is seen, and the one after the last."""
        there, count = np.flatnonzero(np.any(body, axis=axis)), body.shape[1 - axis]
        if not len(there):
            return 0, count
        return max(0, int(there[0]) - self.margin_px), min(count, int(there[-1]) + 1 + self.margin_px)


def resized(values: Floats, axis: int, scale: float) -> Floats:
    """Resize an array along an axis by linear interpolation; one that shrinks is averaged as it goes.

    Pixels' centres lie at whole numbers, and edges half a pixel further: both ends keep their edges.
    """
    count = values.shape[axis]
    wanted = max(1, round(count * scale))
    if scale == 1:
        return values
    indices, weights = _taps(count, wanted, scale)
    shape = [1] * values.ndim
    shape[axis] = wanted
    result = np.zeros((*values.shape[:axis], wanted, *values.shape[axis + 1 :]), dtype=np.float32)
    for index, weight in zip(indices, weights, strict=True):
        result += np.take(values, index, axis=axis) * weight.reshape(shape)
    return result


@lru_cache(maxsize=64)
def _taps(count: int, wanted: int, scale: float) -> tuple[NDArray[np.intp], Floats]:
    """Return which pixels each new one is made of, and their shares; ``(taps, wanted)`` each."""
    reach = max(1.0, 1 / scale)
    centre = (np.arange(wanted) + 0.5) / scale - 0.5
    first = np.floor(centre - reach).astype(np.intp) + 1
    indices = first + np.arange(math.ceil(2 * reach))[:, None]
    weights = np.clip(1 - np.abs(indices - centre) / reach, 0, None)
    weights[(indices < 0) | (indices >= count)] = 0
    weights /= weights.sum(axis=0)
    return np.clip(indices, 0, count - 1), weights.astype(np.float32)


@lru_cache(maxsize=4)
def _table(knots_hu: tuple[float, ...], knots: tuple[float, ...]) -> Floats:
    """Return the grey of every HU that 16 bits hold."""
    return np.interp(np.arange(_LOWEST, _HIGHEST + 1), knots_hu, knots).astype(np.float32)
