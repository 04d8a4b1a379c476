"""Readings and lesions for the session's tests."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from lesionscope.inference.reading import (
    LabelAnswer,
    LabelScore,
    NodeScore,
    PathologyAnswer,
    Provenance,
    Reading,
    Refusal,
)
from lesionscope.lesions.deeplesion import Slices
from lesionscope.lesions.lesion import Lesion
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.session.commands import AddMined
from lesionscope.session.mined import Mention, MinedLesion, Study
from lesionscope.session.store import Session

SERIES = "1.2.826.0.1.3680043.8.498.1"
_serial = itertools.count(1)


def _reading_of(lesion: Lesion, answer: PathologyAnswer | Refusal | None = None) -> Reading:
    """A reading of a lesion as it is marked."""
    if answer is None:
        nodes = (NodeScore("H1a", "benign", None, 0.3, 0.3), NodeScore("H1b", "malignant", None, 0.7, 0.7))
        answer = PathologyAnswer(nodes, {"H2": 0.125}, 0.5, False)
    return Reading(
        id=f"reading-{next(_serial)}",
        lesion_id=lesion.id,
        created="2024-05-06T07:08:09+00:00",
        provenance=Provenance(
            "demo 1", "ab" * 32, "lesionscope 0.1", "cpu", "float32", lesion.fingerprint, SERIES
        ),
        pathology=answer,
        embedding=(0.1, -2.5),
        timings_ms={"total": 12.5},
    )


@pytest.fixture
def reading_of() -> Callable[..., Reading]:
    """Make a new reading of a lesion as it is marked."""
    return _reading_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "one.sqlite"


@pytest.fixture
def reopen(path: Path) -> Callable[[], Session]:
    return lambda: Session.open(path, series_uid=SERIES)


SENTENCE = "A 3 cm nodule in the right lower lobe BOOKMARK, no mass in the liver."


def _mined_of(
    count: int, patients: int = 0, labels: tuple[str, ...] = ("chest", "lung", "nodule")
) -> AddMined:
    """Lesions in studies of their own, as an import gives them; ``patients`` 0 for one each."""
    studies, lesions = [], []
    for n in range(count):
        patient = str(n % patients if patients else n)
        studies.append(Study(f"study-{n}", patient, "/data/DeepLesion"))
        lesion = dataclasses.replace(
            lesion_from_click((n, 1.5, -2)), id=f"mined-{n}", tracking_uid=f"2.25.{n}"
        )
        lesions.append(
            MinedLesion(
                lesion,
                f"study-{n}",
                patient,
                ("train", "validation", "test")[n % 3],
                n,
                f"s{n}",
                SENTENCE,
                (Mention(7, 13, "nodule", "relevant"), Mention(57, 61, "mass", "irrelevant")),
                labels,
                ("right lower lobe",),
                ("mass",),
                Slices(f"{n:06d}_01_01", 7, 3, 11, (0.8, 0.8, 5.0)),
            )
        )
    return AddMined(tuple(studies), tuple(lesions))


@pytest.fixture
def mined_of() -> Callable[..., AddMined]:
    """Make lesions with mined labels, and their studies."""
    return _mined_of


def _labels_of(lesion: Lesion, scores: dict[str, tuple[float, float]], kinds: str = "type") -> Reading:
    """A label model's reading: label → (probability, threshold)."""
    answer = LabelAnswer(
        tuple(LabelScore(name, kinds, p, t, p >= t, p) for name, (p, t) in scores.items()),
    )
    return dataclasses.replace(_reading_of(lesion), pathology=None, labels=answer)


@pytest.fixture
def labels_read() -> Callable[..., Reading]:
    """Make a label model's reading of a lesion."""
    return _labels_of


@pytest.fixture
def project_path(tmp_path: Path) -> Path:
    return tmp_path / "project.sqlite"


@pytest.fixture
def reopen_project(project_path: Path) -> Callable[[], Session]:
    return lambda: Session.open(project_path)
