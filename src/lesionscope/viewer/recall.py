"""What a bank knows of the neighbours that readings name: their pictures and marked sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Protocol

from lesionscope.errors import InputError
from lesionscope.progress import CancelToken

if TYPE_CHECKING:
    from lesionscope.mining.miner import Miner
    from lesionscope.retrieval.known import KnownLesion


class Remembers(Protocol):
    """A bank: see :class:`lesionscope.retrieval.bank.Bank`."""

    def lesion(self, identifier: str) -> KnownLesion:
        """Return all that is known of a lesion."""


@dataclass(frozen=True, eq=False)
class Recalled:
    """A known lesion, and where its sentence speaks of labels: first character and the one after the last."""

    lesion: KnownLesion
    spans: tuple[tuple[int, int], ...] = ()


def recall(bank: Remembers | None, names: Sequence[str], cancel: CancelToken) -> dict[str, Recalled | None]:
    """Fetch known lesions by id; ``None`` for one that the bank doesn't have (any more)."""
    found: dict[str, Recalled | None] = {}
    for name in names:
        cancel.check()
        try:
            lesion = None if bank is None else bank.lesion(name)
        except InputError:
            lesion = None
        found[name] = None if lesion is None else Recalled(lesion, spans_of(lesion.sentence))
    return found


def spans_of(sentence: str) -> tuple[tuple[int, int], ...]:
    """Return where a sentence speaks of its lesion's labels, in the order of the text, none overlapping."""
    mined = _miner().mine(sentence)
    said = {
        (mention.start, mention.end)
        for mention in mined.mentions
        # What is said of another lesion that the sentence points at is not said of this one.
        if mention.relation != "irrelevant"
        and (mention.bookmark is None or mined.bookmarks[mention.bookmark].target)
    }
    spans: list[tuple[int, int]] = []
    for start, end in sorted(said, key=lambda span: (span[0], -span[1])):
        within = [one for one in said if start <= one[0] and one[1] <= end and one != (start, end)]
        # A label said by words far apart ("nodule … in the lung") spans what lies between them:
        # the words themselves are enough.
        apart = any(one[1] <= other[0] for one in within for other in within)
        if not apart and (not spans or start >= spans[-1][1]):
            spans.append((start, end))
    return tuple(spans)


@cache
def _miner() -> Miner:
    from lesionscope.mining.miner import Miner
    from lesionscope.ontology.label_graph import load_labels

    return Miner(load_labels())
