"""All that the review dock may draw, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lesionscope.session.agreement import Agreement, Disagreement
from lesionscope.session.mined import MinedLesion
from lesionscope.session.queue import Order
from lesionscope.session.review import Sight
from lesionscope.session.state import SessionState
from lesionscope.session.tally import Progress
from lesionscope.viewer.review.rows import Found, LabelRow

Page = Literal["start", "name", "empty", "lesion", "search", "adjudication"]
Purpose = Literal["add", "replace", "label"]
"""What a label is searched for: to add it, to put it in another's place, or to queue lesions by it."""


@dataclass(frozen=True)
class Search:
    """A search for a label under way.

    ``replaces`` is the label that another is to be put in place of: settled when the search begins,
    whatever is chosen when it ends.
    """

    purpose: Purpose
    words: str = ""
    found: tuple[Found, ...] = ()
    chosen: int = 0
    replaces: str | None = None

    @property
    def label(self) -> str | None:
        """The label that Return would take."""
        return self.found[self.chosen].label if self.chosen < len(self.found) else None


@dataclass(frozen=True)
class Adjudication:
    """Two readers compared, and which of their disagreements are open."""

    agreement: Agreement
    open: tuple[Disagreement, ...]
    chosen: int = 0

    @property
    def current(self) -> Disagreement | None:
        """The disagreement to decide on."""
        return self.open[self.chosen] if self.chosen < len(self.open) else None


@dataclass(frozen=True)
class Work:
    """Something under way in the background; ``total`` 0 means unknown."""

    title: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class ReviewState:
    """A review at one moment.

    Parameters
    ----------
    path, project
        The project's file and what it holds; ``None`` until one is open.
    read_only
        Whether another window has the project.
    notes
        Sentences about how it was opened and what was left out.
    reader, blinded
        Who reads, and whether without predictions and other readers; "" until a name was given.
    looked
        Which reader has had which lesion's predictions or others' decisions in sight since the project was
        opened: no veil comes back there.
    order, label, queue
        In which order lesions come; the label where they are queued by one.
    lesion_id, chosen
        The lesion in sight, and the label that a verdict would be on.
    seen, rows
        What the reader sees of the lesion.
    warnings
        Labels that exclude each other, among those held, or if the chosen one were accepted.
    progress
        How far the reader has come.
    search, adjudication
        Where one of these is open.
    opening, predicting
        Work under way.
    images
        What is to be said of the lesion's images: "" once they are shown.
    notice
        A sentence about the last thing asked for; empty when all is well.
    """

    path: Path | None = None
    project: SessionState | None = None
    read_only: bool = False
    notes: tuple[str, ...] = ()
    reader: str = ""
    blinded: bool = False
    looked: frozenset[tuple[str, str]] = frozenset()
    order: Order = "import"
    label: str | None = None
    queue: tuple[str, ...] = ()
    lesion_id: str | None = None
    chosen: str | None = None
    seen: Sight | None = None
    rows: tuple[LabelRow, ...] = ()
    warnings: tuple[str, ...] = ()
    progress: Progress = field(default=Progress(0, 0, 0, 0))
    search: Search | None = None
    adjudication: Adjudication | None = None
    opening: Work | None = None
    predicting: Work | None = None
    no_model: bool = False
    images: str = ""
    notice: str = ""

    @property
    def page(self) -> Page:
        """What the dock shows."""
        if self.project is None:
            return "start"
        if not self.project.mined:
            return "empty"
        if not self.reader:
            return "name"
        if self.search is not None:
            return "search"
        return "lesion" if self.adjudication is None else "adjudication"

    @property
    def mined(self) -> MinedLesion | None:
        """The lesion in sight."""
        return None if self.project is None else self.project.mined.get(self.lesion_id or "")

    @property
    def place(self) -> int:
        """The lesion's place in the queue, from 1; 0 where it isn't in it."""
        return self.queue.index(self.lesion_id) + 1 if self.lesion_id in self.queue else 0

    @property
    def listed(self) -> Disagreement | None:
        """The disagreement to decide on, while its lesion is the one in sight."""
        current = None if self.adjudication is None else self.adjudication.current
        return current if current is not None and current.lesion_id == self.lesion_id else None

    def blind_to(self, lesion_id: str) -> bool:
        """Whether the reader has yet to see a lesion without the veil, and chose to work behind it."""
        return self.blinded and (self.reader, lesion_id) not in self.looked

    @property
    def read_by_model(self) -> bool:
        """Whether a label model has read the lesion in sight."""
        known = self.project is not None and self.lesion_id is not None
        return known and self.project.reading(self.lesion_id, "labels") is not None

    @property
    def all_decided(self) -> bool:
        """Whether every label in sight has a decision of the reader's."""
        return self.seen is not None and bool(self.rows) and not self.seen.undecided
