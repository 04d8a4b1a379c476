"""A report sentence as tokens that know where they stand in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"[bB]/[lL](?!\w)|[^\W\d_]+(?:['’][^\W\d_]+)?\d*|\d+(?:[.,]\d+)*|(?<![^\s(x×])\.\d+|[^\w\s]|_+"
)
"""Words of any script ("L3" is one, and "b/l"), numbers, single signs. White space is dropped."""
PREFIXES = frozenset(
    "ante endo extra hyper hypo infra inter interaorto intra iso juxta mid non para per peri post pre retro "
    "sub supra trans".split()
)
"""Prefixes that a hyphen may part from the word they belong to: "pre-tracheal", "non-calcified"."""
ABBREVIATIONS = frozenset(("vs", "e", "g", "i", "approx", "ca", "dr", "resp"))
"""Words after which a full stop ends no sentence."""
HYPHENS = frozenset("-‐‑–")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign: ``text[start:end]``, and the same in lower case.

    A prefix ("pre-", "aorto-") with a hyphen and the word after it are one token, its ``word``
    written without the hyphen; other hyphens between words part two tokens.
    """

    start: int
    end: int
    word: str

    @property
    def is_word(self) -> bool:
        """Whether it is a word or a number, not a sign."""
        return self.word[0].isalnum()


def tokenise(text: str) -> list[Token]:
    """Cut a text into tokens; any string is accepted, and spans index it as given."""
    tokens: list[Token] = []
    hyphen_end = -1  # where a hyphen that touches the word before it ends
    for match in TOKEN.finditer(text):
        start, end = match.span()
        word = match.group().lower()
        if word in HYPHENS and tokens and tokens[-1].end == start and tokens[-1].is_word:
            hyphen_end = end
            continue
        if word == "." and tokens and tokens[-1].end == start and tokens[-1].word in ABBREVIATIONS:
            continue
        if hyphen_end == start and word[0].isalpha() and _joins(tokens[-1].word):
            tokens[-1] = Token(tokens[-1].start, end, tokens[-1].word + word)
        else:
            tokens.append(Token(start, end, word))
    return tokens


def _joins(word: str) -> bool:
    """Whether a word before a hyphen is part of the next: a prefix, or a combining form such as "aorto"."""
    return word in PREFIXES or (len(word) > 3 and word.endswith("o"))
