"""What the panels of a model's answer share: title, notice, state of the reading, what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lesionscope.inference.reading import LabelAnswer, PathologyAnswer, Reading, Refusal, Task
from lesionscope.viewer import wording
from lesionscope.viewer.docks.card import CardDialog
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Panel, Strip
from lesionscope.viewer.room_state import Phase, RoomState, Status

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room


class AnswerPanel(Panel):
    """One task's answer for the selected lesion; a subclass shows the answer itself.

    Parameters
    ----------
    room
        Whose state is drawn.
    answer
        What shows an answer; hidden where there is none.
    """

    task: Task = "pathology"

    def __init__(self, room: Room, *answer: QWidget) -> None:
        super().__init__(room)
        self._answer = answer
        self._drawn = self._behind = False
        self.title = QLabel()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.size = QLabel()
        self.notice = Strip("lesionscope-demonstration")
        self.notice.show_text(wording.DEMONSTRATION)
        self.model = QLabel()
        self.model.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about = QPushButton(wording.ABOUT_MODEL)
        self.about.clicked.connect(self._show_card)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(round(self.fontMetrics().height() * 0.6))
        self.working = Strip("lesionscope-working")
        self.working.button.clicked.connect(lambda: room.cancel())
        self.unfamiliar = Strip("lesionscope-unfamiliar")
        self.stale = Strip("lesionscope-stale")
        self.stale.button.clicked.connect(lambda: room.read())
        self.message = Strip("lesionscope-message")
        self.message.button.clicked.connect(self._act)
        self.warning = Strip("lesionscope-warning")
        self.card: CardDialog | None = None
        self._lay_out()
        self.follow()

    def _lay_out(self) -> None:
        heading = QHBoxLayout()
        heading.addWidget(self.title)
        heading.addStretch(1)
        heading.addWidget(self.size)
        model = QHBoxLayout()
        model.addWidget(self.model, 1)
        model.addWidget(self.about)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addLayout(heading)
        layout.addWidget(self.notice)
        for strip in (self.working, self.progress, self.unfamiliar, self.stale, self.message):
            layout.addWidget(strip)
        for widget in self._answer:
            layout.addWidget(widget, 1 if isinstance(widget, QAbstractItemView) else 0)
        self.filler = QWidget()
        layout.addWidget(self.filler, 1)
        layout.addWidget(self.warning)
        layout.addLayout(model)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Catch up with what changed while another tab was in front."""
        super().showEvent(event)
        if self._behind:
            self.draw(self.room.state)

    def draw(self, state: RoomState) -> None:
        """Show the selected lesion's reading, or say what to do to get one; later, where nobody sees it."""
        self._behind = self._drawn and not self.isVisible()
        if self._behind:
            return
        self._drawn = True
        theme = colours()
        for strip, colour in (
            (self.notice, theme.warning),
            (self.working, theme.bar),
            (self.unfamiliar, theme.warning),
            (self.stale, theme.warning),
            (self.warning, theme.warning),
        ):
            strip.edge.set_colour(colour)
        lesion = state.lesion
        reading = state.reading(state.selected, self.task)
        changed = self._draw_model(state, reading)
        status = state.status(state.selected, self.task)
        self.title.setText("" if lesion is None else wording.LESION_TITLE.format(number=lesion.number))
        self.size.setText("" if lesion is None else wording.size_text(lesion, unit=True))
        notes = reading.provenance.notes if reading is not None else ()
        self.warning.show_text("\n".join((*state.warnings, *notes)))
        self._draw_work(state, status)
        stale = lesion is not None and reading is not None and state.is_stale(lesion.id, self.task)
        working = status is not None and status.is_working
        failed = status is not None and status.phase is Phase.FAILED
        behind = wording.STALE if stale else changed
        self.stale.show_text(behind, "" if working or failed else wording.READ_AGAIN)
        self._draw_answer(state, reading, stale)
        self._draw_message(state, reading, status, stale)

    def _draw_model(self, state: RoomState, reading: Reading | None) -> str:
        """Name the model that answered, or else would; returns what to say where those are two."""
        package = state.package_for(self.task)
        installed = "" if package is None else package.card.called
        demonstration = package is None or package.card.demonstration
        answered = installed
        if reading is not None:
            answered, demonstration = reading.provenance.model, reading.provenance.demonstration
        self.notice.show_text(wording.DEMONSTRATION if demonstration else wording.RESEARCH)
        self.model.setText(answered)
        self.about.setEnabled(package is not None and answered == installed)
        if answered == installed or not installed:
            return ""
        return wording.OTHER_MODEL.format(answered=answered, installed=installed)

    def _draw_work(self, state: RoomState, status: Status | None) -> None:
        working = status is not None and status.is_working
        self.progress.setVisible(working)
        if not working or status is None or state.lesion is None:
            self.working.show_text("")
            return
        words = wording.READING.format(number=state.lesion.number)
        if status.phase is Phase.QUEUED:
            words = wording.QUEUED
        self.working.show_text(status.message or words, wording.CANCEL)
        # A bar paints itself at once, and with it all canvases that wait for their next frame.
        self.progress.setUpdatesEnabled(False)
        self.progress.setRange(0, status.total)
        self.progress.setValue(status.done)
        self.progress.setUpdatesEnabled(True)

    def _draw_answer(self, state: RoomState, reading: Reading | None, stale: bool) -> None:
        answer = self.said(reading)
        shown = answer if isinstance(answer, PathologyAnswer | LabelAnswer) else None
        for widget in self._answer:
            widget.setVisible(shown is not None)
        self.filler.setVisible(shown is None)
        unfamiliar = shown is not None and shown.unfamiliar
        p = "" if shown is None or shown.familiarity is None else f"{shown.familiarity:.3f}"
        self.unfamiliar.show_text(
            wording.UNFAMILIAR if unfamiliar else "", tip=wording.UNFAMILIAR_TIP.format(p=p)
        )
        if reading is not None and shown is not None:
            self.show_answer(state, reading, stale)

    def said(self, reading: Reading | None) -> PathologyAnswer | LabelAnswer | Refusal | None:
        """Return what a reading says to this panel's task."""
        if reading is None:
            return None
        return reading.pathology if self.task == "pathology" else reading.labels

    def show_answer(self, state: RoomState, reading: Reading, stale: bool) -> None:
        """Show an answer in this panel's own way."""
        raise NotImplementedError

    def missing(self, state: RoomState) -> str:
        """Say why this panel has no answer for any lesion; empty where it can have one."""
        return ""

    def _draw_message(
        self, state: RoomState, reading: Reading | None, status: Status | None, stale: bool
    ) -> None:
        theme = colours()
        answer = self.said(reading)
        refused = isinstance(answer, Refusal)
        failed = status is not None and status.phase is Phase.FAILED
        self.message.edge.set_colour(theme.warning if refused or failed or state.notice else theme.bar)
        if state.volume is None:
            self.message.show_text(state.notice or wording.NO_STUDY)
        elif self.missing(state):
            self.message.show_text(self.missing(state))
        elif state.lesion is None:
            empty = wording.SELECT_LESION if state.lesions else wording.NO_LESION
            self.message.show_text(state.notice or empty)
        elif status is not None and status.phase is Phase.FAILED:
            self.message.show_text(status.message, wording.READ_AGAIN)
        elif status is not None and status.phase is Phase.CANCELLED and (reading is None or stale):
            self.message.show_text(wording.CANCELLED, "" if stale else wording.READ)
        elif status is not None and status.is_working:
            self.message.show_text(state.notice)
        elif reading is None:
            self.message.show_text(wording.NOT_READ.format(number=state.lesion.number), wording.READ)
        elif isinstance(answer, Refusal) and not stale:
            self.message.show_text(answer.sentence, wording.READ_ANYWAY, wording.READ_ANYWAY_TIP)
        elif self.task == "pathology" and state.lesion.id in state.overrides and not stale:
            self.message.show_text(wording.OUT_OF_SCOPE_READ)
        else:
            self.message.show_text(state.notice)

    def _act(self) -> None:
        if self.message.button.text() == wording.READ_ANYWAY:
            self.room.read_anyway()
        else:
            self.room.read()

    def _show_card(self) -> None:
        package = self.room.state.package_for(self.task)
        if package is not None:
            self.card = CardDialog(package, self)
            self.card.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.card.destroyed.connect(self._forget_card)
            self.card.show()

    def _forget_card(self, *_: object) -> None:
        self.card = None
