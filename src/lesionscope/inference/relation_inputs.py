"""What the relation network reads: a sentence as rows of token features, one row a mention and bookmark.

Mentions are blinded, as is usual in relation extraction: their words are replaced by
their kind, so that names never seen in training mean no less than others. The
rule system's cues are inputs too (which tokens a denial, a doubt, the past or a landmark
reaches); what the rules make of them is not.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lesionscope.mining.bookmarks import MARK
from lesionscope.mining.cues import Turn
from lesionscope.mining.matching import HEAD, LOOK, PLACE, Match
from lesionscope.mining.parsed import Parsed

FEATURES = (
    "word",
    "ending",
    "turns",
    "entity",
    "bookmark",
    "from mention",
    "from bookmark",
    "part",
    "clause",
)
WORDS, ENDINGS, FAR = 2048, 256, 20
"""Buckets of hashed words and endings; the greatest distance told apart, in tokens."""
_KINDS = {PLACE: 0, HEAD: 1, LOOK: 2, PLACE | HEAD: 3}
"""Kinds of mention by what a label does in a sentence."""
_BLIND, _BOOKMARK, _NUMBER, FIRST_WORD = 2, 6, 7, 8
"""Word ids: of the kinds of mention, of a bookmark, of a number; the first of hashed words."""
LEXICAL = 2
"""How many features, from the first on, come from how a token is written."""
SIZES = (WORDS, ENDINGS, 16, 2 * len(_KINDS) + 1, 3, 2 * FAR + 1, 2 * FAR + 1, 4, 4)
"""How many values each feature has."""
LONGEST = 160
"""Tokens read of a sentence, a window around mention and bookmark."""
_BITS = {Turn.DENIED: 1, Turn.FORMER: 1, Turn.DOUBTED: 2, Turn.PAST: 4, Turn.LANDMARK: 8}


def encode(parsed: Parsed) -> NDArray[np.int64]:
    """Encode every pair of a sentence, int64 ``(matches · bookmarks, length, features)``, matches first."""
    tokens, places, matches = parsed.tokens, parsed.places, parsed.matches
    n = len(tokens)
    spans = [_own_tokens(match, matches) for match in matches]
    number = [_KINDS[parsed.roles[match.label]] for match in matches]
    blind = np.full(n, -1)
    for i in sorted(range(len(matches)), key=lambda i: -len(spans[i])):
        blind[spans[i]] = number[i]
    base = np.zeros((n, 3), dtype=np.int64)
    for t, token in enumerate(tokens):
        word = _BLIND + int(blind[t]) if blind[t] >= 0 else _word(token.word)
        bits = 0
        for turn, _ in parsed.turned[t]:
            bits |= _BITS[turn]
        base[t] = word, 0 if blind[t] >= 0 else _bucket(token.word[-3:], ENDINGS), bits
    place = np.arange(n)
    clauses = np.asarray(parsed.clause)
    marks = np.isin(place, places)
    rows = np.zeros((len(matches) * len(places), n, len(FEATURES)), dtype=np.int64)
    at = 0
    for i, match in enumerate(matches):
        entity = np.where(blind >= 0, blind + 1 + len(_KINDS), 0)
        entity[spans[i]] = number[i] + 1
        middle = np.clip(place, match.first, match.last)
        for mark in places:
            low, high = min(match.first, mark), max(match.last, mark)
            row = rows[at]
            row[:, :3] = base
            row[:, 3] = entity
            row[:, 4] = np.where(place == mark, 1, np.where(marks, 2, 0))
            row[:, 5] = np.clip(place - middle, -FAR, FAR) + FAR
            row[:, 6] = np.clip(place - mark, -FAR, FAR) + FAR
            row[:, 7] = np.where(place < low, 0, np.where(place > high, 3, 1 if mark < match.first else 2))
            row[:, 8] = (clauses == clauses[match.last]) + 2 * (clauses == clauses[mark])
            at += 1
    return rows if n <= LONGEST else _windows(rows, matches, places)


def _own_tokens(match: Match, matches: Sequence[Match]) -> list[int]:
    """Return a mention's tokens; of one that shorter ones begin and end, only theirs.

    "Nodule in the left lung" says *lung nodule*, but its "in the" stays what it is.
    """
    length = match.last - match.first
    inner = [
        m for m in matches if m.last - m.first < length and match.first <= m.first <= m.last <= match.last
    ]
    if any(m.first == match.first for m in inner) and any(m.last == match.last for m in inner):
        return sorted({t for m in inner for t in range(m.first, m.last + 1) if m.last - m.first < 4})
    return list(range(match.first, match.last + 1))


def _word(word: str) -> int:
    if word == MARK:
        return _BOOKMARK
    if word[0].isdigit():
        return _NUMBER
    return FIRST_WORD + _bucket(word, WORDS - FIRST_WORD)


def _bucket(word: str, buckets: int) -> int:
    return zlib.crc32(word.encode()) % buckets


def _windows(rows: NDArray[np.int64], matches: Sequence[Match], places: Sequence[int]) -> NDArray[np.int64]:
    """Cut each row of a very long sentence to a window around its mention and bookmark."""
    cut = np.zeros((len(rows), LONGEST, rows.shape[2]), dtype=np.int64)
    pairs = [(match, mark) for match in matches for mark in places]
    for row, (match, mark) in enumerate(pairs):
        centre = (min(match.first, mark) + max(match.last, mark)) // 2
        start = int(np.clip(centre - LONGEST // 2, 0, rows.shape[1] - LONGEST))
        cut[row] = rows[row, start : start + LONGEST]
    return cut


def batch(encoded: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Put the rows of several sentences together, the shorter ones filled up with zeros (word ``PAD``)."""
    kept = [rows for rows in encoded if len(rows)]
    length = max((rows.shape[1] for rows in kept), default=1)
    whole = np.zeros((sum(map(len, kept)), length, len(FEATURES)), dtype=np.int64)
    at = 0
    for rows in kept:
        whole[at : at + len(rows), : rows.shape[1]] = rows
        at += len(rows)
    return whole
