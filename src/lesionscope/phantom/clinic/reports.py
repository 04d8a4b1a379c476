"""Sentences of the phantom's reports, in radiologists' style, with what each phrase is to each bookmark.

A sentence says part of what is true of the lesion of interest, and often more: other
lesions with or without bookmarks, denials, history, doubts, landmarks, earlier sizes.
Its mentions are marked relevant, uncertain or irrelevant to every bookmark (LesaNet
§3.2), so it is its own annotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .contents import Reported, Slices
from .passages import Mark, Said, repeats
from .wording import Split
from .writer import Writer

RELEVANT, UNCERTAIN, IRRELEVANT = "relevant", "uncertain", "irrelevant"


@dataclass(frozen=True, slots=True)
class ReportMention:
    """``text[start:end]`` says ``label``; ``relation`` is what that is to bookmark number ``bookmark``."""

    start: int
    end: int
    label: str
    bookmark: int
    relation: str


@dataclass(frozen=True, slots=True)
class ReportSentence:
    """A sentence and its annotation.

    Attributes
    ----------
    text
        The sentence.
    bookmarks
        (start, end, whether it points at the lesion of interest), in the order of the text.
    mentions
        One for each pair of mention and bookmark, in the order of the text.
    lesions
        The id of the lesion that each bookmark points at.
    constructions
        The constructions it was made with, as "section: construction".
    """

    text: str
    bookmarks: tuple[tuple[int, int, bool], ...]
    mentions: tuple[ReportMention, ...]
    lesions: tuple[int, ...]
    constructions: tuple[str, ...]

    def labels(self, *relations: str) -> frozenset[str]:
        """Return the labels that have one of these relations to the lesion of interest."""
        return frozenset(
            m.label for m in self.mentions if m.relation in relations and self.bookmarks[m.bookmark][2]
        )


def write_sentence(
    target: Reported,
    others: Sequence[Reported],
    rng: np.random.Generator,
    wording_of: Split,
    slices: Slices | None = None,
) -> ReportSentence:
    """Write a sentence about a lesion.

    Parameters
    ----------
    target
        The lesion of interest.
    others
        Others of the same patient; one or two of them may come in.
    rng
        Makes every choice: the same one gives the same sentence.
    wording_of
        Which split's wording to use.
    slices
        Where a scan shows the lesions, all of them; numbers are made up where there is none.
    """
    writer = Writer(target, others, rng, wording_of, slices)
    while repeats(passage := writer.write()):
        writer = Writer(target, others, rng, wording_of, slices)
    passage = writer.finished(passage)
    mentions = [
        ReportMention(said.start, said.end, said.label, number, _relation(said, mark))
        for said in sorted(passage.said, key=lambda said: (said.start, said.end, said.label))
        for number, mark in enumerate(passage.marks)
    ]
    return ReportSentence(
        passage.text,
        tuple((mark.start, mark.end, mark.target) for mark in passage.marks),
        tuple(mentions),
        tuple(writer.lesions[mark.owner].id for mark in passage.marks),
        tuple(writer.phrases.used),
    )


def _relation(said: Said, mark: Mark) -> str:
    """Return what a mention is to a bookmark."""
    if said.certainty == "other" or mark.owner not in said.owners:
        return IRRELEVANT
    return UNCERTAIN if said.certainty == "doubted" else RELEVANT
