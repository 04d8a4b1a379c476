"""The panel of known lesions like the selected one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesionscope.inference.reading import LabelAnswer, Reading
from lesionscope.viewer import wording
from lesionscope.viewer.docks.answer_panel import AnswerPanel
from lesionscope.viewer.docks.beside import BesideDialog
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Strip
from lesionscope.viewer.docks.similar_rows import Picture, Similar, own_picture, similar_rows
from lesionscope.viewer.docks.similar_view import SimilarList
from lesionscope.viewer.room_state import RoomState

if TYPE_CHECKING:
    from lesionscope.ct.volume import CTVolume
    from lesionscope.viewer.room import Room


class SimilarPanel(AnswerPanel):
    """Pictures, labels and sentences of the nearest known lesions."""

    task = "labels"

    def __init__(self, room: Room) -> None:
        self.note = Strip("lesionscope-similar-note")
        self.list = SimilarList()
        self.list.opened.connect(self._open)
        self.beside: BesideDialog | None = None
        self._beside_in: CTVolume | None = None
        self._rows: tuple[Similar, ...] = ()
        self._own: Picture | None = None
        self._own_of = ("", "")
        self._rows_of: object = None
        super().__init__(room, self.note, self.list)
        self.setObjectName("lesionscope-similar-panel")

    def missing(self, state: RoomState) -> str:
        """Say that there is no label model, where there is none."""
        return wording.NO_LABEL_MODEL if state.labels_missing else ""

    def show_answer(self, state: RoomState, reading: Reading, stale: bool) -> None:
        """Show the lesion and its neighbours."""
        answer, lesion, volume = reading.labels, state.lesion, state.volume
        assert isinstance(answer, LabelAnswer) and lesion is not None and volume is not None
        theme = colours()
        self.note.edge.set_colour(theme.bar)
        empty = wording.NO_BANK if reading.neighbours is None else wording.NONE_ALIKE
        self.note.show_text("" if reading.neighbours else empty)
        self.list.setVisible(bool(reading.neighbours))
        self.filler.setVisible(not reading.neighbours)
        self.list.paint_with(theme)
        if (lesion.id, lesion.fingerprint) != self._own_of:
            self._own_of, self._own = (lesion.id, lesion.fingerprint), own_picture(volume, lesion)
            self._rows_of = None
        if (reading.id, state.known) != self._rows_of:
            self._rows_of = reading.id, state.known
            self._rows = similar_rows(answer, reading.neighbours or (), state.known, self._own)
        self.list.show_rows(self._rows, state.window, faded=stale)

    def draw(self, state: RoomState) -> None:
        """Draw the panel, and the pair in its window of its own also while another tab is in front."""
        super().draw(state)
        self._draw_beside(state)

    def _open(self, row: Similar) -> None:
        """Go to a neighbour in the open study, or show it beside this lesion."""
        state, neighbour = self.room.state, row.neighbour
        if neighbour is None or row.waiting or state.volume is None:
            return
        origin = neighbour.origin
        if origin.series_uid == state.volume.source.uid and origin.centroid_lps_mm is not None:
            self.room.notify(wording.AT_HAND)
            self.room.pointed.emit(origin.centroid_lps_mm)
            return
        if self.beside is None:
            self.beside = BesideDialog(self)
            self.beside.finished.connect(self.room.beside.leave)
        self._beside_in = state.volume
        self.room.beside.open(state, neighbour)
        self.beside.show()
        self.beside.raise_()

    def _draw_beside(self, state: RoomState) -> None:
        """Draw the pair that was chosen; another lesion's stays as it was, and another study's goes."""
        if self.beside is None:
            return
        if state.volume is not self._beside_in:
            self._beside_in = state.volume
            self.beside.close()
        chosen = state.beside
        if chosen is None or chosen.lesion_id != state.selected:
            return
        row = next((one for one in self._rows if one.neighbour == chosen.neighbour), None)
        if row is not None:
            self.beside.show_pair(self._rows[0], row, state.window, chosen.note, chosen.scans or ())
