"""Values of single DICOM elements, from their raw bytes.

pydicom's own conversion warns about malformed values and quotes them; here one is simply
absent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def raw(dataset: Dataset, tag: int) -> bytes:
    """Return an element's bytes; ``b""`` where it is absent or no plain value."""
    item = dataset.get_item(tag) if tag in dataset else None
    value = getattr(item, "value", None)
    return value if isinstance(value, bytes) else b""


def plain(value: bytes) -> str:
    """Return the bytes of a code, UID or date as text."""
    return value.decode("latin-1").strip(" \0\r\n\t")


def text(dataset: Dataset, tag: int) -> str:
    """Return an element as plain text (codes, UIDs, dates)."""
    return plain(raw(dataset, tag))


def texts(dataset: Dataset, tag: int) -> tuple[str, ...]:
    """Return a multi-valued element as plain texts."""
    value = text(dataset, tag)
    return tuple(part.strip() for part in value.split("\\")) if value else ()


def words(dataset: Dataset, tag: int) -> str:
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


def floats(dataset: Dataset, tag: int, count: int = 1) -> tuple[float, ...] | None:
    """Return a decimal string's numbers; ``None`` unless there are ``count``, all finite."""
    try:
        values = tuple(float(part) for part in texts(dataset, tag))
    except ValueError:
        return None
    if len(values) < count or not all(math.isfinite(value) for value in values):
        return None
    return values[:count]


def whole(dataset: Dataset, tag: int) -> int | None:
    """Return an integer string's number."""
    values = floats(dataset, tag)
    return int(values[0]) if values and abs(values[0]) < 1 << 53 else None


def number(dataset: Dataset, tag: int, *, signed: bool = False) -> int | None:
    """Return a binary 16- or 32-bit integer (US, SS, UL)."""
    item = dataset.get_item(tag) if tag in dataset else None
    value = getattr(item, "value", None)
    if not isinstance(value, bytes) or len(value) not in (2, 4):
        return None
    little = getattr(item, "is_little_endian", True)
    return int.from_bytes(value, "little" if little else "big", signed=signed)
