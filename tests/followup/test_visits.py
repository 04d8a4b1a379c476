"""Whose the studies are, and which came first."""

from __future__ import annotations

import numpy as np
import pytest

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.followup import visits
from lesionscope.followup.visits import concerns, in_order


def source(uid: str = "1", date: str = "20260105", **patient: str) -> Source:
    return Source(uid, study_date=date, patient=Patient(**patient))


def test_one_patient_with_two_dates_raises_no_concern() -> None:
    assert concerns(source("1", patient_id="7"), source("2", "20260406", patient_id="7")) == ()
    # Systems write one name in several ways, and number patients each for itself.
    one, other = source("1", name="DOE^Jane"), source("2", "20260406", name="Doe^Jane^", patient_id="9")
    assert concerns(one, other) == ()


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ({"patient_id": "7"}, {"patient_id": "8"}, "number"),
        ({"patient_id": "7", "name": "A"}, {"patient_id": "8", "name": "A"}, "number"),
        ({"name": "A"}, {"name": "B"}, "name"),
        ({"name": "A", "birth_date": "19500101"}, {"name": "A", "birth_date": "19510101"}, "birth date"),
        ({"patient_id": "7", "sex": "F"}, {"patient_id": "7", "sex": "M"}, "sex"),
    ],
)
def test_different_patients_are_a_grave_concern_that_names_nobody(
    one: dict[str, str], other: dict[str, str], what: str
) -> None:
    (found,) = concerns(source("1", **one), source("2", "20260406", **other))
    assert found.grave and f"the {what}" in found.message.replace("patient's ", "")
    assert not any(f" {value} " in found.message for value in one.values())


def test_the_same_series_twice_is_grave() -> None:
    (found,) = concerns(source(patient_id="7"), source(patient_id="7"))
    assert found.grave and found.message == visits.SAME_SERIES


def test_lesser_concerns() -> None:
    assert [c.message for c in concerns(source("1"), source("2", "20260406"))] == [visits.NO_PATIENT]
    assert [c.message for c in concerns(source("1", "", patient_id="7"), source("2", patient_id="7"))] == [
        visits.NO_DATE
    ]
    assert [c.message for c in concerns(source("1", patient_id="7"), source("2", patient_id="7"))] == [
        visits.SAME_DATE
    ]


def test_the_earlier_study_is_the_baseline() -> None:
    hu = np.zeros((1, 1, 1), dtype=np.int16)
    first, second = (
        CTVolume(hu, Geometry((1, 1, 1), (1, 1, 1)), source(d, d)) for d in ("20260105", "20260406")
    )
    assert in_order(first, second) == in_order(second, first) == (first, second)
    undated = CTVolume(hu, Geometry((1, 1, 1), (1, 1, 1)), source("3", ""))
    assert in_order(second, undated) == (second, undated)
