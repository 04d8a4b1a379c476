"""The candidates dock: a search's progress, what it found, and two decisions; it decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHideEvent, QKeyEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout

from lesionscope.viewer import wording
from lesionscope.viewer.docks.candidates_view import KEYS, CandidateList
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Panel, Strip
from lesionscope.viewer.find import words
from lesionscope.viewer.find.state import FindState, rows_of, summary_of
from lesionscope.viewer.key_press import acted
from lesionscope.viewer.room_state import Phase, RoomState, Status

if TYPE_CHECKING:
    from lesionscope.viewer.find.desk import FindDesk
    from lesionscope.viewer.find.finding import Finding


class CandidatesPanel(Panel):
    """Drawn from :class:`FindState` (and the room's window) alone; closing it loses nothing."""

    def __init__(self, desk: FindDesk) -> None:
        super().__init__(desk.finding.room)
        self.desk, self.finding = desk, desk.finding
        self.setObjectName("lesionscope-candidates-panel")
        self.notice = Strip("lesionscope-demonstration")
        self.here = self._button(words.HERE, desk.here, words.HERE_TIP)
        self.through = self._button(words.THROUGH, desk.through, words.THROUGH_TIP)
        self.working = Strip("lesionscope-searching")
        self.working.button.clicked.connect(lambda _=False: self.finding.stop())
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(round(self.fontMetrics().height() * 0.6))
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.list = CandidateList()
        self.list.chosen.connect(self.finding.select)
        self.message = Strip("lesionscope-candidates-message")
        self.accept = self._button(words.ACCEPT, self.finding.accept, words.ACCEPT_TIP)
        self.refuse = self._button(words.REFUSE, self.finding.refuse, words.REFUSE_TIP)
        self.model = QLabel()
        self.hint = QLabel(words.HINT)
        self.hint.setWordWrap(True)
        self._lay_out()
        self.follow()
        redraw = self._redraw
        self.finding.changed.connect(redraw)
        # Closing a dock destroys its widget at once; a late signal must not reach it.
        self.destroyed.connect(partial(_unfollow, self.finding, redraw))

    def _button(self, text: str, action: Callable[[], None], tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        # A click must leave the keyboard with the list; Tab still gets here.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _=False: action())
        return button

    def _lay_out(self) -> None:
        searches, decisions = QHBoxLayout(), QHBoxLayout()
        for row, buttons in ((searches, (self.here, self.through)), (decisions, (self.accept, self.refuse))):
            for button in buttons:
                row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self.notice)
        layout.addLayout(searches)
        layout.addWidget(self.working)
        layout.addWidget(self.progress)
        layout.addWidget(self.summary)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.message)
        layout.addLayout(decisions)
        layout.addWidget(self.hint)
        layout.addWidget(self.model)

    def take_focus(self) -> None:
        """Give the keyboard to the list."""
        self.list.setFocus()

    # -- drawing --------------------------------------------------------------------------

    def _redraw(self, _: FindState) -> None:
        self.draw(self.room.state)

    def draw(self, state: RoomState) -> None:
        """Show the search as it stands, its pictures in the views' window."""
        found, theme = self.finding.state, colours()
        self.list.delegate.colours = theme
        self.notice.edge.set_colour(theme.warning)
        self.notice.show_text(wording.DEMONSTRATION if found.demonstration else wording.RESEARCH)
        for button in (self.here, self.through):
            button.setEnabled(found.volume is not None and not found.searching)
        self._draw_work(found.status)
        self.summary.setText(summary_of(found))
        self.summary.setVisible(bool(self.summary.text()) and not found.searching)
        self.list.show_candidates(rows_of(found), found.selected, state.window)
        self._draw_message(found)
        candidate = found.candidate
        undecided = candidate is not None and found.lesion_at(candidate) is None
        refused = candidate is not None and candidate.id in found.refused
        self.accept.setEnabled(undecided)
        self.refuse.setEnabled(undecided)
        self.refuse.setText(words.TAKE_BACK if refused else words.REFUSE)
        self.model.setText(found.model)
        self.model.setVisible(bool(found.model))

    def _draw_work(self, status: Status | None) -> None:
        working = status is not None and status.is_working
        self.progress.setVisible(working)
        self.working.edge.set_colour(colours().bar)
        if not working or status is None:
            self.working.show_text("")
            return
        begun = status.phase is Phase.RUNNING and status.total > 0
        self.progress.setRange(0, status.total if begun else 0)
        self.progress.setValue(status.done)
        place = words.SEARCHING.format(done=min(status.done + 1, status.total), total=status.total)
        self.working.show_text(place if begun else words.WAITING, words.STOP)

    def _draw_message(self, found: FindState) -> None:
        status = found.status
        failed = status is not None and status.phase is Phase.FAILED
        text = found.notice
        if failed and status is not None:
            text = status.message
        elif not text and found.volume is None:
            text = words.NO_STUDY
        elif not text and status is None:
            text = words.START
        self.message.edge.set_colour(colours().warning if failed or found.notice else colours().bar)
        self.message.show_text(text)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Have the candidate in view framed."""
        super().showEvent(event)
        self.desk.set_in_sight(True)

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Leave nothing framed on the image that no list names."""
        super().hideEvent(event)
        self.desk.set_in_sight(False)

    # -- keys -----------------------------------------------------------------------------

    def event(self, event: QEvent | None) -> bool:
        """Claim the keys of the table before the window's menus do, and act on them."""
        mine = isinstance(event, QKeyEvent) and event.key() not in KEYS
        return (mine and acted(self.desk.dock_keys(), event)) or super().event(event)


def _unfollow(finding: Finding, redraw: Callable[..., None], *_: object) -> None:
    finding.changed.disconnect(redraw, missing_ok=True)
