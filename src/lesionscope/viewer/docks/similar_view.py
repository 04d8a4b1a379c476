"""A list of known lesions: a picture, how far it is, its labels and its sentence."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QModelIndex, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QImage,
    QPainter,
    QPalette,
    QPen,
    QResizeEvent,
    QStandardItem,
    QStandardItemModel,
    QTextDocument,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyleOptionViewItem,
    QWidget,
)

from lesionscope.ct.windows import Window
from lesionscope.retrieval.thumbnails import SIDE
from lesionscope.viewer import wording
from lesionscope.viewer.docks.colours import Colours
from lesionscope.viewer.docks.row_list import ROW, RowDelegate
from lesionscope.viewer.docks.similar_rows import Picture, Similar

MARGIN = 6


class SimilarDelegate(RowDelegate):
    """Paints a :class:`Similar` with its picture at the left, all at one window and scale."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.window: Window | None = None
        self.faded = False

    def side(self, option: QStyleOptionViewItem) -> int:
        """Return the pixels a side of every picture."""
        return round(option.fontMetrics.height() * 6.5)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """As high as the picture or the words need."""
        width = option.widget.viewport().width() if option.widget is not None else 300
        words = self._words(option, index.data(ROW), width)
        return QSize(width, max(self.side(option), round(words.size().height())) + 2 * MARGIN)

    def draw(self, painter: QPainter, option: QStyleOptionViewItem, row: Similar) -> None:
        """Draw one lesion."""
        side = self.side(option)
        place = QRect(option.rect.left() + MARGIN, option.rect.top() + MARGIN, side, side)
        if row.picture is not None and self.window is not None:
            paint_picture(painter, place, row.picture, self.window, self.colours.bar)
        else:
            painter.fillRect(place, self.colours.track)
            painter.setPen(self.colours.quiet)
            text = "…" if row.waiting else wording.NO_PICTURE
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), text)
        words = self._words(option, row, option.rect.width())
        painter.save()
        painter.translate(place.right() + MARGIN, place.top())
        painter.setOpacity(0.5 if self.faded else 1.0)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.palette.setColor(QPalette.ColorRole.Text, self.colours.text)
        words.documentLayout().draw(painter, context)
        painter.restore()
        if row.neighbour is None:
            painter.setPen(self.colours.track)
            painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())

    def _words(self, option: QStyleOptionViewItem, row: Similar, width: int) -> QTextDocument:
        words = QTextDocument()
        words.setDocumentMargin(0)
        words.setDefaultFont(option.font)
        words.setTextWidth(max(40, width - self.side(option) - 3 * MARGIN))
        words.setHtml(f"<b>{row.title}</b><br>{row.html}")
        return words


def paint_picture(
    painter: QPainter, place: QRect, picture: Picture, window: Window, colour: QColor, side_mm: int = SIDE
) -> None:
    """Draw a picture and its lesion's box into a square of ``side_mm``, whatever the picture's own size."""
    grey = picture.grey(window)
    rows, columns = grey.shape
    image = QImage(grey.tobytes(), columns, rows, columns, QImage.Format.Format_Grayscale8)
    painter.save()
    painter.setClipRect(place)
    painter.fillRect(place, QColor("black"))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.translate(place.left(), place.top())
    painter.scale(place.width() / side_mm, place.height() / side_mm)
    painter.translate((side_mm - columns) / 2, (side_mm - rows) / 2)
    painter.drawImage(QRectF(0, 0, columns, rows), image)
    if picture.box is not None:
        x0, y0, x1, y1 = picture.box
        pen = QPen(colour, 1)
        pen.setCosmetic(True)
        painter.setPen(pen)
        # A pixel's centre is its coordinate: its left edge lies half a pixel before it.
        painter.drawRect(QRectF(x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0))
    painter.restore()


class SimilarList(QListView):
    """Known lesions, the nearest first; a click or Enter opens one."""

    opened = Signal(object)
    """The :class:`Similar` that a person wants to see."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("lesionscope-similar")
        self.setAccessibleName(wording.SIMILAR_TAB)
        self.setModel(QStandardItemModel(self))
        self.delegate = SimilarDelegate(self)
        self.setItemDelegate(self.delegate)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._shown: tuple[object, ...] = ()
        self.clicked.connect(self._open)
        self.activated.connect(self._open)

    def show_rows(self, rows: Sequence[Similar], window: Window | None, *, faded: bool) -> None:
        """Show these lesions, their pictures in one window."""
        self.delegate.window, self.delegate.faded = window, faded
        if (
            key := tuple((row.title, row.html, row.picture is None, row.waiting) for row in rows)
        ) != self._shown:
            self._shown = key
            self.model().clear()
            for row in rows:
                self.model().appendRow(_item(row))
        else:
            for place, row in enumerate(rows):
                self.model().item(place).setData(row, ROW)
        self.viewport().update()

    def paint_with(self, theme: Colours) -> None:
        """Use a theme's colours from now on."""
        self.delegate.colours = theme

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Wrap the words anew."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def _open(self, index: QModelIndex) -> None:
        row: Similar = index.data(ROW)
        if row.neighbour is not None:
            self.opened.emit(row)


def _item(row: Similar) -> QStandardItem:
    words = QTextDocument()
    words.setHtml(row.html)
    item = QStandardItem(f"{row.title}: {words.toPlainText()}")
    item.setData(row, ROW)
    if row.neighbour is not None:
        item.setToolTip(f"{row.neighbour.id}\n{wording.OPEN_NEIGHBOUR_TIP}")
    item.setEditable(False)
    return item
