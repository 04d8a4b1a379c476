"""How long a reader waits in the real window; ``pytest -m slow -s`` on this file prints the figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication
from review_clinic import Reviewer, review_window, write_clinic
from review_fakes import predicted
from waits import Waits

from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.commands import AddMined, AddReading
from lesionscope.session.importing import from_deeplesion
from lesionscope.session.store import Session

pytestmark = [pytest.mark.window, pytest.mark.slow]
LESIONS, IMAGES = 300, 12


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred lesions, each read by a model, that share the images of twelve."""
    folder = write_clinic(tmp_path_factory.mktemp("clinic") / "deeplesion", IMAGES)
    made = from_deeplesion(folder, load_labels()).command
    copies = tuple(
        replace(
            one,
            row=number * IMAGES + one.row,
            lesion=replace(one.lesion, id=f"{number}-{one.id}", tracking_uid=f"2.25.{number}{one.row}"),
        )
        for number in range(LESIONS // len(made.lesions))
        for one in made.lesions
    )
    path = folder.parent / "review.sqlite"
    with Session.open(path) as session:
        session.apply(AddMined(made.studies, copies))
        for one in copies:
            session.apply(AddReading(predicted(one)))
    return path


def test_what_a_reader_waits_for(project: Path, make_viewer: Callable[[], Any]) -> None:
    opening, deciding = (
        Waits("300 lesions open, until they are shown"),
        Waits("a decision, durable and shown"),
    )
    leafing, seeing = (
        Waits("next lesion, until its labels are shown"),
        Waits("next lesion, until its images are"),
    )
    undoing, bulk = Waits("undo, durable and shown"), Waits("accept all shown, durable and shown")
    with review_window() as reviewer:
        for _ in range(5):
            with opening.one():
                reviewer.review.open_project(project)
                reviewer.wait(lambda: reviewer.state.project is not None)
                QApplication.processEvents()
        reviewer.begin("Ann")
        for number in range(40):
            for key in ("A", "R", "U"):
                timed(reviewer, deciding, key)
            timed(reviewer, bulk, "Shift+A")
            quiet(reviewer)
            with seeing.one():
                timed(reviewer, leafing, "N" if number % 8 else "P")
                reviewer.wait_for_images()
                QApplication.processEvents()
        for _ in range(100):
            timed(reviewer, undoing, "Ctrl+Z")
            reviewer.wait_for_images()
    for waits in (opening, deciding, bulk, undoing, leafing, seeing):
        print(waits)


def timed(reviewer: Reviewer, waits: Waits, key: str) -> None:
    """Press a key, and paint the dock, all of it."""
    with waits.one():
        reviewer.press(key)
        reviewer.panel.repaint()


def quiet(reviewer: Reviewer) -> None:
    """Let what is under way in the background come to its end, as when a reader looks."""
    end = time.monotonic() + 0.2
    reviewer.wait(lambda: time.monotonic() > end)
