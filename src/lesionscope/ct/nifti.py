"""Whether a NIfTI file is whole: ITK fills what a cut one lacks with zeros and says nothing."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Protocol

_CHUNK = 1 << 20
_HEADER_BYTES = 540


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def is_whole(path: Path) -> bool:
    """Whether a ``.nii`` or ``.nii.gz`` file holds all the bytes that its header announces.

    A gzip file's trailer usually answers that at once (RFC 1952 §2.3.1); where it does
    not, the file is inflated and counted, without keeping it.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        size = stream.seek(0, 2)
        stream.seek(max(size - 4, 0))
        trailer = stream.read(4)
    with gzip.open(path) if packed else path.open("rb") as content:
        try:
            needed = _announced_bytes(content.read(_HEADER_BYTES))
        except (EOFError, zlib.error, OSError, ValueError, OverflowError):
            return False
        if needed is None:
            return True
        if not packed:
            return size >= needed
        if trailer == struct.pack("<I", needed & 0xFFFFFFFF):
            return True
        content.seek(0)
        return _holds(content, needed)


def _announced_bytes(header: bytes) -> int | None:
    """Return the length a NIfTI-1 or NIfTI-2 header gives the file; ``None`` for a detached header."""
    for order in "<>":
        if len(header) < 348:
            return None
        (length,) = struct.unpack_from(f"{order}i", header)
        if length == 348 and header[344:347] == b"n+1":
            dims = struct.unpack_from(f"{order}8h", header, 40)
            (bits,) = struct.unpack_from(f"{order}h", header, 72)
            offset = int(struct.unpack_from(f"{order}f", header, 108)[0])
        elif length == 540 and header[4:7] == b"n+2" and len(header) >= 176:
            dims = struct.unpack_from(f"{order}8q", header, 16)
            (bits,) = struct.unpack_from(f"{order}h", header, 14)
            (offset,) = struct.unpack_from(f"{order}q", header, 168)
        else:
            continue
        voxels = 1
        for count in dims[1 : 1 + max(0, min(dims[0], 7))]:
            voxels *= max(count, 1)
        return int(offset + voxels * bits // 8)
    return None


def _holds(content: _Readable, needed: int) -> bool:
    """Count inflated bytes up to ``needed``."""
    count = 0
    try:
        while count < needed:
            chunk = content.read(min(_CHUNK, needed - count))
            if not chunk:
                return False
            count += len(chunk)
    except (EOFError, zlib.error, OSError):
        return False
    return True
