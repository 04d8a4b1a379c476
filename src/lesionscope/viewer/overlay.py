"""What is drawn over a canvas without being part of the image: letters and crosshair.

A transparent Qt widget over the canvas rather than a napari layer: it can be
neither selected, deleted nor saved by accident, and it shows in screenshots of
the window.
"""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QWidget

from lesionscope.viewer.letters import NO_LETTERS, EdgeLetters
from lesionscope.viewer.qt_values import as_int

MARGIN_PX = 6.0
NARROW_PX = 420
"""A canvas narrower than this has its scale bar under the bottom letter, which then stands higher."""
SCALE_BAR_PX = 46.0
GAP_PX = 14.0
"""Half the opening in the middle of the crosshair, so that it never hides what it points at."""


class Overlay(QWidget):
    """Letters at the edges and the crosshair's two lines, over one canvas.

    Parameters
    ----------
    native
        The canvas' widget; the overlay covers it whole and lets every mouse event through.
    resized
        Called with no argument after the canvas changed its size.
    """

    def __init__(self, native: QWidget, resized: Callable[[], None]) -> None:
        super().__init__(native)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._resized = resized
        self.has_scale_bar = False
        self._letters: EdgeLetters = NO_LETTERS
        self._cross: tuple[float, float] | None = None
        self._colours = (QColor("#ffd166"), QColor("#ffd166"))
        self.setGeometry(native.rect())
        native.installEventFilter(self)
        self.show()

    @property
    def letters(self) -> EdgeLetters:
        """The letters now shown."""
        return self._letters

    @property
    def cross(self) -> tuple[float, float] | None:
        """Where the crosshair's lines cross, in the canvas' pixels; ``None`` while hidden."""
        return self._cross

    def set_colours(self, vertical: str, horizontal: str) -> None:
        """Give the crosshair's vertical and horizontal lines their colours."""
        self._colours = (QColor(vertical), QColor(horizontal))
        self.update()

    def set_letters(self, letters: EdgeLetters) -> None:
        """Show other letters."""
        if letters != self._letters:
            self._letters = letters
            self.update()

    def set_cross(self, cross: tuple[float, float] | None) -> None:
        """Move the crosshair, or hide it."""
        if cross != self._cross:
            self._cross = cross
            self.update()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Follow the canvas' size; have it drawn whenever it comes back into sight.

        Qt forgets that a canvas waits to be drawn when it is hidden, as every dock is that
        moves, and VisPy asks only once: it would show its last picture for good.
        """
        if event is None or not isinstance(watched, QWidget):
            return False
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(watched.rect())
            self._resized()
        elif event.type() == QEvent.Type.Show:
            watched.update()
        return False

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the lines first, the letters over them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._draw_cross(painter)
        self._draw_letters(painter)
        painter.end()

    def _draw_cross(self, painter: QPainter) -> None:
        if self._cross is None:
            return
        x, y = self._cross
        width, height = float(self.width()), float(self.height())
        vertical, horizontal = (QColor(colour) for colour in self._colours)
        for colour in (vertical, horizontal):
            colour.setAlpha(170)
        painter.setPen(QPen(vertical, 1))
        painter.drawLine(QPointF(x, 0.0), QPointF(x, max(y - GAP_PX, 0.0)))
        painter.drawLine(QPointF(x, min(y + GAP_PX, height)), QPointF(x, height))
        painter.setPen(QPen(horizontal, 1))
        painter.drawLine(QPointF(0.0, y), QPointF(max(x - GAP_PX, 0.0), y))
        painter.drawLine(QPointF(min(x + GAP_PX, width), y), QPointF(width, y))

    def _draw_letters(self, painter: QPainter) -> None:
        if not self._letters.known:
            return
        font = QFont(painter.font())
        font.setPointSizeF(max(font.pointSizeF(), 9.0) + 3.0)
        font.setBold(True)
        painter.setFont(font)
        inside = QRectF(self.rect()).adjusted(MARGIN_PX, MARGIN_PX, -MARGIN_PX, -MARGIN_PX)
        alignment = Qt.AlignmentFlag
        raised = self.has_scale_bar and self.width() < NARROW_PX
        above = inside.adjusted(0, 0, 0, -SCALE_BAR_PX) if raised else inside
        places = (
            (self._letters.left, alignment.AlignLeft | alignment.AlignVCenter, inside),
            (self._letters.right, alignment.AlignRight | alignment.AlignVCenter, inside),
            (self._letters.top, alignment.AlignHCenter | alignment.AlignTop, inside),
            (self._letters.bottom, alignment.AlignHCenter | alignment.AlignBottom, above),
        )
        for text, where, place in places:
            painter.setPen(QColor(0, 0, 0, 220))
            for dx, dy in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
                painter.drawText(place.translated(dx, dy), as_int(where), text)
            painter.setPen(QColor("#f2f2f2"))
            painter.drawText(place, as_int(where), text)
