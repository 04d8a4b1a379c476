"""What a reader does in a window, one method an act, each written down in the book of its session."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.window_book import Book, Ends
from benchmarks.window_hand import Reader
from lesionscope.lesions.lesion import Point

CLEAR_PX = 14.0
"""Ends of lines that lie closer than this are taken hold of instead of drawn from."""
TASKS = ("pathology", "labels")


@contextmanager
def answering(*answers: str) -> Iterator[None]:
    """Answer the file dialogs that come, in this order: those of the system can't be worked by a script."""
    from qtpy.QtWidgets import QFileDialog

    left = list(answers)
    names = ("getExistingDirectory", "getOpenFileName", "getSaveFileName")
    was = {name: getattr(QFileDialog, name) for name in names}
    QFileDialog.getExistingDirectory = staticmethod(lambda *_, **__: left.pop(0))
    QFileDialog.getOpenFileName = staticmethod(lambda *_, **__: (left.pop(0), ""))
    QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (left.pop(0), ""))
    try:
        yield
    finally:
        for name, method in was.items():
            setattr(QFileDialog, name, method)


class Acts:
    """A reader's acts on the study that is open.

    Parameters
    ----------
    reader
        The window.
    book
        Of the study's session.
    rng
        Chooses places and keys.
    done
        Counts acts by name.
    """

    def __init__(self, reader: Reader, book: Book, rng: random.Random, done: Counter[str]) -> None:
        self.reader, self.book, self.rng, self._done = reader, book, rng, done

    def _did(self, name: str) -> None:
        self._done[name] += 1

    @property
    def _selected(self) -> int | None:
        lesion = self.reader.state.lesion
        return None if lesion is None else lesion.number

    def read_through(self) -> bool:
        """Whether every lesion has both answers as it is, and nothing is under way."""
        state, room = self.reader.state, self.reader.room
        return not room.worker.busy and all(
            state.reading(lesion.id, task) is not None and not state.is_stale(lesion.id, task)
            for lesion in state.lesions
            for task in TASKS
        )

    def wait_for_answers(self) -> None:
        """Read what the models say of each lesion."""
        self.reader.until(self.read_through, "the models' answers")
        self.book.read = True
        self._did("wait for answers")

    # -- looking --------------------------------------------------------------------------

    def scroll(self) -> None:
        """Turn the wheel by up to four notches."""
        self.reader.scroll(self.rng.choice((-1, 1)) * self.rng.randint(1, 4))
        self._did("scroll")

    def look(self) -> None:
        """Change how the study is shown, with the keys or the mouse."""
        from qtpy.QtCore import QPoint, Qt

        native = self.reader.axial.native
        middle = native.rect().center()
        way = self.rng.randrange(5)
        if way == 0:
            self.reader.press(self.rng.choice("1234"))
        elif way == 1:
            moved = middle + QPoint(self.rng.randint(-60, 60), self.rng.randint(-60, 60))
            self.reader.hand.drag(native, [middle, moved], button="RightButton")
        elif way == 2:
            held = Qt.KeyboardModifier.ControlModifier
            self.reader.hand.wheel(native, middle, self.rng.choice((1, 2)), held)
        elif way == 3:
            self.reader.press("I", "I", "M", "M", "M", "X", "X")
        else:
            self.reader.press("Space")
            self.reader.wait(120)
            self.reader.press("Space")
        self._did("change the view")

    def whole(self) -> None:
        """Hang all views anew."""
        self.reader.press("Home")
        self._did("change the view")

    def measure(self) -> None:
        """Draw a ruler and a circle."""
        canvas = self.reader.axial
        middle = canvas.native.rect().center()
        centre = canvas.to_lps(middle.x(), middle.y())
        for key in "RO":
            self.reader.press(key)
            x, y, z = centre
            self.reader.draw((x, y, z), (x + 12.0, y + 5.0, z))
        self.reader.press("Escape")
        self._did("measure")

    def tabs(self) -> None:
        """Read tree, labels and known lesions, search a label, and see a known lesion beside one's own."""
        from lesionscope.viewer import wording

        self.reader.press("F4", "F3", "Ctrl+F")
        panel = self.reader.stage.dock_widget(wording.READING_DOCK)
        self.reader.type("nodule", panel.labels.search)
        panel.labels.search.clear()
        self.reader.press("F4")
        rows = panel.similar.list.model()
        if panel.similar.list.isVisible() and rows.rowCount() > 1:
            panel.similar.list.setCurrentIndex(rows.index(1, 0))
            self.reader.press("Return", on=panel.similar.list)
            self.reader.wait(60)
            if panel.similar.beside is not None:
                panel.similar.beside.close()
        self.reader.press("F2")
        self._did("read the tabs")

    def step(self) -> None:
        """Go to another lesion."""
        self.reader.press(self.rng.choice("NP"))
        self._did("go to a lesion")

    # -- marking --------------------------------------------------------------------------

    def click(self, lps: Point) -> None:
        """Mark a lesion by a click; a proposal that comes is one more step."""
        self.reader.press("C")
        placed = self.reader.click(lps)
        number = self.book.add(centre=placed)
        self._did("click a lesion")
        self.reader.press("V")
        room = self.reader.room
        self.reader.until(lambda: not room.worker.busy, "the proposal")
        lesion = next((one for one in self.reader.state.lesions if one.number == number), None)
        if lesion is not None and lesion.long is not None:
            self.book.change(number, centre=None)
            self._did("take a proposal")

    def draw(self, diameters: tuple[Ends, Ends]) -> None:
        """Draw both diameters of a new lesion; where an end is taken already, click it instead."""
        long, short = diameters
        if self._taken(*long, *short):
            self.click(tuple(np.mean(long, axis=0)))
            return
        self.reader.press("L")
        number = self.book.add(long=self.reader.draw(*long))
        self.book.change(number, short=self.reader.draw(*short))
        self.reader.press("V")
        self._did("draw a diameter")
        self._did("draw a diameter")

    def _taken(self, *ends: Point) -> bool:
        """Whether ends lie too close to each other, to a mark's, or off the canvas."""
        spots = [self.reader.at(end) for end in ends]
        native = self.reader.axial.native
        for lesion in self.reader.state.lesions:
            for line in (lesion.long, lesion.short):
                if line is not None:
                    spots += map(self.reader.axial.to_pixels, (line.start_lps_mm, line.end_lps_mm))
        apart = [np.hypot(a.x() - b.x(), a.y() - b.y()) for n, a in enumerate(spots) for b in spots[:n]]
        return min(apart) < CLEAR_PX or not all(native.rect().contains(spot) for spot in spots[: len(ends)])

    def move_end(self) -> None:
        """Drag an end of the selected lesion's long diameter."""
        from qtpy.QtCore import QPoint

        lesion = self.reader.state.lesion
        if lesion is None or lesion.long is None:
            return
        fixed = lesion.long.start_lps_mm
        spot = self.reader.at(lesion.long.end_lps_mm)
        if not self.reader.axial.native.rect().adjusted(20, 20, -20, -20).contains(spot):
            return
        to = spot + QPoint(self.rng.choice((-7, 7)), self.rng.choice((-7, 7)))
        self.reader.hand.drag(self.reader.axial.native, [spot, to])
        moved = self.reader.axial.to_lps(to.x(), to.y())
        self.book.change(lesion.number, centre=None, long=(fixed, moved))
        self._did("move an end")

    def turn(self) -> None:
        """Undo a step or two, and redo as many."""
        count = min(self.rng.randint(1, 2), self.book.steps)
        for _ in range(count):
            self.reader.press("Ctrl+Z")
            self.book.turn("undo")
            self._did("undo")
        for _ in range(count if self.rng.random() < 0.8 else max(count - 1, 0)):
            self.reader.press("Ctrl+Y")
            self.book.turn("redo")
            self._did("redo")

    def delete(self) -> None:
        """Delete the selected lesion; half of the time that was a mistake."""
        number = self._selected
        if number is None:
            return
        self.reader.press("Delete")
        self.book.remove(number)
        self._did("delete")
        if self.rng.random() < 0.5:
            self.reader.press("Ctrl+Z")
            self.book.turn("undo")
            self._did("undo")

    def read_again(self) -> None:
        """Have the selected lesion read again."""
        if self._selected is not None:
            self.reader.press("Return")
            self._did("read again")

    # -- looking for lesions ----------------------------------------------------------------

    def find(self, lps: Point) -> None:
        """Search the slice of a place, take the first candidate, refuse the next."""
        self.reader.at(lps)
        self.reader.press("F")
        finding = self.reader.stage.find.finding
        self.reader.until(lambda: not finding.state.searching, "the search")
        self._did("search a slice")
        if finding.state.candidates:
            before = len(self.reader.state.lesions)
            self.reader.press("A")
            if len(self.reader.state.lesions) > before:
                self.book.add()
            self._did("accept a candidate")
        if len(finding.state.candidates) > 1:
            self.reader.press("D")
            self._did("refuse a candidate")

    # -- report -----------------------------------------------------------------------------

    def report(self, folder: Path) -> None:
        """Keep a key image's view, type a sentence, and write every form."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        from lesionscope.viewer.report_words import DOCK

        if self._selected is None:
            return
        self.reader.press("K")
        self.book.step("note")
        self.reader.press("F5")
        panel = self.reader.stage.dock_widget(DOCK)
        self.reader.until(panel.sentence.isEnabled, "the report's sentence")
        self.reader.type(f"Seen {self._done['report']}. ", panel.sentence)
        self.book.step("note")
        with answering(str(folder)):
            QTest.mouseClick(panel.choose, Qt.MouseButton.LeftButton)
            QTest.mouseClick(panel.export, Qt.MouseButton.LeftButton)
        room = self.reader.room
        self.reader.until(lambda: not room.worker.busy and panel.export.isEnabled(), "the report")
        if not any(folder.glob("*.pdf")):
            raise AssertionError(f"no report was written: {panel.message.label.text()}")
        self._did("report")
