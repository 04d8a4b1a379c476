"""What a session holds at one moment, frozen: the only thing that panels draw from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lesionscope.followup.choices import Visit
from lesionscope.inference.reading import Reading, Task
from lesionscope.lesions.lesion import Lesion
from lesionscope.session.decisions import Decision, standing
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.session.outline import KeptOutline
from lesionscope.session.report_notes import ReportNote

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class SessionState:
    """Lesions in the order of their numbers, and the reading that each one shows.

    Parameters
    ----------
    lesions
        Those marked now.
    readings
        Lesion id and task → the latest reading of the lesion *as it is marked now*;
        where it was never read like this, the latest of all, which then is stale. So
        an undone edit brings back the reading that belongs to the mark.
    undo_title, redo_title
        What undo and redo would take back or repeat (``"Move lesion 2"``); ``None``
        exactly where they can't.
    undo_reader, redo_reader
        Whose decisions these are; ``None`` where it isn't one reader's decisions.
    revision
        Number of changes written to disk so far; grows with each one.
    decisions
        Those in effect, in the order of the log: what was undone is not among them.
    decided
        The same by lesion id.
    unveiled
        Lesion id → readers whose own reading of it was complete at any time, or who decided with more in
        sight than was mined: no veil comes back for them, whatever was undone since.
    mined
        Lesions with mined labels by their id, in the order of import.
    studies
        Where they lie, by the study's id.
    visits
        Later studies that this one was compared with, by their series' UID.
    notes
        Lesion id → what a person chose for its part of the report.
    outlines
        Lesion id → the outline that a click proposed, of lesions that are as it was proposed.
    """

    lesions: tuple[Lesion, ...] = ()
    readings: Mapping[tuple[str, Task], Reading] = field(default_factory=lambda: MappingProxyType({}))
    undo_title: str | None = None
    redo_title: str | None = None
    undo_reader: str | None = None
    redo_reader: str | None = None
    revision: int = 0
    decisions: tuple[Decision, ...] = ()
    decided: Mapping[str, tuple[Decision, ...]] = field(default_factory=lambda: _NONE)
    unveiled: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NONE)
    mined: Mapping[str, MinedLesion] = field(default_factory=lambda: _NONE)
    studies: Mapping[str, Study] = field(default_factory=lambda: _NONE)
    visits: Mapping[str, Visit] = field(default_factory=lambda: _NONE)
    notes: Mapping[str, ReportNote] = field(default_factory=lambda: _NONE)
    outlines: Mapping[str, KeptOutline] = field(default_factory=lambda: _NONE)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self.undo_title is not None

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return self.redo_title is not None

    def lesion(self, lesion_id: str) -> Lesion | None:
        """Return the lesion of that id, or ``None`` where it isn't marked (any more)."""
        if lesion_id in self.mined:
            return self.mined[lesion_id].lesion
        return next((lesion for lesion in self.lesions if lesion.id == lesion_id), None)

    def standing(self, lesion_id: str, reader: str | None = None) -> tuple[Decision, ...]:
        """Return the last decision on each label of a lesion by each reader (or by one), oldest first."""
        return tuple(
            decision
            for decision in standing(self.decided.get(lesion_id, ())).values()
            if reader is None or decision.reader == reader
        )

    def reading(self, lesion_id: str, task: Task = "pathology") -> Reading | None:
        """Return the reading to show for a lesion, or ``None`` where there is none."""
        return self.readings.get((lesion_id, task))

    def is_stale(self, lesion_id: str, task: Task = "pathology") -> bool:
        """Whether the lesion was edited since the reading shown for it was made."""
        lesion, reading = self.lesion(lesion_id), self.reading(lesion_id, task)
        return lesion is not None and reading is not None and reading.is_stale(lesion.fingerprint)
