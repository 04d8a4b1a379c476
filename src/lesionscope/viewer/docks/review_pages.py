"""The lower part of the review dock: labels, a search, or what is to be adjudicated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from lesionscope.viewer.docks import review_cells as cells
from lesionscope.viewer.docks.review_list import Cell, FlatList
from lesionscope.viewer.review import words
from lesionscope.viewer.review.state import ReviewState, Search

if TYPE_CHECKING:
    from lesionscope.viewer.review.review import Review


class LabelsPage(QWidget):
    """The labels of the lesion in sight."""

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.list = FlatList("lesionscope-review-labels", words.COLUMNS, 1, words.COLUMN_TIPS)
        self.list.chosen.connect(lambda row: review.choose(review.state.rows[row].label))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)

    def draw(self, state: ReviewState) -> None:
        """Show the labels and mark the chosen one."""
        labels = [row.label for row in state.rows]
        chosen = labels.index(state.chosen) if state.chosen in labels else -1
        self.list.show_rows([cells.label_cells(row) for row in state.rows], chosen)

    def take_focus(self) -> None:
        """Give the keyboard to the list."""
        self.list.setFocus()


class SearchPage(QWidget):
    """A search over the ontology; its field has the keyboard."""

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.review = review
        self.prompt = QLabel()
        self.prompt.setWordWrap(True)
        self.field = QLineEdit()
        self.field.textChanged.connect(review.type)
        self.field.installEventFilter(self)
        self.list = FlatList("lesionscope-review-found", words.SEARCH_COLUMNS, 0)
        self.list.setHeaderHidden(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.chosen.connect(review.choose_found)
        self.list.doubleClicked.connect(lambda _: review.take_found())
        self.hint = QLabel(words.SEARCH_HINT)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.prompt)
        layout.addWidget(self.field)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.hint)

    def draw(self, state: ReviewState) -> None:
        """Show what was found."""
        search = state.search or Search("add")
        self.prompt.setText(words.SEARCH[search.purpose].format(label=search.replaces or ""))
        self.field.setAccessibleName(self.prompt.text())
        if self.field.text() != search.words:
            self.field.setText(search.words)
        rows = [cells.found_cells(one) for one in search.found]
        if search.words.strip() and not rows:
            rows = [(Cell(words.NOTHING_FOUND), Cell(""))]
        self.list.show_rows(rows, search.chosen if search.found else -1)

    def eventFilter(self, field: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Let arrows, Return and Escape act on what was found while the field is typed in."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        search = self.review.state.search
        keys = Qt.Key
        if event.key() in (keys.Key_Down, keys.Key_Up) and search is not None:
            self.review.choose_found(search.chosen + (1 if event.key() == keys.Key_Down else -1))
        elif event.key() in (keys.Key_Return, keys.Key_Enter):
            self.review.take_found()
        elif event.key() == keys.Key_Escape:
            self.review.stop_search()
        else:
            return False
        return True

    def take_focus(self) -> None:
        """Give the keyboard to the field."""
        self.field.setFocus()


class AdjudicationPage(QWidget):
    """What two readers rate differently, and how they agree label by label."""

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.list = FlatList("lesionscope-review-open", words.OPEN_COLUMNS, 1)
        self.list.chosen.connect(review.choose_open)
        self.kappa = FlatList("lesionscope-review-kappa", words.KAPPA_COLUMNS, 0)
        self.kappa.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._named: tuple[str, str] = ("", "")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.words)
        layout.addWidget(self.list, 3)
        layout.addWidget(self.kappa, 2)

    def draw(self, state: ReviewState) -> None:
        """Show what is open."""
        list_ = state.adjudication
        if list_ is None:
            return
        self.words.setText(cells.adjudication(list_))
        if list_.agreement.readers != self._named:
            self._named = list_.agreement.readers
            first, second = self._named
            self.list.set_headings([one.format(first=first, second=second) for one in words.OPEN_COLUMNS])
        self.list.show_rows(cells.open_cells(list_, state), list_.chosen)
        self.kappa.show_rows(cells.kappa_cells(list_), -1)

    def take_focus(self) -> None:
        """Give the keyboard to the disagreements."""
        self.list.setFocus()
