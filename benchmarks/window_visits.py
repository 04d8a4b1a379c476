"""What takes more than one study: another visit of the patient, and a project of labels to review."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.window_acts import answering
from benchmarks.window_book import Book
from benchmarks.window_hand import Reader
from benchmarks.window_studies import clinic, study

REVIEWED = 4
MARKED = 2
CLOSER = 6


def compare(
    reader: Reader, number: int, place: Path, books: dict[Path, Book], book: Book, done: Counter[str]
) -> None:
    """Hang the patient's next visit beside the open study, measure there, decide on lesions, close it."""
    from qtpy.QtCore import Qt

    from lesionscope.session.paths import default_path
    from lesionscope.viewer.followup.opening import open_beside

    with study(place, number, "follow-up") as later:
        with answering(str(later.folder)):
            window = open_beside(reader.viewer)
        assert window is not None, reader.state.notice
        comparing, side = window.comparing, window.sides[1]
        uid = comparing.followup.source.uid
        theirs = books[default_path(uid)] = Book(uid)
        reader.until(lambda: comparing.state.alignment is not None or _stopped(comparing), "the alignment")
        done["open a follow-up"] += 1
        native = side.view.native
        reader.until(lambda: native.width() > 300, "the follow-up's canvas")
        for long, short in later.diameters[:MARKED]:
            reader.press("Home", on=native)
            spot = reader.at(long[0], side)
            # Close up, so that the short diameter isn't begun on an end of the long one.
            reader.hand.wheel(native, spot, CLOSER, Qt.KeyboardModifier.ControlModifier)
            reader.press("L", on=native)
            drawn = theirs.add(long=reader.draw(*long, view=side))
            theirs.change(drawn, short=reader.draw(*short, view=side))
            reader.press("V", on=native)
            done["draw a diameter"] += 2
        room = comparing.rooms[0]
        for key in ("N", "Return", "N", "Return", "N", "G", "N", "T", "Ctrl+Z"):
            before = room.state.session
            reader.press(key, on=native)
            reader.scroll_on(native, 1)
            if key == "Ctrl+Z" and room.state.session is not before:
                book.turn("undo")
            elif room.state.session.visits != before.visits:
                book.step("compare")
            done["follow up"] += 1
        window.close()
        reader.wait(50)
        done["close a follow-up"] += 1


def _stopped(comparing: Any) -> bool:
    status = comparing.state.status
    return status is not None and status.phase.value in ("failed", "cancelled")


def review(reader: Reader, number: int, place: Path, books: dict[Path, Book], done: Counter[str]) -> None:
    """Review the labels of some lesions of a small clinic, export them, and close the project."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    from lesionscope.viewer.review.words import DOCK, OPEN_FOLDER

    root, project = clinic(place), place / f"review-{number}.sqlite"
    reader.stage.bench.show()
    work = reader.stage.bench.review
    panel = reader.stage.dock_widget(DOCK)
    with answering(str(root), str(project)):
        QTest.mouseClick(panel.start.buttons[OPEN_FOLDER], Qt.MouseButton.LeftButton)
    reader.until(lambda: work.state.project is not None, "the project")
    book = books[project] = Book()
    book.step("import")
    done["open a project"] += 1
    window = reader.stage.window
    reader.type("Ann", window.focusWidget())
    reader.press("Return", on=window.focusWidget())
    for lesion in range(REVIEWED):
        reader.until(
            lambda: work.state.lesion_id is not None and work.state.images == "", "a lesion's images"
        )
        reader.until(lambda: panel.isAncestorOf(window.focusWidget()), "the keyboard")
        keys = [("A", "R"), ("Down", "U"), ("R", "K"), ("A", "Ctrl+Z", "Ctrl+Y")][lesion % 4]
        for key in (*keys, "Shift+A"):
            before = work.state.project
            reader.press(key, on=window.focusWidget())
            after = work.state.project
            if key in ("Ctrl+Z", "Ctrl+Y"):
                book.turn("undo" if key == "Ctrl+Z" else "redo")
            elif len(after.decisions) != len(before.decisions):
                book.step("decide")
            done["decide on a label"] += 1
        reader.press("N", on=window.focusWidget())
        done["next lesion to review"] += 1
    reader.until(lambda: work.state.images == "", "a lesion's images")
    out = place / f"reviewed-{number}.json"
    with answering(str(out)):
        reader.press("Ctrl+E", on=window.focusWidget())
    reader.until(out.is_file, "the reviewed labels")
    reader.press("Ctrl+Shift+W", on=window.focusWidget())
    reader.until(lambda: work.state.project is None, "the project's end")
    done["export a project"] += 1
    reader.until(lambda: reader.state.volume is None, "the end of the project's images")
