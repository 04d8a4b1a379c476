"""What ITK passes over in silence in a NIfTI file: voxels it replaces, and an orientation it replaces.

ITK fills what a cut file lacks with zeros, makes 0 of floats that are no number, takes the qform where
the sform is sheared or singular, prefers one of the two where they disagree, and makes up an orientation
where there is neither.
"""

from __future__ import annotations

import gzip
import itertools
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.facts import Unreadable
from lesionscope.ct.volume import Finding

NOT_PERPENDICULAR = "its axes are not perpendicular, which this format's reader does not support"
SHEAR = 1e-3
"""Cosine between two axes from which on they are not perpendicular: half a voxel over 500."""

Floats = NDArray[np.float64]

_CHUNK = 1 << 20
_HEADER_BYTES = 540
_DAMAGED = "it is damaged or not in the format its name says"
# Data types of voxels (nifti1.h), as NumPy names them.
_KINDS = {4: "i2", 8: "i4", 16: "f4", 64: "f8", 512: "u2", 768: "u4"}
_GZIP = 16 + zlib.MAX_WBITS
_MOST_INFLATION = 1040
"""Above what deflate can do: 258 bytes from two bits."""
_MOST_BEYOND = 1 << 24
"""How far what follows the voxels is inflated, to come to a checksum."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _head(path: Path) -> tuple[bytes, bool]:
    """Return the header of a file, inflated, and whether it was gzipped."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as content:
        return content.read(_HEADER_BYTES), packed


def is_nifti_2(path: Path) -> bool:
    """Whether a file is in NIfTI's second format, which ITK does not read."""
    try:
        header, _ = _head(path)
    except (EOFError, zlib.error, OSError):
        return False
    return header[4:7] in (b"n+2", b"ni2") and header[8:12] == b"\r\n\x1a\n"


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


def plain_voxels(path: Path, size: tuple[int, int, int]) -> NDArray[Any] | None:
    """Read the voxels of a NIfTI-1 file: floating-point ones rescaled, whole numbers where none is rescaled.

    ITK makes 0 of NaN and infinities, which is water in HU, and says nothing.

    Parameters
    ----------
    path
        The file, gzipped or not.
    size
        Columns, rows, slices.

    Returns
    -------
    numpy.ndarray or None
        ``(slices, rows, columns)``; ``None`` where the voxels are of another kind or number, or lie
        elsewhere: such a file is ITK's to read.

    Raises
    ------
    Unreadable
        It is damaged, or ends before its voxels do.
    """
    try:
        header, packed = _head(path)
        order = next((o for o in "<>" if header[:4] == struct.pack(f"{o}i", 348)), "")
        if len(header) < 348 or header[344:347] != b"n+1" or not order:
            return None
        rank, *counts = struct.unpack_from(f"{order}8h", header, 40)
        (code,) = struct.unpack_from(f"{order}h", header, 70)
        start, slope, intercept = struct.unpack_from(f"{order}3f", header, 108)
        if code not in _KINDS or tuple(counts[:3]) != size or math.prod(counts[3:rank]) != 1:
            return None
        # As ITK has it (nifti1.h says less): no slope is a slope of 1.
        slope = slope if math.isfinite(slope) and slope != 0 else 1.0
        intercept = intercept if math.isfinite(intercept) else 0.0
        rescaled = (slope, intercept) != (1.0, 0.0)
        kind = np.dtype(order + _KINDS[code])
        if rescaled and kind.kind != "f":
            return None
        read = _inflated if packed else _plain
        # As ITK has it, which never takes the header itself for voxels.
        values = read(path, kind, size, max(int(start), 348))
    except (EOFError, zlib.error, OSError, ValueError, OverflowError, MemoryError) as error:
        raise Unreadable(_DAMAGED) from error
    if rescaled:
        for plane in values:
            plane[...] = np.multiply(plane, slope, dtype=np.float64) + intercept
    return values


def _plain(path: Path, kind: np.dtype[Any], size: tuple[int, int, int], start: int) -> NDArray[Any]:
    return np.fromfile(path, kind, math.prod(size), offset=start).reshape(size[::-1])


def _inflated(path: Path, kind: np.dtype[Any], size: tuple[int, int, int], start: int) -> NDArray[Any]:
    """Inflate voxels, at once where the file is nothing but them, their header and one checksum."""
    needed, packed_size = start + math.prod(size) * kind.itemsize, path.stat().st_size
    # What a small file announces must not become an allocation.
    if needed > _MOST_INFLATION * packed_size:
        raise EOFError
    content = np.empty(needed, np.uint8)
    if packed_size > 2 * needed + _CHUNK or not _inflated_at_once(path, content):
        with path.open("rb") as stream:
            _inflate_members(stream, content.data)
    return content[start:].view(kind).reshape(size[::-1])


