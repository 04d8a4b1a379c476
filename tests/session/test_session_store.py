"""The session file: durable, undoable, single-writer, and honest when something is wrong."""

from __future__ import annotations

import dataclasses
import errno
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.inference.reading import LabelAnswer, LabelScore, Reading
from lesionscope.lesions.marking import lesion_from_click, moved
from lesionscope.session.commands import AddLesion, AddReading, Decide, RemoveLesion, ReplaceLesion
from lesionscope.session.decisions import Decision, now
from lesionscope.session.schema import VERSION
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session, default_path

SERIES = "1.2.826.0.1.3680043.8.498.1"
Reopen = Callable[[], Session]
ReadingOf = Callable[..., Reading]


def test_what_was_applied_is_there_again(reopen: Reopen, reading_of: ReadingOf) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        state = session.apply(AddReading(reading_of(lesion)))
        assert state is session.state
        assert state.revision == 2
    with reopen() as again:
        assert again.state == state
        assert again.notices == ()
        assert not again.read_only


def test_another_reader_sees_a_change_before_subscribers_hear_of_it(path: Path, reopen: Reopen) -> None:
    seen: list[int] = []

    def look(state: SessionState) -> None:
        with sqlite3.connect(path) as other:
            seen.append(other.execute("select count(*) from edits").fetchone()[0])
        other.close()

    with reopen() as session:
        session.subscribe(look)
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
        session.undo()
    assert seen == [1, 2]


def test_numbers_start_at_1_and_are_never_used_again(reopen: Reopen) -> None:
    first, second, third = (lesion_from_click((n, 0, 0)) for n in range(3))
    with reopen() as session:
        session.apply(AddLesion(first))
        session.apply(AddLesion(dataclasses.replace(second, number=77)))
        assert [lesion.number for lesion in session.state.lesions] == [1, 2]
        session.apply(RemoveLesion(second.id))
    with reopen() as session:
        session.apply(AddLesion(third))
        assert [lesion.number for lesion in session.state.lesions] == [1, 3]
        session.undo()
        session.undo()
        assert [lesion.number for lesion in session.state.lesions] == [1, 2]
        session.apply(AddLesion(lesion_from_click((9, 9, 9))))
        assert session.state.lesions[-1].number == 4


