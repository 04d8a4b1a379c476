"""What a person chose for the report: there again after a restart, undone in order, or refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from lesionscope.ct.windows import Window, preset
from lesionscope.errors import UsageError
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.session.commands import AddLesion, NoteForReport, RemoveLesion
from lesionscope.session.report_notes import ReportNote, View
from lesionscope.session.schema import VERSION
from lesionscope.session.store import Session

SERIES = "1.2.826.0.1.3680043.8.498.1"
Reopen = Callable[[], Session]
HOSTILE = "Mine, «as it is» \u202eמריض\u202c 山 🫁\x00\ud800\n=1+1"


def test_a_sentence_and_a_view_are_there_again_and_undone_across_restarts(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    said = ReportNote(lesion.id, HOSTILE)
    seen = ReportNote(lesion.id, HOSTILE, View(preset("lung"), 81.25))
    own = ReportNote(lesion.id, HOSTILE, View(Window("own", "Own", 33.5, 0.5), None))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(NoteForReport(said))
        state = session.apply(NoteForReport(seen))
        assert session.apply(NoteForReport(seen)) is state, "nothing new is no step"
        session.apply(NoteForReport(own))
    with reopen() as session:
        assert session.state.notes == {lesion.id: own}
        assert session.state.undo_title == "Change the report"
        assert session.undo().notes == {lesion.id: seen}
        assert session.undo().notes == {lesion.id: said}
    with reopen() as session:
        assert session.undo().notes == {} and len(session.state.lesions) == 1
        assert session.redo().notes == {lesion.id: said}
        session.apply(NoteForReport(ReportNote(lesion.id)))
        assert session.state.notes == {lesion.id: ReportNote(lesion.id)}, "made by itself again"
        assert session.undo().notes == {lesion.id: said}


def test_a_removed_lesion_comes_back_with_its_sentence(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(NoteForReport(ReportNote(lesion.id, "Mine.")))
        session.apply(RemoveLesion(lesion.id))
        with pytest.raises(UsageError, match="no longer marked"):
            session.apply(NoteForReport(ReportNote(lesion.id, "Other.")))
        assert session.undo().notes[lesion.id].sentence == "Mine."


def test_a_file_of_version_5_is_copied_and_takes_notes(path: Path, reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
    with sqlite3.connect(path) as raw:  # as version 5 left it
        raw.execute("drop table report_notes")
        raw.execute("pragma user_version=5")
    raw.close()
    with Session.open(path, series_uid=SERIES, read_only=True) as session:
        assert len(session.state.lesions) == 1 and session.state.notes == {}
    with reopen() as session:
        session.apply(NoteForReport(ReportNote(lesion.id, "Mine.")))
    assert path.with_name("one.version-5.sqlite").is_file()
    with sqlite3.connect(path) as raw:
        assert raw.execute("pragma user_version").fetchone() == (VERSION,)
    raw.close()
    with reopen() as session:
        assert session.state.notes[lesion.id].sentence == "Mine."


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"sentence": "x"}', '{"sentence": null, "view": {"window": 3}}']
)
def test_notes_that_make_no_sense_are_damage_and_kept_aside(path: Path, reopen: Reopen, body: str) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(NoteForReport(ReportNote(lesion.id, "Mine.")))
    with sqlite3.connect(path) as raw:
        raw.execute("update report_notes set body = ?", (body,))
    raw.close()
    with reopen() as session:
        assert "is damaged" in session.notices[0] and session.state.notes == {}
    assert list(path.parent.glob("one.damaged-*"))
