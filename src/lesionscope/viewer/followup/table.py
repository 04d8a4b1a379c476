"""The lower part of the follow-up window: lesions and their growth, the response, buttons."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QFont
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lesionscope.viewer.banner import ElidedLabel
from lesionscope.viewer.followup import wording
from lesionscope.viewer.followup.comparing import CompareState, Comparing, ids_of
from lesionscope.viewer.help import spelt
from lesionscope.viewer.keys import Key

OPEN_COLOUR = "#f2b134"
STRETCHED = len(wording.COLUMNS) - 1


class ComparisonPanel(QWidget):
    """Draws the state of a comparison; takes no keyboard, so that keys act on the canvases."""

    def __init__(self, comparing: Comparing, keys: tuple[Key, ...]) -> None:
        super().__init__()
        self._comparing = comparing
        self._shown: tuple[tuple[str, ...], ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 4)
        layout.setSpacing(3)
        self.headline, self.detail = QLabel(), ElidedLabel()
        strong = QFont(self.headline.font())
        strong.setBold(True)
        strong.setPointSizeF(strong.pointSizeF() + 2)
        self.headline.setFont(strong)
        self.headline.setTextFormat(Qt.TextFormat.PlainText)
        self.table = QTableWidget(0, len(wording.COLUMNS))
        self.table.setHorizontalHeaderLabels(wording.COLUMNS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(STRETCHED, QHeaderView.ResizeMode.Stretch)
        self.table.cellClicked.connect(self._clicked)
        self.notice = ElidedLabel()
        self.notice.setStyleSheet(f"color: {OPEN_COLOUR};")
        top = QHBoxLayout()
        top.addWidget(self.headline)
        top.addWidget(self.notice, 1)
        layout.addLayout(top)
        for part in (self.detail, self.table):
            layout.addWidget(part, 1 if part is self.table else 0)
        layout.addLayout(self._buttons(keys))
        self.show_state(comparing.state)

    def _buttons(self, keys: tuple[Key, ...]) -> QHBoxLayout:
        strip = QHBoxLayout()
        strip.setSpacing(3)
        by_key = {key.key: key for key in keys}
        for name, short in wording.BUTTONS.items():
            key = by_key[name]
            button = QPushButton(f"{spelt(name)}  {short}")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(key.title)
            button.clicked.connect(_ignoring(key.action))
            strip.addWidget(button)
        strip.addStretch(1)
        return strip

    def show_state(self, state: CompareState) -> None:
        """Draw a state."""
        headline, detail = wording.NOT_COMPARED if state.blocked else wording.response_words(state.comparison)
        self.headline.setText(headline)
        self.detail.set_text(detail)
        self.notice.set_text(state.notice)
        rows = state.comparison.rows
        shown = tuple((*wording.row_words(row), str(row.is_open)) for row in rows)
        if shown != self._shown:
            self._shown = shown
            self.table.setRowCount(len(rows))
            for number, words in enumerate(shown):
                for column, text in enumerate(words[:-1]):
                    item = QTableWidgetItem(text)
                    item.setToolTip(text)
                    if words[-1] == str(True) and column == STRETCHED:
                        item.setForeground(QColor(OPEN_COLOUR))
                    self.table.setItem(number, column, item)
        here = next((n for n, row in enumerate(rows) if state.selected in ids_of(row)), -1)
        if here < 0:
            self.table.clearSelection()
        elif self.table.currentRow() != here or not self.table.selectedItems():
            self.table.selectRow(here)

    def _clicked(self, number: int, _: int) -> None:
        rows = self._comparing.state.comparison.rows
        if number < len(rows):
            self._comparing.select(ids_of(rows[number])[0])


def _ignoring(action: Callable[[], object]) -> Callable[..., None]:
    """Call an action without what Qt's signal says."""

    def call(*_: object) -> None:
        action()

    return call
