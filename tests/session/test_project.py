"""A reading project: mined lesions and decisions, durable, undoable, one writer."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from waits import Waits

from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.inference.reading import Reading
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.commands import AddLesion, AddMined, AddReading, Decide
from lesionscope.session.decisions import Decision, now
from lesionscope.session.mined import Study
from lesionscope.session.mixing import import_warnings
from lesionscope.session.schema import VERSION
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session

Reopen = Callable[[], Session]
MinedOf = Callable[..., AddMined]
LabelsRead = Callable[..., Reading]


def decision(lesion: str, label: str = "nodule", verdict: str = "accepted", reader: str = "Ann") -> Decision:
    return Decision(lesion, label, verdict, reader, now(), "mined", seen=("nodule", "lung"))  # type: ignore[arg-type]


def test_a_project_is_there_again_with_everything(
    reopen_project: Reopen, mined_of: MinedOf, labels_read: LabelsRead
) -> None:
    made = mined_of(3)
    with reopen_project() as session:
        session.apply(made)
        session.apply(Decide((decision("mined-0"), decision("mined-1", "lung", "rejected"))))
        session.apply(Decide((decision("mined-0", verdict="uncertain", reader="Bob"),)))
        reading = labels_read(made.lesions[2].lesion, {"nodule": (0.7, 0.5)})
        state = session.apply(AddReading(reading))
        assert state.reading("mined-2", "labels") is reading and not state.is_stale("mined-2", "labels")
        assert state.lesion("mined-2") == made.lesions[2].lesion and state.lesions == ()
    with reopen_project() as session:
        assert session.state == state
        assert [one.reader for one in state.standing("mined-0")] == ["Ann", "Bob"]
        assert [one.verdict for one in state.standing("mined-0", "Bob")] == ["uncertain"]
        assert state.studies["study-1"] == Study("study-1", "1", "/data/DeepLesion")


def test_the_log_can_be_read_by_anybody_and_keeps_what_was_undone(
    project_path: Path, reopen_project: Reopen, mined_of: MinedOf
) -> None:
    with reopen_project() as session:
        session.apply(mined_of(1))
        session.apply(Decide((decision("mined-0"),)))
        session.undo()
        session.apply(Decide((dataclasses.replace(decision("mined-0", verdict="rejected"), seconds=2.5),)))
        assert [one.verdict for one in session.state.decisions] == ["rejected"]
    with sqlite3.connect(project_path) as raw:
        rows = raw.execute("select reader, label, verdict, seen, seconds, bulk from decisions").fetchall()
        kinds = raw.execute("select kind from edits order by seq").fetchall()
    raw.close()
    assert rows == [
        ("Ann", "nodule", "accepted", '["nodule", "lung"]', None, 0),
        ("Ann", "nodule", "rejected", '["nodule", "lung"]', 2.5, 0),
    ]
    assert [kind for (kind,) in kinds] == ["import", "decide", "undo", "decide"]


def test_a_bulk_acceptance_is_one_step_and_says_so(reopen_project: Reopen, mined_of: MinedOf) -> None:
    with reopen_project() as session:
        session.apply(mined_of(2))
        session.apply(Decide(tuple(decision("mined-1", label) for label in ("nodule", "lung", "chest"))))
        assert session.state.undo_title == "Accept nodule and 2 more"
        assert session.undo().decisions == () and session.state.redo_title == "Accept nodule and 2 more"
        assert session.undo().mined == {} and session.state.redo_title == "Import 2 lesions"
    with reopen_project() as session:
        session.redo()
        assert len(session.redo().decisions) == 3
        replaced = dataclasses.replace(decision("mined-1", "mass"), replaces="nodule")
        assert session.apply(Decide((replaced,))).undo_title == "Replace nodule by mass"


def test_a_decision_that_says_nothing_new_is_no_step(reopen_project: Reopen, mined_of: MinedOf) -> None:
    with reopen_project() as session:
        session.apply(mined_of(1))
        state = session.apply(Decide((decision("mined-0"),)))
        assert session.apply(Decide((decision("mined-0"),))) is state
        assert session.apply(Decide(())) is state
        assert len(session.apply(Decide((decision("mined-0", reader="Bob"),))).decisions) == 2


def test_what_does_not_fit_is_refused_and_changes_nothing(reopen_project: Reopen, mined_of: MinedOf) -> None:
    made = mined_of(2)
    with reopen_project() as session:
        state = session.apply(made)
        for wrong, sentence in (
            (decision("nobody"), "no longer there"),
            (decision("mined-0", reader=" "), "name of its reader"),
            (decision("mined-0", ""), "needs a label"),
        ):
            with pytest.raises(UsageError, match=sentence):
                session.apply(Decide((decision("mined-0"), wrong)))
        other = dataclasses.replace(made.lesions[0], sentence="another")
        with pytest.raises(UsageError, match="another lesion by the id mined-0"):
            session.apply(AddMined((), (other,)))
        with pytest.raises(UsageError, match="another study by the id study-0"):
            session.apply(AddMined((Study("study-0", "77", "/elsewhere"),), ()))
        homeless = dataclasses.replace(made.lesions[0], lesion=lesion_from_click((0, 0, 0)), study="nowhere")
        with pytest.raises(UsageError, match="lies in no study"):
            session.apply(AddMined((), (homeless,)))
        assert session.state is state
        assert session.apply(made) is state, "imported again: nothing is new"


def test_a_second_window_reads_only_and_sees_what_is_on_disk(
    reopen_project: Reopen, mined_of: MinedOf
) -> None:
    with reopen_project() as first:
        first.apply(mined_of(2))
        first.apply(Decide((decision("mined-0"),)))
        with reopen_project() as second:
            assert second.read_only and "another window" in second.notices[0]
            assert second.state == first.state
            with pytest.raises(LesionscopeError, match="read-only"):
                second.apply(Decide((decision("mined-1"),)))


def test_projects_and_sessions_are_not_taken_for_each_other(tmp_path: Path, reopen_project: Reopen) -> None:
    reopen_project().close()
    with pytest.raises(InputError, match="is a reading project"):
        Session.open(tmp_path / "project.sqlite", series_uid="1.2.3")
    Session.open(tmp_path / "series.sqlite", series_uid="1.2.3").close()
    with pytest.raises(InputError, match="session of one CT series"):
        Session.open(tmp_path / "series.sqlite")


def test_a_file_of_version_2_is_copied_and_takes_decisions(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    lesion = lesion_from_click((1, 2, 3))
    with Session.open(path, series_uid="1.2.3") as session:
        state = session.apply(AddLesion(lesion))
    with sqlite3.connect(path) as raw:  # as version 2 left it
        for table in ("decisions", "studies", "mined", "outlines"):
            raw.execute(f"drop table {table}")
        raw.execute("pragma user_version=2")
    raw.close()
    older = path.read_bytes()
    with Session.open(path, series_uid="1.2.3", read_only=True) as session:
        assert session.state == state
    assert path.read_bytes() == older
    with Session.open(path, series_uid="1.2.3") as session:
        assert session.state == state
        session.apply(Decide((decision(lesion.id),)))
    with sqlite3.connect(tmp_path / "old.version-2.sqlite") as raw:
        assert raw.execute("pragma user_version").fetchone() == (2,)
    raw.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("pragma user_version").fetchone() == (VERSION,)
    raw.close()
    with Session.open(path, series_uid="1.2.3") as session:
        assert len(session.state.decisions) == 1


def test_a_log_that_makes_no_sense_is_damage(
    project_path: Path, reopen_project: Reopen, mined_of: MinedOf
) -> None:
    with reopen_project() as session:
        session.apply(mined_of(1))
        session.apply(Decide((decision("mined-0"),)))
    with sqlite3.connect(project_path) as raw:
        raw.execute("update decisions set seen = 'not JSON'")
    raw.close()
    with reopen_project() as session:
        assert "is damaged" in session.notices[0] and session.state.mined == {}


def write_big_project(reopen_project: Reopen, mined_of: MinedOf, labels_read: LabelsRead) -> SessionState:
    """Three hundred lesions with a reading of all 171 labels and ten decisions each."""
    names = load_labels().core
    made = mined_of(300)
    with reopen_project() as session:
        session.apply(made)
        for mined in made.lesions:
            session.apply(AddReading(labels_read(mined.lesion, dict.fromkeys(names, (0.25, 0.5)))))
            session.apply(Decide(tuple(decision(mined.id, name) for name in names[:10])))
        return session.state


@pytest.mark.slow
def test_what_a_project_of_300_lesions_costs(
    reopen_project: Reopen, mined_of: MinedOf, labels_read: LabelsRead
) -> None:
    """``pytest -m slow -s`` on this file prints it."""
    state = write_big_project(reopen_project, mined_of, labels_read)
    opening, deciding = Waits("300 lesions and 3000 decisions open"), Waits("a decision, durable")
    for _ in range(5):
        with opening.one():
            session = reopen_project()
        assert session.state == state
        session.close()
    with reopen_project() as session:
        for lesion in state.mined:
            with deciding.one():
                session.apply(Decide((decision(lesion, verdict="uncertain"),)))
    with reopen_project() as session:
        assert len(session.state.decisions) == len(state.decisions) + 300
    print(opening, deciding, sep="\n")


def test_undo_of_1000_decisions(reopen_project: Reopen, mined_of: MinedOf) -> None:
    made = mined_of(100)
    with reopen_project() as session:
        session.apply(made)
        for n in range(1000):
            session.apply(Decide((decision(f"mined-{n % 100}", reader=f"R{n // 100}"),)))
        whole = session.state.decisions
        assert len(whole) == 1000
    with reopen_project() as session:
        for n in range(1000):
            assert session.undo().decisions == whole[: 999 - n]
        assert all(not decisions for decisions in session.state.decided.values())
    with reopen_project() as session:
        for n in range(10):
            assert session.redo().decisions == whole[: n + 1]


def test_mixing_patients_warns(mined_of: MinedOf) -> None:
    made = mined_of(6, patients=6)
    assert import_warnings(SessionState(), made) == ()
    mixed = mined_of(6, patients=2)  # a patient in train, test and validation
    assert "more than one of test, train, validation" in import_warnings(SessionState(), mixed)[0]
    stranger = dataclasses.replace(made.lesions[4], patient="77")
    (sentence,) = import_warnings(SessionState(), AddMined(made.studies, (*made.lesions[:4], stranger)))
    assert "1 lesion is said to be of another patient than the images (row 4" in sentence
    state = SessionState(
        mined={one.id: one for one in made.lesions[:1]}, studies={s.id: s for s in made.studies}
    )
    later = AddMined((), (dataclasses.replace(made.lesions[0], split="test", row=9),))
    assert import_warnings(state, later) == (), "the same lesion, changed"
    other = dataclasses.replace(made.lesions[0], lesion=lesion_from_click((9, 9, 9)), split="test", row=9)
    assert "1 patient has lesions" in import_warnings(state, AddMined((), (other,)))[0]
