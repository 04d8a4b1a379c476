"""The list of lesions on the left: number, size, top model score, state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QKeyEvent, QPainter
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from lesionscope.inference.reading import PathologyAnswer, Refusal
from lesionscope.lesions.lesion import Lesion
from lesionscope.viewer import wording
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Panel, Strip
from lesionscope.viewer.docks.row_list import RowDelegate, RowList
from lesionscope.viewer.docks.tree_rows import leaf_name, top_leaf
from lesionscope.viewer.room_keys import TOOL_KEYS
from lesionscope.viewer.room_state import Phase, RoomState, Tool

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

_PAD = 5


@dataclass(frozen=True)
class Entry:
    """What the list says of one lesion."""

    id: str
    number: str
    size: str
    top: str
    score: str
    state: str

    @property
    def spoken(self) -> str:
        """All of it in one line, for tooltips and screen readers."""
        top = f"{self.top} {self.score}" if self.top else ""
        return " · ".join(part for part in (f"{self.number}: {self.size}", top, self.state) if part)

    tip = spoken


def entry_of(state: RoomState, lesion: Lesion) -> Entry:
    """Put a lesion into words."""
    reading = state.reading(lesion.id)
    answer = reading.pathology if reading is not None else None
    top = score = ""
    if isinstance(answer, PathologyAnswer) and (leaf := top_leaf(answer)) is not None:
        top, score = leaf_name(answer, leaf), f"{wording.percent(leaf.probability)} %"
    size = wording.size_text(lesion, unit=True)
    return Entry(lesion.id, str(lesion.number), size, top, score, state_text(state, lesion))


def state_text(state: RoomState, lesion: Lesion) -> str:
    """Say how far the reading of a lesion has come."""
    status, reading = state.status(lesion.id), state.reading(lesion.id)
    if status is not None and status.is_working:
        return wording.STATE_QUEUED if status.phase is Phase.QUEUED else wording.STATE_WORKING
    if status is not None and status.phase is Phase.FAILED:
        return wording.STATE_FAILED
    if reading is None:
        cancelled = status is not None and status.phase is Phase.CANCELLED
        return wording.STATE_CANCELLED if cancelled else wording.STATE_UNREAD
    if state.is_stale(lesion.id):
        return wording.STATE_STALE
    if isinstance(reading.pathology, Refusal):
        return wording.STATE_REFUSED
    if isinstance(reading.pathology, PathologyAnswer) and reading.pathology.unfamiliar:
        return wording.STATE_UNFAMILIAR
    return wording.STATE_READ


class EntryDelegate(RowDelegate):
    """Three short lines a lesion, so that nothing is cut off in a narrow dock."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """Three lines and some air."""
        return QSize(0, 3 * option.fontMetrics.height() + 3 * _PAD)

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, entry: Entry) -> None:
        """Draw number and size, best-scored class and score, and how far the reading has come."""
        metrics = option.fontMetrics
        height = metrics.height()
        inside = option.rect.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        number_width = metrics.horizontalAdvance("00 ")
        place = QRect(inside.left(), inside.top(), inside.width(), height)
        strong, plain = painter.font(), painter.font()
        strong.setBold(True)
        painter.setPen(self.colours.text)
        painter.setFont(strong)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft), entry.number)
        painter.setFont(plain)
        place.adjust(number_width, 0, 0, 0)
        step = height + _PAD // 2
        for line, (left, right) in enumerate(((entry.size, ""), (entry.top, entry.score), (entry.state, ""))):
            quiet = line == 2 and not option.state & QStyle.StateFlag.State_Selected
            painter.setPen(self.colours.quiet if quiet else self.colours.text)
            self._pair(painter, option, place.translated(0, line * step), left, right)

    def _pair(
        self, painter: QPainter, option: QStyleOptionViewItem, place: QRect, left: str, right: str
    ) -> None:
        """Draw one text at each end of a line; the left one is shortened where they would meet."""
        metrics = option.fontMetrics
        taken = metrics.horizontalAdvance(right) + 2 * _PAD if right else 0
        elided = metrics.elidedText(left, Qt.TextElideMode.ElideRight, max(place.width() - taken, 0))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft), elided)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignRight), right)


class LesionView(RowList):
    """One entry a lesion; Up and Down choose, Delete removes, Return reads."""

    def __init__(self, room: Room) -> None:
        super().__init__("lesionscope-lesions", wording.LESIONS_DOCK, EntryDelegate)
        self.room = room
        self.chosen.connect(lambda lesion_id: room.select(lesion_id, go=True))

    def show_state(self, state: RoomState) -> None:
        """List the lesions and mark the selected one."""
        self.show_rows([entry_of(state, lesion) for lesion in state.lesions], state.selected)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Let Delete and Return act on the selected lesion."""
        if event is None:
            return
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.room.delete()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.room.read()
        else:
            super().keyPressEvent(event)


class LesionListPanel(Panel):
    """Tools, list, and the buttons that act on the list."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self.setObjectName("lesionscope-lesions-panel")
        self.tools: dict[Tool, QPushButton] = {}
        self._group = QButtonGroup(self)
        for tool in Tool:
            button = self._button(wording.TOOLS[tool.value], lambda _=False, tool=tool: room.set_tool(tool))
            button.setToolTip(f"{wording.TOOL_TIPS[tool.value]}  ({TOOL_KEYS[tool]})")
            button.setCheckable(True)
            self._group.addButton(button)
            self.tools[tool] = button
        self.list = LesionView(room)
        self.note = Strip("lesionscope-session-note")
        self.undo = self._button(wording.UNDO, lambda: room.undo())
        self.redo = self._button(wording.REDO, lambda: room.redo())
        self.delete = self._button(wording.DELETE, lambda: room.delete())
        self.report = self._button(wording.EXPORT, self._export)
        self.delete.setToolTip(wording.DELETE_TIP)
        self.report.setToolTip(wording.EXPORT_TIP)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addLayout(_grid(list(self.tools.values()), 2))
        layout.addWidget(self.note)
        layout.addWidget(self.list, 1)
        layout.addLayout(_grid([self.undo, self.redo, self.delete, self.report], 2))
        self.follow()

    def _button(self, text: str, action: Callable[..., None]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        # A click must leave the keyboard with the canvas or the list; Tab still gets here.
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(action)
        return button

    def _export(self) -> None:
        from lesionscope.viewer.export import ask_and_export

        ask_and_export(self.room, self)

    def draw(self, state: RoomState) -> None:
        """Show tools, lesions and what can be undone."""
        theme = colours()
        self.note.edge.set_colour(theme.warning)
        self.note.show_text(state.session_note)
        self.list.delegate.colours = theme
        for tool, button in self.tools.items():
            button.setChecked(tool is state.tool)
            button.setEnabled(state.volume is not None)
        self.list.show_state(state)
        session = state.session
        undo = session.undo_title if session is not None else None
        redo = session.redo_title if session is not None else None
        self.undo.setEnabled(undo is not None)
        self.undo.setToolTip(wording.UNDO_TIP.format(what=undo) if undo else wording.NOTHING_TO_UNDO)
        self.redo.setEnabled(redo is not None)
        self.redo.setToolTip(wording.REDO_TIP.format(what=redo) if redo else wording.NOTHING_TO_REDO)
        self.delete.setEnabled(state.lesion is not None)
        self.report.setEnabled(bool(state.lesions))


def _grid(buttons: list[QPushButton], columns: int) -> QGridLayout:
    grid = QGridLayout()
    grid.setSpacing(3)
    for place, button in enumerate(buttons):
        grid.addWidget(button, place // columns, place % columns)
    return grid
