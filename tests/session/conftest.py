"""Readings and lesions for the session's tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from lesionscope.inference.reading import NodeScore, PathologyAnswer, Provenance, Reading, Refusal
from lesionscope.lesions.lesion import Lesion
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
