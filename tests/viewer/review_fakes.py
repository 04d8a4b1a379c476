"""Lesions with mined labels and a model's answers, for tests of reviewing; their images are nowhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from room_fakes import FakeReader, label_answer

from lesionscope.inference.reading import Provenance, Reading
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.session.commands import AddMined, AddReading
from lesionscope.session.mined import Mention, MinedLesion, Study
from lesionscope.session.store import Session
from lesionscope.viewer.review.review import Review
from lesionscope.viewer.room import Room

SENTENCE = "A 3 cm nodule in the right lung, perhaps calcified, no mass in the liver."
MENTIONS = (
    Mention(7, 13, "nodule", "relevant"),
    Mention(21, 31, "right lung", "relevant"),
    Mention(27, 31, "lung", "irrelevant"),
    Mention(41, 50, "calcified", "uncertain"),
    Mention(55, 59, "mass", "irrelevant"),
)
MINED = ("chest", "lung", "nodule", "right lung")


def mined(count: int) -> AddMined:
    """Lesions with the same sentence, in one study that isn't there."""
    lesions = []
    for number in range(count):
        marked = dataclasses.replace(lesion_from_click((number, 1.0, 2.0)), id=f"mined-{number}")
        lesions.append(
            MinedLesion(
                marked, "s", "1", "train", number, f"s{number}", SENTENCE, MENTIONS, MINED, ("calcified",)
            )
        )
    return AddMined((Study("s", "1", "/nowhere/at/all"),), tuple(lesions))


def predicted(lesion: MinedLesion) -> Reading:
    """What :func:`label_answer` says, of a lesion."""
    made_by = Provenance("fake 1", "0" * 64, "t", "cpu", "float32", lesion.lesion.fingerprint, "1.2.3")
    return Reading(
        f"reading-{lesion.id}", lesion.id, "2026-01-01T00:00:00+00:00", made_by, None, labels=label_answer()
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Six lesions; a model has read the first four."""
    path = tmp_path / "p.sqlite"
    made = mined(6)
    with Session.open(path) as session:
        session.apply(made)
        for lesion in made.lesions[:4]:
            session.apply(AddReading(predicted(lesion)))
    return path


@pytest.fixture
def review(project: Path, tmp_path: Path, qtbot: Any) -> Iterator[Review]:
    """A review of it, before anyone gave a name."""
    room = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    made = Review(room)
    made.open_project(project)
    qtbot.waitUntil(lambda: made.state.project is not None)
    yield made
    made.close()
    room.close()


def differ(review: Review) -> None:
    """Have Ann and Bob read one lesion, and differ on a label of it."""
    for reader, verdict in (("Ann", "accepted"), ("Bob", "rejected")):
        review.name_reader(reader)
        review.show("mined-5")
        review.choose("nodule")
        review.decide(verdict)
        review.accept_all()
