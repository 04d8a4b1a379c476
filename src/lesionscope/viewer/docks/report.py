"""The report dock: what will be written, as it will read, and writing it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices, QFocusEvent, QGuiApplication, QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
)

from lesionscope.report.document import Content
from lesionscope.report.forms import FORMS
from lesionscope.report.import_sr import Imported, import_sr
from lesionscope.viewer import report_words as words
from lesionscope.viewer.docks.colours import colours
from lesionscope.viewer.docks.panel import Panel, Strip
from lesionscope.viewer.docks.report_draft import (
    as_written,
    comparison_of,
    content_of,
    drafts_of,
    edit_sentence,
    offered,
    pictures,
    response_for,
    steps_of,
    thumbnails,
    write_draft,
)
from lesionscope.viewer.docks.report_preview import SELECTED, preview
from lesionscope.viewer.room_state import RoomState

if TYPE_CHECKING:
    from lesionscope.ct.volume import CTVolume
    from lesionscope.viewer.followup.window import FollowupWindow
    from lesionscope.viewer.room import Room
    from lesionscope.viewer.workers import Job

COLUMNS = 4
PICTURE_PX, MARGIN_PX = 220, 24
TYPING_MS = 400
"""A sentence is kept at each pause this long in typing it."""


class SentenceEdit(QPlainTextEdit):
    """Says when the keyboard goes elsewhere."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """Say so."""
        super().focusOutEvent(event)
        self.left.emit()


class ReportPanel(Panel):
    """Preview, sentence, forms and destination of the room's report."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self.setObjectName("lesionscope-report-panel")
        self.drafts = drafts_of(room)
        self._content: Content | None = None
        self._said: Content | None = None
        self._shown: tuple[Any, ...] = ()
        self._at_lesion: tuple[str | None, int] = (None, 0)
        self._images: dict[str, bytes] = {}
        self._images_of: tuple[Any, ...] = ()
        self._drawing: Job | None = None
        self._job: Job | None = None
        self._compared: FollowupWindow | None = None
        self._gone = False
        self._written_to = ""
        self._said_of = ""
        self.page = QTextBrowser()
        self.page.setOpenLinks(False)
        self.unreviewed = QCheckBox(words.UNREVIEWED)
        self.unreviewed.setToolTip(words.UNREVIEWED_TIP)
        self.unreviewed.toggled.connect(lambda on: self.drafts.set(unreviewed=on))
        self.deidentify = QCheckBox(words.DEIDENTIFY)
        self.deidentify.setToolTip(words.DEIDENTIFY_TIP)
        self.deidentify.toggled.connect(lambda on: self.drafts.set(deidentify=on))
        self.sentence_title = QLabel()
        self.sentence = SentenceEdit()
        self.sentence.setFixedHeight(self.fontMetrics().height() * 4)
        self.sentence.setStyleSheet(f"border: 1px solid {colours().quiet.name()};")
        self.sentence.textChanged.connect(self._typed)
        self.sentence.left.connect(self.keep)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.timeout.connect(self.keep)
        self._pending: tuple[str, str] | None = None
        self.copy = self._button(words.COPY, self.copy_sentence, words.COPY_TIP)
        self.again = self._button(words.AGAIN, self._make_again, words.AGAIN_TIP)
        self.forms: dict[str, QCheckBox] = {}
        for form in FORMS:
            box = self.forms[form] = QCheckBox(form.upper())
            box.setToolTip(words.FORM_TIPS[form])
            # Not toggled: a form that a scan can't have is unticked, but stays chosen for the next one.
            box.clicked.connect(partial(self.drafts.choose_form, form))
        self.folder = QLabel()
        self.folder.setTextFormat(Qt.TextFormat.PlainText)
        self.folder.setWordWrap(True)
        self.choose = self._button(words.CHOOSE, self._choose)
        self.export = self._button(words.EXPORT, self.write)
        self.take = self._button(words.IMPORT, self._take, words.IMPORT_TIP)
        self.progress = QProgressBar()
        self.progress.hide()
        self.message = Strip("lesionscope-report-message")
        self.message.button.clicked.connect(self._open_folder)
        self._lay_out()
        self.follow()
        self.drafts.changed.connect(self._redraw)
        room.leaving.connect(self.keep)
        self.destroyed.connect(partial(_forget, self))

    def _button(self, text: str, action: Any, tip: str = "") -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.setToolTip(tip)
        button.clicked.connect(lambda _=False: action())
        return button

    def _lay_out(self) -> None:
        grid = QGridLayout()
        for place, box in enumerate(self.forms.values()):
            grid.addWidget(box, place // COLUMNS, place % COLUMNS)
        heading, where = QHBoxLayout(), QHBoxLayout()
        heading.addWidget(self.sentence_title, 1)
        heading.addWidget(self.copy)
        heading.addWidget(self.again)
        where.addWidget(self.folder, 1)
        where.addWidget(self.choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self.page, 1)
        layout.addWidget(self.unreviewed)
        layout.addWidget(self.deidentify)
        layout.addLayout(heading)
        layout.addWidget(self.sentence)
        layout.addLayout(grid)
        layout.addLayout(where)
        act = QHBoxLayout()
        act.addWidget(self.export, 1)
        act.addWidget(self.take)
        layout.addLayout(act)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("n" * 34))

    # -- drawing --------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """Draw what was not drawn while nobody saw it."""
        super().showEvent(event)
        self.draw(self.room.state)

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Keep what was typed before the dock goes."""
        super().hideEvent(event)
        self.keep()

    def _redraw(self, *_: object) -> None:
        self.draw(self.room.state)

    def _follow_comparison(self, window: FollowupWindow | None) -> None:
        """Draw again whenever a comparison changes, and once when it ends."""
        if window is self._compared:
            return
        if self._compared is not None:
            self._compared.comparing.changed.disconnect(self._redraw, missing_ok=True)
        self._compared = window
        if window is not None:
            window.comparing.changed.connect(self._redraw)
            window.destroyed.connect(self._comparison_ended)

    def _comparison_ended(self, *_: object) -> None:
        """Let go of a window that has gone, out of sight too: it knows two volumes."""
        self._follow_comparison(comparison_of(self.room.state))
        self._redraw()

    def draw(self, state: RoomState) -> None:
        """Show the report of ``state`` as it is drafted; nothing where it is out of sight."""
        if self._gone or not self.isVisible():
            return
        if self._pending is not None and self._pending[0] != state.selected:
            self.keep()
            return  # drawn again for what was kept
        self._follow_comparison(comparison_of(state))
        if self._job is None and self._said_of != (now := _series(state)):
            self._said_of = now
            self.message.show_text("")
        draft, response = self.drafts.draft, response_for(state)
        made_of = (state.session, draft, state.package, state.label_package, state.volume, response)
        if made_of != self._shown:
            self._shown = made_of
            self._content = content_of(state, draft, response)
            self._said = None if self._content is None else as_written(self._content, draft)
        for box, on in ((self.unreviewed, draft.unreviewed), (self.deidentify, draft.deidentify)):
            box.setChecked(on)
        possible = offered(state)
        for form, box in self.forms.items():
            box.setEnabled(form in possible)
            box.setChecked(form in draft.forms and form in possible)
        self.folder.setText(draft.folder or words.NO_FOLDER)
        self.export.setText(words.CANCEL if self._job is not None else words.EXPORT)
        self.export.setEnabled(bool(state.lesions) or self._job is not None)
        self.take.setEnabled(state.session is not None and self._job is None)
        self.message.edge.set_colour(colours().bar)
        self._draw_sentence(state)
        self._draw_page(state)

    def _draw_sentence(self, state: RoomState) -> None:
        entry = self._entry(state)
        self.sentence_title.setText(
            words.SENTENCE.format(number=entry["number"]) if entry else words.NO_SENTENCE
        )
        for widget in (self.sentence, self.copy):
            widget.setEnabled(entry is not None)
        self.again.setEnabled(bool(entry and entry["sentence_edited"]))
        text = entry["sentence"] if entry else ""
        if self._pending is None and self.sentence.toPlainText() != text:
            self.sentence.blockSignals(True)
            self.sentence.setPlainText(text)
            self.sentence.blockSignals(False)

    def _draw_page(self, state: RoomState) -> None:
        if self._content is None or self._said is None or state.session is None:
            self.page.setPlainText(words.NO_STUDY)
            return
        views = tuple((note.lesion_id, note.view) for note in state.session.notes.values() if note.view)
        wanted = (tuple(lesion.fingerprint for lesion in state.lesions), views)
        if wanted != self._images_of:
            self._images_of = wanted
            self._draw_images(state, self._content)
        bar = self.page.verticalScrollBar()
        place = bar.value()
        # Until someone scrolls: pictures that come later push what is below them down.
        stay = (state.selected, place) != self._at_lesion and state.selected == self._at_lesion[0]
        self.page.setHtml(
            preview(
                self._said,
                self._images,
                picture_px=min(PICTURE_PX, self.page.viewport().width() - MARGIN_PX),
                selected=state.selected,
                quiet=colours().quiet.name(),
            )
        )
        if stay or state.selected is None:
            bar.setValue(place)
        else:
            self.page.scrollToAnchor(SELECTED)
            self._at_lesion = state.selected, bar.value()

    def _draw_images(self, state: RoomState, content: Content) -> None:
        """Have the key images drawn in the background; the page is drawn again when they are there."""

        def drawn(images: dict[str, bytes]) -> None:
            self._images = images
            self.draw(self.room.state)

        if self._drawing is not None:
            self._drawing.cancel()
        self._drawing = self.room.worker.submit(
            lambda *_: thumbnails(pictures(state, content), PICTURE_PX), done=drawn
        )

    def _entry(self, state: RoomState) -> dict[str, Any] | None:
        entries = self._content["lesions"] if self._content is not None else ()
        return next((entry for entry in entries if entry["id"] == state.selected), None)

    # -- what a person does ---------------------------------------------------------------

    def _typed(self) -> None:
        entry = self._entry(self.room.state)
        if entry is not None:
            self._pending = entry["id"], self.sentence.toPlainText()
            self._typing.start(TYPING_MS)

    def keep(self) -> None:
        """Keep the sentence that was typed; it happens by itself at a pause, and before anything else."""
        self._typing.stop()
        pending, self._pending = self._pending, None
        if pending is not None:
            edit_sentence(self.room, *pending)

    def _make_again(self) -> None:
        self._pending = None
        entry = self._entry(self.room.state)
        if entry is not None:
            edit_sentence(self.room, entry["id"], None)

    def copy_sentence(self) -> None:
        """Put the selected lesion's sentence on the clipboard."""
        self.keep()
        entry = self._entry(self.room.state)
        if entry is not None:
            QGuiApplication.clipboard().setText(entry["sentence"])
            self.room.notify(words.COPIED)

    def _choose(self) -> bool:
        folder = QFileDialog.getExistingDirectory(self, words.WHERE, self.drafts.draft.folder)
        if folder:
            self.drafts.set(folder=folder)
        return bool(folder)

    def write(self) -> None:
        """Write the report, or stop writing it; asks for a folder where none was chosen."""
        if self._job is not None:
            self._job.cancel()
            return
        self.keep()
        state = self.room.state
        if not set(offered(state)).intersection(self.drafts.draft.forms):
            self.message.show_text(words.NO_FORM)
            return
        if not self.drafts.draft.folder and not self._choose():
            return
        draft, response = self.drafts.draft, response_for(state)
        self.message.show_text("")
        self.progress.setRange(0, 0)
        self.progress.show()
        self._job = self.room.worker.submit(
            lambda cancel, progress: write_draft(state, draft, cancel, progress, response),
            done=partial(self._done, draft.folder),
            failed=self._ended,
            cancelled=partial(self._ended, words.CANCELLED),
            progress=self._at,
        )
        self.draw(state)

    def _at(self, done: int, total: int, label: str) -> None:
        if not self._gone:
            self.progress.setRange(0, total)
            self.progress.setValue(done)
            self.progress.setFormat(label)

    def _done(self, folder: str, written: tuple[Path, ...]) -> None:
        self._written_to = folder
        self._ended(words.WRITTEN.format(count=len(written), folder=folder), words.OPEN)

    def _ended(self, sentence: str, button: str = "") -> None:
        """Say how something ended: here, or in the window where the dock was closed meanwhile."""
        self._job = None
        if self._gone:
            self.room.notify(sentence)
            return
        self.progress.hide()
        self._said_of = _series(self.room.state)
        self.message.show_text(sentence, button)
        self.draw(self.room.state)

    def _take(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, words.IMPORT, self.drafts.draft.folder, words.REPORTS)
        if path:
            self.take_report(Path(path))

    def take_report(self, path: Path) -> None:
        """Take the lesions of a structured report into the session."""
        volume = self.room.state.volume
        if volume is not None:
            self.room.worker.submit(
                lambda *_: import_sr(path, volume), done=partial(self._taken, volume), failed=self._ended
            )

    def _taken(self, volume: CTVolume, imported: Imported) -> None:
        """Take what was found to lie on ``volume``; nothing where that was left meanwhile."""
        state = self.room.state
        if state.volume is not volume:
            self._ended(words.NOT_TAKEN)
            return
        steps = steps_of(imported, state)
        for step in steps:
            self.room.apply(step)
        count = len(self.room.state.lesions) - len(state.lesions)
        self._ended(" ".join((words.TAKEN.format(count=count), *imported.notes)))

    def _open_folder(self) -> None:
        if self._written_to:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._written_to))


def _series(state: RoomState) -> str:
    return "" if state.volume is None else state.volume.source.uid


def _forget(panel: ReportPanel, *_: object) -> None:
    panel._gone = True
    panel.drafts.changed.disconnect(panel._redraw, missing_ok=True)
    panel.room.leaving.disconnect(panel.keep, missing_ok=True)
    panel._follow_comparison(None)
