"""The bytes of a file, or of the standard input, as pieces with the physical line that each starts on.

Whatever has to be known about encodings, line ends, compression and damage is known here, in
bytes and in one pass, so that no file is ever held whole.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from lesionscope.errors import InputError

LONGEST = 1_000_000
"""A row of more bytes than this is left out: no sentence is that long, and memory must not follow it."""
CHUNK = 1 << 16

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "an Excel workbook or a zip", "save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "save it as CSV or plain text"),
    (b"%PDF", "a PDF", "take its text out first"),
)
_STRUCTURE = re.compile(rb'["\\{}\[\],\n]')


class Piece(NamedTuple):
    """Some bytes of a file: a physical line with its end, or one element of a JSON list."""

    line: int
    """1-based physical line that the piece starts on."""
    raw: bytes | None
    """``None`` where there were more than :data:`LONGEST`."""


@dataclass
class Source:
    """An open file: its first bytes, and all of them as chunks of UTF-8 (or nearly)."""

    name: str
    """What to call it in a sentence."""
    suffix: str
    """Lower-case suffix, without that of the compression."""
    head: bytes = b""
    """The first bytes: a whole line at least, unless the file or a chunk ends before."""
    wide: str | None = None
    """The encoding that the file was turned to UTF-8 from."""
    broken: str | None = None
    """Why nothing more could be read; known only after the chunks have ended."""
    _rest: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, once. A CR that ends a chunk waits for the next: it may be half a line end."""
        held = b""
        for chunk in _then(self.head, self._rest):
            chunk = held + chunk
            held = b"\r" if chunk.endswith(b"\r") else b""
            yield chunk.removesuffix(held) if held else chunk
        if held:
            yield held

    def decode(self, raw: bytes) -> tuple[str, str | None]:
        """Return text and, where it wasn't UTF-8, what it was taken for.

        Each line is decoded by itself: one line pasted from elsewhere doesn't spoil the others.
        """
        try:
            # A lone surrogate in UTF-16 is passed on: the offsets of what follows must stay right.
            return raw.decode("utf-8", "surrogatepass" if self.wide else "strict"), None
        except UnicodeDecodeError:
            pass
        try:
            return raw.decode("cp1252"), "Windows-1252"
        except UnicodeDecodeError:
            return raw.decode("latin-1"), "Latin-1"


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """Open a file, or the standard input where ``path`` is ``-``; gzip is undone.

    Raises
    ------
    InputError
        There is no such file, it is a folder, or it can't be text.
    """
    if str(path) == "-":
        yield _begin(_standard_input(), Source("the standard input", ""))
        return
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a CSV, TSV, JSON lines or text file, or - for stdin.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    try:
        stream = path.open("rb")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: check the name.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} could not be opened ({_why(error)}).") from error
    with stream:
        yield _begin(stream, Source(str(path), suffixes[-1] if suffixes else ""))


def lines(source: Source) -> Iterator[Piece]:
    """Yield each physical line with its end: LF, CR LF or CR, and no other."""
    number, size = 1, 0
    parts: list[bytes] = []
    for chunk in source.chunks():
        for part in chunk.splitlines(keepends=True):
            size += len(part)
            if size > LONGEST:
                parts.clear()
            else:
                parts.append(part)
            if part.endswith((b"\n", b"\r")):
                yield Piece(number, b"".join(parts) if size <= LONGEST else None)
                number, size = number + 1, 0
                parts.clear()
    if size and source.broken is None:
        yield Piece(number, b"".join(parts) if size <= LONGEST else None)


def elements(source: Source) -> Iterator[Piece]:
    """Yield each element of one JSON list, found by its brackets and quotes alone.

    A damaged element is a piece like any other, so that the ones after it are still read.
    """
    depth, line, began, size = 0, 1, 1, 0
    quoted = escaped = ended = False
    parts: list[bytes] = []

    def keep(part: bytes) -> None:
        nonlocal size, began
        if not size:
            blank = len(part) - len(part.lstrip())
            began += part.count(b"\n", 0, blank)
            part = part[blank:]
        size += len(part)
        if size <= LONGEST:
            parts.append(part)
        else:
            parts.clear()

    for chunk in source.chunks():
        begin = 0
        at = int(escaped)
        escaped = False
        while not ended and (match := _STRUCTURE.search(chunk, at)):
            at, mark = match.end(), match.group()
            if mark == b"\n":
                line += 1
            elif mark == b"\\":
                if quoted:
                    escaped = at == len(chunk)
                    at += 1
            elif mark == b'"':
                quoted = not quoted
            elif quoted:
                continue
            elif mark in b"[{":
                depth += 1
                if depth == 1:
                    begin, began = at, line
            elif mark != b"," and depth > 1:
                depth -= 1
            elif depth == 1:
                keep(chunk[begin : at - 1])
                if size:
                    yield Piece(began, b"".join(parts) if size <= LONGEST else None)
                parts.clear()
                size, begin, began = 0, at, line
                ended = mark != b","
        if not ended:
            keep(chunk[begin:])
        elif chunk[begin:].strip():
            source.broken = source.broken or "there is more after the end of its JSON list"
            return
    if not ended:
        source.broken = source.broken or "its JSON list has no end"


