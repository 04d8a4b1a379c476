"""Pixels of one frame: from the bytes of a file to stored values, and from those to HU.

Uncompressed pixels are read straight from the file. Compressed ones go to imagecodecs where they are of an
ordinary kind. The others are handed, one frame at a time and without their rescale, to SimpleITK's decoders
(GDCM), inside a minimal file of our own: the one route that is the same for single files, archives and
multi-frame objects, and whose decoders were checked on every syntax listed here.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.careful_header import inflate
from lesionscope.ct.codecs import RLE_LOSSLESS, decode_stream, is_sound, significant_bits
from lesionscope.ct.facts import (
    DAMAGE,
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    PIXEL_DATA,
    Header,
    Pixels,
)
from lesionscope.ct.quiet import quiet_decoders
from lesionscope.ct.sources import FileReader
from lesionscope.errors import InputError

SYNTAX_NAMES = {
    IMPLICIT_LITTLE: "Implicit VR Little Endian",
    EXPLICIT_LITTLE: "Explicit VR Little Endian",
    EXPLICIT_BIG: "Explicit VR Big Endian",
    DEFLATED: "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline (Process 1)",
    "1.2.840.10008.1.2.4.51": "JPEG Extended (Process 2 and 4)",
    "1.2.840.10008.1.2.4.53": "JPEG Spectral Selection (Process 6 and 8, retired)",
    "1.2.840.10008.1.2.4.55": "JPEG Full Progression (Process 10 and 12, retired)",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless (Process 14)",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless (Process 14, selection value 1)",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    RLE_LOSSLESS: "RLE Lossless",
}
"""Every transfer syntax that is decoded (PS3.5 §10, PS3.6 table A-1)."""

REFUSED_NAMES = {
    "1.2.840.10008.1.2.4.92": "JPEG 2000 Part 2 Multi-component Lossless",
    "1.2.840.10008.1.2.4.93": "JPEG 2000 Part 2 Multi-component",
    "1.2.840.10008.1.2.4.94": "JPIP Referenced",
    "1.2.840.10008.1.2.4.95": "JPIP Referenced Deflate",
    "1.2.840.10008.1.2.4.100": "MPEG2 Main Profile",
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 with RPCL Lossless",
    "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
}

LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 81, 91, 93, 111, 112, 203))

_NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)
_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_MAX_FRAGMENTS = 1 << 18


class BadFrame(Exception):
    """One frame can't be had: ``code`` is the finding's (``truncated`` or ``undecodable``)."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def syntax_name(uid: str) -> str:
    """Return a transfer syntax's name with its UID, for messages."""
    name = SYNTAX_NAMES.get(uid) or REFUSED_NAMES.get(uid)
    return f"{name} ({uid})" if name else f"transfer syntax {uid or 'not given'}"


def undecodable_reason(pixels: Pixels) -> str:
    """Say why a file's pixels can't be decoded at all; ``""`` where they can."""
    if pixels.syntax not in SYNTAX_NAMES:
        return (
            f"its pixels are encoded as {syntax_name(pixels.syntax)}, which this program cannot decode: "
            "convert it to an uncompressed or JPEG-LS form"
        )
    if pixels.tag != PIXEL_DATA:
        return "its pixels are floating-point numbers, which a CT does not use"
    if pixels.encapsulated and pixels.length is not None:
        return f"its pixels are not laid out as {syntax_name(pixels.syntax)} demands"
    if not pixels.encapsulated and pixels.length is None:
        return f"its pixels are compressed although it claims {syntax_name(pixels.syntax)}"
    return ""


