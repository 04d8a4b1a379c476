"""What a sentence names that is not its lesion's: what the examination is of, and what is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .bookmarks import MARK
from .tokens import Token

ARTICLES = frozenset(("the", "a", "an", "this"))
STUDIES = frozenset(
    "prior previous previously last earlier most recent baseline comparison preceding initial old outside "
    "study studies exam examination scan ct cta pet mr mri before".split()
)
"""Words that name another study: "9 mm from the last"."""
IMAGING = frozenset(
    "ct cta mr mri mra pet scan scans study exam examination imaging images radiograph radiographs".split()
)
REGIONS = frozenset("chest thorax abdomen pelvis neck head brain".split())
"""What an examination is of as a whole; one of an organ is mostly of that organ's lesion."""
ADJECTIVES = frozenset("chest thoracic abdominal pelvic neck".split()) | REGIONS
SERIES = frozenset((",", "/", "and", "&"))
PARTED = frozenset(("but", "however", "while", "which", "is", "are", "was", "were", "has", "have"))
"""Words that end what is compared with; commas and full stops do too."""
NO_COMPARAND = STUDIES | frozenset("in on at expected usual".split())
COMPARE = frozenset(("than", "to", "with"))
LIKE = frozenset(("similar", "identical", "comparable", "compared", "comparison", "relative"))
"""With "to" or "with" after them they compare."""
FAR = 4
"""Most words from "similar" to its "to", "similar in size to", and from "likely" to its "than"."""


def exam_regions(tokens: Sequence[Token]) -> Iterator[tuple[int, range]]:
    """Yield an examination's token and those that say what it is of: "CT of the chest and abdomen"."""
    n = len(tokens)
    for at in [i for i, token in enumerate(tokens) if token.word in IMAGING]:
        start = at + 1
        while start < n and tokens[start].word in IMAGING | ARTICLES | {"of", "through", "/"}:
            start += 1
        end = start
        while end < n and tokens[end].word in REGIONS | SERIES | ARTICLES:
            end += 1
        while end > start and tokens[end - 1].word not in REGIONS:
            end -= 1
        if end > start and not (end < n and tokens[end].word == "wall"):
            yield at, range(start, end)
        first = at
        while first > 0 and (
            tokens[first - 1].word in ADJECTIVES or (first < at and tokens[first - 1].word in SERIES)
        ):
            first -= 1
        if first < at:
            yield at, range(first, at)


def comparands(tokens: Sequence[Token]) -> Iterator[range]:
    """Yield the tokens that say what is compared with: "larger than the mass in the spleen"."""
    n = len(tokens)
    for at in [i for i, token in enumerate(tokens) if token.word in COMPARE]:
        if not _compares(tokens, at):
            continue
        start = at + 1
        while start < n and tokens[start].word in ARTICLES:
            start += 1
        if start == n or not tokens[start].word[0].isalpha() or tokens[start].word in NO_COMPARAND:
            continue
        end = start
        while end < n and tokens[end].word[0].isalnum() and tokens[end].word not in PARTED:
            if tokens[end].word == "and" and end + 1 < n and tokens[end + 1].word in ARTICLES:
                break
            end += 1
        if not any(t.word in STUDIES or t.word == MARK for t in tokens[start : min(end + 1, n)]):
            yield range(start, end)


def _compares(tokens: Sequence[Token], at: int) -> bool:
    if at == 0:
        return False
    before = [token.word for token in tokens[max(at - FAR, 0) : at]]
    if tokens[at].word == "than":
        return not {"other", "rather", "likely"}.intersection(before)
    return before[-1] in LIKE or (tokens[at].word == "to" and "similar" in before and "to" not in before)
