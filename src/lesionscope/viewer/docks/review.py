"""The review dock: draws a review's state, and hands keys to its table; it decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHideEvent, QKeyEvent, QShowEvent
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from lesionscope.viewer.docks import review_cells as cells
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Strip
from lesionscope.viewer.docks.review_pages import AdjudicationPage, LabelsPage, SearchPage
from lesionscope.viewer.docks.review_sentence import SentenceView, legend
from lesionscope.viewer.docks.review_start import NamePage, StartPage
from lesionscope.viewer.key_press import acted
from lesionscope.viewer.keys import Key
from lesionscope.viewer.review import words
from lesionscope.viewer.review.rows import pieces
from lesionscope.viewer.review.state import Page, ReviewState
from lesionscope.viewer.wording import RESEARCH

if TYPE_CHECKING:
    from lesionscope.viewer.review.review import Review

BUTTON_COLUMNS = 3
LEAST_LINES = 24
OWN_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down)
"""A list's own: they choose a row; on a canvas they scroll."""


class WorkPage(QWidget):
    """A lesion: its sentence, and below it labels, a search, or an adjudication."""

    def __init__(self, review: Review, act: Callable[[str], None]) -> None:
        super().__init__()
        self.review = review
        self.title, self.place, self.reader = QLabel(), QLabel(), QLabel()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.progress = QProgressBar()
        self.progress.setMaximumHeight(round(self.fontMetrics().height() * 1.3))
        self.sentence = SentenceView()
        self.legend = QLabel(legend())
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        self.legend.setWordWrap(True)
        self.strips = {
            name: Strip(f"lesionscope-review-{name}")
            for name in ("read-only", "images", "veiled", "predicting", "warning", "done", "notice")
        }
        self.pages: dict[Page, LabelsPage | SearchPage | AdjudicationPage] = {
            "lesion": LabelsPage(review),
            "search": SearchPage(review),
            "adjudication": AdjudicationPage(review),
        }
        self.stack = QStackedWidget()
        for page in self.pages.values():
            self.stack.addWidget(page)
        self.stack.setMinimumHeight(self.fontMetrics().lineSpacing() * 8)
        self.buttons = {key: _button(text, partial(act, key)) for key, text in words.BUTTONS.items()}
        self.hint, self.research = QLabel(words.HINT), QLabel(RESEARCH)
        self.hint.setWordWrap(True)
        self.hint.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._lay_out()

    def _lay_out(self) -> None:
        head, below, grid = QHBoxLayout(), QHBoxLayout(), QGridLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.reader)
        below.addWidget(self.place, 1)
        grid.setSpacing(3)
        for number, button in enumerate(self.buttons.values()):
            grid.addWidget(button, number // BUTTON_COLUMNS, number % BUTTON_COLUMNS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addLayout(below)
        layout.addWidget(self.progress)
        layout.addWidget(self.strips["read-only"])
        layout.addWidget(self.sentence)
        layout.addWidget(self.legend)
        layout.addWidget(self.strips["veiled"])
        layout.addWidget(self.stack, 1)
        # What comes and goes stands below, so that the sentence and the labels stay where they are.
        for name in ("images", "predicting", "warning", "done", "notice"):
            layout.addWidget(self.strips[name])
        layout.addLayout(grid)
        layout.addWidget(self.hint)
        layout.addWidget(self.research)

    def draw(self, state: ReviewState) -> None:
        """Show the lesion as the reader may see it."""
        theme = colours()
        for name, strip in self.strips.items():
            strip.edge.set_colour(theme.warning if name in ("read-only", "warning", "images") else theme.bar)
        self.title.setText(cells.title(state))
        self.place.setText(cells.place(state))
        self.reader.setText(cells.reader(state))
        self._draw_progress(state)
        self._draw_sentence(state)
        self._draw_strips(state)
        for button in self.buttons.values():
            button.setEnabled(state.page != "search")
        for key in ("A", "R", "U", "F", "T", "Shift+A", "Ctrl+Z"):
            self.buttons[key].setEnabled(not state.read_only and state.page != "search")
        page = self.pages[state.page]
        page.draw(state)
        self.stack.setCurrentWidget(page)

    def _draw_progress(self, state: ReviewState) -> None:
        done = state.progress
        # A bar paints itself and all below it at each change of its value: once with the rest is enough.
        self.progress.setUpdatesEnabled(False)
        self.progress.setRange(0, max(done.labels, 1))
        self.progress.setValue(done.decided)
        self.progress.setFormat(words.PROGRESS.format(**vars(done)))
        self.progress.setUpdatesEnabled(True)

    def _draw_sentence(self, state: ReviewState) -> None:
        mined = state.mined
        said = mined is not None and bool(mined.sentence)
        self.legend.setVisible(said)
        if mined is not None and said:
            self.sentence.show_pieces(pieces(mined.sentence, mined.mentions), state.chosen or "")
        else:
            self.sentence.show_plain(words.NO_SENTENCE)

    def _draw_strips(self, state: ReviewState) -> None:
        work = state.predicting
        count = len(state.rows)
        done = words.ALL_DECIDED.format(count=count) if state.all_decided else ""
        if not count:
            done = words.NO_LABELS
        elif state.page != "lesion":
            done = ""
        read_only = words.READ_ONLY if state.read_only else ""
        notices = [state.notice]
        if state.no_model and not state.read_by_model and not state.blinded:
            notices.append(words.NO_MODEL)
        texts = {
            "read-only": read_only,
            "images": "" if state.images == words.LOADING else state.images,
            "veiled": _veil(state),
            "predicting": "" if work is None else work.title,
            "warning": "\n".join(f"⚠ {one}" for one in state.warnings),
            "done": done,
            "notice": "\n".join(one for one in notices if one and one != read_only),
        }
        for name, text in texts.items():
            self.strips[name].show_text(text)


class ReviewPanel(QWidget):
    """The dock, drawn from :class:`ReviewState` alone; closing it loses nothing.

    Parameters
    ----------
    review
        What is drawn.
    keys
        Answers with the table of keys that are in force.
    on_sight
        Called with whether the dock is in sight.
    """

    def __init__(
        self,
        review: Review,
        keys: Callable[[], Iterable[Key]],
        on_sight: Callable[[bool], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.review, self._keys, self._on_sight = review, keys, on_sight
        self.setObjectName("lesionscope-review")
        self.start, self.name = StartPage(review), NamePage(review)
        self.work = WorkPage(review, self._act)
        self.stack = QStackedWidget()
        for page in (self.start, self.name, self.work):
            self.stack.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.stack, 1)
        letters = self.fontMetrics()
        # A height of its own: words that wrap would otherwise ask for more than a small screen has.
        self.setMinimumSize(letters.horizontalAdvance("n" * 36), letters.lineSpacing() * LEAST_LINES)
        self._page: Page | None = None
        draw = self.draw
        review.changed.connect(draw)
        # Closing a dock destroys its widget at once; a late signal must not reach it.
        self.destroyed.connect(partial(_unfollow, review, draw))
        self.draw(review.state)

    def draw(self, state: ReviewState) -> None:
        """Show ``state``; where another page comes, the keyboard goes there."""
        pages = {"start": self.start, "empty": self.start, "name": self.name}
        page = pages.get(state.page, self.work)
        page.draw(state)
        self.stack.setCurrentWidget(page)
        if state.page != self._page:
            self._page = state.page
            self.take_focus()

    def take_focus(self) -> None:
        """Give the keyboard to what the page is worked with."""
        page = self.stack.currentWidget()
        if page is self.work:
            self.work.pages[self.review.state.page].take_focus()
        elif isinstance(page, StartPage | NamePage):
            page.take_focus()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Have the canvases take the review's keys."""
        super().showEvent(event)
        self._on_sight(True)

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Leave the canvases no keys that decide on what isn't seen."""
        super().hideEvent(event)
        self._on_sight(False)

    def _act(self, key: str) -> None:
        """Do what a button's key does."""
        next(entry.action for entry in self._keys() if entry.key == key)()
        if self.review.state.page != "search":
            self.take_focus()

    def event(self, event: QEvent | None) -> bool:
        """Claim the keys of the table before the window's menus do, and act on them."""
        mine = (
            isinstance(event, QKeyEvent)
            and self.stack.currentWidget() is self.work
            and self.review.state.page != "search"
            and event.key() not in OWN_KEYS
        )
        return (mine and acted(self._keys(), event)) or super().event(event)


def _veil(state: ReviewState) -> str:
    """Say what a blinded reader doesn't see yet, or that it was seen before the reading is complete."""
    seen = state.seen
    if seen is None or not state.blinded or (seen.saved and not seen.veiled):
        return ""
    return words.VEILED if seen.veiled else words.LIFTED


def _button(text: str, action: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setAutoDefault(False)
    # A click must leave the keyboard with the list; Tab still gets here.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda _=False: action())
    return button


def _unfollow(review: Review, draw: Callable[..., None], *_: object) -> None:
    review.changed.disconnect(draw, missing_ok=True)
