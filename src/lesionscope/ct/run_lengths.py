"""Run-length encoded frames (PS3.5 annex G), unpacked by Pillow: far faster than GDCM does it."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
_HEADER = struct.Struct("<16I")


def unpack_frame(stream: bytes, rows: int, columns: int, kind: np.dtype[Any]) -> NDArray[Any] | None:
    """Unpack one frame of grey values.

    Parameters
    ----------
    stream
        The frame's fragments in one: a header of offsets, then a segment for each byte of a pixel,
        the highest byte's first.
    rows, columns
        Of the frame.
    kind
        Integer type of a pixel.

    Returns
    -------
    ndarray or None
        ``(rows, columns)`` in the machine's byte order; ``None`` where the stream is not laid out like that.
    """
    from PIL import Image

    if len(stream) < _HEADER.size:
        return None
    count, *offsets = _HEADER.unpack_from(stream)
    if count != kind.itemsize:
        return None
    ends = [*offsets[1:count], len(stream)]
    planes = np.empty((rows * columns, count), np.uint8)
    for segment, (start, end) in enumerate(zip(offsets[:count], ends, strict=True)):
        if not _HEADER.size <= start <= end <= len(stream):
            return None
        try:
            # As one line, since Pillow lets no run go beyond a line's end.
            plane = Image.frombytes("L", (rows * columns, 1), stream[start:end], "packbits", "L")
        except ValueError:
            return None
        planes[:, segment] = np.frombuffer(plane.tobytes(), np.uint8)
    values: NDArray[Any] = planes.view(kind.newbyteorder(">")).reshape(rows, columns).astype(kind)
    return values
