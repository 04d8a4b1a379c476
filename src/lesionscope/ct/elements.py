"""Values of single DICOM elements, from their raw bytes.

pydicom's own conversion warns about malformed values and quotes them; here one is simply
absent. Numbers are remembered, since the slices of a series share most of theirs.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

_REMEMBERED_BYTES = 128
"""Longer values than any orientation are hostile: they are not kept."""


class Elements(Protocol):
    """What is asked of a data set: pydicom's, or the elements of an ordinary file."""

    def __contains__(self, tag: int) -> bool: ...

    def __getitem__(self, tag: int) -> Any: ...

    def get_item(self, tag: int) -> Any:
        """Return an element unconverted: its bytes, or something that has them as ``value``."""


class Place(NamedTuple):
    """Where in a file an element's value lies, and how many bytes its length takes."""

    tag: int
    width: int
    value_at: int
    end: int


class QuickElements(dict[int, bytes]):
    """Bytes of the wanted elements before the pixels by tag.

    ``pixel_length`` is as written, ``pixels_at`` counted from the file's beginning; ``places`` are those
    of all elements before the pixels.
    """

    pixel_length = 0
    pixels_at = 0
    places: tuple[Place, ...] = ()
    get_item = dict.__getitem__


def raw(dataset: Elements, tag: int) -> bytes:
    """Return an element's bytes; ``b""`` where it is absent or no plain value."""
    if isinstance(dataset, QuickElements):
        return dataset.get(tag, b"")
    item = dataset.get_item(tag) if tag in dataset else b""
    value = item if isinstance(item, bytes) else getattr(item, "value", b"")
    return value if isinstance(value, bytes) else b""


def plain(value: bytes) -> str:
    """Return the bytes of a code, UID or date as text."""
    return value.decode("latin-1").strip(" \0\r\n\t")


def text(dataset: Elements, tag: int) -> str:
    """Return an element as plain text (codes, UIDs, dates)."""
    return plain(raw(dataset, tag))


def texts(dataset: Elements, tag: int) -> tuple[str, ...]:
    """Return a multi-valued element as plain texts."""
    return _parts(raw(dataset, tag))


def _parts(value: bytes) -> tuple[str, ...]:
    whole_text = plain(value)
    return tuple(part.strip() for part in whole_text.split("\\")) if whole_text else ()


def words(dataset: Elements, tag: int) -> str:
    """Return an element meant for people, in the character set the file names."""
    value = raw(dataset, tag)
    if not value:
        return ""
    if value.isascii() and b"\x1b" not in value:
        return plain(value)
    from pydicom.charset import convert_encodings, decode_bytes

    try:
        encodings = convert_encodings(list(texts(dataset, 0x00080005)) or "")
        return str(decode_bytes(value, encodings, {"\\", "^", "="})).strip(" \0")
    except (LookupError, ValueError, AttributeError):
        return plain(value)


def floats(dataset: Elements, tag: int, count: int = 1) -> tuple[float, ...] | None:
    """Return a decimal string's numbers; ``None`` unless there are ``count``, all finite."""
    value = raw(dataset, tag)
    return _remembered_numbers(value, count) if len(value) <= _REMEMBERED_BYTES else _numbers(value, count)


def _numbers(value: bytes, count: int) -> tuple[float, ...] | None:
    try:
        values = tuple(float(part) for part in _parts(value))
    except ValueError:
        return None
    if len(values) < count or not all(math.isfinite(value) for value in values):
        return None
    return values[:count]


_remembered_numbers = lru_cache(1024)(_numbers)


def whole(dataset: Elements, tag: int) -> int | None:
    """Return an integer string's number."""
    values = floats(dataset, tag)
    return int(values[0]) if values and abs(values[0]) < 1 << 53 else None


def real(dataset: Elements, tag: int) -> float | None:
    """Return a binary floating-point number (FL, FD), where it is finite."""
    value = raw(dataset, tag)
    form = {4: "f", 8: "d"}.get(len(value))
    if form is None:
        return None
    little = getattr(dataset.get_item(tag), "is_little_endian", True)
    (found,) = struct.unpack(f"{'<' if little else '>'}{form}", value)
    return float(found) if math.isfinite(found) else None


def number(dataset: Elements, tag: int, *, signed: bool = False) -> int | None:
    """Return a binary 16- or 32-bit integer (US, SS, UL)."""
    value = raw(dataset, tag)
    if len(value) not in (2, 4):
        return None
    little = getattr(dataset.get_item(tag), "is_little_endian", True)
    return int.from_bytes(value, "little" if little else "big", signed=signed)
