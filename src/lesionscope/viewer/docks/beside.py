"""A lesion and a known one side by side, large, at one window and scale; slices where scans are there."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QWheelEvent
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from lesionscope.ct.patches import SIZE
from lesionscope.ct.windows import Window
from lesionscope.retrieval.surroundings import STEP_MM, Surroundings
from lesionscope.retrieval.thumbnails import SIDE
from lesionscope.viewer import wording
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.similar_rows import Picture, Similar
from lesionscope.viewer.docks.similar_view import paint_picture

SIDE_EM = 18
NOTCH = 120
"""What Qt counts for one notch of a wheel."""


class PictureView(QWidget):
    """One picture, as large as it fits."""

    scrolled = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.picture: Picture | None = None
        self.window_shown: Window | None = None
        self.side_mm = SIDE
        side = self.fontMetrics().height() * SIDE_EM
        self.setMinimumSize(side, side)

    def show_picture(self, picture: Picture | None, window: Window | None, side_mm: int = SIDE) -> None:
        """Show the middle of another picture, ``side_mm`` a side."""
        self.picture, self.window_shown, self.side_mm = picture, window, side_mm
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Draw it, square and centred."""
        painter = QPainter(self)
        side = min(self.width(), self.height())
        place = QRect((self.width() - side) // 2, (self.height() - side) // 2, side, side)
        theme = colours()
        if self.picture is not None and self.window_shown is not None:
            paint_picture(painter, place, self.picture, self.window_shown, theme.bar, self.side_mm)
        else:
            painter.setPen(theme.quiet)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), wording.NO_PICTURE)
        painter.end()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Tell how many slices up were asked for."""
        if event is not None:
            notches = event.angleDelta().y() / NOTCH
            self.scrolled.emit(round(notches) or (1 if notches > 0 else -1))


class BesideDialog(QDialog):
    """The lesion left, a known one right; the window behind stays usable."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("lesionscope-beside")
        self.setWindowTitle(wording.BESIDE_TITLE)
        self.views = PictureView(), PictureView()
        self.words = QLabel(), QLabel()
        self.slices = QSlider(Qt.Orientation.Horizontal)
        self.slices.setAccessibleName(wording.BESIDE_SLICE)
        self.slices.valueChanged.connect(self._draw)
        self.place = QLabel()
        self.source = QLabel()
        self.source.setWordWrap(True)
        self._rows: tuple[Similar, ...] = ()
        self._scans: tuple[Surroundings, ...] = ()
        self._window: Window | None = None
        grid = QGridLayout()
        for column, (view, words) in enumerate(zip(self.views, self.words, strict=True)):
            view.scrolled.connect(lambda steps: self.slices.setValue(self.slices.value() + steps))
            words.setWordWrap(True)
            words.setTextFormat(Qt.TextFormat.RichText)
            words.setAlignment(Qt.AlignmentFlag.AlignTop)
            grid.addWidget(view, 0, column)
            grid.addWidget(words, 2, column)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.slices, 1, 0)
        grid.addWidget(self.place, 1, 1)
        grid.setRowStretch(0, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addLayout(grid, 1)
        layout.addWidget(self.source)
        layout.addWidget(buttons)

    def show_pair(
        self,
        own: Similar,
        other: Similar,
        window: Window | None,
        note: str,
        scans: tuple[Surroundings, ...] = (),
    ) -> None:
        """Show a lesion and a known one: their slices, or else the pictures of their rows."""
        self.source.setText(note)
        fresh = scans != self._scans
        self._rows, self._scans, self._window = (own, other), scans, window
        for words, row in zip(self.words, self._rows, strict=True):
            words.setText(f"<b>{row.title}</b><br>{row.html}")
        for widget in (self.slices, self.place):
            widget.setVisible(bool(scans))
        if scans and fresh:
            above = max(len(one.hu) - 1 - one.key for one in scans)
            self.slices.setRange(-max(one.key for one in scans), above)
            self.slices.setValue(0)
        self._draw()

    def _draw(self) -> None:
        away = self.slices.value()
        end = "head" if away > 0 else "feet"
        words = wording.FROM_KEY_SLICE.format(mm=abs(away) * STEP_MM, end=end)
        self.place.setText(words if away else wording.KEY_SLICE)
        if not self._scans:
            for view, row in zip(self.views, self._rows, strict=True):
                view.show_picture(row.picture, self._window)
        for view, scan in zip(self.views, self._scans, strict=False):
            number = scan.key + away
            there = 0 <= number < len(scan.hu)
            picture = Picture(scan.hu[number], scan.box if away == 0 else None) if there else None
            view.show_picture(picture, self._window, SIZE)
