"""What a comparison of two rooms' studies shows, in one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.followup.comparison import Comparison, MarkedStudy, Row
from lesionscope.followup.registration import Alignment
from lesionscope.followup.sites import site_of
from lesionscope.followup.visits import Concern
from lesionscope.inference.reading import LabelAnswer
from lesionscope.lesions.lesion import Lesion
from lesionscope.lesions.marking import slice_slab_mm
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
        Said once of how the choices are kept.
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
    """Return a room's study as it is compared: where lesions lie is what the label model predicted."""
    volume = state.volume
    sites = {one.id: site_of(labels_of(state, one)) for one in state.lesions}
    return MarkedStudy(
        "" if volume is None else volume.source.study_date,
        state.lesions,
        sites,
        0.0 if volume is None else slice_slab_mm(volume.geometry),
    )


def labels_of(state: RoomState, lesion: Lesion) -> tuple[str, ...]:
    """Return the labels that the label model predicted for a lesion."""
    reading = state.reading(lesion.id, "labels")
    answer = None if reading is None else reading.labels
    if not isinstance(answer, LabelAnswer):
        return ()
    return tuple(score.label for score in answer.scores if score.predicted)
