"""Pictures of every state of review and follow-up, as everybody and as a deuteranope sees them.

``LESIONSCOPE_PICTURES=DIR scripts/with_display.sh --virtual pytest -m slow tests/viewer/test_pictures.py``
leaves them in a folder for a person to look at. What can be told without eyes is tested: nothing is larger
than a screen of 1366 × 768, no label or button is cut off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colour_vision import deuteranope, on_screen
from lesionscope.sample_data import SERIES, VISITS, sample_visit
from PIL import Image
from review_clinic import Reviewer, review_window, write_clinic

from lesionscope.ct.scan import open_ct
from lesionscope.followup.response import Outcome, Seen
from lesionscope.inference.reading import LabelAnswer, LabelScore, Provenance, Reading
from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.commands import AddMined, AddReading, Decide
from lesionscope.session.decisions import Verdict
from lesionscope.session.importing import from_deeplesion
from lesionscope.session.mined import MinedLesion
from lesionscope.session.mixing import import_warnings
from lesionscope.session.review import accept_all, decide, sight
from lesionscope.session.store import Session
from lesionscope.viewer.followup import opening
from lesionscope.viewer.followup.compare_state import ids_of
from lesionscope.viewer.review import words
from lesionscope.viewer.review.sources import Opened
from lesionscope.viewer.review.state import Work

pytestmark = [pytest.mark.window, pytest.mark.slow]
SCREEN = (1366, 768)
GRAPH = load_labels()
LONG = (
    "Again seen is a 3.4 x 2.1 cm spiculated nodule in the right upper lobe, perhaps with calcification. " * 4
)


class Pictures:
    """Takes pictures of a window, and says what of it is cut off."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrong: list[str] = []

    def take(self, window: Any, name: str) -> None:
        """Keep a picture of a window, and look for what does not fit."""
        from qtpy.QtWidgets import QApplication

        for _ in range(5):
            QApplication.processEvents()
        self.wrong += [f"{name}: {one}" for one in (*too_large(window), *cut_off(window))]
        file = self.folder / f"{name}.png"
        assert window.grab().save(str(file))
        with Image.open(file) as image:
            seen = on_screen(deuteranope(np.asarray(image.convert("RGB"))))
        Image.fromarray(seen).save(self.folder / f"{name}-deuteranope.png")


def too_large(window: Any) -> Iterator[str]:
    """Say so where a window is larger than the screen."""
    if window.width() > SCREEN[0] or window.height() > SCREEN[1]:
        yield f"the window is {window.width()} × {window.height()}"


def cut_off(window: Any) -> Iterator[str]:
    """Name our labels and buttons whose words have not got the room that they need."""
    from qtpy.QtWidgets import QAbstractButton, QLabel

    from lesionscope.viewer.banner import ElidedLabel

    ours = [one for one in window.findChildren(QLabel) if type(one) is QLabel] + [
        one for one in window.findChildren(QAbstractButton) if one.text()
    ]
    for widget in ours:
        if not widget.isVisible() or not lesionscope_s(widget) or isinstance(widget, ElidedLabel):
            continue
        if getattr(widget, "wordWrap", lambda: False)():
            fits = widget.heightForWidth(widget.width()) <= widget.height() + 1
        else:
            fits = widget.minimumSizeHint().width() <= widget.width() + 1
        if not fits:
            yield f"“{widget.text()}” is cut off ({widget.width()} × {widget.height()})"


