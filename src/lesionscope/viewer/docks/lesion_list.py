"""The list of lesions on the left: number, size, top model score, state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QToolButton,
    QVBoxLayout,
)

from lesionscope.inference.reading import PathologyAnswer, Refusal
from lesionscope.lesions.lesion import Lesion
from lesionscope.viewer import wording
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Panel, Strip
from lesionscope.viewer.docks.tree_rows import top_leaf
from lesionscope.viewer.room_keys import TOOL_KEYS
from lesionscope.viewer.room_state import Phase, RoomState, Tool

if TYPE_CHECKING:
    from lesionscope.viewer.room import Room

LESION_ID = Qt.ItemDataRole.UserRole + 1


class LesionTable(QTableView):
    """One row a lesion; Up and Down choose, Delete removes, Return reads."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.room = room
        self.setObjectName("lesionscope-lesions")
        self.setAccessibleName(wording.LESIONS_DOCK)
        self.setModel(QStandardItemModel(0, len(wording.COLUMNS), self))
        self.model().setHorizontalHeaderLabels(list(wording.COLUMNS))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(round(self.fontMetrics().height() * 1.7))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(round(self.fontMetrics().height() * 1.2))
        for column, mode in enumerate(
            (
                QHeaderView.ResizeMode.ResizeToContents,
                QHeaderView.ResizeMode.ResizeToContents,
                QHeaderView.ResizeMode.Stretch,
                QHeaderView.ResizeMode.ResizeToContents,
            )
        ):
            header.setSectionResizeMode(column, mode)
        self._quiet = False
        self.selectionModel().currentRowChanged.connect(self._chosen)

    def show_state(self, state: RoomState) -> None:
        """Show the lesions and which one is selected."""
        self._quiet = True
        try:
            model = self.model()
            model.setRowCount(len(state.lesions))
            for number, lesion in enumerate(state.lesions):
                for column, text in enumerate(row_texts(state, lesion)):
                    item = model.item(number, column)
                    if item is None:
                        item = QStandardItem()
                        item.setEditable(False)
                        model.setItem(number, column, item)
                    item.setText(text)
                    item.setToolTip(text)
                    item.setData(lesion.id, LESION_ID)
            ids = [lesion.id for lesion in state.lesions]
            if state.selected in ids:
                self.selectRow(ids.index(state.selected))
            else:
                self.clearSelection()
        finally:
            self._quiet = False

    def _chosen(self, current: object, _previous: object) -> None:
        lesion_id = current.data(LESION_ID) if current.isValid() else None
        if not self._quiet and lesion_id is not None:
            self.room.select(lesion_id, go=True)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Delete and Return act on the selected lesion."""
        if event.key() == Qt.Key.Key_Delete:
            self.room.delete()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.room.read()
        else:
            super().keyPressEvent(event)


class LesionListPanel(Panel):
    """Tools, table, and the buttons that act on the table."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self.setObjectName("lesionscope-lesions-panel")
        self.tools: dict[Tool, QToolButton] = {}
        self._group = QButtonGroup(self)
        grid = QGridLayout()
        grid.setSpacing(3)
        for place, tool in enumerate(Tool):
            button = QToolButton()
            button.setText(wording.TOOLS[tool.value])
            button.setToolTip(f"{wording.TOOL_TIPS[tool.value]}  ({TOOL_KEYS[tool]})")
            button.setCheckable(True)
            button.setSizePolicy(button.sizePolicy().Policy.Expanding, button.sizePolicy().Policy.Fixed)
            button.clicked.connect(lambda _checked=False, tool=tool: room.set_tool(tool))
            self._group.addButton(button)
            self.tools[tool] = button
            grid.addWidget(button, place // 3, place % 3)
        self.table = LesionTable(room)
        self.note = Strip("lesionscope-session-note")
        self.delete = self._button(wording.DELETE, lambda: room.delete())
        self.undo = self._button(wording.UNDO, lambda: room.undo())
        self.redo = self._button(wording.REDO, lambda: room.redo())
        self.report = self._button(wording.EXPORT, self._export)
        self.report.setToolTip(wording.EXPORT_TIP)
        buttons = QHBoxLayout()
        buttons.setSpacing(3)
        for button in (self.undo, self.redo, self.delete, self.report):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        layout.addLayout(buttons)
        self.follow()

    def _button(self, text: str, action: object) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.setMinimumWidth(button.fontMetrics().horizontalAdvance(text) + 14)
        button.clicked.connect(action)
        return button

    def _export(self) -> None:
        from lesionscope.viewer.export import ask_and_export

        ask_and_export(self.room, self)

    def draw(self, state: RoomState) -> None:
        """Show tools, lesions and what can be undone."""
        self.note.paint_edge(colours().warning)
        self.note.show_text(state.session_note)
        for tool, button in self.tools.items():
            button.setChecked(tool is state.tool)
            button.setEnabled(state.volume is not None)
        self.table.show_state(state)
        session = state.session
        undo = session.undo_title if session is not None else None
        redo = session.redo_title if session is not None else None
        self.undo.setEnabled(undo is not None)
        self.undo.setToolTip(wording.UNDO_TIP.format(what=undo) if undo else wording.NOTHING_TO_UNDO)
        self.redo.setEnabled(redo is not None)
        self.redo.setToolTip(wording.REDO_TIP.format(what=redo) if redo else wording.NOTHING_TO_REDO)
        self.delete.setEnabled(state.lesion is not None)
        self.delete.setToolTip(wording.DELETE_TIP)
        self.report.setEnabled(bool(state.lesions))


def row_texts(state: RoomState, lesion: Lesion) -> tuple[str, str, str, str]:
    """Return a lesion's row: number, size, best-scored class, state."""
    reading = state.reading(lesion.id)
    answer = reading.pathology if reading is not None else None
    top = ""
    if isinstance(answer, PathologyAnswer) and (leaf := top_leaf(answer)) is not None:
        top = f"{leaf.name} {wording.percent(leaf.probability)} %"
    return str(lesion.number), wording.size_text(lesion), top, _state_text(state, lesion)


def _state_text(state: RoomState, lesion: Lesion) -> str:
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
