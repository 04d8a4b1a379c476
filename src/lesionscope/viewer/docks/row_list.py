"""A list of rows that a delegate paints, kept up to date quietly: only a person's choice is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QPainter, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from lesionscope.viewer.docks.colours import Colours, colours

ROW = Qt.ItemDataRole.UserRole + 1


class Row(Protocol):
    """What a list shows of one thing; equal rows look alike."""

    @property
    def id(self) -> str:
        """What it is chosen by."""

    @property
    def spoken(self) -> str:
        """All of it in one line, for screen readers."""

    @property
    def tip(self) -> str:
        """What a tooltip says."""


class RowDelegate(QStyledItemDelegate):
    """Paints rows in a theme's colours, on the list's own background."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours: Colours = colours()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the background, and the row upon it."""
        row = index.data(ROW)
        if row is None:
            return
        self.initStyleOption(option, index)
        painter.save()
        if option.widget is not None:
            panel = QStyle.PrimitiveElement.PE_PanelItemViewItem
            option.widget.style().drawPrimitive(panel, option, painter, option.widget)
        self.draw(painter, option, row)
        painter.restore()

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, row: Any) -> None:
        """Draw one row into ``option.rect``; the painter may be left as it is."""
        raise NotImplementedError


class RowList(QListView):
    """One item a row, one of them selected."""

    chosen = Signal(str)
    """Id of the row that a person chose."""

    def __init__(self, name: str, spoken_name: str, delegate: type[RowDelegate]) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(spoken_name)
        self.setModel(QStandardItemModel(self))
        self.delegate = delegate(self)
        self.setItemDelegate(self.delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self._quiet = False
        self.selectionModel().currentChanged.connect(self._current_changed)

    @property
    def rows(self) -> tuple[Any, ...]:
        """What is listed."""
        model = self.model()
        return tuple(model.index(row, 0).data(ROW) for row in range(model.rowCount()))

    def show_rows(self, rows: Sequence[Row], selected: str | None) -> None:
        """List these rows and bring the selected one into view; an id that isn't listed selects none."""
        self._quiet = True
        try:
            model = self.model()
            model.setRowCount(len(rows))
            for number, row in enumerate(rows):
                item = model.item(number)
                if item is None:
                    item = QStandardItem()
                    model.setItem(number, item)
                if item.data(ROW) != row:
                    item.setData(row, ROW)
                    item.setData(row.spoken, Qt.ItemDataRole.AccessibleTextRole)
                    item.setToolTip(row.tip)
            ids = [row.id for row in rows]
            current = model.index(ids.index(selected), 0) if selected in ids else QModelIndex()
            self.setCurrentIndex(current)
            if current.isValid():
                self.scrollTo(current)
        finally:
            self._quiet = False

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row: Row | None = current.data(ROW) if current.isValid() else None
        if not self._quiet and row is not None:
            self.chosen.emit(row.id)
