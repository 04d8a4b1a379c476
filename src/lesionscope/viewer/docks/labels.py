"""The panel of one lesion's labels: three classes, the most specific first, and a search over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit

from lesionscope.inference.reading import LabelAnswer, Reading
from lesionscope.viewer import wording
from lesionscope.viewer.docks.answer_panel import AnswerPanel
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.label_rows import label_rows, open_tags
from lesionscope.viewer.docks.panel import Strip
from lesionscope.viewer.docks.tree_rows import Row
from lesionscope.viewer.docks.tree_view import ScoreTree
from lesionscope.viewer.room_state import RoomState

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class LabelsPanel(AnswerPanel):
    """What a label model says of the selected lesion, and why."""

    task = "labels"

    def __init__(self, room: Room) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText(wording.SEARCH_LABELS)
        self.search.setAccessibleName(wording.SEARCH_LABELS)
        self.search.setClearButtonEnabled(True)
        self.search.textEdited.connect(room.search_labels)
        # The clear button edits without textEdited.
        self.search.textChanged.connect(lambda text: text or room.search_labels(""))
        self.score = QLabel(wording.SCORE_AND_THRESHOLD)
        self.score.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.conflicts = Strip("lesionscope-conflicts")
        self.tree = ScoreTree("lesionscope-labels", wording.LABELS_TAB)
        self.tree.folding_changed.connect(room.fold)
        self._rows: tuple[Row, ...] = ()
        self._rows_of = ("", "")
        super().__init__(room, self.search, self.conflicts, self.score, self.tree)
        self.setObjectName("lesionscope-labels-panel")

    def missing(self, state: RoomState) -> str:
        """Say that there is no label model, where there is none."""
        return wording.NO_LABEL_MODEL if state.labels_missing else ""

    def show_answer(self, state: RoomState, reading: Reading, stale: bool) -> None:
        """Show labels, or those that were searched for."""
        answer = reading.labels
        assert isinstance(answer, LabelAnswer)
        theme = colours()
        self.conflicts.edge.set_colour(theme.warning)
        pairs = ", ".join(f"{one} / {other}" for one, other in answer.conflicts)
        self.conflicts.show_text(wording.CONFLICTS.format(pairs=pairs) if pairs else "")
        if self.search.text() != state.wanted_label:
            self.search.setText(state.wanted_label)
        if (reading.id, state.wanted_label) != self._rows_of:
            self._rows_of = reading.id, state.wanted_label
            found = label_rows(answer, state.wanted_label)
            self._rows = found or (Row("nothing", wording.NOTHING_FOUND, None, quiet=True),)
        rows = self._rows
        self.tree.paint_with(theme)
        opened = open_tags(rows, state.folded if not state.wanted_label else frozenset(), state.unfolded)
        self.tree.show_rows(rows, open_tags=opened, hatched=answer.unfamiliar, faded=stale)