def missing_frames(reader: FileReader, header: Header) -> frozenset[int]:
    """Return the frames whose pixels the file does not hold in full.

    A compressed single frame is checked for its fragments' lengths; of a compressed
    multi-frame file all frames are called missing where any fragment is cut. Deflated
    data show only when they are inflated.
    """
    pixels = header.pixels
    everything = frozenset(range(pixels.frames))
    if pixels.syntax == DEFLATED or undecodable_reason(pixels):
        return frozenset()
    try:
        if pixels.encapsulated:
            _fragments(reader, header)
            return frozenset()
        held = min(reader.size(header.file) - pixels.offset, pixels.length or 0)
    except (BadFrame, InputError):
        return everything
    return frozenset(range(max(held, 0) // pixels.frame_bytes, pixels.frames))


def _fragments(reader: FileReader, header: Header) -> list[tuple[int, int]]:
    """Return (offset, length) of the basic offset table and of each compressed fragment (PS3.5 A.4)."""
    at, size = header.pixels.offset, reader.size(header.file)
    found: list[tuple[int, int]] = []
    while at + 8 <= size:
        item = reader.read(header.file, at, 8)
        if item[:4] == _SEQUENCE_END:
            break
        length = int.from_bytes(item[4:8], "little")
        if item[:4] != _ITEM or len(found) > _MAX_FRAGMENTS:
            raise BadFrame("undecodable", "its compressed pixels are not laid out as fragments")
        if at + 8 + length > size:
            raise BadFrame("truncated", f"it ends inside its compressed pixels (byte {size})")
        found.append((at + 8, length))
        at += 8 + length
    if len(found) < 2:
        raise BadFrame("truncated", "it holds no compressed pixels")
    return found


def _by_frame(reader: FileReader, header: Header) -> list[list[tuple[int, int]]]:
    """Return each frame's fragments: all of a single frame, one a frame, or as the offset table says."""
    table, *pieces = _fragments(reader, header)
    frames = header.pixels.frames
    if frames == 1:
        return [pieces]
    if len(pieces) == frames:
        return [[piece] for piece in pieces]
    if table[1] == 4 * frames:
        packed = reader.read(header.file, *table)
        starts = [pieces[0][0] - 8 + offset for offset in struct.unpack(f"<{frames}I", packed)]
        ends = [*starts[1:], pieces[-1][0] + pieces[-1][1]]
        split = [
            [p for p in pieces if start <= p[0] - 8 < end] for start, end in zip(starts, ends, strict=True)
        ]
        if all(split) and sum(map(len, split)) == len(pieces):
            return split
    raise BadFrame("undecodable", f"its {frames} frames cannot be told apart in {len(pieces)} fragments")


class FrameDecoder:
    """Decodes frames of any file; a context manager, since some decoders want a temporary folder.

    Parameters
    ----------
    reader
        Reads the files.
    cores
        How many of them one frame may use.
    """

    def __init__(self, reader: FileReader, cores: int = 1) -> None:
        self._reader = reader
        self._cores = cores
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._inflated: tuple[Header, bytes] | None = None
        self._pieces: tuple[Header, list[list[tuple[int, int]]]] | None = None

    def __enter__(self) -> FrameDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inflated = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def stored(self, header: Header, index: int, out: NDArray[np.int16] | None = None) -> NDArray[Any]:
        """Return one frame's stored values, ``(rows, columns)``, of any integer type; perhaps in ``out``.

        Raises
        ------
        BadFrame
            The frame is cut short or can't be decoded.
        InputError
            The file can't be read.
        """
        pixels = header.pixels
        if reason := undecodable_reason(pixels):
            raise BadFrame("undecodable", reason)
        if pixels.samples != 1:
            raise BadFrame("undecodable", "it is a colour picture")
        try:
            if pixels.encapsulated:
                return self._compressed(header, index, out)
            return self._native(header, index)
        except DAMAGE as error:
            raise BadFrame("undecodable", "its pixels are damaged") from error

    def _native(self, header: Header, index: int) -> NDArray[Any]:
        pixels = header.pixels
        start, count = pixels.offset + index * pixels.frame_bytes, pixels.frame_bytes
        if pixels.syntax == DEFLATED:
            data = self._inflate(header)[start : start + count]
        else:
            data = self._reader.read(header.file, start, count)
        if len(data) < count or (pixels.length or 0) < (index + 1) * count:
            raise BadFrame("truncated", f"it ends after {len(data)} of {count} bytes of pixels")
        order = ">" if pixels.syntax == EXPLICIT_BIG else "<"
        kind = f"{order}{'i' if pixels.signed else 'u'}{pixels.allocated // 8}"
        values = np.frombuffer(data, dtype=kind).reshape(pixels.rows, pixels.columns)
        return significant_bits(values, pixels)

    def _inflate(self, header: Header) -> bytes:
        if self._inflated is None or self._inflated[0] is not header:
            pixels = header.pixels
            # No further than the pixels reach: what follows them may inflate without end.
            end = pixels.offset + pixels.frame_bytes * pixels.frames
            self._inflated = (header, inflate(self._reader.read(header.file, header.body), end))
        return self._inflated[1]

    def _compressed(self, header: Header, index: int, out: NDArray[np.int16] | None) -> NDArray[Any]:
        data = self._frame_data(header, index)
        values = decode_stream(header.pixels, data, self._cores, out)
        if values is None and not is_sound(header.pixels, data):
            raise BadFrame("undecodable", f"its {syntax_name(header.pixels.syntax)} pixels are damaged")
        return self._by_simpleitk(header.pixels, data) if values is None else values

    def _by_simpleitk(self, pixels: Pixels, data: bytes) -> NDArray[Any]:
        import SimpleITK

        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="lesionscope-")
        # Only pixels are written: nothing in it says whose they are.
        path = Path(self._folder.name) / "frame.dcm"
        path.write_bytes(_single_frame_file(pixels, data))
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        try:
            with quiet_decoders():
                values: NDArray[Any] = SimpleITK.GetArrayFromImage(reader.Execute())
        except RuntimeError as error:
            raise BadFrame(
                "undecodable", f"its {syntax_name(pixels.syntax)} pixels cannot be decoded"
            ) from error
        wanted = (pixels.rows, pixels.columns)
        if values.size != wanted[0] * wanted[1] or values.shape[-2:] != wanted:
            raise BadFrame("undecodable", f"its pixels decode to {values.shape}, not to {wanted}")
        return values.reshape(wanted)

    def _frame_data(self, header: Header, index: int) -> bytes:
        """Return one frame's compressed stream."""
        if self._pieces is None or self._pieces[0] is not header:
            self._pieces = (header, _by_frame(self._reader, header))
        return b"".join(self._reader.read(header.file, *piece) for piece in self._pieces[1][index])


def _element(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


def _single_frame_file(pixels: Pixels, stream: bytes) -> bytes:
    """Write a frame as a secondary capture without rescale: decoders return stored values."""

    def us(element: int, value: int) -> bytes:
        return _element(0x0028, element, b"US", struct.pack("<H", value))

    capture, uid = b"1.2.840.10008.5.1.4.1.1.7", b"2.25.1"
    meta = (
        struct.pack("<HH2sHI", 0x0002, 0x0001, b"OB", 0, 2)
        + b"\x00\x01"
        + _element(0x0002, 0x0002, b"UI", capture)
        + _element(0x0002, 0x0003, b"UI", uid)
        + _element(0x0002, 0x0010, b"UI", pixels.syntax.encode())
        + _element(0x0002, 0x0012, b"UI", b"2.25.2")
    )
    body = (
        _element(0x0008, 0x0016, b"UI", capture)
        + _element(0x0008, 0x0018, b"UI", uid)
        + _element(0x0008, 0x0060, b"CS", b"OT")
        + us(0x0002, 1)
        + _element(0x0028, 0x0004, b"CS", b"MONOCHROME2")
        + us(0x0010, pixels.rows)
        + us(0x0011, pixels.columns)
        + us(0x0100, pixels.allocated)
        + us(0x0101, pixels.stored)
        + us(0x0102, pixels.high_bit)
        + us(0x0103, int(pixels.signed))
    )
    stream += b"\0" * (len(stream) % 2)
    return b"".join(
        (
            b"\0" * 128,
            b"DICM",
            _element(0x0002, 0x0000, b"UL", struct.pack("<I", len(meta))),
            meta,
            body,
            struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF),
            _ITEM + struct.pack("<I", 0),
            _ITEM + struct.pack("<I", len(stream)),
            stream,
            _SEQUENCE_END + struct.pack("<I", 0),
        )
    )
