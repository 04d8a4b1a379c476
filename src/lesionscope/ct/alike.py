"""Headers of one series, by what differs between them.

The slices of a series share nearly all bytes of their headers. What was found in one header holds of the
next where that has the same bytes but for the values of elements that are a slice's own (its UID, place,
numbers and times) or that nobody asks for. Every other file is left to
:func:`lesionscope.ct.headers.read_header`, which is the reference: what is found here, it finds too.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from lesionscope.ct.elements import Place, QuickElements, text
from lesionscope.ct.facts import Header, Pixels
from lesionscope.ct.multiframe import frames_of
from lesionscope.ct.quick_header import PREAMBLE_BYTES, meta_places
from lesionscope.ct.sources import FileRef

_SOP_UID = 0x00080018
_OF_A_FRAME = (
    0x00080032, 0x00080033, 0x00180050, 0x00180060, 0x00181060, 0x00200012, 0x00200013, 0x00200032,
    0x00200037, 0x00200100, 0x00209241, 0x00280030, 0x00281052, 0x00281053, 0x00281054,
)  # fmt: skip
"""Elements that are asked for, by a frame's facts alone."""
_META = 0x00020000
_OF_A_FILE = (_META, 0x00020003)
"""Of the file meta group: its length, and the UID again."""
_MAY_DIFFER = frozenset((_SOP_UID, *_OF_A_FRAME, *_OF_A_FILE))
_TRIES = 16
"""Headers of one series that are looked at for what differs, none of them like the one before."""

_MORE = 1024
_Facts = TypeVar("_Facts", Header, Pixels)
_LENGTHS = {2: struct.Struct("<H").unpack_from, 4: struct.Struct("<I").unpack_from}


@dataclass(frozen=True)
class _Own:
    """An element whose value is a file's own, and the bytes that all files have before its length."""

    before: bytes
    tag: int
    width: int
    """Of its length, in bytes."""
    end: int
    """Where the value ends in the file that was learnt from."""


class AlikeHeaders:
    """Remembers the last header, and which elements have differed between headers so far.

    Parameters
    ----------
    wanted
        The tags whose elements make a header.
    """

    def __init__(self, wanted: Collection[int]) -> None:
        self._wanted = wanted
        self._header: Header | None = None
        self._elements = QuickElements()
        self._values: dict[int, bytes] = {}
        self._differing: set[int] = set()
        self._own: list[_Own] = []
        self._after = b""
        self._tries = _TRIES
        self.reach = 0
        """How many of a file's first bytes a header like the last takes, and some more."""

    def read(self, head: bytes, file: FileRef) -> Header | None:
        """Return what a file says of itself, where it says the same as the last; else ``None``.

        Parameters
        ----------
        head
            The file's first bytes.
        """
        if self._header is None:
            return None
        elements, at, moved = QuickElements(self._elements), PREAMBLE_BYTES, 0
        try:
            for own in self._own:
                if not head.startswith(own.before, at):
                    return None
                at += len(own.before)
                (length,) = _LENGTHS[own.width](head, at)
                at += own.width
                elements[own.tag] = head[at : at + length]
                at += length
                if own.tag >> 16 == _META >> 16:
                    moved = at - own.end
        except struct.error:
            return None
        if not head.startswith(self._after, at):
            return None
        self._tries = _TRIES
        before = self._header
        pixels, offset = before.pixels, at + len(self._after)
        return _changed(
            before,
            file=file,
            pixels=pixels if pixels.offset == offset else _changed(pixels, offset=offset),
            frames=frames_of(elements, pixels.frames),
            sop_uid=text(elements, _SOP_UID),
            body=before.body + moved,
        )

    def learn(self, head: bytes, header: Header, elements: QuickElements) -> None:
        """Remember an ordinary file's header for those that follow."""
        if self._header is None or self._header.series_uid != header.series_uid:
            self._tries = _TRIES
        if not self._tries or head[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM":
            return
        self._tries -= 1
        places = [*meta_places(head), *elements.places]
        values = {place.tag: head[place.value_at : place.end] for place in places}
        if values.keys() == self._values.keys():
            self._differing |= {t for t, value in values.items() if value != self._values[t]}
        own, at = [], PREAMBLE_BYTES
        for place in places:
            if place.tag in self._differing and self._may_differ(place):
                length_at = place.value_at - place.width
                own.append(_Own(head[at:length_at], place.tag, place.width, place.end))
                at = place.end
        self._header, self._elements, self._values, self._own = header, elements, values, own
        self._after = head[at : elements.pixels_at]
        self.reach = elements.pixels_at + _MORE

    def _may_differ(self, place: Place) -> bool:
        of_meta = place.tag >> 16 == _META >> 16
        return place.tag in _MAY_DIFFER or not (of_meta or place.tag in self._wanted)


def _changed(facts: _Facts, **fields: Any) -> _Facts:
    """Return facts with other values in some fields: ``dataclasses.replace`` takes ten times as long."""
    made = object.__new__(type(facts))
    made.__dict__.update(facts.__dict__, **fields)
    return made
