"""What a comparison of two rooms' studies shows, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.followup.comparison import Comparison, MarkedStudy, Row
from lesionscope.followup.registration import Alignment
from lesionscope.followup.visits import Concern
from lesionscope.lesions.marking import slice_slab_mm
from lesionscope.session.state import SessionState
from lesionscope.session.visits import marked_study
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
    def blocked(self) -> bool:
        """Whether a grave concern keeps the studies from being linked."""
        return not self.overruled and any(concern.grave for concern in self.concerns)

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
