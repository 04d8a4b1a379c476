"""The list of candidates: a picture, the score, where it lies, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from lesionscope.ct.windows import Window
from lesionscope.viewer.docks.colours import Colours, colours
from lesionscope.viewer.docks.similar_view import MARGIN, paint_picture
from lesionscope.viewer.find import words
from lesionscope.viewer.find.state import CandidateRow

ROW = Qt.ItemDataRole.UserRole + 1
KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
"""The list's own: they choose a row; on a canvas they scroll."""
LINES = 3
DECIDED_OPACITY = 0.55


class CandidateDelegate(QStyledItemDelegate):
    """Paints a :class:`CandidateRow`; one that is decided on is faded."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.colours: Colours = colours()
        self.window: Window | None = None

    def _side(self, option: QStyleOptionViewItem) -> int:
        return round(option.fontMetrics.lineSpacing() * (LINES + 0.4))

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """As high as the picture."""
        return QSize(0, self._side(option) + MARGIN)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one candidate."""
        row: CandidateRow | None = index.data(ROW)
        if row is None:
            return
        self.initStyleOption(option, index)
        painter.save()
        if option.widget is not None:
            panel = QStyle.PrimitiveElement.PE_PanelItemViewItem
            option.widget.style().drawPrimitive(panel, option, painter, option.widget)
        if row.decided:
            painter.setOpacity(DECIDED_OPACITY)
        side = self._side(option)
        place = QRect(option.rect.left() + MARGIN, option.rect.top() + MARGIN // 2, side, side)
        if row.picture is not None and self.window is not None:
            paint_picture(painter, place, row.picture, self.window, self.colours.bar)
        else:
            painter.fillRect(place, self.colours.track)
        line = QRect(option.rect)
        line.setLeft(place.right() + MARGIN)
        line.setRight(option.rect.right() - MARGIN)
        line.setHeight(option.fontMetrics.lineSpacing())
        line.moveTop(place.top() + (side - LINES * line.height()) // 2)
        painter.setPen(self.colours.text)
        bold, plain = painter.font(), painter.font()
        bold.setBold(True)
        for number, (text, font) in enumerate(((row.score, bold), (row.place, plain), (row.size, plain))):
            painter.setFont(font)
            taken = 0
            if number == 0 and row.decided:
                taken = painter.fontMetrics().horizontalAdvance(row.decided) + MARGIN
                painter.drawText(line, int(Qt.AlignmentFlag.AlignRight), row.decided)
            elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, line.width() - taken)
            painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft), elided)
            line.translate(0, line.height())
        painter.restore()


class CandidateList(QListView):
    """Candidates, the best first; Up, Down and a click choose one."""

    chosen = Signal(str)
    """Id of the candidate that a person wants in view."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("lesionscope-candidates")
        self.setAccessibleName(words.DOCK)
        self.setModel(QStandardItemModel(self))
        self.delegate = CandidateDelegate(self)
        self.setItemDelegate(self.delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self._quiet = False
        self.selectionModel().currentChanged.connect(self._current_changed)

    @property
    def rows(self) -> tuple[CandidateRow, ...]:
        """What is listed."""
        model = self.model()
        return tuple(model.index(row, 0).data(ROW) for row in range(model.rowCount()))

    def show_rows(self, rows: Sequence[CandidateRow], selected: str | None, window: Window | None) -> None:
        """List these candidates, their pictures in one window, and mark the one in view."""
        self.delegate.window = window
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
            chosen = model.index(ids.index(selected), 0) if selected in ids else QModelIndex()
            self.setCurrentIndex(chosen)
            if chosen.isValid():
                self.scrollTo(chosen)
        finally:
            self._quiet = False
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Choose a row; every other key is the dock's, though a list would search its rows for letters."""
        if event is not None and event.key() in KEYS:
            super().keyPressEvent(event)
        elif event is not None:
            event.ignore()

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        row: CandidateRow | None = current.data(ROW) if current.isValid() else None
        if not self._quiet and row is not None:
            self.chosen.emit(row.id)
