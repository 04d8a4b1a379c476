"""Bookmarks: the places of a sentence that point at a lesion on an image (LesaNet §3.2).

In a report they are hyperlinks, sizes or slice numbers; in prepared text the words
``BOOKMARK`` for the lesion of interest and ``OTHER_BMK`` for any other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .tokens import Token

MARKED = re.compile(r"\b(?P<other>OTHER[_ ](?:BMK|BOOKMARK))\b|\bBOOKMARK\b")
_NUMBER = r"(?:\d+(?:[.,]\d+)?|\.\d+)"
SIZE = re.compile(
    rf"(?<![\w.])(?:(?:{_NUMBER}\s*(?:[cm]m)?\s*(?:x|×|by)\s*)+{_NUMBER}\s*[cm]m|{_NUMBER}\s*-?\s*[cm]m)(?!\w)",
    re.IGNORECASE,
)
SLICE = re.compile(
    r"\(?\b(?:(?:series|se)\s*#?\s*\d+\s*[,;/]?\s*)?(?:images?|im|img|slices?)\s*#?\s*\d+\b\)?|\(\d+\s*[:/]\s*\d+\)|\bs\d+\s*i\d+\b"
    r"|(?:(?<=\bat )|(?<=\d and ))\d{1,3}[:/]\d{1,4}(?![\d/])",
    re.IGNORECASE,
)
_MEASURED = r"(?:\s+(?:measured|measuring|was|about|approximately))*\s*\(?$"
EARLIER = re.compile(
    r"(?:previously|formerly|prior(?:ly)?|earlier|before|was|were|from|compared (?:to|with)|versus|vs\.?)"
    + _MEASURED,
    re.IGNORECASE,
)
"""What stands before a size that a lesion had in an earlier study."""
BOUND = re.compile(r"(?:(?:less|smaller|larger|greater) than|under|over|up to)" + _MEASURED, re.IGNORECASE)
"""What stands before a size that is a bound: of no one lesion where others are measured."""
DISTANCE = re.compile(
    r"\s+(?:(?:away\s+)?from|above|below|deep\s+to|(?!equal|identical)[a-z]+(?:ior|al|ad)(?:ly)?\s+to)\s+"
    r"(?!(?:(?:the|an?|its)\s+)?(?:\d|prior|previous|last|earlier|most\s|recent|baseline|comparison|stud|exam|scan|ct\b|mr))",
    re.IGNORECASE,
)
"""What stands after a size that is a distance: of no lesion where one is measured …"""
MEASURED = re.compile(r"\b(?:measur\w*|size|diameter|dimensions?)(?:\s+[a-z]+)?\s*$", re.IGNORECASE)
"""… but "measuring 9 mm above the diaphragm"."""
WITHIN = re.compile(r"\bwithin(?:\s+(?:about|approximately))?\s*$", re.IGNORECASE)
OF = re.compile(r"\s+of\b", re.IGNORECASE)
"""What stands before and after a distance that is none of the former: "within 2 mm of the duct"."""
THICK = re.compile(
    r"\s*-?\s*(?:(?:thick|thin|contiguous|axial|coronal|sagittal|helical|transverse)\s+)*(?:slices?|sections?|"
    r"images?|cuts?|collimation|intervals|increments|reconstructions?|reformat\w*|spacing)\b(?!\s*#?\s*\d)",
    re.IGNORECASE,
)
"""What stands after a size that is of the slices, not of a lesion: "5 mm axial images"."""
NO_SIZE = re.compile(
    rf"{EARLIER.pattern}|(?:(?:slice|section)\s+thickness|collimation|spacing)(?:\s+(?:of|is|was|at|about))*\s*\(?$",
    re.IGNORECASE,
)
"""What stands before either, or before a size that a lesion had."""
LONGEST = 50
"""Most letters of a text that are looked at before a size."""
SMALL = re.compile(r"\b(?:(?:less|smaller)\s+than|under)\s+$", re.IGNORECASE)
"""With "1 cm" after it, it says a label, subcentimeter, and not how large something is."""
GAP = re.compile(r"[\s,(\[]*(?:on|in|at|see|seen on)?[\s,(\[]*")
"""What may stand between the size of a lesion and its slice number."""
SAME = re.compile(r"(?:(?!\band\b)[^,;.])*", re.IGNORECASE)
"""What parts the size of a lesion from its slice number in one finding: "1.2 cm nodule (4:123)"."""
MARK = "\0"
"""The word of the token that stands for a bookmark."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A bookmark at ``text[start:end]``; ``target``: it is the lesion of interest."""

    start: int
    end: int
    text: str
    target: bool


def find_bookmarks(text: str) -> tuple[Bookmark, ...]:
    """Find the bookmarks of a sentence: the marked ones; where none is of interest, sizes and slices too."""
    marked = tuple(Bookmark(*m.span(), m.group(), target=m["other"] is None) for m in MARKED.finditer(text))
    if any(mark.target for mark in marked):
        return marked
    sizes = [m.span() for m in SIZE.finditer(text)]
    sizes = [s for s in sizes if not (_stands_before(text, s[0], NO_SIZE) or THICK.match(text, s[1]))]
    sizes = [s for s in sizes if not _is_label(text, *s)]
    slices = [m.span() for m in SLICE.finditer(text)]
    exact = [s for s in sizes if not (_stands_before(text, s[0], BOUND) or _is_distance(text, *s))]
    sizes = exact if exact or slices else sizes
    found: list[tuple[int, int]] = []
    for start, end in sorted(sizes + slices):
        if found and GAP.fullmatch(text, found[-1][1], start):
            found[-1] = (found[-1][0], end)
        elif not (
            found
            and found[-1] in sizes
            and (start, end) in slices
            and SAME.fullmatch(text, found[-1][1], start)
        ):
            found.append((start, end))
    own = [Bookmark(start, end, text[start:end], target=True) for start, end in found]
    return tuple(sorted([*marked, *own], key=lambda mark: mark.start))


def _stands_before(text: str, at: int, pattern: re.Pattern[str]) -> bool:
    return bool(pattern.search(text, max(at - LONGEST, 0), at))


def _is_label(text: str, start: int, end: int) -> bool:
    return text[start:end].lower().split() == ["1", "cm"] and _stands_before(text, start, SMALL)


def _is_distance(text: str, start: int, end: int) -> bool:
    if DISTANCE.match(text, end):
        return not _stands_before(text, start, MEASURED)
    return bool(OF.match(text, end)) and _stands_before(text, start, WITHIN)


def fold(tokens: Sequence[Token], bookmarks: Sequence[Bookmark]) -> tuple[list[Token], list[int]]:
    """Put one token in the place of each bookmark's; also return where those tokens stand."""
    folded: list[Token] = []
    places: list[int] = []
    waiting = list(bookmarks)
    for token in tokens:
        while waiting and token.start >= waiting[0].end:
            waiting.pop(0)
        if waiting and token.end > waiting[0].start:
            if len(places) < len(bookmarks) - len(waiting) + 1:
                places.append(len(folded))
                folded.append(Token(waiting[0].start, waiting[0].end, MARK))
        else:
            folded.append(token)
    return folded, places
