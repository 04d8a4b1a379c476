"""The elements of any DICOM file, parsed by pydicom within bounds.

pydicom parses the data set; this module bounds what reaches it: a deflated data set is inflated up to a
cap, and parsing ends where elements or nested items go on without end.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lesionscope.ct.facts import (
    DAMAGE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    PIXEL_DATA,
    Unreadable,
)
from lesionscope.ct.sources import FileReader, FileRef

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_HEADER_BYTES = 1 << 25
"""A header longer than this (32 MiB) isn't read on; real ones stay below a few MiB."""
MAX_ELEMENTS = 20_000
MAX_HEADER_READS = 2_000_000

_PIXEL_TAGS = (0x7FE00008, 0x7FE00009, PIXEL_DATA)


def inflate(packed: bytes, limit: int) -> bytes:
    """Inflate a deflated data set (PS3.5 A.5), but no further than ``limit`` bytes."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit)


def parse_growing(
    reader: FileReader, file: FileRef, head: bytes, start: int, syntax: str, wanted: Collection[int]
) -> tuple[Dataset, Stop]:
    """Parse what was read of a file; read more of it only where its header goes on."""
    size, count = reader.size(file), len(head)
    while True:
        whole = count >= min(size, MAX_HEADER_BYTES)
        try:
            dataset, stop = parse(head[start:], syntax, wanted)
            if stop.tag or whole:
                return dataset, stop
        except DAMAGE:
            if whole:
                raise
        count *= 16
        head = reader.read(file, 0, count)


@dataclass
class Stop:
    """Where parsing stopped: the pixel data element, if it was reached."""

    tag: int = 0
    length: int = 0
    value_at: int = 0
    guessed: str = ""
    elements: int = 0


class _Bounded(io.BytesIO):
    """A header in memory that stops whoever reads it forever (in nested items, say)."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_HEADER_READS:
            raise Unreadable("its header goes on without end")
        return super().read(size)


def parse(data: bytes, syntax: str, wanted: Collection[int]) -> tuple[Dataset, Stop]:
    """Parse a data set up to its pixel data; only the elements we use are kept."""
    from pydicom.filereader import read_dataset

    stop = Stop()
    if not syntax:
        explicit = data[4:6].isalpha() and data[4:6].isupper()
        stop.guessed = EXPLICIT_LITTLE if explicit else IMPLICIT_LITTLE
    used = syntax or stop.guessed

    def at_pixels(tag: int, vr: str | None, length: int) -> bool:
        stop.elements += 1
        if stop.elements > MAX_ELEMENTS:
            raise Unreadable("its header goes on without end")
        if tag not in _PIXEL_TAGS:
            return False
        stop.tag, stop.length, stop.value_at = int(tag), length, stream.tell()
        return True

    stream = _Bounded(data)
    dataset = read_dataset(
        stream, used == IMPLICIT_LITTLE, used != EXPLICIT_BIG, stop_when=at_pixels, specific_tags=list(wanted)
    )
    return dataset, stop
