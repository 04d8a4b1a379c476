"""The list of candidates: a picture, the score, where it lies, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QKeyEvent, QPainter
from qtpy.QtWidgets import QAbstractItemView, QStyleOptionViewItem, QWidget

from lesionscope.ct.windows import Window
from lesionscope.viewer.docks.row_list import RowDelegate, RowList
from lesionscope.viewer.docks.similar_view import MARGIN, paint_picture
from lesionscope.viewer.find import words
from lesionscope.viewer.find.state import CandidateRow

KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
"""The list's own: they choose a row; on a canvas they scroll."""
LINES = 3
DECIDED_OPACITY = 0.55


class CandidateDelegate(RowDelegate):
    """Paints a :class:`CandidateRow`; one that is decided on is faded."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.window: Window | None = None

    def _side(self, option: QStyleOptionViewItem) -> int:
        return round(option.fontMetrics.lineSpacing() * (LINES + 0.4))

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """As high as the picture."""
        return QSize(0, self._side(option) + MARGIN)

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, row: CandidateRow) -> None:
        """Draw one candidate."""
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


class CandidateList(RowList):
    """Candidates, the best first; Up, Down and a click choose one."""

    def __init__(self) -> None:
        super().__init__("lesionscope-candidates", words.DOCK, CandidateDelegate)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def show_candidates(
        self, rows: Sequence[CandidateRow], selected: str | None, window: Window | None
    ) -> None:
        """List these candidates, their pictures in one window, and mark the one in view."""
        self.delegate.window = window
        self.show_rows(rows, selected)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Choose a row; every other key is the dock's, though a list would search its rows for letters."""
        if event is not None and event.key() in KEYS:
            super().keyPressEvent(event)
        elif event is not None:
            event.ignore()
