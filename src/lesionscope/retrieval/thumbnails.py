"""Small pictures of known lesions: cut from a patch, and packed for a bank.

HU are kept in steps of 8, finer than a scan's noise and than a screen's greys in any usual window. What
differs between neighbouring pixels is small then, and packs to about 1.3 kB a picture.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.retrieval.known import Box

SIDE = 48
"""Pixels of 1 mm."""
STEP_HU = 8
LONGEST = 1024
"""Pixels a side that a packed picture may say it has."""


def thumbnail(
    patch: NDArray[np.int16] | NDArray[np.float32], box: ArrayLike
) -> tuple[NDArray[np.int16], Box]:
    """Cut the middle of a patch's key slice.

    Parameters
    ----------
    patch
        HU ``(slices, rows, columns)`` of 1 mm pixels; the middle slice is the key slice.
    box
        x0, y0, x1, y1 in its pixels.

    Returns
    -------
    tuple
        The picture, and the box in its pixels (beyond it where the lesion is larger).
    """
    _, rows, columns = patch.shape
    top, left = (rows - SIDE) // 2, (columns - SIDE) // 2
    cut = np.rint(patch[len(patch) // 2, top : top + SIDE, left : left + SIDE])
    x0, y0, x1, y1 = (float(value) for value in np.asarray(box, dtype=np.float64))
    return cut.astype(np.int16), (x0 - left, y0 - top, x1 - left, y1 - top)


def pack(picture: NDArray[np.int16]) -> bytes:
    """Pack a picture; :func:`unpack` gives it back within half a step."""
    steps = np.rint(np.clip(picture, -32000, 32000) / STEP_HU).astype(np.int16)
    apart = np.diff(steps, axis=1, prepend=np.int16(0))
    apart[:, 0] = np.diff(steps[:, 0], prepend=np.int16(0))
    small = ((apart << 1) ^ (apart >> 15)).astype("<u2")  # 0, -1, 1, -2, …: no sign that fills the high byte
    planes = small.view(np.uint8).reshape(-1, 2).T  # low bytes, then high bytes
    packer = zlib.compressobj(9, strategy=zlib.Z_FILTERED)
    head = np.array(picture.shape, dtype="<u2").tobytes()
    return head + packer.compress(planes.tobytes()) + packer.flush()


def unpack(packed: bytes) -> NDArray[np.int16]:
    """Unpack a picture: int16 HU.

    Raises
    ------
    ValueError
        These are not the bytes of one.
    """
    rows, columns = (int(value) for value in np.frombuffer(packed[:4], dtype="<u2"))
    if not 0 < rows <= LONGEST or not 0 < columns <= LONGEST:
        raise ValueError("a picture of no size")
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(packed[4:], rows * columns * 2 + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(data) != rows * columns * 2:
        raise ValueError("a picture of another size")
    planes = np.frombuffer(data, dtype=np.uint8).reshape(2, -1)
    small = np.ascontiguousarray(planes.T).view("<u2").reshape(rows, columns).astype(np.int32)
    apart = ((small >> 1) ^ -(small & 1)).astype(np.int16)
    apart[:, 0] = np.cumsum(apart[:, 0], dtype=np.int16)
    steps = np.cumsum(apart, axis=1, dtype=np.int16)
    return np.asarray(steps * STEP_HU, dtype=np.int16)
