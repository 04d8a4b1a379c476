"""Which series to open, where a folder holds several.

The preferred one (the thinnest soft-tissue or lung series) is already selected:
Enter opens it, the arrows choose another, Escape opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from lesionscope.viewer.banner import date
from lesionscope.viewer.qt_values import as_int

if TYPE_CHECKING:
    from lesionscope.ct.scan import SeriesInfo

Chooser = Callable[["Sequence[SeriesInfo]", "SeriesInfo"], "SeriesInfo | None"]
"""Takes all usable series and the preferred one; answers with one of them, or ``None`` for none."""

COLUMNS = ("Series", "Date", "Slices", "Spacing (mm)", "Kernel", "Noticed")
_choosers: list[Chooser] = []


def slices_words(info: SeriesInfo) -> str:
    """Write how many slices a series has."""
    return "" if info.geometry is None else str(info.geometry.size[2])


def spacing_words(info: SeriesInfo) -> str:
    """Write its spacing, in the plane and, where it has several, from slice to slice."""
    if info.geometry is None:
        return ""
    x, y, step = info.geometry.spacing_mm
    plane = f"{x:.2f}" if abs(x - y) < 0.005 else f"{x:.2f} × {y:.2f}"
    if info.geometry.size[2] == 1:
        return plane
    return f"{plane} × {'uneven' if step is None else format(step, '.2f')}"


def row_of(info: SeriesInfo) -> tuple[str, ...]:
    """Write one series as the table's row."""
    number = info.series_number
    name = info.description or info.modality or "CT"
    noticed = "; ".join(finding.message.rstrip(".") for finding in info.findings)
    return (
        name if number is None else f"{number}  {name}",
        date(info.study_date),
        slices_words(info),
        spacing_words(info),
        info.kernel,
        noticed,
    )


class SeriesDialog(QDialog):
    """A table of series; :attr:`chosen` is the selected one."""

    def __init__(
        self, series: Sequence[SeriesInfo], preferred: SeriesInfo, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose a series")
        self._series = tuple(series)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(f"{len(self._series)} CT series were found. Which one should open?"))
        self.table = QTableWidget(len(self._series), len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        rows = self.table.verticalHeader()
        if rows is not None:
            rows.setVisible(False)
        for row, info in enumerate(self._series):
            for column, text in enumerate(row_of(info)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column in (2, 3):
                    item.setTextAlignment(as_int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
                self.table.setItem(row, column, item)
        header = self.table.horizontalHeader()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setStretchLastSection(True)
        self.table.selectRow(next((i for i, info in enumerate(self._series) if info is preferred), 0))
        self.table.doubleClicked.connect(self.accept)
        layout.addWidget(self.table)
        buttons = QDialogButtonBox()
        open_button = buttons.addButton(QDialogButtonBox.StandardButton.Open)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)
        if open_button is not None:
            # Enter opens, also while the table has the keyboard.
            open_button.setDefault(True)
        self.table.setFocus()
        self.resize(820, 320)

    @property
    def chosen(self) -> SeriesInfo:
        """The series of the selected row."""
        return self._series[max(self.table.currentRow(), 0)]


def ask(series: Sequence[SeriesInfo], preferred: SeriesInfo) -> SeriesInfo | None:
    """Ask in a dialog."""
    dialog = SeriesDialog(series, preferred, QApplication.activeWindow())
    try:
        accepted = dialog.exec() == as_int(QDialog.DialogCode.Accepted)
        return dialog.chosen if accepted else None
    finally:
        dialog.deleteLater()


@contextmanager
def use_chooser(chooser: Chooser) -> Iterator[None]:
    """Let something else than the dialog choose, in tests and scripts."""
    _choosers.append(chooser)
    try:
        yield
    finally:
        _choosers.remove(chooser)


def choose(series: Sequence[SeriesInfo], preferred: SeriesInfo) -> SeriesInfo | None:
    """Choose among usable series: the only one, or as the person says.

    Without a screen to ask on, the preferred one.
    """
    if len(series) == 1:
        return series[0]
    if _choosers:
        return _choosers[-1](series, preferred)
    application = QApplication.instance()
    if application is None or QApplication.platformName() in ("offscreen", "minimal"):
        return preferred
    return ask(series, preferred)
