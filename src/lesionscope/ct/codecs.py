"""Compressed frames decoded by imagecodecs: JPEG-LS, JPEG 2000 and run lengths, without a file, in parallel.

Only what is told apart from the stream alone is decoded here: one grey component of the size that the
header of the file announces, compared before anything of that size is allocated. What is not like that, or
what the decoder objects to, is left to GDCM, whose word is final.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.facts import Pixels

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")

# Second bytes of markers: a frame's of JPEG-LS (ISO/IEC 14495-1 C.2.2); JPEG 2000's of a part of a tile,
# whose length counts what follows it, and of the end (ISO/IEC 15444-1 A.4).
_LS_FRAME, _TILE, _END = 0xF7, 0x90, 0xD9
_MOST_MARKERS = 4096
_JPEG = b"\xff\xd8"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_CODE_STREAM = b"\xff\x4f\xff\x51"
_MOST_BOXES = 4096
_SIZES = struct.Struct(">8IH3B")
_RLE_HEADER = struct.Struct("<16I")


def decode_stream(
    pixels: Pixels, stream: bytes, cores: int = 1, out: NDArray[np.int16] | None = None
) -> NDArray[Any] | None:
    """Decode one frame's stream.

    Parameters
    ----------
    pixels
        What the file's header says of it.
    stream
        The frame's fragments in one.
    cores
        How many of them JPEG 2000 may use.
    out
        Where stored values of 16 bits may be put, ``(rows, columns)``, C-contiguous.

    Returns
    -------
    ndarray or None
        Stored values, ``(rows, columns)``, of the header's kind; ``None`` where GDCM had better look at it.
    """
    if pixels.allocated not in (8, 16) or not 1 <= pixels.stored == pixels.high_bit + 1 <= pixels.allocated:
        return None
    try:
        if pixels.syntax == RLE_LOSSLESS:
            return _run_lengths(pixels, stream, _place(pixels, out))
        if pixels.syntax in _JPEG_LS:
            return _jpeg_ls(pixels, stream, _place(pixels, out))
        if pixels.syntax in _JPEG_2000:
            return _jpeg_2000(pixels, stream, cores)
    except (ImportError, RuntimeError, ValueError):  # a codec that was left out, or what it objects to
        pass
    return None


def is_sound(pixels: Pixels, stream: bytes) -> bool:
    """Whether GDCM may look at a stream, which takes the process along on some kinds of damage.

    It divides by the number of segments that run lengths announce. A JPEG-LS or JPEG 2000 stream must be of
    the header's size, have an end, and be one that imagecodecs can decode, whatever its numbers mean; any
    other JPEG stream must be of the header's size and have an end.
    """
    if pixels.syntax == RLE_LOSSLESS:
        return len(stream) >= _RLE_HEADER.size and _RLE_HEADER.unpack_from(stream)[0] == pixels.allocated // 8
    try:
        import imagecodecs

        if pixels.syntax in _JPEG_LS:
            return _ls_bits(pixels, stream) is not None and imagecodecs.jpegls_decode(stream) is not None
        if pixels.syntax in _JPEG_2000:
            return _depth(pixels, stream) is not None and imagecodecs.jpeg2k_decode(stream) is not None
        if stream.startswith(_JPEG):
            return _is_of_size(pixels, stream)
    except ImportError:
        pass
    except (RuntimeError, ValueError):
        return False
    return True


def significant_bits(values: NDArray[Any], pixels: Pixels) -> NDArray[Any]:
    """Keep the bits that hold the pixel (PS3.5 §8.1.1): others may carry overlays."""
    spare = pixels.allocated - pixels.stored
    if spare == 0:
        return values
    native = values.astype(values.dtype.newbyteorder("="))
    native <<= pixels.allocated - 1 - pixels.high_bit
    native >>= spare
    return native


def _place(pixels: Pixels, out: NDArray[np.int16] | None) -> NDArray[Any]:
    """Return where a frame's values are put: what was given, where they fit it."""
    kind = np.dtype(f"{'i' if pixels.signed else 'u'}{pixels.allocated // 8}")
    shape = (pixels.rows, pixels.columns)
    if out is not None and out.shape == shape and kind.itemsize == out.itemsize:
        return out.view(kind)
    return np.empty(shape, kind)


def _unambiguous(values: NDArray[Any], pixels: Pixels) -> NDArray[Any] | None:
    """Return values whose bits above the stored ones say nothing; ``None`` where they do."""
    span = 1 << (pixels.stored - int(pixels.signed))
    low = -span if pixels.signed else 0
    return values if low <= int(values.min()) and int(values.max()) < span else None