def test_undo_and_redo_survive_restarts(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    states: list[SessionState] = []
    with reopen() as session:
        for command in (
            AddLesion(lesion),
            ReplaceLesion(moved(lesion, (4, 5, 6))),
            RemoveLesion(lesion.id),
        ):
            states.append(session.apply(command))
        assert states[-1].undo_title == "Remove lesion 1"
    for state in (states[1], states[0]):
        with reopen() as session:
            assert session.undo().lesions == state.lesions
    with reopen() as session:
        assert session.state.undo_title == "Mark lesion 1"
        assert session.state.redo_title == "Move lesion 1"
        assert session.redo().lesions == states[1].lesions
        assert session.redo().lesions == ()
        assert not session.state.can_redo
        before = session.state
        assert session.redo() is before


def test_a_new_step_after_undo_cuts_the_redo_branch_but_no_row_goes(path: Path, reopen: Reopen) -> None:
    with reopen() as session:
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
        session.undo()
        assert session.state.can_redo
        session.apply(AddLesion(lesion_from_click((4, 5, 6))))
        assert not session.state.can_redo
    with reopen() as session:
        assert not session.state.can_redo
        assert len(session.state.lesions) == 1
    rows = sqlite3.connect(path).execute("select kind from edits order by seq").fetchall()
    assert [kind for (kind,) in rows] == ["add", "undo", "add"]


def test_an_edit_makes_a_reading_stale_and_undo_makes_it_fresh(reopen: Reopen, reading_of: ReadingOf) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        number_one = session.apply(AddLesion(lesion)).lesions[0]
        first = reading_of(number_one)
        session.apply(AddReading(first))
        assert not session.state.is_stale(lesion.id)
        edited = moved(number_one, (4, 5, 6))
        session.apply(ReplaceLesion(edited))
        assert session.state.is_stale(lesion.id)
        assert session.state.reading(lesion.id) == first
        second = reading_of(edited)
        session.apply(AddReading(second))
        assert session.state.reading(lesion.id) == second
        assert session.state.undo_title == "Move lesion 1", "a reading is no undo step"
        session.undo()
        assert session.state.reading(lesion.id) == first, "the reading of this very mark"
        assert not session.state.is_stale(lesion.id)
    with reopen() as session:
        assert session.state.reading(lesion.id) == first
        session.redo()
        assert session.state.reading(lesion.id) == second
        third = reading_of(edited)
        session.apply(AddReading(third))
        assert session.state.reading(lesion.id) == third
        before = session.state
        assert session.apply(AddReading(second)) is before, "kept already"
    with reopen() as session:
        assert session.state.reading(lesion.id) == third
        assert session.apply(AddReading(second)) is session.state


def labels_of(reading: Reading) -> Reading:
    """The same reading as a label model's."""
    score = LabelScore("lung", "body part", 0.9, 0.5, True, 0.8)
    answer = LabelAnswer((score,), (), 0.5, False)
    return dataclasses.replace(reading, id=f"{reading.id}-labels", pathology=None, labels=answer)


def test_a_lesion_shows_the_latest_reading_of_each_task(reopen: Reopen, reading_of: ReadingOf) -> None:
    lesion = lesion_from_click((1, 2, 3))
    other = moved(lesion, (2, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        tree, labels = reading_of(lesion), labels_of(reading_of(lesion))
        session.apply(AddReading(tree))
        session.apply(AddReading(labels))
        session.apply(ReplaceLesion(other))
        again = reading_of(other)
        state = session.apply(AddReading(again))
        assert state.reading(lesion.id) == again and not state.is_stale(lesion.id)
        assert state.reading(lesion.id, "labels") == labels and state.is_stale(lesion.id, "labels")
    with reopen() as session:
        assert session.state == state
        session.undo()
        assert session.state.reading(lesion.id) == tree
        assert not session.state.is_stale(lesion.id, "labels")


def make_version_1(path: Path) -> None:
    """Turn a session file into one as version 1 wrote it."""
    raw = sqlite3.connect(path)
    raw.execute("alter table readings drop column task")
    for table in ("decisions", "studies", "mined", "outlines"):
        raw.execute(f"drop table {table}")
    raw.execute("pragma user_version=1")
    raw.commit()
    raw.close()


def test_an_older_file_is_copied_and_brought_up_to_date(
    path: Path, reopen: Reopen, reading_of: ReadingOf
) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        state = session.apply(AddReading(reading_of(lesion)))
    make_version_1(path)
    older = path.read_bytes()
    # Read-only, it is read as it is.
    with Session.open(path, series_uid=SERIES, read_only=True) as session:
        assert session.state == state
    assert path.read_bytes() == older
    with reopen() as session:
        assert session.state == state and session.notices == ()
        session.apply(AddReading(labels_of(reading_of(lesion))))
    copy = path.with_name("one.version-1.sqlite")
    raw = sqlite3.connect(copy)
    assert raw.execute("pragma user_version").fetchone() == (1,)
    assert raw.execute("select count(*) from readings").fetchone() == (1,)
    raw.close()
    with reopen() as session:
        assert {task for _, task in session.state.readings} == {"pathology", "labels"}


def test_an_older_file_that_can_not_be_copied_is_left_as_it_is(
    path: Path, reopen: Reopen, reading_of: ReadingOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    reopen().close()
    make_version_1(path)
    older = path.read_bytes()

    def full(*_: object) -> None:
        raise LesionscopeError("no space left")

    monkeypatch.setattr("lesionscope.session.opening.write_atomically", full)
    with pytest.raises(LesionscopeError, match="no copy of it could be made"):
        reopen()
    assert path.read_bytes() == older


def test_a_late_reading_of_a_vanished_lesion_is_dropped(
    path: Path, reopen: Reopen, reading_of: ReadingOf
) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(AddReading(reading_of(lesion)))
        gone = session.apply(RemoveLesion(lesion.id))
        assert gone.readings == {}
        heard: list[SessionState] = []
        session.subscribe(heard.append)
        assert session.apply(AddReading(reading_of(lesion))) is gone
        assert heard == []
        assert session.undo().reading(lesion.id) is not None
    assert sqlite3.connect(path).execute("select count(*) from readings").fetchone() == (1,)


def test_commands_that_do_not_fit_say_so(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        state = session.apply(AddLesion(lesion))
        with pytest.raises(UsageError, match="marked already"):
            session.apply(AddLesion(lesion))
        for command in (ReplaceLesion(lesion_from_click((0, 0, 0))), RemoveLesion("nobody")):
            with pytest.raises(UsageError, match="no longer marked"):
                session.apply(command)
        with pytest.raises(UsageError, match="finite"):
            session.apply(ReplaceLesion(dataclasses.replace(lesion, centroid_lps_mm=(float("nan"), 0, 0))))
        assert session.apply(ReplaceLesion(lesion)) is state, "nothing changed: no step"


def test_listeners_hear_every_change_until_they_leave(
    reopen: Reopen, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[int] = []

    def broken(state: SessionState) -> None:
        raise RuntimeError("a panel's fault")

    with reopen() as session:
        session.subscribe(broken)
        leave = session.subscribe(lambda state: heard.append(state.revision))
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
        session.undo()
        leave()
        leave()
        session.redo()
    assert heard == [1, 2]
    assert "listener failed" in caplog.text


def test_a_listener_that_makes_a_change_leaves_the_others_with_the_newest_state(reopen: Reopen) -> None:
    heard: list[int] = []
    with reopen() as session:

        def follow(state: SessionState) -> None:
            if state.revision == 1:
                session.apply(AddLesion(lesion_from_click((4, 5, 6))))

        session.subscribe(follow)
        session.subscribe(lambda state: heard.append(len(state.lesions)))
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
    assert heard == [2, 2]


def test_a_second_window_reads_only_and_is_told(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as first:
        first.apply(AddLesion(lesion))
        with reopen() as second:
            assert second.read_only
            assert "another window" in second.notices[0]
            assert second.state == first.state
            with pytest.raises(LesionscopeError, match="read-only"):
                second.apply(RemoveLesion(lesion.id))
            with pytest.raises(LesionscopeError, match="read-only"):
                second.undo()
            first.apply(RemoveLesion(lesion.id))  # the reader does not hold up the writer
    with reopen() as third:
        assert not third.read_only and third.notices == ()


def test_a_second_process_reads_only_too(path: Path, reopen: Reopen) -> None:
    code = (
        "import sys; from lesionscope.session.store import Session;"
        f"s = Session.open(sys.argv[1], series_uid={SERIES!r}); print(s.read_only, len(s.state.lesions))"
    )
    with reopen() as session:
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"]


def test_300_lesions_and_1000_edits_are_there_again_and_can_all_be_undone(
    reopen: Reopen, reading_of: ReadingOf
) -> None:
    with reopen() as session:
        for n in range(300):
            session.apply(AddLesion(lesion_from_click((n, 0, 0))))
        for n in range(700):
            lesion = session.state.lesions[n % 300]
            session.apply(ReplaceLesion(moved(lesion, (n, n, 1))))
            if n < 300:
                session.apply(AddReading(reading_of(session.state.lesions[n])))
        state = session.state
    with reopen() as session:
        assert session.state == state
        for _ in range(1000):
            assert session.state.can_undo
            session.undo()
        assert session.state.lesions == () and not session.state.can_undo


def test_a_newer_file_is_refused_and_left_alone(path: Path, reopen: Reopen) -> None:
    reopen().close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"pragma user_version={VERSION + 1}")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="newer Lesionscope"):
        reopen()
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="newer Lesionscope"):
        Session.open(path, series_uid=SERIES, read_only=True)


def test_another_programs_database_and_another_series_are_refused(path: Path, reopen: Reopen) -> None:
    reopen().close()
    with pytest.raises(InputError, match="another CT series"):
        Session.open(path, series_uid="1.2.3")
    other = path.with_name("other.sqlite")
    with sqlite3.connect(other) as raw:
        raw.execute("create table cards (n)")
    raw.close()
    before = other.read_bytes()
    with pytest.raises(InputError, match="another program"):
        Session.open(other, series_uid=SERIES)
    assert other.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("content", [b"path;click\nct;1,2,3\n", b"\0" * 50 + b"%PDF", bytes(range(256)) * 40])
def test_a_file_that_no_lesionscope_wrote_stays_as_it_is(
    tmp_path: Path, content: bytes, read_only: bool
) -> None:
    notes = tmp_path / "notes.csv"
    notes.write_bytes(content)
    with pytest.raises(InputError, match="another program"):
        Session.open(notes, read_only=read_only)
    assert notes.read_bytes() == content and list(tmp_path.iterdir()) == [notes]


def test_a_folder_or_a_name_that_is_too_long_is_bad_input(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "is a folder"), (tmp_path / ("n" * 300), "choose another name")):
        for read_only in (False, True):
            with pytest.raises(InputError, match=why):
                Session.open(path, read_only=read_only)
    assert not list(tmp_path.iterdir())


def damage_header(path: Path) -> None:
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])


def damage_head(path: Path) -> None:
    path.write_bytes(b"\xa5" * 100 + path.read_bytes()[100:])


def damage_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:8192] = b"\xa5" * 4096
    path.write_bytes(bytes(data))


