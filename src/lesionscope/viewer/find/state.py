"""What a search found and what the reader made of it, in one frozen value; and what is shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lesionscope.ct.display import display_geometry
from lesionscope.ct.volume import CTVolume
from lesionscope.inference.finder import Candidate, Search, same_place
from lesionscope.lesions.lesion import Lesion
from lesionscope.viewer.docks.similar_rows import Picture
from lesionscope.viewer.find import words
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.room_state import Status
from lesionscope.viewer.wording import percent


@dataclass(frozen=True)
class FindState:
    """Looking for lesions at one moment.

    Parameters
    ----------
    volume
        The study that is searched.
    lesions
        Those of the session: a candidate where one of them is, is marked.
    candidates
        The best first.
    refused
        Ids of candidates that the reader doesn't want.
    selected
        Id of the candidate in view.
    status
        How far a search has come; ``None`` before the first.
    last
        What the last search said of itself.
    found
        Ids of candidates that the last search found, anew or again.
    pictures
        Candidate id → its picture.
    model, demonstration
        What searched, once it is known.
    notice
        A sentence for the reader about the last thing asked for.
    """

    volume: CTVolume | None = None
    lesions: tuple[Lesion, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    refused: frozenset[str] = frozenset()
    selected: str | None = None
    status: Status | None = None
    last: Search | None = None
    found: frozenset[str] = frozenset()
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    model: str = ""
    demonstration: bool = True
    notice: str = ""

    @property
    def searching(self) -> bool:
        """Whether a search is waiting or running."""
        return self.status is not None and self.status.is_working

    @property
    def candidate(self) -> Candidate | None:
        """The one in view."""
        return next((one for one in self.candidates if one.id == self.selected), None)

    def lesion_at(self, candidate: Candidate) -> Lesion | None:
        """Return the lesion that is marked at a candidate's place."""
        return next((lesion for lesion in self.lesions if same_place(candidate, lesion)), None)

    def is_open(self, candidate: Candidate) -> bool:
        """Whether nobody has marked or refused it yet."""
        return candidate.id not in self.refused and self.lesion_at(candidate) is None

    def with_found(self, found: Search, pictures: Mapping[str, Picture]) -> FindState:
        """Return the state after a search.

        Candidates on slices that it didn't search stay; what was refused stays refused, at whatever
        slice and with whatever box it is found again. The best that it found is selected, and nothing where
        it found nothing: what other slices showed is no answer of this one.
        """
        searched = found.slices
        kept = [
            one
            for one in self.candidates
            if searched is None or not searched[0] <= one.key_slice <= searched[1]
        ]
        fresh = [one for one in found.candidates if not any(same_place(one, other) for other in kept)]
        candidates = tuple(sorted((*kept, *fresh), key=lambda one: -one.score))
        unwanted = [one for one in self.candidates if one.id in self.refused]
        refused = {one.id for one in candidates if any(same_place(one, other) for other in unwanted)}
        again = [one for one in kept if any(same_place(one, other) for other in found.candidates)]
        state = replace(
            self,
            candidates=candidates,
            refused=frozenset(refused),
            last=found,
            found=frozenset(one.id for one in (*fresh, *again)),
            pictures={**self.pictures, **pictures},
        )
        if searched is None:
            return state
        best = next((one.id for one in (*fresh, *again) if state.is_open(one)), None)
        return replace(state, selected=best or next((one.id for one in (*fresh, *again)), None))

    @property
    def in_searched(self) -> bool:
        """Whether the candidate in view is one of the slices that the last search went through."""
        searched = None if self.last is None else self.last.slices
        one = self.candidate
        return one is not None and searched is not None and searched[0] <= one.key_slice <= searched[1]

    def next_open(self) -> str | None:
        """Return the id of the next open candidate after the selected one, round the end; else the same."""
        ids = [one.id for one in self.candidates]
        start = ids.index(self.selected) + 1 if self.selected in ids else 0
        turned = [*self.candidates[start:], *self.candidates[:start]]
        return next((one.id for one in turned if self.is_open(one)), self.selected)


@dataclass(frozen=True)
class CandidateRow:
    """What the list says of one candidate.

    Parameters
    ----------
    id
        Its id.
    score, place, size, decided
        Its lines; ``decided`` is empty while it is open.
    tip
        More on it.
    picture
        The slice around it, with its box.
    """

    id: str
    score: str
    place: str
    size: str
    decided: str
    tip: str
    picture: Picture | None

    @property
    def spoken(self) -> str:
        """All of it in one line, for screen readers."""
        return " · ".join(part for part in (self.score, self.place, self.size, self.decided) if part)


def rows_of(state: FindState) -> tuple[CandidateRow, ...]:
    """Put candidates into words, in their order."""
    if state.volume is None:
        return ()
    grid = Grid.of(display_geometry(state.volume.geometry))
    kinds = len({one.category for one in state.candidates}) > 1
    return tuple(_row(state, one, grid, kinds) for one in state.candidates)


def _row(state: FindState, one: Candidate, grid: Grid, kinds: bool) -> CandidateRow:
    lesion = state.lesion_at(one)
    decided = ""
    if lesion is not None:
        decided = words.MARKED.format(number=lesion.number)
    elif one.id in state.refused:
        decided = words.REFUSED
    score = words.SCORE_LINE.format(percent=percent(one.score))
    number = grid.nearest(2, one.centroid_lps_mm[2]) + 1
    seen = one.slices[1] - one.slices[0] + 1
    size = words.SIZE.format(long=one.long.length_mm, short=one.short.length_mm)
    return CandidateRow(
        one.id,
        f"{score} · {one.category}" if kinds else score,
        words.PLACE.format(number=number, count=grid.size[2]),
        size,
        decided,
        words.ROW_TIP.format(
            score=score, slices=words.SEEN_ON_ONE if seen == 1 else words.SEEN_ON.format(count=seen)
        ),
        state.pictures.get(one.id),
    )


def summary_of(state: FindState) -> str:
    """Say what the last search found; empty before the first."""
    last = state.last
    if last is None:
        return ""
    count = 0 if last.slices is None else last.slices[1] - last.slices[0] + 1
    what = {0: words.NO_SLICE, 1: words.ONE_SLICE}.get(count, words.SLICES.format(count=count))
    begun = words.STOPPED.format(what=what) if last.stopped else ""
    here = [one for one in state.candidates if one.id in state.found]
    others = len(state.candidates) - len(here)
    said = {0: words.NOTHING, 1: words.FOUND_ONE}.get(len(here), words.FOUND)
    left = sum(state.is_open(one) for one in here)
    sentence = said.format(count=len(here), open=left, what=what, seconds=max(last.seconds, 1.0))
    return begun + sentence + (words.OTHERS.format(count=others) if others else "")


def neighbour_of(candidates: Sequence[Candidate], selected: str | None, by: int) -> str | None:
    """Return the id of the next (1) or previous (-1) candidate; the ends stay."""
    ids = [one.id for one in candidates]
    if not ids:
        return None
    if selected not in ids:
        return ids[0]
    return ids[min(max(ids.index(selected) + by, 0), len(ids) - 1)]
