"""Uncompressed 16-bit slices read straight into their places in the volume, a few at a time.

A slice is done here only where its stored values are 16-bit little endian, carry nothing above their
stored bits, no padding that is to be replaced, and become HU that int16 holds, by whole numbers.
:mod:`lesionscope.ct.loading` does the others, and is the reference for these.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.facts import EXPLICIT_LITTLE, IMPLICIT_LITTLE, PIXEL_DATA
from lesionscope.ct.series import Slice
from lesionscope.progress import CancelToken, Progress

_BLOCK = 8
_MOST_THREADS = 4
_INT16 = np.iinfo(np.int16)
DENSEST_TISSUE_HU = 3000.0
"""About enamel; only metal is denser."""


def read_ordinary(
    hu: NDArray[Any], slices: Sequence[Slice], progress: Progress, cancel: CancelToken | None
) -> list[int]:
    """Read what can be read directly, as HU, into ``hu``; return the indices of the slices that remain.

    Parameters
    ----------
    hu
        ``(slices, rows, columns)``, C-contiguous; written in place where it is int16. What it holds of a
        slice that remains has no meaning.
    slices
        In the order of ``hu``; where that is int16, their slopes and intercepts are whole numbers.
    progress, cancel
        Called and checked for each slice.

    Raises
    ------
    Cancelled
        The person asked to stop.
    """
    if hu.dtype != np.int16 or sys.byteorder != "little":
        return list(range(len(slices)))
    starts = range(0, len(slices), _BLOCK)

    def read_block(start: int) -> list[int]:
        block = range(start, min(start + _BLOCK, len(slices)))
        return [k for k in block if not _read(hu[k], slices[k])]

    left: list[int] = []
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as pool:
        try:
            for start, remaining in zip(starts, pool.map(read_block, starts), strict=True):
                for k in range(start, min(start + _BLOCK, len(slices))):
                    if cancel is not None:
                        cancel.check()
                    progress(k, len(slices), "Reading slices")
                left += remaining
        finally:
            pool.shutdown(cancel_futures=True)
    return left


def _read(target: NDArray[np.int16], item: Slice) -> bool:
    """Read one slice's HU into its place; whether that went well."""
    pixels, file = item.header.pixels, item.header.file
    if (
        pixels.syntax not in (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
        or pixels.tag != PIXEL_DATA
        or (pixels.allocated, pixels.samples, pixels.frames) != (16, 1, 1)
        or pixels.high_bit != pixels.stored - 1
        or (pixels.length or 0) < pixels.frame_bytes
        or target.shape != (pixels.rows, pixels.columns)
        or file.member
    ):
        return False
    try:
        with file.path.open("rb", buffering=0) as stream:
            stream.seek(pixels.offset)
            if stream.readinto(target.data.cast("B")) != pixels.frame_bytes:
                return False
    except OSError:
        return False
    return to_hu(target, item)


def padding_afar(stored: NDArray[Any], item: Slice) -> NDArray[np.bool_] | None:
    """Return where a slice's padding, as HU, is denser than tissue or below what int16 holds.

    Padding is one stored value, or a range of them, its ends included, which come in either order
    (PS3.3 C.7.5.1.1.2). ``None`` where all of it would pass for tissue or air.
    """
    pixels = item.header.pixels
    if pixels.padding is None:
        return None
    other = pixels.padding if pixels.padding_limit is None else pixels.padding_limit
    low, high = min(pixels.padding, other), max(pixels.padding, other)
    # Where neither end lies afar, nothing between them does.
    if not (_is_afar(float(low), item) or _is_afar(float(high), item)):
        return None
    padding: NDArray[np.bool_]
    if low == high:
        padding = stored == low
        return padding
    padding = (stored >= low) & (stored <= high)
    padding[padding] = _is_afar(stored[padding].astype(np.float64), item)
    return padding


def _is_afar(stored: Any, item: Slice) -> Any:
    hu = stored * (item.frame.slope or 1.0) + (item.frame.intercept or 0.0)
    return (hu > DENSEST_TISSUE_HU) | (hu < _INT16.min)


def to_hu(words: NDArray[np.int16], item: Slice) -> bool:
    """Turn stored values into HU in place (PS3.3 C.11.1.1.2); whether all of them fit."""
    pixels = item.header.pixels
    stored = words if pixels.signed else words.view(np.uint16)
    # Of unsigned words the lowest is not looked for: that it may be 0 does no harm.
    low, high = int(stored.min()) if pixels.signed else 0, int(stored.max())
    span = 1 << (pixels.stored - int(pixels.signed))
    if high >= span or low < (-span if pixels.signed else 0):
        return False
    padding = padding_afar(stored, item)
    if padding is not None and padding.any():
        return False
    slope, intercept = int(item.frame.slope or 1), int(item.frame.intercept or 0)
    ends = low * slope + intercept, high * slope + intercept
    if min(ends) < _INT16.min or max(ends) > _INT16.max:
        return False
    # Sums and products of 16-bit words wrap around; where the result fits it is right all the same.
    if slope != 1:
        words *= _wrapped(slope)
    if intercept:
        words += _wrapped(intercept)
    return True


def _wrapped(value: int) -> np.int16:
    return np.uint16(value & 0xFFFF).view(np.int16)
