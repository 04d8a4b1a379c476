"""Pieces of report text that know what they say: spans of mentions and bookmarks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from .wording import SLOT

Certainty = Literal["said", "doubted", "other"]
"""Said of its finding; possible; or denied, past, or a landmark: of no finding at all."""
REPEATED = re.compile(r"\b([a-z][\w-]*(?: [\w-]+){0,4})[\s,;:()]+\1(?![\w-])", re.IGNORECASE)
"""A word, or a few, said twice running within a sentence."""
LONG_WORD = re.compile(r"\b[a-z]{8,}\b")


@dataclass(frozen=True, slots=True)
class Said:
    """A label said at ``start:end`` about the findings ``owners``."""

    start: int
    end: int
    label: str
    owners: frozenset[int]
    certainty: Certainty

    def moved(self, by: int) -> Said:
        """Return the same, ``by`` characters further on."""
        return replace(self, start=self.start + by, end=self.end + by)


@dataclass(frozen=True, slots=True)
class Mark:
    """A bookmark at ``start:end`` that points at finding ``owner``; ``target``: at the lesion of interest."""

    start: int
    end: int
    owner: int
    target: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """Text with what it says; passages add up."""

    text: str = ""
    said: tuple[Said, ...] = ()
    marks: tuple[Mark, ...] = ()

    def __add__(self, other: Passage | str) -> Passage:
        if isinstance(other, str):
            return Passage(self.text + other, self.said, self.marks)
        by = len(self.text)
        return Passage(
            self.text + other.text,
            self.said + tuple(said.moved(by) for said in other.said),
            self.marks
            + tuple(replace(mark, start=mark.start + by, end=mark.end + by) for mark in other.marks),
        )

    def __bool__(self) -> bool:
        return bool(self.text)

    def with_text(self, text: str) -> Passage:
        """Return the passage with another text of the same length."""
        if len(text) != len(self.text):
            raise ValueError("the spans would no longer fit")
        return replace(self, text=text)


def mention(text: str, label: str, owners: frozenset[int], certainty: Certainty = "said") -> Passage:
    """Return a passage that says one label from its first character to its last."""
    return Passage(text, (Said(0, len(text), label, owners, certainty),))


def joined(parts: list[Passage], by: str = " ") -> Passage:
    """Join the passages that aren't empty."""
    whole = Passage()
    for part in parts:
        if part:
            whole = whole + by + part if whole else part
    return whole


def without_article(passage: Passage) -> Passage:
    """Drop "the", "a" or "an" from a passage's beginning."""
    for article in ("the ", "a ", "an "):
        if passage.text.startswith(article):
            cut = len(article)
            return Passage(passage.text[cut:], tuple(said.moved(-cut) for said in passage.said))
    return passage


def filled(template: str, fill: Callable[[str], Passage]) -> Passage:
    """Fill a construction's slots from left to right."""
    whole, at = Passage(), 0
    for match in SLOT.finditer(template):
        whole = whole + template[at : match.start()] + fill(match[1])
        at = match.end()
    return whole + template[at:]


def tidy(passage: Passage) -> Passage:
    """Drop what empty slots leave: white space doubled, at the ends or before a stop; a comma before one."""
    kept: list[int] = []
    text = passage.text
    for i, char in enumerate(text):
        if char == " " and (not kept or text[kept[-1]] == " "):
            continue
        if char in ",.;)" and kept and text[kept[-1]] == " ":
            kept.pop()
        if char in ",.;" and kept and text[kept[-1]] == ",":
            kept.pop()
        kept.append(i)
    if kept and text[kept[-1]] == " ":
        kept.pop()
    place = {old: new for new, old in enumerate(kept)}

    def moved(start: int, end: int) -> tuple[int, int]:
        return place[start], place[end - 1] + 1

    return Passage(
        "".join(text[i] for i in kept),
        tuple(replace(s, start=a, end=b) for s in passage.said for a, b in [moved(s.start, s.end)]),
        tuple(replace(m, start=a, end=b) for m in passage.marks for a, b in [moved(m.start, m.end)]),
    )


def cut(passage: Passage) -> Passage:
    """Drop a passage's last character, a full stop."""
    return Passage(passage.text[:-1], passage.said, passage.marks)


def lowered(passage: Passage) -> Passage:
    """Make a sentence's beginning the middle of one, unless it is an abbreviation."""
    text = passage.text
    if text[:1].isupper() and text[1:2].islower():
        return passage.with_text(text[0].lower() + text[1:])
    return passage


def repeats(passage: Passage) -> bool:
    """Whether a word or a label is said twice running: "solid solid pulmonary nodule", "nodular nodularity".

    Two bookmarks side by side are not: they are two images of one lesion.
    """
    text = passage.text
    places = [(mark.start, mark.end) for mark in passage.marks]
    if any((match.start(), match.end(1)) not in places for match in REPEATED.finditer(text)):
        return True
    said = sorted(passage.said, key=lambda one: one.start)
    return any(
        one.label == next_.label and not re.search(r"\w", text[one.end : next_.start])
        for one, next_ in pairwise(said)
    )


def misspelt(text: str, rng: np.random.Generator) -> str:
    """Swap two neighbouring letters within a long word."""
    words = list(LONG_WORD.finditer(text))
    if not words:
        return text
    word = words[int(rng.integers(len(words)))]
    at = word.start() + int(rng.integers(2, len(word.group()) - 2))
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