def damage_tail(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def damage_log(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("update edits set after = '{}' where seq = 1")
    raw.close()


def damage_order(path: Path) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("delete from edits where seq = 1")
    raw.close()


DAMAGES = [damage_header, damage_head, damage_pages, damage_tail, damage_log, damage_order]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_kept_aside_and_said(
    path: Path, reopen: Reopen, damage: Callable[[Path], None]
) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(ReplaceLesion(moved(lesion, (2, 2, 3))))
    damage(path)
    content = path.read_bytes()
    with pytest.raises(InputError, match="damaged"):
        Session.open(path, series_uid=SERIES, read_only=True)
    assert path.read_bytes() == content
    with reopen() as session:
        assert session.state == SessionState()
        assert not session.read_only
        assert "is damaged" in session.notices[0]
        session.apply(AddLesion(lesion))
    (kept,) = path.parent.glob("one.damaged-*.sqlite")
    assert kept.read_bytes() == content
    assert kept.name in session.notices[0]
    with reopen() as session:
        assert len(session.state.lesions) == 1 and session.notices == ()


def test_an_empty_file_becomes_a_session(path: Path, reopen: Reopen) -> None:
    path.parent.mkdir()
    path.touch()
    with reopen() as session:
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
    with reopen() as session:
        assert len(session.state.lesions) == 1


def test_half_a_character_is_a_sentence_and_changes_nothing(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        before = session.apply(AddLesion(lesion))
        for reader in ("Jos\udce9", "Jo \ud83d"):
            made = Decision(lesion.id, "lung", "accepted", reader, now(), "predicted")
            with pytest.raises(InputError, match="half a character"):
                session.apply(Decide((made,)))
        assert session.state is before
        state = session.apply(Decide((dataclasses.replace(made, reader="José"),)))
    with reopen() as session:
        assert session.state == state


def test_a_full_disk_changes_nothing(reopen: Reopen, reading_of: ReadingOf) -> None:
    lesion = lesion_from_click((1, 2, 3))
    heard: list[SessionState] = []
    with reopen() as session:
        before = session.apply(AddLesion(lesion))
        session.subscribe(heard.append)
        with session._engine.connect() as raw:  # SQLite's own way to run out of room
            pages = raw.exec_driver_sql("pragma page_count").scalar_one()
            raw.exec_driver_sql(f"pragma max_page_count={pages}")
        big = reading_of(lesion)
        big = dataclasses.replace(big, embedding=tuple(float(n) for n in range(20_000)))
        with pytest.raises(LesionscopeError, match=r"could not be written \(database or disk is full\)"):
            session.apply(AddReading(big))
        assert session.state is before and heard == []
        with session._engine.connect() as raw:
            raw.exec_driver_sql("pragma max_page_count=100000")
        assert session.apply(AddReading(big)).reading(lesion.id) == big
        state = session.state
    with reopen() as session:
        assert session.state == state


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_for_real(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("a tmpfs can't be mounted here")
    try:
        with Session.open(small / "one.sqlite", series_uid=SERIES) as session:
            with pytest.raises(LesionscopeError, match="free some space"):
                for n in range(3000):
                    state = session.apply(AddLesion(lesion_from_click((n, 0, 0))))
            assert session.state is state
        with Session.open(small / "one.sqlite", series_uid=SERIES) as session:
            assert session.state == state
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_read_only_disk_opens_read_only(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode:
        pytest.skip("a tmpfs can't be mounted here")
    try:
        with Session.open(disk / "one.sqlite", series_uid=SERIES) as session:
            state = session.apply(AddLesion(lesion_from_click((1, 2, 3))))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with Session.open(disk / "one.sqlite", series_uid=SERIES) as session:
            assert session.read_only and "can't be written" in session.notices[0]
            assert session.state == state
        with pytest.raises(LesionscopeError, match="could not be made"):
            Session.open(disk / "two.sqlite", series_uid=SERIES)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_closed_session_is_one_file_and_an_empty_lock(path: Path, reopen: Reopen) -> None:
    with reopen() as session:
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))
    assert {p.name: p.stat().st_size > 0 for p in path.parent.iterdir()} == {
        "one.sqlite": True,
        "one.sqlite-lock": False,
    }


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LesionscopeError, match="choose a folder that can be written"):
        Session.open(tmp_path / "file" / "one.sqlite", series_uid=SERIES)
    with pytest.raises(LesionscopeError):
        Session.open(tmp_path / "absent.sqlite", series_uid=SERIES, read_only=True)
    assert not (tmp_path / "absent.sqlite").exists()


def test_a_read_only_file_opens_read_only(
    path: Path, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reopen() as session:
        state = session.apply(AddLesion(lesion_from_click((1, 2, 3))))
    path.chmod(stat.S_IRUSR)
    # Root may write anything, so ask as another user would be answered.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with reopen() as session:
        assert session.read_only and "can't be written" in session.notices[0]
        assert session.state == state


def test_a_folder_that_cannot_be_written_opens_read_only(
    reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reopen() as session:
        state = session.apply(AddLesion(lesion_from_click((1, 2, 3))))

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr("lesionscope.session.opening.WriterLock.acquire", refuse)
    with reopen() as session:
        assert session.read_only and session.state == state


def test_a_closed_session_refuses_changes(reopen: Reopen) -> None:
    session = reopen()
    session.close()
    session.close()
    assert session.state == SessionState()
    with pytest.raises(LesionscopeError, match="closed"):
        session.apply(AddLesion(lesion_from_click((1, 2, 3))))


def test_unusual_paths(tmp_path: Path) -> None:
    path = tmp_path / "Ünïcode 肺 #%20?mode=ro" / "a b;c.sqlite"
    for count in (0, 1):
        with Session.open(path, series_uid=SERIES) as session:
            assert len(session.state.lesions) == count
            session.apply(AddLesion(lesion_from_click((1, 2, 3))))
    assert path.is_file()


def test_the_default_path_tells_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    path = default_path("1.2.840.99/../DOE^JOHN")
    assert path.parent == tmp_path / "sessions"
    assert path.suffix == ".sqlite" and int(path.stem, 16)
    assert path != default_path("1.2.840.98")
    monkeypatch.delenv("LESIONSCOPE_DATA")
    assert default_path("1").parent.name == "sessions"
    assert "lesionscope" in str(default_path("1"))


def test_states_and_commands_need_no_database_library() -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None;"
        "import lesionscope.session.state, lesionscope.session.commands, lesionscope.session.codec"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_enospc_from_the_lock_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(LesionscopeError, match="could not be made"):
        Session.open(path, series_uid=SERIES)
