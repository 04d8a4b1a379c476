"""How far a reader has come, counted anew only for lesions that something changed of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from lesionscope.session.review import sight
from lesionscope.session.state import SessionState


@dataclass(frozen=True)
class Progress:
    """How far a reader has come: lesions of which every shown label is decided, and labels decided."""

    lesions: int
    finished: int
    labels: int
    decided: int


class Tally:
    """Counts, and remembers: a state is frozen, so what is the same object as before counts as before."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[tuple[Any, ...], tuple[int, int, int]]] = {}

    def progress(
        self, state: SessionState, reader: str, *, blinded: bool = False, looked: Collection[str] = ()
    ) -> Progress:
        """Return how far a reader has come with the labels that are shown; ``looked`` as in a review."""
        finished = labels = decided = 0
        for lesion_id in state.mined:
            blind = blinded and lesion_id not in looked
            made_of = (state.decided.get(lesion_id), state.reading(lesion_id, "labels"), reader, blind)
            known, counts = self._counts.get(lesion_id, ((), (0, 0, 0)))
            if len(known) != len(made_of) or any(a is not b for a, b in zip(known, made_of, strict=True)):
                seen = sight(state, lesion_id, reader, blinded=blind)
                counts = (int(not seen.undecided and not seen.veiled), len(seen.shown), len(seen.own))
                self._counts[lesion_id] = made_of, counts
            finished, labels, decided = finished + counts[0], labels + counts[1], decided + counts[2]
        return Progress(len(state.mined), finished, labels, decided)