def lesionscope_s(widget: Any) -> bool:
    """Whether a widget belongs to one of our panels, and not to napari's own."""
    while widget is not None:
        if type(widget).__module__.startswith("lesionscope."):
            return True
        widget = widget.parentWidget()
    return False


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[Pictures]:
    folder = Path(os.environ.get("LESIONSCOPE_PICTURES", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    made = Pictures(folder)
    yield made
    assert not made.wrong, "\n".join(made.wrong)


# -- review -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clinic(tmp_path_factory.mktemp("clinic") / "deeplesion", 6)


def model_says(lesion: MinedLesion) -> Reading:
    """A model that agrees on most of what was mined, doubts one label and has one of its own."""
    mined = [name for name in lesion.labels if name in GRAPH.by_name]
    sure = GRAPH.expand({*mined[1:], "liver"})
    scores = tuple(
        LabelScore(name, GRAPH.by_name[name].kind, p, 0.5, p >= 0.5, p)
        for name in GRAPH.core
        for p in (0.55 + 0.04 * (len(name) % 11) if name in sure else 0.03,)
    )
    made_by = Provenance("demo 1", "0" * 64, "t", "cpu", "float32", lesion.lesion.fingerprint, "1.2.3")
    at = "2026-01-01T00:00:00+00:00"
    return Reading(f"r-{lesion.id}", lesion.id, at, made_by, None, labels=LabelAnswer(scores))


def make_project(clinic: Path, path: Path) -> Path:
    """Six lesions read by a model; the fifth without a sentence, the fourth with a long one."""
    made = from_deeplesion(clinic, GRAPH).command
    lesions = list(made.lesions)
    lesions[3] = replace(lesions[3], sentence=LONG, mentions=())
    lesions[4] = replace(lesions[4], sentence="", mentions=())
    with Session.open(path) as session:
        session.apply(AddMined(made.studies, tuple(lesions)))
        for lesion in lesions[:5]:
            session.apply(AddReading(model_says(lesion)))
    return path


def two_readers(path: Path) -> None:
    """Let two readers finish two lesions, and differ."""
    verdicts: dict[str, Verdict] = {"Ann": "accepted", "Bob": "rejected"}
    with Session.open(path) as session:
        for lesion in tuple(session.state.mined.values())[:2]:
            for reader, verdict in verdicts.items():
                label = lesion.relevant[-1]
                seen = sight(session.state, lesion.id, reader, blinded=True)
                session.apply(Decide(decide(seen, GRAPH, label, verdict)))
                seen = sight(session.state, lesion.id, reader, blinded=True)
                session.apply(Decide(accept_all(seen, GRAPH)))


def test_review(clinic: Path, tmp_path: Path, pictures: Pictures, make_viewer: Callable[[], Any]) -> None:
    project = make_project(clinic, tmp_path / "review.sqlite")
    with review_window() as r:
        window, review = r.stage.window, r.review

        def take(name: str) -> None:
            pictures.take(window, f"review-{name}")

        take("start")
        review._set(opening=Work("Scanning phantom patients", 3, 12))
        take("opening")
        review._set(opening=None, notice="There is no project here: choose mined labels to begin one.")
        take("start-notice")
        review.open_project(project)
        r.wait(lambda: r.state.project is not None)
        take("name")
        r.press("Return")
        take("name-notice")
        r.begin("Ann Example")
        take("lesion")
        r.press("A", "R", "U")
        take("deciding")
        r.press("N", "N", "N")
        r.wait_for_images()
        take("long-sentence")
        r.press("N")
        r.wait_for_images()
        take("no-sentence")
        r.press("N")
        r.wait_for_images()
        review._set(predicting=Work(words.PREDICTING.format(done=2, total=6), 2, 6))
        take("no-model-and-predicting")
        review._set(predicting=None)
        review.show(r.state.queue[0])
        r.wait_for_images()
        exclusive(r)
        take("conflict")
        r.press("F")
        take("search")
        r.type("lung")
        take("search-found")
        r.type("xx")
        take("search-nothing")
        r.press("Escape")
        r.press("Shift+A")
        take("all-decided")
        r.press("Ctrl+Z")
        take("undone")
        gone = "DL/Images_png/000001_01_01/002.png could not be found: was the folder moved?"
        review._no_images(r.state.lesion_id, gone)
        take("no-images")
        r.press("Ctrl+B")
        review.show(r.state.queue[1])
        r.wait_for_images()
        take("blinded")
        r.press("Shift+A")
        take("blinded-saved")
        r.press("Ctrl+B", "G")
        take("adjudication-refused")
        review.leave()
        two_readers(project)
        review.open_project(project)
        r.begin("Cy")
        r.press("G")
        r.wait_for_images()
        take("adjudication")
        while r.state.adjudication.open:
            r.press("A")
        take("adjudicated")
    with Session.open(project), review_window() as r:
        r.review.open_project(project)
        r.wait(lambda: r.state.project is not None)
        pictures.take(r.stage.window, "review-read-only-name")
        r.begin("Bob")
        pictures.take(r.stage.window, "review-read-only")
        r.review.leave()
        r.review.open(lambda cancel, progress: mixed(clinic, tmp_path / "mixed.sqlite"))
        r.wait(lambda: r.state.project is not None)
        assert "more than one of" in r.state.notes[0]
        pictures.take(r.stage.window, "review-mixed-patients")
        r.review.leave()
        Session.open(tmp_path / "empty.sqlite").close()
        r.review.open_project(tmp_path / "empty.sqlite")
        r.wait(lambda: r.state.project is not None)
        pictures.take(r.stage.window, "review-empty")


def mixed(clinic: Path, path: Path) -> Opened:
    """A project whose patient is in training and in the test."""
    made = from_deeplesion(clinic, GRAPH).command
    first, *rest = made.lesions
    other = replace(rest[0], patient=first.patient, split="test" if first.split == "train" else "train")
    command = AddMined(made.studies, (first, other, *rest[1:]))
    session = Session.open(path)
    warnings = import_warnings(session.state, command)
    session.apply(command)
    return Opened(session, warnings)


def exclusive(r: Reviewer) -> None:
    """Hold two labels that exclude each other."""
    for label in ("right lung", "left lung"):
        r.press("F")
        r.type(label)
        r.press("Return")


# -- follow-up --------------------------------------------------------------------------------------


def test_followup(
    tmp_path: Path, pictures: Pictures, make_viewer: Callable[[], Any], qtbot: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    window = opening.compare_sample()
    assert window is not None
    try:
        c = window.comparing

        def take(name: str) -> None:
            pictures.take(window, f"follow-up-{name}")

        take("aligning")
        qtbot.waitUntil(lambda: c.state.alignment is not None, timeout=240_000)
        qtbot.wait(200)
        take("proposed")
        c.confirm()
        take("one-confirmed")
        while c.state.comparison.open_rows:
            row = c.state.comparison.open_rows[0]
            c.select(ids_of(row)[0])
            if row.pair is not None:
                c.confirm()
            elif row.baseline is not None:
                c.set_fate(Seen.GONE)
            else:
                take("new-or-not")
                c.set_new(True)
        assert c.state.comparison.response.visits[1].overall is Outcome.PD
        take("PD")
        new = next(row for row in c.state.comparison.rows if row.baseline is None)
        c.select(ids_of(new)[0])
        c.set_new(False)
        take("without-the-new-lesion")
        for row in c.state.comparison.rows[:2]:
            c.select(ids_of(row)[0])
            c.set_fate(Seen.GONE)
        assert c.state.comparison.response.visits[1].overall is Outcome.PR
        take("PR")
        c.undo()
        take("undone")
        c.set_fate(Seen.PROGRESSED)
        take("notice")
    finally:
        window.close()


def test_studies_of_two_patients(
    tmp_path: Path, pictures: Pictures, make_viewer: Callable[[], Any], qtbot: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    rooms = [opening.extra_room(make_labels=None, auto_read=False) for _ in VISITS]
    for room, visit, patient in zip(rooms, VISITS, ("7", "8"), strict=True):
        ct = open_ct(sample_visit(visit) / SERIES)
        who = replace(ct.source.patient, patient_id=patient)
        room.open(replace(ct, source=replace(ct.source, patient=who)))
    window = opening.compare(*rooms, owned=tuple(rooms))
    try:
        qtbot.wait(200)
        assert window.comparing.state.blocked
        pictures.take(window, "follow-up-two-patients")
    finally:
        window.close()