def _inflated_at_once(path: Path, content: NDArray[np.uint8]) -> bool:
    """Fill an array from a gzip file of one member (libdeflate); whether that went well."""
    try:
        import imagecodecs

        return len(imagecodecs.gzip_decode(path.read_bytes(), out=content.data)) == len(content)
    except (ImportError, RuntimeError, ValueError):
        return False


def _inflate_members(stream: _Readable, left: memoryview) -> None:
    """Fill a buffer from a gzip file's members, each compared with its checksum where the file has one."""
    inflater, packed, beyond = zlib.decompressobj(_GZIP), b"", 0
    while packed := packed or stream.read(_CHUNK):
        inflated = inflater.decompress(packed, _CHUNK)
        taken = min(len(inflated), len(left))
        left[:taken] = inflated[:taken]
        left, beyond = left[taken:], beyond + len(inflated) - taken
        if not left and (inflater.eof or beyond > _MOST_BEYOND):
            return
        packed = inflater.unconsumed_tail
        if inflater.eof:
            packed, inflater = inflater.unused_data, zlib.decompressobj(_GZIP)
    if left:
        raise EOFError


def orientation_findings(path: Path, size: tuple[int, int, int], taken: Floats) -> list[Finding]:
    """Compare where a NIfTI file's voxels are taken to lie with what its header says.

    Parameters
    ----------
    path
        The file, gzipped or not.
    size
        Columns, rows, slices.
    taken
        ``(4, 4)``: from voxel indices (i, j, k) to LPS mm, as read by ITK.

    Returns
    -------
    list of Finding
        ``no-geometry`` where the header names no orientation, ``conflicting-geometry`` where a corner of
        the volume lies more than half a voxel off where its qform or sform has it.

    Raises
    ------
    Unreadable
        The sform is sheared or singular, with or without a qform.
    """
    try:
        said = _transforms(_head(path)[0])
    except (EOFError, zlib.error, OSError) as error:
        raise Unreadable(_DAMAGED) from error
    if not said:
        return [
            Finding(
                "no-geometry",
                "The file does not say how its voxels lie in the patient (neither qform nor sform is set): "
                "left and right, front and back, head and feet are a guess.",
            )
        ]
    if "sform" in said:
        _check_perpendicular(said["sform"][:3, :3])
    corners = np.array([(*c, 1) for c in itertools.product(*((0, n - 1) for n in size))], dtype=np.float64)
    away = {
        name: float(np.linalg.norm(corners @ (matrix - taken).T, axis=1).max())
        for name, matrix in said.items()
    }
    half = 0.5 * float(np.linalg.norm(taken[:3, :3], axis=0).min())
    off = [name for name, distance in away.items() if not distance <= half]
    if not off:
        return []
    used = [f"its {name} is used" for name in away if name not in off]
    text = (
        f"The file contradicts itself about where its voxels lie: its {' and its '.join(off)} "
        f"ha{'s' if len(off) == 1 else 've'} them up to {max(away.values()):.1f} mm elsewhere than they are "
        f"shown ({used[0] if used else 'the voxel size of its pixdim is used'}). Check left and right."
    )
    return [Finding("conflicting-geometry", text)]


def _check_perpendicular(axes: Floats) -> None:
    lengths = np.linalg.norm(axes, axis=0)
    if not (np.isfinite(lengths).all() and lengths.min() > 0):
        raise Unreadable("its sform is no orientation: an axis of it has no length")
    cosines = (axes / lengths).T @ (axes / lengths)
    if np.abs(cosines - np.eye(3)).max() > SHEAR:
        raise Unreadable(NOT_PERPENDICULAR)


def _transforms(header: bytes) -> dict[str, Floats]:
    """Return the qform and sform that a header sets (nifti1.h, methods 2 and 3), to LPS mm, ``(4, 4)``."""
    found: dict[str, Floats] = {}
    # NIfTI-2 is not among the formats that ITK reads.
    if len(header) < 348 or header[344:346] not in (b"n+", b"ni"):
        return found
    order = next((o for o in "<>" if struct.unpack_from(f"{o}i", header) == (348,)), "<")
    steps = struct.unpack_from(f"{order}4f", header, 76)
    in_use = struct.unpack_from(f"{order}2h", header, 252)
    numbers = struct.unpack_from(f"{order}18f", header, 256)
    ras_to_lps = np.diag([-1.0, -1.0, 1.0, 1.0])
    if in_use[0] > 0:
        found["qform"] = ras_to_lps @ _of_quaternion(numbers[:3], numbers[3:6], steps)
    if in_use[1] > 0:
        found["sform"] = ras_to_lps @ np.vstack([np.reshape(numbers[6:], (3, 4)), [0, 0, 0, 1]])
    return found


def _of_quaternion(bcd: Sequence[float], offset: Sequence[float], steps: Sequence[float]) -> Floats:
    """Return the affine of a quaternion's last three numbers, an offset and the first four of ``pixdim``."""
    b, c, d = bcd
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ]
    matrix[:3, :3] *= (steps[1], steps[2], -steps[3] if steps[0] < 0 else steps[3])
    matrix[:3, 3] = offset
    return matrix
