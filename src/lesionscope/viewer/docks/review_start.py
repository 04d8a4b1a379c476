"""The review dock before a lesion is in sight: what to open, and who reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Strip
from lesionscope.viewer.review import asking, sources, words
from lesionscope.viewer.review.state import ReviewState
from lesionscope.viewer.wording import CANCEL

if TYPE_CHECKING:
    from lesionscope.viewer.review.review import Review


class StartPage(QWidget):
    """Four ways to begin, and how far one has come."""

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.review = review
        self.words = _text(words.START)
        self.buttons: dict[str, QPushButton] = {}
        layout = QVBoxLayout(self)
        layout.addWidget(self.words)
        ways: dict[str, Callable[[], None]] = {
            words.OPEN_PROJECT: lambda: asking.ask_project(review, self),
            words.OPEN_FOLDER: lambda: asking.ask_folder(review, self),
            words.OPEN_TABLE: lambda: asking.ask_table(review, self),
            words.OPEN_CLINIC: lambda: review.open(sources.clinic()),
        }
        for text, action in ways.items():
            button = QPushButton(text)
            button.setToolTip(words.OPEN_TIPS[text])
            button.clicked.connect(lambda _=False, action=action: action())
            self.buttons[text] = button
            layout.addWidget(button)
        self.working = Strip("lesionscope-review-opening")
        self.working.button.clicked.connect(lambda: review.stop_opening())
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.notice = Strip("lesionscope-review-start-notice")
        for widget in (self.working, self.bar, self.notice):
            layout.addWidget(widget)
        layout.addStretch(1)

    def draw(self, state: ReviewState) -> None:
        """Show what is under way."""
        work = state.opening
        theme = colours()
        self.working.edge.set_colour(theme.bar)
        self.notice.edge.set_colour(theme.warning)
        self.working.show_text("" if work is None else work.title, CANCEL)
        self.bar.setVisible(work is not None)
        if work is not None:
            self.bar.setRange(0, work.total)
            self.bar.setValue(work.done)
        self.notice.show_text(state.notice if state.page == "start" else words.NO_LESIONS)
        for button in self.buttons.values():
            button.setEnabled(work is None)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Let the arrows go through the ways to begin, and Return take one."""
        if event is None:
            return
        focus = self.focusWidget()
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.focusNextPrevChild(event.key() == Qt.Key.Key_Down)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focus, QPushButton):
            focus.click()
        else:
            super().keyPressEvent(event)

    def take_focus(self) -> None:
        """Give the keyboard to the first way."""
        self.buttons[words.OPEN_PROJECT].setFocus()


class NamePage(QWidget):
    """Who reads, and whether blinded."""

    def __init__(self, review: Review) -> None:
        super().__init__()
        self.review = review
        self.project = _text("")
        self.notes = Strip("lesionscope-review-notes")
        self.name = QLineEdit()
        self.name.setPlaceholderText(words.WHO_FIELD)
        self.name.setAccessibleName(words.WHO_FIELD)
        self.blinded = QCheckBox(words.BLINDED.split(":")[0])
        self.blinded.setToolTip(words.BLINDED.replace("&", ""))
        self.begin = QPushButton(words.BEGIN)
        self.notice = Strip("lesionscope-review-name-notice")
        layout = QVBoxLayout(self)
        for widget in (self.project, self.notes, _text(words.WHO), self.name, self.blinded):
            layout.addWidget(widget)
        layout.addWidget(_text(words.BLINDED.partition(": ")[2].capitalize() + "."))
        layout.addWidget(self.begin)
        layout.addWidget(self.notice)
        layout.addStretch(1)
        self.begin.clicked.connect(lambda: self._begin())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Let Return begin from anywhere; it stops here, for the page that comes has its own use of it."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._begin()
            event.accept()
        else:
            super().keyPressEvent(event)

    def _begin(self) -> None:
        self.review.name_reader(self.name.text(), blinded=self.blinded.isChecked())

    def draw(self, state: ReviewState) -> None:
        """Name the project and what is to be said of it; the name's field starts empty for each reader."""
        theme = colours()
        self.notes.edge.set_colour(theme.warning)
        self.notice.edge.set_colour(theme.warning)
        count = 0 if state.project is None else len(state.project.mined)
        self.project.setText(
            words.PROJECT_LINE.format(name="" if state.path is None else state.path.name, count=count)
        )
        self.notes.show_text(" ".join(state.notes))
        self.notice.show_text(state.notice)

    def take_focus(self) -> None:
        """Ask."""
        self.name.clear()
        self.blinded.setChecked(False)
        self.name.setFocus()


def _text(words_: str) -> QLabel:
    label = QLabel(words_)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
