"""What a comparison of two rooms' studies shows, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.followup.comparison import Comparison, MarkedStudy, Row
from lesionscope.followup.registration import Alignment
from lesionscope.followup.response import ResponseTable
from lesionscope.followup.visits import Concern
from lesionscope.lesions.marking import slice_slab_mm
from lesionscope.session.state import SessionState
from lesionscope.session.visits import marked_study
from lesionscope.viewer import wording as room_wording
from lesionscope.viewer.followup import wording
from lesionscope.viewer.room_state import RoomState, Status


@dataclass(frozen=True)
class CompareState:
    """All that the window of a comparison draws.

    Parameters
    ----------
    comparison
        Both studies' marks and what was decided of them.
    alignment
        The registration; ``None`` until there is one.
    status
        How far it has come.
    concerns
        What speaks against comparing these studies.
    overruled
        The reader links them all the same.
    linked
        Whether the studies scroll together.
    selected
        Id of a lesion of the selected row.
    notice
        A sentence on the last thing asked for.
    note
        Said once of how the studies' sessions were opened.
    """

    comparison: Comparison
    alignment: Alignment | None = None
    status: Status | None = None
    concerns: tuple[Concern, ...] = ()
    overruled: bool = False
    linked: bool = True
    selected: str | None = None
    notice: str = ""
    note: str = ""

    @property
    def objection(self) -> str:
        """What keeps the studies from being linked and anything from being decided; mostly nothing."""
        grave = (one.message for one in self.concerns if one.grave and not (self.overruled and not one.final))
        return next(grave, "")

    @property
    def blocked(self) -> bool:
        """Whether a grave concern keeps the studies from being linked."""
        return bool(self.objection)

    @property
    def can_overrule(self) -> bool:
        """Whether the reader may link them all the same."""
        return self.blocked and not any(concern.final for concern in self.concerns)

    @property
    def unready(self) -> str:
        """Why no report can be written now: a sentence, empty where one can."""
        left = len(self.comparison.open_rows)
        if self.blocked:
            return self.objection
        if left:
            return wording.STILL_OPEN.format(count=f"{left} lesion{'s' if left > 1 else ''}")
        return "" if self.comparison.rows else room_wording.NO_LESIONS_TO_EXPORT

    @property
    def response(self) -> ResponseTable | None:
        """The response as a report has it; none before every lesion is decided on, or where none counts."""
        if self.unready:
            return None
        table = self.comparison.response
        return table if table.lesions else None

    @property
    def row(self) -> Row | None:
        """The selected row."""
        return next((row for row in self.comparison.rows if self.selected in ids_of(row)), None)


def ids_of(row: Row) -> tuple[str, ...]:
    """Return the ids of a row's lesions, the baseline's first."""
    return tuple(lesion.id for lesion in (row.baseline, row.followup) if lesion is not None)


def marked(state: RoomState) -> MarkedStudy:
    """Return a room's study as it is compared."""
    volume = state.volume
    if volume is None:
        return MarkedStudy()
    return marked_study(
        state.session or SessionState(), volume.source.study_date, slice_slab_mm(volume.geometry)
    )
