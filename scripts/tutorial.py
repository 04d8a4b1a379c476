"""Makes the tutorial's pictures by doing what it says, by keys and mouse in the real window.

``make tutorial``, or ``scripts/with_display.sh --virtual .venv/bin/python scripts/tutorial.py docs/images``.
What is exported goes into a folder of its own, named as the second argument, else thrown away.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WINDOW = (1366, 768)
GREYS, COLOURS = 64, 40
GREY_WITHIN = 6
"""Largest difference between the channels of what counts as grey."""
ZOOM = 6
"""Notches of the wheel."""
EXPORTS = "Reports"
WAIT_S = 300.0
NODULE_LPS = (-70.8, 10.4, 75.0)
"""The spiculated nodule of the right upper lobe, where a person would see it."""


class Tutor:
    """A person with a window: keys, clicks, patience, and a camera."""

    def __init__(self, pictures: Path) -> None:
        import napari

        from lesionscope.viewer.rooms import room_for, stage_of

        self.pictures = pictures
        self.viewer = napari.Viewer(title="Lesionscope", show=True, show_welcome_screen=False)
        self.viewer.window.resize(*WINDOW)
        self.room, self.stage = room_for(self.viewer), stage_of(self.viewer)

    # -- hands ----------------------------------------------------------------------------

    @property
    def canvas(self) -> Any:
        """The axial canvas."""
        return self.stage.study.axial

    def wait(self, until: Callable[[], object], what: str) -> None:
        """Let the window live until something is so."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + WAIT_S
        while not until():
            if time.monotonic() > end:
                sys.exit(f"Waited {WAIT_S:.0f} s in vain for {what}.")
            QApplication.processEvents()
            time.sleep(0.005)

    def rest(self, seconds: float = 0.4) -> None:
        """Let the window draw what has changed."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, "nothing")

    def press(self, *keys: str, on: Any = None) -> None:
        """Press keys on a widget, by default the axial canvas."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        held = {"Ctrl": Qt.KeyboardModifier.ControlModifier, "Shift": Qt.KeyboardModifier.ShiftModifier}
        for key in keys:
            *names, last = key.split("+")
            modifiers = Qt.KeyboardModifier.NoModifier
            for name in names:
                modifiers |= held[name]
            QTest.keyClick(on or self.canvas.native, getattr(Qt.Key, f"Key_{last}"), modifiers)
            self.rest(0.05)

    def click(self, widget: Any, spot: Any = None) -> None:
        """Click a widget, in its middle unless told where."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        where = widget.rect().center() if spot is None else spot
        QTest.mouseMove(widget, where)
        self.rest(0.05)
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where)
        self.rest(0.05)

    def zoom(self, widget: Any, spot: Any, notches: int) -> None:
        """Turn the wheel away from oneself, with Ctrl held."""
        from qtpy.QtCore import QPoint, QPointF, Qt
        from qtpy.QtGui import QWheelEvent
        from qtpy.QtWidgets import QApplication

        for _ in range(notches):
            turn = QWheelEvent(
                QPointF(spot),
                QPointF(widget.mapToGlobal(spot)),
                QPoint(),
                QPoint(0, 120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.ControlModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(widget, turn)
            self.rest(0.02)

    def tick(self, box: Any, on: bool) -> None:
        """Have a box ticked or not, by clicking it where it isn't so."""
        from qtpy.QtCore import QPoint

        if box.isChecked() != on:
            self.click(box, QPoint(8, box.height() // 2))

    @property
    def keyboard(self) -> Any:
        """The widget that has the keyboard."""
        return self.stage.window.focusWidget()

    def picture(self, name: str, of: Any = None) -> None:
        """Keep what a widget shows, the whole window unless told, in few colours."""
        from qtpy.QtWidgets import QDialog

        for note in self.stage.window.findChildren(QDialog):
            if type(note).__name__ == "NapariQtNotification":
                note.close()
        self.rest()
        path = self.pictures / f"{name}.png"
        if not (of or self.stage.window).grab().save(str(path)):
            sys.exit(f"{path} could not be written: check that the folder can be written to.")
        in_few_colours(path)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")

    # -- the tutorial ---------------------------------------------------------------------

    def open_sample(self) -> None:
        """File > Open Sample > Lesionscope > Sample patient, baseline."""
        self.viewer.open_sample("napari-lesionscope", "patient-baseline")
        self.wait(lambda: self.stage.study is not None and self.room.state.volume, "the sample patient")
        self.rest(1.0)
        self.picture("tutorial-open")

    def mark(self) -> None:
        """Page Up twice, to the nodule; Ctrl and wheel, to see it larger; C, and a click on it."""
        self.press("PageUp", "PageUp")
        self.zoom(self.canvas.native, self.canvas.to_pixels(NODULE_LPS), ZOOM)
        self.rest()
        self.press("C")
        self.click(self.canvas.native, self.canvas.to_pixels(NODULE_LPS))
        self.wait(lambda: self.room.state.lesion is not None, "the mark")
        self.wait(self._answered, "the models' answers")
        self.picture("tutorial-click")

    def _answered(self) -> bool:
        state = self.room.state
        working = any(status.is_working for status in state.statuses.values())
        return state.lesion is not None and not working and len(state.known) > 0 and not self.room.worker.busy

    def read(self) -> None:
        """F2, F3 and F4: tree, labels, similar lesions."""
        from lesionscope.viewer import wording
        from lesionscope.viewer.layout import dock_of

        for key, name in (("F2", "tree"), ("F3", "labels"), ("F4", "similar")):
            self.press(key)
            self.rest(1.0)
            self.picture(f"tutorial-{name}", dock_of(self.stage.dock_widget(wording.READING_DOCK)))

    def report(self) -> None:
        """K, F5, tick what nobody reviewed, SR and HTML alone, write."""
        from lesionscope.viewer import report_words
        from lesionscope.viewer.docks.report_draft import drafts_of

        self.press("K", "F5")
        panel = self.stage.dock_widget(report_words.DOCK)
        self.wait(lambda: not panel.visibleRegion().isEmpty(), "the report's dock")
        self.tick(panel.unreviewed, True)
        for form, box in panel.forms.items():
            self.tick(box, form in ("sr", "sc", "html"))
        # The dialogue that asks for a folder is the platform's own, and no picture of ours.
        drafts_of(self.room).set(folder=EXPORTS)
        self.click(panel.export)
        self.wait(lambda: panel.message.isVisible() and panel.message.label.text(), "the files")
        self.wait(lambda: "<img" in panel.page.toHtml(), "the key image")
        self.picture("tutorial-report")

    def review(self) -> None:
        """Review mined and predicted labels, of the phantom clinic: a name, then Yes, No, Unsure."""
        from qtpy.QtTest import QTest

        from lesionscope.viewer.plugin import review_labels
        from lesionscope.viewer.review import words

        review_labels(self.viewer)
        self.rest(1.0)
        panel, review = self.stage.dock_widget(words.DOCK), self.stage.bench.review
        self.click(panel.start.buttons[words.OPEN_CLINIC])
        self.wait(lambda: review.state.project is not None, "the phantom clinic")
        QTest.keyClicks(self.keyboard, "Ann")
        self.press("Return", on=self.keyboard)
        self.wait(lambda: review.state.lesion_id is not None and review.state.images == "", "images")
        self.wait(lambda: not self.room.worker.busy and len(review.state.rows) > 2, "the model's labels")
        self.rest(1.0)
        for key in ("A", "R", "U"):
            self.press(key, on=self.keyboard)
        self.picture("tutorial-review")


def in_few_colours(path: Path) -> None:
    """Write a picture again with a palette: greys evenly for the CT, and the colours that there are."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    seen = pixels.reshape(-1, 3)
    coloured = seen[np.ptp(seen.astype(np.int16), axis=1) > GREY_WITHIN]
    few = Image.fromarray(coloured[np.newaxis]).quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    colours = np.array(few.getpalette()[: 3 * COLOURS], dtype=np.uint8)
    greys = np.linspace(0, 255, GREYS).round().astype(np.uint8).repeat(3)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.concatenate([greys, colours]).tolist())
    small = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(pictures: Path, exports: Path) -> None:
    """Do the whole tutorial, as somebody who has never had the program: no settings, data or samples."""
    for folder in (pictures, exports):
        folder.mkdir(parents=True, exist_ok=True)
    pictures = pictures.resolve()
    with tempfile.TemporaryDirectory() as home:
        new = {"NAPARI_CONFIG": "", "LESIONSCOPE_DATA": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home}
        os.environ.update(new)
        os.chdir(exports)  # so that no picture shows this machine's folders
        tutor = Tutor(pictures)
        for step in (tutor.open_sample, tutor.mark, tutor.read, tutor.report, tutor.review):
            print(step.__doc__)
            step()
        tutor.viewer.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scrap:
        main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else scrap))
