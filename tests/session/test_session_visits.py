"""What is decided of later studies: steps of the baseline's session, and the visits between."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lesionscope.followup.choices import Choices, Visit
from lesionscope.followup.comparison import MarkedStudy
from lesionscope.followup.pairing import Pair, Pairing, Verdict
from lesionscope.followup.response import Seen
from lesionscope.followup.sites import Site
from lesionscope.inference.reading import Reading
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.session.commands import AddLesion, AddReading, Compare
from lesionscope.session.schema import VERSION
from lesionscope.session.store import Session
from lesionscope.session.visits import earlier_visits, marked_study

SERIES, LATER = "1.2.826.0.1.3680043.8.498.1", "1.2.3.4"
Reopen = Callable[[], Session]
GONE = Choices().with_fate("a", Seen.GONE)
WHOLE = Choices(
    Pairing((Pair("a", "b", float("inf"), 0.5, Verdict.CONFIRMED),)),
    ("a",),
    {"a": Site("liver")},
    {"a": Seen.TOO_SMALL},
    {"c": False},
)


def test_decisions_are_there_again_and_undone_across_restarts(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(Compare(Visit(LATER, "20260406", GONE)))
        state = session.apply(Compare(Visit(LATER, "20260406", WHOLE)))
        assert session.apply(Compare(Visit(LATER, "20260406", WHOLE))) is state, "nothing new is no step"
        session.apply(Compare(Visit("9.9", "", GONE)))
    with reopen() as session:
        assert session.state.visits == {
            LATER: Visit(LATER, "20260406", WHOLE),
            "9.9": Visit("9.9", "", GONE),
        }
        assert session.state.undo_title == "Follow-up decision"
        assert set(session.undo().visits) == {LATER}
        assert session.undo().visits[LATER].choices == GONE
        assert session.undo().visits == {} and session.state.lesions == (replace(lesion, number=1),)
    with reopen() as session:
        assert session.redo().visits[LATER].choices == GONE
        assert session.undo().visits == {} and session.undo().lesions == ()


def test_a_file_of_version_4_is_copied_and_takes_visits(path: Path, reopen: Reopen) -> None:
    with reopen() as session:
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
        lesions = session.state.lesions
    with sqlite3.connect(path) as raw:  # as version 4 left it
        raw.execute("drop table visits")
        raw.execute("pragma user_version=4")
    raw.close()
    with Session.open(path, series_uid=SERIES, read_only=True) as session:
        assert session.state.lesions == lesions and session.state.visits == {}
    with reopen() as session:
        session.apply(Compare(Visit(LATER, "20260406", GONE)))
    assert path.with_name("one.version-4.sqlite").is_file()
    with sqlite3.connect(path) as raw:
        assert raw.execute("pragma user_version").fetchone() == (VERSION,)
    raw.close()
    with reopen() as session:
        assert session.state.lesions == lesions and session.state.visits[LATER].choices == GONE


@pytest.mark.parametrize("body", ["{", "[]", '{"pairs": [], "targets": 3}'])
def test_choices_that_make_no_sense_are_damage_and_kept_aside(path: Path, reopen: Reopen, body: str) -> None:
    with reopen() as session:
        session.apply(Compare(Visit(LATER, "20260406", GONE)))
    with sqlite3.connect(path) as raw:
        raw.execute("update visits set body = ?", (body,))
    raw.close()
    with reopen() as session:
        assert "is damaged" in session.notices[0] and session.state.visits == {}
    assert list(path.parent.glob("one.damaged-*"))


def test_visits_between_are_read_from_their_own_sessions_oldest_first(
    tmp_path: Path, labels_read: Callable[..., Reading]
) -> None:
    def path_of(uid: str) -> Path:
        return tmp_path / f"{uid}.sqlite"

    marks = {}
    for uid in ("between", "first", "later"):
        marks[uid] = lesion_from_click((len(marks), 0, 0))
        with Session.open(path_of(uid), series_uid=uid) as session:
            session.apply(AddLesion(marks[uid]))
            session.apply(AddReading(labels_read(marks[uid], {"liver": (0.9, 0.5), "lung": (0.2, 0.5)})))
    with Session.open(path_of("baseline"), series_uid="baseline") as session:
        for uid, date in (
            ("between", "20260301"),
            ("first", "20260201"),
            ("later", "20260501"),
            ("undated", ""),
            ("lost", "20260310"),
        ):
            session.apply(Compare(Visit(uid, date, GONE)))
        state, baseline = session.state, MarkedStudy("20260101")
        found, missing = earlier_visits(state, baseline, "20260401", path_of=path_of)
        assert earlier_visits(state, baseline, "", path_of=path_of) == ((), ())
    assert [one.followup.date for one in found] == ["20260201", "20260301"]
    assert [one.followup.lesions[0].id for one in found] == [marks["first"].id, marks["between"].id]
    assert found[0].followup.sites == {marks["first"].id: Site("liver")}
    assert all(one.choices == GONE and one.baseline is baseline for one in found)
    assert len(missing) == 1 and "lost" in missing[0]


def test_a_visit_is_left_out_where_nobody_asked_whose_study_it_is(path: Path, reopen: Reopen) -> None:
    with reopen() as session:
        session.apply(Compare(Visit(LATER, "20260301", GONE)))
    with sqlite3.connect(path) as raw:  # as it was kept before
        (body,) = raw.execute("select body from visits").fetchone()
        raw.execute("update visits set body = ?", (body.replace('"overruled":false', '"unknown":0'),))
    raw.close()
    with reopen() as session:
        found, missing = earlier_visits(session.state, MarkedStudy("20260101"), "20260401")
        assert found == () and len(missing) == 1 and "2026-03-01" in missing[0]
        session.apply(Compare(Visit(LATER, "20260301", replace(GONE, overruled=True))))
    with reopen() as session:
        assert session.state.visits[LATER].choices == replace(GONE, overruled=True)
        with Session.open(path.with_name("later.sqlite"), series_uid=LATER):
            pass
        found, missing = earlier_visits(
            session.state,
            MarkedStudy("20260101"),
            "20260401",
            path_of=lambda _: path.with_name("later.sqlite"),
        )
    assert [one.choices.overruled for one in found] == [True] and missing == ()


def test_a_study_without_labels_says_nothing_of_places() -> None:
    from lesionscope.session.state import SessionState

    lesion = lesion_from_click((0, 0, 0))
    study = marked_study(SessionState(lesions=(lesion,)), "20260101", 5.0)
    assert study == MarkedStudy("20260101", (lesion,), {lesion.id: Site()}, 5.0)