def _standard_input() -> Any:
    if sys.stdin is None:
        raise InputError("There is no standard input to read: name a file instead of -.")
    stream = getattr(sys.stdin, "buffer", None)
    if stream is not None:
        return stream
    return io.BytesIO(sys.stdin.read().encode("utf-8", "surrogatepass"))


def _begin(stream: IO[bytes], source: Source) -> Source:
    """Read the first bytes, and decide what undoes the file's compression and encoding."""
    chunks = _read(stream, source)
    first = _at_least(chunks, 4)
    if first.startswith(b"\x1f\x8b"):
        chunks = _unzip(_then(first, chunks), source)
        first = _at_least(chunks, 4)
    for magic, what, remedy in _NOT_TEXT:
        if first.startswith(magic):
            raise InputError(f"{source.name} is {what}, not text: {remedy}.")
    if first.startswith(codecs.BOM_UTF8):
        first = first.removeprefix(codecs.BOM_UTF8)
    elif wide := _wide(first):
        source.wide = wide
        chunks = _recode(_then(first, chunks), source, wide)
        first = b""
    # Telling what form the rows have wants the first line that says something.
    parts, size, said = [], 0, False
    chunk = first or next(chunks, b"")
    while chunk:
        parts.append(chunk)
        size += len(chunk)
        line = chunk if said else chunk.lstrip()
        said = said or bool(line)
        if size >= CHUNK or b"\n" in line or b"\r" in line:
            break
        chunk = next(chunks, b"")
    source.head = b"".join(parts)
    source._rest = chunks
    if not source.head and source.broken is not None:
        raise InputError(f"{source.name} could not be read: {source.broken}.")
    return source


def _wide(first: bytes) -> str | None:
    """Return the encoding of text with two or four bytes a character, told by its mark or its NULs."""
    for mark, encoding in _BOMS:
        if first.startswith(mark):
            return encoding
    sample = first[:4096]
    if len(sample) >= 16:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        share = len(sample) // 2
        if odd > 0.7 * share and even < 0.05 * share:
            return "utf-16-le"
        if even > 0.7 * share and odd < 0.05 * share:
            return "utf-16-be"
    return None


def _read(stream: IO[bytes], source: Source) -> Iterator[bytes]:
    # read1 returns what a pipe holds instead of waiting for a full chunk.
    read = getattr(stream, "read1", stream.read)
    while True:
        try:
            chunk = read(CHUNK)
        except OSError as error:
            source.broken = f"it can't be read on ({_why(error)})"
            return
        if not chunk:
            return
        yield chunk


def _unzip(chunks: Iterator[bytes], source: Source) -> Iterator[bytes]:
    stream = gzip.GzipFile(fileobj=_Chunks(chunks), mode="rb")
    while True:
        try:
            chunk = stream.read1(CHUNK)
        except (EOFError, OSError, zlib.error) as error:
            source.broken = source.broken or f"its compression is damaged ({type(error).__name__})"
            return
        if not chunk:
            return
        yield chunk


class _Chunks(io.RawIOBase):
    """Chunks as a file, which is what ``gzip`` reads."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = next(self._chunks, b"")
        part = self._left[: len(buffer)]
        self._left = self._left[len(part) :]
        buffer[: len(part)] = part
        return len(part)


def _recode(chunks: Iterator[bytes], source: Source, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    start = True
    try:
        for chunk in chunks:
            text = decoder.decode(chunk)
            if start and text:
                text, start = text.removeprefix("\ufeff"), False
            if text:
                yield text.encode("utf-8", "surrogatepass")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        source.broken = f"it stops being {encoding.upper()}, or ends in the middle of a character"


def _at_least(chunks: Iterator[bytes], count: int) -> bytes:
    first = b""
    while len(first) < count and (chunk := next(chunks, b"")):
        first += chunk
    return first


def _then(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
