"""A flat list of a few columns, drawn from cells; choosing a row is all that it can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QKeyEvent, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeView


@dataclass(frozen=True)
class Cell:
    """Text in a place, with what makes it stand out; colour never says anything that the text doesn't."""

    text: str
    tip: str = ""
    colour: str = ""
    bold: bool = False


class FlatList(QTreeView):
    """Rows of cells; one column takes the room that the others leave."""

    chosen = Signal(int)

    def __init__(self, name: str, columns: Sequence[str], wide: int, tips: Sequence[str] = ()) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(name)
        self.setRootIsDecorated(False)
        self.setAllColumnsShowFocus(True)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        # Nothing may push the window beyond a small screen: a list can do with little.
        self.setMinimumHeight(self.fontMetrics().lineSpacing() * 3)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        model = QStandardItemModel(0, len(columns), self)
        model.setHorizontalHeaderLabels(list(columns))
        for column, tip in enumerate(tips):
            model.horizontalHeaderItem(column).setToolTip(tip)
        self.setModel(model)
        self.set_wide(wide)
        self._rows: tuple[tuple[Cell, ...], ...] = ()
        self._quiet = False
        self.selectionModel().currentChanged.connect(self._moved)

    def set_wide(self, wide: int) -> None:
        """Let one column have the room that the others leave."""
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(round(self.fontMetrics().height() * 1.4))
        for column in range(self.model().columnCount()):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(column, mode.Stretch if column == wide else mode.ResizeToContents)

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """What is listed."""
        return self._rows

    def show_rows(self, rows: Sequence[tuple[Cell, ...]], chosen: int) -> None:
        """List rows, and mark the chosen one; -1 for none."""
        self._quiet = True
        try:
            model = self.model()
            model.setRowCount(len(rows))
            for number, row in enumerate(rows):
                before = self._rows[number] if number < len(self._rows) else ()
                if row != before:
                    for column, cell in enumerate(row):
                        model.setItem(number, column, _item(cell))
            self._rows = tuple(rows)
            index = model.index(chosen, 0) if 0 <= chosen < len(rows) else QModelIndex()
            if self.currentIndex().row() != chosen:
                self.setCurrentIndex(index)
            if index.isValid():
                self.scrollTo(index)
        finally:
            self._quiet = False

    def set_headings(self, columns: Sequence[str]) -> None:
        """Name the columns anew."""
        self.model().setHorizontalHeaderLabels(list(columns))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Take the arrows; every other key belongs to the dock."""
        if event is not None and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            super().keyPressEvent(event)
        elif event is not None:
            event.ignore()

    def _moved(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if not self._quiet and current.isValid():
            self.chosen.emit(current.row())


def _item(cell: Cell) -> QStandardItem:
    item = QStandardItem(cell.text)
    item.setToolTip(cell.tip or cell.text)
    if cell.colour:
        item.setForeground(QBrush(QColor(cell.colour)))
    if cell.bold:
        font = item.font()
        font.setBold(True)
        item.setFont(font)
    return item
