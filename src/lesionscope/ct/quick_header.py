"""The elements of an ordinary uncompressed file, found without a parser.

Ordinary means: explicit or implicit VR little endian, as the file meta group says; elements in
ascending order, of known value representations; sequences, of undefined length too, whose items end
where they say; a plain character set; no functional groups; and all of it within what was read.
Everything else is left to pydicom. :func:`lesionscope.ct.headers.read_header` with pydicom is the
reference: what is found here, it finds too.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

from lesionscope.ct.elements import Place, QuickElements
from lesionscope.ct.facts import PIXEL_DATA

PREAMBLE_BYTES = 128
"""What comes before the letters ``DICM`` (PS3.10 §7.1)."""
_UNDEFINED = 0xFFFFFFFF
_CHARACTER_SET = 0x00080005
_FUNCTIONAL_GROUPS = (0x52009229, 0x52009230)
_MAX_DEPTH = 8

# PS3.5 §7.1.2: representations whose length takes two bytes, and those where it takes four.
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
# Single-byte sets and UTF-8: no escapes, nothing that a parser could object to (PS3.3 C.12.1.1.2).
_PLAIN_SETS = frozenset(b"|ISO_IR 6|ISO_IR 100|ISO_IR 101|ISO_IR 109|ISO_IR 144|ISO_IR 192".split(b"|"))

_EXPLICIT = struct.Struct("<HH2sH").unpack_from
_IMPLICIT = struct.Struct("<HHI").unpack_from
_LENGTH = struct.Struct("<I").unpack_from
_UNWRITTEN = b"\0\0"
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


class _Odd(Exception):
    """Something that this module leaves to the parser."""


def meta_places(head: bytes, at: int = PREAMBLE_BYTES + 4) -> Iterator[Place]:
    """Go through the file meta group (PS3.10 §7.1), which is in explicit VR whatever follows it."""
    while len(head) >= at + 8 and head[at : at + 2] == b"\x02\x00":
        tag = 0x00020000 | int.from_bytes(head[at + 2 : at + 4], "little")
        if head[at + 4 : at + 6] in _LONG:
            width, value_at = 4, at + 12
        else:
            width, value_at = 2, at + 8
        at = value_at + int.from_bytes(head[value_at - width : value_at], "little")
        yield Place(tag, width, value_at, at)


def quick_elements(head: bytes, at: int, *, implicit: bool, wanted: Collection[int]) -> QuickElements | None:
    """Find the wanted elements of an ordinary file, up to its pixels.

    Parameters
    ----------
    head
        The file's first bytes.
    at
        Where its data set begins in them.
    implicit
        Whether it is in implicit VR little endian; else in explicit VR little endian.
    wanted
        Tags to keep, as ``0xggggeeee``.

    Returns
    -------
    QuickElements or None
        ``None`` where anything about the file is out of the ordinary.
    """
    try:
        return _elements(head, at, implicit, wanted)
    except (_Odd, struct.error):
        return None


def _elements(head: bytes, at: int, implicit: bool, wanted: Collection[int]) -> QuickElements:
    if implicit and head[at + 4 : at + 6].isalpha():
        raise _Odd  # Probably explicit after all.
    found = QuickElements()
    places: list[Place] = []
    last, end = -1, len(head)
    while True:
        if implicit:
            group, element, length = _IMPLICIT(head, at)
            vr = _UNWRITTEN
        else:
            group, element, vr, length = _EXPLICIT(head, at)
        at += 8
        tag = group << 16 | element
        width = 4
        if not implicit:
            if vr in _SHORT:
                width = 2
            elif vr in _LONG:
                (length,) = _LENGTH(head, at)
                at += 4
            else:
                raise _Odd
        if tag <= last:
            raise _Odd
        if tag >= PIXEL_DATA:
            found.places = tuple(places)
            return _done(found, tag, length, at)
        last = tag
        if length == _UNDEFINED:
            if tag in wanted or not (_is_sequence(tag) if implicit else vr == b"SQ"):
                raise _Odd
            stop = _skip_sequence(head, at, implicit, 0)
            places.append(Place(tag, width, at, stop))
            at = stop
            continue
        stop = at + length
        if stop > end:
            raise _Odd
        places.append(Place(tag, width, at, stop))
        if tag in wanted:
            found[tag] = head[at:stop]
        at = stop


def _done(found: QuickElements, tag: int, length: int, at: int) -> QuickElements:
    if tag != PIXEL_DATA or not found.keys().isdisjoint(_FUNCTIONAL_GROUPS):
        raise _Odd
    if _CHARACTER_SET in found and found[_CHARACTER_SET].strip(b" \0") not in _PLAIN_SETS:
        raise _Odd
    found.pixel_length, found.pixels_at = length, at
    return found


def _is_sequence(tag: int) -> bool:
    """Whether an element whose representation isn't written is a sequence by the dictionary, or private."""
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag)) == "SQ"
    except KeyError:
        return bool(tag & 0x10000)


def _skip_sequence(head: bytes, at: int, implicit: bool, depth: int) -> int:
    """Return where a sequence of undefined length ends (PS3.5 §7.5.2)."""
    if depth > _MAX_DEPTH:
        raise _Odd
    while True:
        group, element, length = _IMPLICIT(head, at)
        at += 8
        tag = group << 16 | element
        if tag == _SEQUENCE_END and length == 0:
            return at
        if tag != _ITEM:
            raise _Odd
        at = _skip_item(head, at, length, implicit, depth)


def _skip_item(head: bytes, at: int, length: int, implicit: bool, depth: int) -> int:
    """Return where an item ends; its elements are walked through, so that they fit it to the byte."""
    stop = None if length == _UNDEFINED else at + length
    while at != stop:
        if implicit:
            group, element, length = _IMPLICIT(head, at)
            vr = _UNWRITTEN
        else:
            group, element, vr, length = _EXPLICIT(head, at)
        at += 8
        tag = group << 16 | element
        if tag == _ITEM_END:
            if stop is not None or vr != _UNWRITTEN or length:
                raise _Odd
            return at
        if group == 0xFFFE or tag == _CHARACTER_SET:
            raise _Odd
        if vr in _LONG:
            (length,) = _LENGTH(head, at)
            at += 4
        elif vr not in _SHORT and not implicit:
            raise _Odd
        if length == _UNDEFINED:
            if vr != b"SQ" and not (implicit and _is_sequence(tag)):
                raise _Odd
            at = _skip_sequence(head, at, implicit, depth + 1)
        else:
            at += length
        if at > (len(head) if stop is None else stop):
            raise _Odd
    return at
