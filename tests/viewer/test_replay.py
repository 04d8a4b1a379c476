"""Two studies read by a script in real windows, and what tells whether a replay went wrong."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.window_book import Book
from benchmarks.window_replay import replay
from benchmarks.window_watch import open_files, own_temporary, slope, watched
from lesionscope.ct.geometry import Geometry
from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.session.commands import AddLesion
from lesionscope.session.store import Session

SPOT = (10.0, 20.0, 30.0)
LONG = ((0.0, 0.0, 5.0), (20.0, 0.0, 5.0))


@pytest.mark.window
@pytest.mark.usefixtures("display", "own_windows", "qapp")
def test_two_studies_are_read_without_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_CLICK_BOX", "true")
    monkeypatch.setenv("LESIONSCOPE_THREADS", "1")
    done = replay(2, tmp_path, short=True)
    assert done.faults == []
    kinds = {
        "open",
        "scroll",
        "click a lesion",
        "draw a diameter",
        "undo",
        "report",
        "search a slice",
        "close",
    }
    assert kinds <= set(done.acts) and done.acts.total() >= 30


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session.open(tmp_path / "one.sqlite", series_uid="1.2.3") as opened:
        yield opened


def test_a_book_agrees_with_what_was_done(session: Session) -> None:
    geometry = Geometry((100, 100, 100), (1.0, 1.0, 1.0))
    book = Book("1.2.3")
    clicked = lesion_from_click(SPOT)
    session.apply(AddLesion(clicked))
    assert book.add(centre=SPOT) == 1
    drawn = lesion_from_diameters(Diameter(*LONG), geometry=geometry)
    session.apply(AddLesion(drawn))
    assert book.add(long=LONG) == 2
    session.undo()
    book.turn("undo")
    assert book.differences(session.path) == []
    session.redo()
    assert "logged" in book.differences(session.path)[0]
    book.turn("redo")
    assert book.differences(session.path) == [] and (book.steps, book.undone) == (2, 0)
    book.read = True
    assert len(book.differences(session.path)) == 4, "two lesions, two tasks, no reading"


def test_a_book_tells_what_differs(session: Session, tmp_path: Path) -> None:
    geometry = Geometry((100, 100, 100), (1.0, 1.0, 1.0))
    session.apply(AddLesion(lesion_from_diameters(Diameter(*LONG), geometry=geometry)))
    book = Book("1.2.3")
    book.add(long=(LONG[0], (20.0, 1.0, 5.0)))
    (said,) = book.differences(session.path)
    assert "long" in said
    assert book.differences(tmp_path / "other.sqlite") == ["other.sqlite is missing"]


@pytest.mark.usefixtures("qapp")
def test_a_watch_catches_what_nobody_else_does() -> None:
    from qtpy.QtCore import qWarning

    def fail() -> None:
        raise RuntimeError("in a thread")

    with watched() as watch:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        logging.getLogger("lesionscope.anything").error("in a log")
        logging.getLogger("lesionscope.anything").warning("no error")
        qWarning(b"from Qt")
    told = "\n".join(watch.faults)
    assert all(word in told for word in ("in a thread", "in a log", "from Qt"))
    assert len(watch.faults) == 3


def test_open_and_temporary_files_are_seen(tmp_path: Path) -> None:
    import tempfile

    with own_temporary(tmp_path) as folder:
        with tempfile.NamedTemporaryFile() as made:
            assert open_files(tmp_path) == {made.name} and list(folder.iterdir())
        assert not open_files(tmp_path) and not list(folder.iterdir())
    assert tempfile.gettempdir() != str(folder)


def test_a_slope_and_its_error_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    y = 3.0 * np.arange(12) + rng.normal(0, 1, 12)
    fit, covariance = np.polyfit(np.arange(12), y, 1, cov=True)
    found = slope(y.tolist())
    assert found.each == pytest.approx(fit[0]) and found.error == pytest.approx(np.sqrt(covariance[0, 0]))
