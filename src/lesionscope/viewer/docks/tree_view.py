"""The tree itself: a view whose delegate paints name, bar and whole percent on each row."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QPainter, QPen, QResizeEvent, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from lesionscope.viewer import wording
from lesionscope.viewer.docks.colours import Colours, colours
from lesionscope.viewer.docks.tree_rows import Row

ROW = Qt.ItemDataRole.UserRole + 1
_GAP = 6
NOTE_SIZE = 0.85
"""A note's letters, as a share of the name's."""


class ScoreDelegate(QStyledItemDelegate):
    """Paints a :class:`Row`; hatches the bars of an unfamiliar answer."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hatched = False
        self.faded = False
        self.colours: Colours = colours()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """One comfortable line, however narrow the dock; a second one for a note."""
        metrics = option.fontMetrics
        row: Row | None = index.data(ROW)
        lines = 1.6 if row is None or not row.note else 1.6 + NOTE_SIZE
        return QSize(metrics.horizontalAdvance("M" * 12), round(metrics.height() * lines))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one row: elided name, bar, percent."""
        row: Row | None = index.data(ROW)
        if row is None:
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        painter.save()
        style = option.widget.style() if option.widget is not None else None
        if style is not None:
            style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        name, bar, number = self._places(option, row)
        font = painter.font()
        font.setItalic(row.is_leak)
        font.setBold(row.heading)
        painter.setFont(font)
        if row.is_leak:
            painter.setPen(self.colours.leak)
            painter.drawLine(option.rect.topLeft(), option.rect.topRight())
        painter.setPen(self.colours.quiet if row.is_leak or row.quiet or self.faded else self.colours.text)
        text = painter.fontMetrics().elidedText(row.text, Qt.TextElideMode.ElideRight, name.width())
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(name, int(middle | Qt.AlignmentFlag.AlignLeft), text)
        if row.score is not None:
            percent = f"{wording.percent(row.score)} %"
            painter.drawText(number, int(middle | Qt.AlignmentFlag.AlignRight), percent)
            self._paint_bar(painter, bar, row, row.score)
        if row.note:
            self._paint_note(painter, option.rect, name, row)
        painter.restore()

    def _paint_note(self, painter: QPainter, rect: QRect, name: QRect, row: Row) -> None:
        """Write the second line below the first, over the row's whole width."""
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() * NOTE_SIZE)
        painter.setFont(font)
        painter.setPen(self.colours.warning if row.alert else self.colours.quiet)
        place = QRect(
            name.left(), name.bottom() - 2, rect.right() - name.left(), rect.bottom() - name.bottom()
        )
        text = painter.fontMetrics().elidedText(row.note, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft), text)

    def _places(self, option: QStyleOptionViewItem, row: Row) -> tuple[QRect, QRect, QRect]:
        """Return the rectangles of name, bar and number; bars of all depths share one left edge."""
        rect, metrics = QRect(option.rect), option.fontMetrics
        if row.note:
            rect.setHeight(round(metrics.height() * 1.5))
        view_width = option.widget.viewport().width() if option.widget is not None else rect.right()
        number_width = metrics.horizontalAdvance(">99 %") + _GAP
        bar_width = max(metrics.height() * 2, round(view_width * 0.2))
        number = QRect(rect.right() - number_width, rect.top(), number_width - _GAP // 2, rect.height())
        height = max(6, round(metrics.height() * 0.55))
        top = rect.top() + (rect.height() - height) // 2
        bar = QRect(number.left() - bar_width, top, bar_width, height)
        end = rect.right() if row.score is None else bar.left() - _GAP
        name = QRect(rect.left() + 2, rect.top(), max(0, end - rect.left() - 2), rect.height())
        return name, bar, number

    def _paint_bar(self, painter: QPainter, place: QRect, row: Row, score: float) -> None:
        self._paint_share(painter, place, row, score)
        if row.threshold is not None:
            x = place.left() + round((place.width() - 1) * row.threshold)
            painter.setPen(QPen(self.colours.text, 2))
            painter.drawLine(x, place.top() - 2, x, place.bottom() + 2)

    def _paint_share(self, painter: QPainter, place: QRect, row: Row, score: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colours.track)
        painter.drawRect(place)
        filled = QRect(place)
        filled.setWidth(round(place.width() * min(max(score, 0.0), 1.0)))
        if filled.width() <= 0:
            return
        colour = QColor(self.colours.leak if row.is_leak else self.colours.bar)
        if self.faded or row.quiet:
            colour.setAlphaF(0.45)
        if self.hatched:
            painter.setPen(colour)
            painter.setBrush(QBrush(colour, Qt.BrushStyle.BDiagPattern))
            painter.drawRect(filled.adjusted(0, 0, -1, -1))
        else:
            painter.setBrush(colour)
            painter.drawRect(filled)


class ScoreTree(QTreeView):
    """Rows of model scores, with the most likely path open."""

    folding_changed = Signal(str, bool)
    """A person opened (``True``) or closed the node with this tag."""

    def __init__(self, name: str = "lesionscope-tree", title: str = wording.SCORE) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setModel(QStandardItemModel(self))
        self.delegate = ScoreDelegate(self)
        self.setItemDelegate(self.delegate)
        self.setHeaderHidden(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setIndentation(round(self.fontMetrics().height()))
        self._quiet = False
        self._shown: tuple[Row, ...] | None = None
        self.expanded.connect(lambda index: self._folded(index, True))
        self.collapsed.connect(lambda index: self._folded(index, False))

    def show_rows(
        self, rows: Sequence[Row], *, open_tags: frozenset[str], hatched: bool, faded: bool
    ) -> None:
        """Show an answer's rows, those of ``open_tags`` unfolded."""
        self.delegate.hatched, self.delegate.faded = hatched, faded
        self._quiet = True
        try:
            if tuple(rows) != self._shown:
                self._shown = tuple(rows)
                self.model().clear()
                for row in rows:
                    self.model().appendRow(_item(row))
            self._unfold(QModelIndex(), open_tags)
            self.setColumnWidth(0, self.viewport().width())
        finally:
            self._quiet = False
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Keep the one column as wide as what is seen: a hidden header doesn't do so in every case."""
        super().resizeEvent(event)
        self.setColumnWidth(0, self.viewport().width())

    def paint_with(self, theme: Colours) -> None:
        """Use a theme's colours from now on."""
        self.delegate.colours = theme
        self.viewport().update()

    def _unfold(self, parent: QModelIndex, open_tags: frozenset[str]) -> None:
        for number in range(self.model().rowCount(parent)):
            index = self.model().index(number, 0, parent)
            self.setExpanded(index, index.data(ROW).tag in open_tags)
            self._unfold(index, open_tags)

    def _folded(self, index: QModelIndex, opened: bool) -> None:
        if not self._quiet:
            self.folding_changed.emit(index.data(ROW).tag, opened)


def _item(row: Row) -> QStandardItem:
    item = QStandardItem(row.text)
    item.setData(row, ROW)
    item.setToolTip(row.tip)
    said = "" if row.score is None else f": {wording.SCORE.lower()} {wording.percent(row.score)} %"
    item.setData(f"{row.text}{said}", Qt.ItemDataRole.AccessibleTextRole)
    item.setEditable(False)
    for child in row.children:
        item.appendRow(_item(child))
    return item
