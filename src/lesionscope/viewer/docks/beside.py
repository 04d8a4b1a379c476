"""A lesion and a known one side by side, large, at one window and scale."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QPainter, QPaintEvent
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from lesionscope.ct.windows import Window
from lesionscope.viewer import wording
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.similar_rows import Picture, Similar
from lesionscope.viewer.docks.similar_view import paint_picture

SIDE_EM = 18


class PictureView(QWidget):
    """One picture, as large as it fits."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: Picture | None = None
        self.window_shown: Window | None = None
        side = self.fontMetrics().height() * SIDE_EM
        self.setMinimumSize(side, side)

    def show_picture(self, picture: Picture | None, window: Window | None) -> None:
        """Show another picture."""
        self.picture, self.window_shown = picture, window
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw it, square and centred."""
        painter = QPainter(self)
        side = min(self.width(), self.height())
        place = QRect((self.width() - side) // 2, (self.height() - side) // 2, side, side)
        theme = colours()
        if self.picture is not None and self.window_shown is not None:
            paint_picture(painter, place, self.picture, self.window_shown, theme.bar)
        else:
            painter.setPen(theme.quiet)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), wording.NO_PICTURE)
        painter.end()


class BesideDialog(QDialog):
    """The lesion left, a known one right; the window behind stays usable."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("lesionscope-beside")
        self.setWindowTitle(wording.BESIDE_TITLE)
        self.views = PictureView(), PictureView()
        self.words = QLabel(), QLabel()
        self.source = QLabel(wording.NOT_AT_HAND)
        self.source.setWordWrap(True)
        grid = QGridLayout()
        for column, (view, words) in enumerate(zip(self.views, self.words, strict=True)):
            words.setWordWrap(True)
            words.setTextFormat(Qt.TextFormat.RichText)
            words.setAlignment(Qt.AlignmentFlag.AlignTop)
            grid.addWidget(view, 0, column)
            grid.addWidget(words, 1, column)
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(0, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addLayout(grid, 1)
        layout.addWidget(self.source)
        layout.addWidget(buttons)

    def show_pair(self, own: Similar, other: Similar, window: Window | None) -> None:
        """Show a lesion and a known one."""
        for view, words, row in zip(self.views, self.words, (own, other), strict=True):
            view.show_picture(row.picture, window)
            words.setText(f"<b>{row.title}</b><br>{row.html}")
        self.show()
        self.raise_()
