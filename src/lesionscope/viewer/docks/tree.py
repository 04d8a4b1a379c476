"""The panel of one lesion's tree of model scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from lesionscope.inference.reading import PathologyAnswer, Reading
from lesionscope.viewer import wording
from lesionscope.viewer.docks.answer_panel import AnswerPanel
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.tree_rows import likely_path, rows, set_words
from lesionscope.viewer.docks.tree_view import ScoreTree
from lesionscope.viewer.room_state import RoomState

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class TreePanel(AnswerPanel):
    """The classes of the pathology model, the most likely path open."""

    def __init__(self, room: Room) -> None:
        self.score = QLabel(wording.SCORE)
        self.score.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.prediction_set = QLabel()
        self.prediction_set.setObjectName("lesionscope-prediction-set")
        self.prediction_set.setWordWrap(True)
        self.prediction_set.setTextFormat(Qt.TextFormat.PlainText)
        self.tree = ScoreTree()
        self.tree.folding_changed.connect(room.fold)
        super().__init__(room, self.prediction_set, self.score, self.tree)
        self.setObjectName("lesionscope-tree-panel")

    def show_answer(self, state: RoomState, reading: Reading, stale: bool) -> None:
        """Show the tree of an answer."""
        answer = reading.pathology
        assert isinstance(answer, PathologyAnswer)
        said, promise = ("", "") if stale else set_words(answer)
        self.prediction_set.setText(said)
        self.prediction_set.setToolTip(promise)
        self.prediction_set.setVisible(bool(said))
        self.tree.paint_with(colours())
        tree = state.package.tree if state.package is not None else None
        open_tags = (frozenset(likely_path(answer)) | state.unfolded) - state.folded
        self.tree.show_rows(rows(answer, tree), open_tags=open_tags, hatched=answer.unfamiliar, faded=stale)