def _run_lengths(pixels: Pixels, stream: bytes, values: NDArray[Any]) -> NDArray[Any] | None:
    """Unpack a segment for each byte of a pixel, the highest byte's first (PS3.5 annex G)."""
    import imagecodecs

    if len(stream) < _RLE_HEADER.size:
        return None
    count, *offsets = _RLE_HEADER.unpack_from(stream)
    # imagecodecs trusts the offsets.
    places = [_RLE_HEADER.size, *offsets[1:count], len(stream)]
    if count != values.itemsize or offsets[0] != places[0] or places != sorted(set(places)):
        return None
    planes = values.reshape(-1).view(np.uint8).data
    if len(imagecodecs.dicomrle_decode(stream, values.dtype, out=planes)) != len(planes):
        return None
    return _unambiguous(values, pixels)


def _jpeg_ls(pixels: Pixels, stream: bytes, values: NDArray[Any]) -> NDArray[Any] | None:
    import imagecodecs

    bits = _ls_bits(pixels, stream)
    if bits not in (pixels.stored, pixels.allocated) or (bits + 7) // 8 != pixels.allocated // 8:
        return None
    imagecodecs.jpegls_decode(stream, out=values)
    if pixels.signed and bits < pixels.allocated:  # numbers of so many bits, their sign in the highest
        return significant_bits(values, pixels)
    return _unambiguous(values, pixels)


def _jpeg_2000(pixels: Pixels, stream: bytes, cores: int) -> NDArray[Any] | None:
    import imagecodecs

    depth = _depth(pixels, stream) if stream.startswith(_CODE_STREAM) else None
    if depth is None or (depth > 127) != pixels.signed or depth % 128 // 8 + 1 != pixels.allocated // 8:
        return None
    values: NDArray[Any] = imagecodecs.jpeg2k_decode(stream, numthreads=cores)
    return _unambiguous(values, pixels)


def _is_of_size(pixels: Pixels, stream: bytes) -> bool:
    """Whether a JPEG stream's one frame is of the header's size, and has an end (ISO/IEC 10918-1 B.2.2)."""
    frames = [at for marker, at in _markers(stream) if marker in _FRAMES]
    if len(frames) != 1 or len(stream) < frames[0] + 10 or not stream.rstrip(b"\0").endswith(b"\xff\xd9"):
        return False
    bits, *shape = struct.unpack_from(">B2HB", stream, frames[0] + 4)
    return shape == [pixels.rows, pixels.columns, 1] and bits <= pixels.allocated


def _ls_bits(pixels: Pixels, stream: bytes) -> int | None:
    """Return a JPEG-LS stream's bits a pixel; ``None`` where it isn't of the header's size, or has no end."""
    at = next((at for marker, at in _markers(stream) if marker == _LS_FRAME), len(stream))
    # CharLS takes seconds to find that a stream has no end.
    if len(stream) < at + 10 or not stream.rstrip(b"\0").endswith(b"\xff\xd9"):
        return None
    bits, *shape = struct.unpack_from(">B2HB", stream, at + 4)
    return bits if shape == [pixels.rows, pixels.columns, 1] else None


def _depth(pixels: Pixels, stream: bytes) -> int | None:
    """Return Ssiz of a JPEG 2000 stream; ``None`` where it isn't of the header's size, or has no end.

    A bare code stream begins with its sizes (ISO/IEC 15444-1 A.5.1), a JP2 file with a few boxes.
    """
    start = stream.find(_CODE_STREAM, 0, _MOST_BOXES)
    if start < 0 or len(stream) < start + 8 + _SIZES.size:
        return None
    *image, _, _, _, _, components, depth, across, down = _SIZES.unpack_from(stream, start + 8)
    if [*image, components, across, down] != [pixels.columns, pixels.rows, 0, 0, 1, 1, 1]:
        return None
    # imagecodecs is content where a tile ends early.
    code = stream[start:]
    ended = any(marker == _END and not code[at + 2 :].strip(b"\0") for marker, at in _markers(code))
    return int(depth) if ended else None


def _markers(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yield a stream's markers (their second byte) and where they are, as far as their lengths lead."""
    at = 2
    for _ in range(_MOST_MARKERS):
        if len(stream) < at + 2 or stream[at] != 0xFF:
            return
        marker = stream[at + 1]
        yield marker, at
        if marker == _TILE:
            at += max(int.from_bytes(stream[at + 6 : at + 10], "big"), 12)
        else:
            at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
