"""The follow-up window: two studies linked, decisions by keys, what is kept, what is said."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from room_fakes import FakeReader
from window_helpers import landmark_volume

from lesionscope.ct.volume import CTVolume, Patient
from lesionscope.errors import Cancelled
from lesionscope.followup.choices import FATES, Choices
from lesionscope.followup.pairing import Verdict
from lesionscope.followup.registration import Alignment, NotAligned
from lesionscope.followup.response import Outcome, Role, Seen
from lesionscope.followup.rigid import Rigid
from lesionscope.followup.sites import Site
from lesionscope.followup.visits import LINKED_ANYWAY
from lesionscope.lesions.lesion import Diameter, Point
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.progress import CancelToken
from lesionscope.session.commands import AddLesion
from lesionscope.viewer import wording as room_wording
from lesionscope.viewer.followup import comparing as comparing_module
from lesionscope.viewer.followup import opening, wording
from lesionscope.viewer.followup.compare_state import ids_of
from lesionscope.viewer.followup.comparing import Comparing
from lesionscope.viewer.room import Room

SHIFT = (4.0, -6.0, 10.0)
LIVER = Site("liver")


def study(uid: str, date: str, **patient: str) -> CTVolume:
    made = landmark_volume(uid=uid)
    who = Patient(**({"patient_id": "PID-77"} | patient))
    return replace(made, source=replace(made.source, study_date=date, patient=who))


def mark(room: Room, place: Point, long: float, short: float) -> str:
    x, y, z = place
    lines = (
        Diameter((x - long / 2, y, z), (x + long / 2, y, z)),
        Diameter((x, y - short / 2, z), (x, y + short / 2, z)),
    )
    assert room.state.volume is not None
    lesion = lesion_from_diameters(*lines, geometry=room.state.volume.geometry)
    room.apply(AddLesion(lesion))
    return lesion.id


def moved(place: Point) -> Point:
    x, y, z = (a + b for a, b in zip(place, SHIFT, strict=True))
    return (x, y, z)


@pytest.fixture
def rooms(tmp_path: Path, qapp: Any) -> Iterator[Callable[..., tuple[Room, Room]]]:
    """Make two rooms: a lesion that shrank, one that went, one that is new."""
    made: list[Room] = []

    def make(first: CTVolume | None = None, second: CTVolume | None = None) -> tuple[Room, Room]:
        volumes = first or study("1.1", "20260105"), second or study("1.2", "20260406")
        for volume in volumes:
            room = Room(
                make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.sqlite", auto_read=False
            )
            room.open(volume)
            made.append(room)
        return made[-2], made[-1]

    yield make
    for room in made:
        room.close()


def fill(pair: tuple[Room, Room]) -> None:
    mark(pair[0], (-20, 0, 0), 30, 20)
    mark(pair[0], (15, 10, 20), 16, 12)
    mark(pair[1], moved((-20, 0, 0)), 18, 14)
    mark(pair[1], (20, -10, -30), 11, 9)


@pytest.fixture
def aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer for the registration at once: it has tests of its own."""
    monkeypatch.setattr(
        comparing_module, "register", lambda *_, **__: Alignment(Rigid(shift_mm=SHIFT), 0.9, 0.9)
    )


def comparing(pair: tuple[Room, Room], folder: Path, qtbot: Any, ready: bool = True) -> Comparing:
    made = Comparing(*pair, session_path=lambda uid: folder / f"{uid}.sqlite")
    made.begin()
    if ready:
        qtbot.waitUntil(lambda: made.state.alignment is not None)
    return made


# -- the controller -------------------------------------------------------------------------


def test_a_whole_comparison(rooms: Any, aligned: None, tmp_path: Path, qtbot: Any) -> None:
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot)
    pairs = c.state.comparison.choices.pairing.pairs
    assert len(pairs) == 1 and pairs[0].distance_mm < 2.5 and pairs[0].verdict is Verdict.PROPOSED
    assert [row.is_open for row in c.state.comparison.rows] == [True, True, True]
    c.take_sites({lesion.id: LIVER for lesion in pair[0].state.lesions})
    c.select(pair[0].state.lesions[0].id)
    c.confirm()
    assert c.state.row is not None and c.state.row.baseline is pair[0].state.lesions[1]  # the next open one
    c.set_fate(Seen.GONE)
    assert c.state.row is not None and c.state.row.baseline is None
    c.set_new(True)
    now = c.state.comparison.response.visits[1]
    assert (now.sum_mm, now.target, now.overall) == (pytest.approx(18), Outcome.PR, Outcome.PD)
    c.close()
    again = comparing(pair, tmp_path, qtbot)
    assert again.state.comparison.response.visits[1] == now
    for _ in range(3):
        again.undo()
    assert again.state.notice == room_wording.UNDONE.format(what="Follow-up decision")
    assert len(again.state.comparison.open_rows) == 3
    again.redo()
    assert len(again.state.comparison.open_rows) == 2
    for _ in range(20):
        again.undo()
    assert again.state.notice == room_wording.NOTHING_TO_UNDO
    assert again.state.comparison.baseline.lesions == (), "the baseline's marks are steps of the same log"
    again.close()


def test_the_nadir_is_a_visit_between(rooms: Any, aligned: None, tmp_path: Path, qtbot: Any) -> None:
    pair = rooms()
    mark(pair[0], (-20, 0, 0), 50, 40)
    mark(pair[1], moved((-20, 0, 0)), 20, 15)
    first = comparing(pair, tmp_path, qtbot)
    first.take_sites({pair[0].state.lesions[0].id: LIVER})
    first.confirm()
    assert first.state.comparison.response.visits[1].overall is Outcome.PR
    first.close()
    (_, third) = rooms(second=study("1.3", "20260706"))
    mark(third, moved((-20, 0, 0)), 30, 20)
    pair[1].leave()
    again = comparing((pair[0], third), tmp_path, qtbot)
    assert again.state.comparison.choices.sites == {pair[0].state.lesions[0].id: LIVER}
    again.confirm()
    table = again.state.comparison.response
    assert [visit.sum_mm for visit in table.visits] == pytest.approx([50, 20, 30])
    assert [visit.overall for visit in table.visits] == [None, Outcome.PR, Outcome.PD]
    words = wording.response_words(again.state.comparison)
    assert "50.0 → 20.0 (2026-04-06) → 30.0 mm" in words[1] and "+10.0 mm from nadir 20.0 mm" in words[1]
    again.write_report(tmp_path / "report", ("json", "csv", "html"))
    qtbot.waitUntil(lambda: "Written" in again.state.notice)
    (file,) = (tmp_path / "report").glob("*.json")
    visits = json.loads(file.read_text(encoding="utf-8"))["response"]["visits"]
    assert [visit["overall"] for visit in visits] == [None, "PR", "PD"]
    again.close()


def test_the_report_holds_the_response_and_waits_for_all_decisions(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot)
    assert c.write_report(tmp_path / "report") is None
    assert "3 lesions" in c.state.notice and not (tmp_path / "report").exists()
    c.take_sites({lesion.id: LIVER for lesion in pair[0].state.lesions})
    c.select(pair[0].state.lesions[0].id)
    c.confirm()
    c.set_fate(Seen.GONE)
    c.set_new(True)
    c.write_report(tmp_path / "report", ("json",))
    qtbot.waitUntil(lambda: "Written" in c.state.notice)
    (file,) = (tmp_path / "report").glob("*.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert [visit["overall"] for visit in content["response"]["visits"]] == [None, "PD"]
    rows = {row["name"]: row for row in content["response"]["lesions"]}
    assert set(rows) == {"Lesion 1", "Baseline lesion 2", "New lesion 2"}
    assert {row["tracking_uid"] for row in content["lesions"]} == {
        rows["Lesion 1"]["id"],
        rows["New lesion 2"]["id"],
    }
    c.close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_report_is_written_to_its_end_where_the_comparison_closes_meanwhile(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any, writable: bool
) -> None:
    pair = rooms()
    mark(pair[0], (-20, 0, 0), 30, 20)
    mark(pair[1], moved((-20, 0, 0)), 18, 14)
    c = comparing(pair, tmp_path, qtbot)
    c.confirm()
    folder = tmp_path / "report"
    if not writable:
        folder.write_text("a file")
    assert c.write_report(folder, ("html", "json")) is not None
    c.close()
    if writable:
        assert sorted(file.suffix for file in folder.iterdir()) == [".html", ".json"]
    said = "Written" if writable else "could not be written"
    assert all(said in room.state.notice for room in pair)
    assert "lesionscope-followup" not in {thread.name for thread in threading.enumerate()}


def test_no_response_is_written_where_no_lesion_counts(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms()
    c = comparing(pair, tmp_path, qtbot)
    assert c.write_report(tmp_path / "report") is None
    assert c.state.notice == room_wording.NO_LESIONS_TO_EXPORT
    found = mark(pair[1], (0, 0, 0), 12, 9)
    c.select(found)
    c.set_new(False)
    assert "Sum" not in wording.response_words(c.state.comparison)[1]
    c.write_report(tmp_path / "report", ("json",))
    qtbot.waitUntil(lambda: "Written" in c.state.notice)
    (file,) = (tmp_path / "report").glob("*.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert len(content["lesions"]) == 1 and "response" not in content
    c.close()


@pytest.mark.parametrize("asked", [0, 1])
def test_the_report_names_nobody_where_either_study_asks_for_that(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any, asked: int
) -> None:
    from lesionscope.viewer.docks.report_draft import drafts_of

    pair = rooms()
    mark(pair[0], (-20, 0, 0), 30, 20)
    mark(pair[1], moved((-20, 0, 0)), 20, 15)
    c = comparing(pair, tmp_path, qtbot)
    c.select(pair[0].state.lesions[0].id)
    c.confirm()
    drafts_of(pair[asked]).set(deidentify=True)
    c.write_report(tmp_path / "report", ("json",))
    qtbot.waitUntil(lambda: "Written" in c.state.notice)
    (file,) = (tmp_path / "report").glob("*.json")
    text = file.read_text(encoding="utf-8")
    assert "PID-77" not in text and "20260406" not in text
    assert [visit["date"] for visit in json.loads(text)["response"]["visits"]] == ["Visit 1", "Visit 2"]
    c.close()


def test_a_mark_made_later_is_proposed_and_a_removed_one_goes(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot)
    found = mark(pair[1], moved((15, 10, 20)), 10, 8)
    assert {p.followup for p in c.state.comparison.choices.pairing.pairs} >= {found}
    pair[1].delete(found)
    assert found not in {p.followup for p in c.state.comparison.choices.pairing.pairs}
    c.close()


def test_pairs_by_hand(rooms: Any, aligned: None, tmp_path: Path, qtbot: Any) -> None:
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot)
    c.select(pair[0].state.lesions[0].id)
    c.refuse()
    assert c.state.comparison.rows[0].pair is None
    pair[0].select(pair[0].state.lesions[1].id)
    pair[1].select(pair[1].state.lesions[1].id)
    c.join()
    row = c.state.comparison.rows[1]
    assert row.pair is not None and row.pair.verdict is Verdict.CONFIRMED
    assert row.followup is pair[1].state.lesions[1]
    c.close()


@pytest.mark.parametrize("fate", [Seen.GONE, Seen.NOT_EVALUABLE])
@pytest.mark.parametrize("marked_first", [True, False])
def test_what_is_gone_hides_no_lesion_that_is_marked_near_its_place(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any, fate: Seen, marked_first: bool
) -> None:
    pair = rooms()
    before, place = mark(pair[0], (-20, 0, 0), 30, 20), moved((-8, 0, 0))
    found = mark(pair[1], place, 12, 10) if marked_first else ""
    c = comparing(pair, tmp_path, qtbot)
    c.select(before)
    c.set_fate(fate)
    found = found or mark(pair[1], place, 12, 10)
    assert [ids_of(row) for row in c.state.comparison.rows] == [(before,), (found,)]
    assert c.state.response is None and c.write_report(tmp_path / "report") is None
    c.select(found)
    c.set_new(True)
    assert c.state.response is not None and c.state.response.visits[1].overall is Outcome.PD
    for room in pair:
        room.select(room.state.lesions[0].id)
    c.join()
    assert c.state.response is not None and c.state.response.visits[1].overall is Outcome.PR
    c.close()


def test_what_is_taken_back_is_proposed_again(rooms: Any, aligned: None, tmp_path: Path, qtbot: Any) -> None:
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot)
    first = pair[0].state.lesions[0].id
    for paired in (False, True):
        c.select(first)
        c.set_fate(Seen.GONE)
        assert (c.state.comparison.rows[0].pair is not None) is paired
    c.close()


def test_targets_and_nodes(rooms: Any, aligned: None, tmp_path: Path, qtbot: Any) -> None:
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot)
    first = pair[0].state.lesions[0].id
    c.select(first)
    assert c.state.row is not None and c.state.row.role is Role.TARGET
    c.set_fate(Seen.PROGRESSED)
    assert c.state.notice == wording.ONLY_NON_TARGETS and c.state.row.fate is None
    c.toggle_target()
    assert c.state.row.role is Role.NON_TARGET
    c.toggle_node()
    assert c.state.row.site.node
    assert "short axis" in wording.row_words(c.state.row)[4]
    c.close()


def test_different_patients_are_not_linked_before_the_reader_says_so(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms(study("1.1", "20260105"), study("1.2", "20260406", patient_id="SOMEBODY ELSE"))
    fill(pair)
    c = comparing(pair, tmp_path, qtbot, ready=False)
    qtbot.wait(50)
    assert c.state.blocked and c.state.alignment is None and c.to_followup is None
    assert c.state.comparison.choices.pairing.pairs == ()
    assert "different patients" in c.state.concerns[0].message
    c.overrule()
    qtbot.waitUntil(lambda: c.state.alignment is not None)
    c.close()


def everything(c: Comparing) -> Iterator[Callable[[], object]]:
    """Give what a key can decide, on every lesion."""
    for lesion in (*c.rooms[0].state.lesions, *c.rooms[1].state.lesions):
        for act in (c.confirm, c.refuse, c.join, c.toggle_target, c.toggle_node):
            yield lambda act=act, id=lesion.id: (c.select(id), act())
        for fate in FATES:
            yield lambda fate=fate, id=lesion.id: (c.select(id), c.set_fate(fate))
        for new in (True, False):
            yield lambda new=new, id=lesion.id: (c.select(id), c.set_new(new))
    yield lambda: c.take_sites({lesion.id: LIVER for lesion in c.rooms[0].state.lesions})


def test_nothing_is_decided_or_written_of_another_patients_study(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms(study("1.1", "20260105"), study("9.9", "20260301", patient_id="SOMEBODY ELSE"))
    fill(pair)
    c = comparing(pair, tmp_path, qtbot, ready=False)
    before = pair[0].state.session
    for act in everything(c):
        act()
        assert c.state.notice == c.state.concerns[0].message
        assert pair[0].state.session is before and c.state.comparison.choices == Choices()
    assert c.write_report(tmp_path / "report") is None and not (tmp_path / "report").exists()
    assert c.state.notice == c.state.concerns[0].message and c.state.response is None
    c.close()
    (_, right) = rooms(second=study("1.2", "20260406"))
    mark(right, moved((-20, 0, 0)), 20, 15)
    again = comparing((pair[0], right), tmp_path, qtbot)
    again.select(pair[0].state.lesions[0].id)
    again.confirm()
    again.set_fate(Seen.GONE)
    assert again.state.response is not None
    assert [one.overall for one in again.state.response.visits] == [None, Outcome.PR]
    again.close()


def test_a_report_says_that_the_reader_linked_different_patients_all_the_same(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms(study("1.1", "20260105"), study("9.9", "20260301", patient_id="SOMEBODY ELSE"))
    mark(pair[0], (-20, 0, 0), 30, 20)
    mark(pair[1], moved((-20, 0, 0)), 18, 14)
    c = comparing(pair, tmp_path, qtbot, ready=False)
    c.overrule()
    qtbot.waitUntil(lambda: c.state.alignment is not None)
    c.confirm()
    c.write_report(tmp_path / "report", ("json",))
    qtbot.waitUntil(lambda: "Written" in c.state.notice)
    (file,) = (tmp_path / "report").glob("*.json")
    visits = json.loads(file.read_text(encoding="utf-8"))["response"]["visits"]
    assert [visit["concern"] for visit in visits] == ["", LINKED_ANYWAY]
    c.close()
    again = comparing(pair, tmp_path, qtbot, ready=False)
    assert again.state.blocked and again.state.response is None, "asked at every sitting"
    again.close()
    (_, third) = rooms(second=study("1.2", "20260406"))
    pair[1].leave()
    later = comparing((pair[0], third), tmp_path, qtbot)
    concerns = [visit.concern for visit in later.state.comparison.response.visits]
    assert concerns == ["", LINKED_ANYWAY, ""]
    assert f"{LINKED_ANYWAY} (2026-03-01)" in wording.response_words(later.state.comparison)[1]
    later.close()


def test_a_series_is_never_compared_with_itself(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms(study("1.1", "20260105"), study("1.1", "20260105"))
    c = comparing(pair, tmp_path, qtbot, ready=False)
    assert c.state.blocked and not c.state.can_overrule
    c.overrule()
    assert c.state.blocked and c.state.notice == c.state.concerns[0].message and c.state.alignment is None
    c.close()


@pytest.mark.parametrize(
    ("error", "said"),
    [(NotAligned("Nothing alike."), "Nothing alike."), (Cancelled("x"), wording.ALIGNING_STOPPED)],
)
def test_without_an_alignment_the_sentence_stays_and_pairs_are_made_by_hand(
    rooms: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, qtbot: Any, error: Exception, said: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(comparing_module, "register", fails)
    pair = rooms()
    fill(pair)
    c = comparing(pair, tmp_path, qtbot, ready=False)
    qtbot.waitUntil(lambda: c.state.status is not None and bool(c.state.status.message))
    assert c.state.status is not None and c.state.status.message == said
    c.toggle_link()
    assert c.state.notice == wording.NOT_ALIGNED
    for room in pair:
        room.select(room.state.lesions[0].id)
    c.join()
    assert len(c.state.comparison.choices.pairing.confirmed) == 1
    c.close()


def test_the_alignment_can_be_stopped(
    rooms: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, qtbot: Any
) -> None:
    def waits(*_: object, progress: Any, cancel: Any) -> None:
        progress(1, 4, "")
        while True:
            cancel.check()

    monkeypatch.setattr(comparing_module, "register", waits)
    c = comparing(rooms(), tmp_path, qtbot, ready=False)
    qtbot.waitUntil(lambda: c.state.status is not None and c.state.status.total == 4)
    c.cancel()
    qtbot.waitUntil(lambda: c.state.status is not None and c.state.status.message == wording.ALIGNING_STOPPED)
    c.close()


def test_a_second_window_on_the_same_studies_reads_only(
    rooms: Any, aligned: None, tmp_path: Path, qtbot: Any
) -> None:
    pair = rooms()
    fill(pair)
    first, second = comparing(pair, tmp_path, qtbot), comparing(rooms(), tmp_path, qtbot)
    assert "another window" in second.state.note
    second.select(pair[0].state.lesions[0].id)
    second.confirm()
    assert second.state.notice and second.state.comparison.choices.pairing.confirmed == ()
    second.close()
    first.close()


@pytest.mark.parametrize(("shown", "locked"), [(0, False), (1, True)])
def test_the_sample_patients_visit_that_a_window_shows_is_compared_as_it_is_there(
    qapp: Any, tmp_path: Path, monkeypatch: Any, shown: int, locked: bool
) -> None:
    from lesionscope.sample_data import SERIES, VISITS, sample_visit

    from lesionscope.ct.scan import open_ct
    from lesionscope.viewer import rooms as known_rooms

    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    compared: list[tuple[tuple[Room, ...], tuple[Room, ...], dict[str, Site]]] = []

    def compare(*pair: Room, owned: tuple[Room, ...], **_: object) -> Any:
        compared.append((pair, owned, {}))
        return SimpleNamespace(comparing=SimpleNamespace(take_sites=compared[-1][2].update))

    monkeypatch.setattr(opening, "compare", compare)
    monkeypatch.setattr(known_rooms, "known_room", lambda viewer: viewer)
    monkeypatch.setattr(
        "lesionscope.viewer.busy.with_progress",
        lambda _, work: work(lambda *_: None, CancelToken()),
    )
    made = [opening.extra_room(make_labels=None, auto_read=False) for _ in range(2)]
    own = made[1]
    volume = open_ct(sample_visit(VISITS[shown]) / SERIES)
    for room in made if locked else [own]:
        room.open(volume)
    beside: Any = SimpleNamespace(findChildren=lambda _: [SimpleNamespace(viewer=own)])
    opening.compare_sample(beside)
    ((pair, owned, sites),) = compared
    assert [room is own for room in pair] == [place == shown for place in (0, 1)]
    assert set(owned) == set(pair) - {own} and not own.closed
    lesions = [lesion.id for room in pair for lesion in room.state.lesions]
    assert sorted(sites) == sorted(lesions), "no place is told of a lesion that could not be marked"
    assert [bool(room.state.lesions) for room in pair] == [not (locked and n == shown) for n in (0, 1)]
    for room in (*made, *owned):
        room.close()


# -- the window -----------------------------------------------------------------------------

pytestmark = pytest.mark.window


@pytest.fixture
def alone(display: None, own_windows: None) -> None:
    """Let no window that a test held be collected while another one paints: it would take its GL context."""
    gc.collect()


@pytest.fixture
def window(
    alone: None, rooms: Any, aligned: None, tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> Iterator[Any]:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    pair = rooms()
    fill(pair)
    shown = opening.compare(pair[1], pair[0])  # given the wrong way round
    qtbot.waitUntil(lambda: shown.comparing.state.alignment is not None)
    qtbot.wait(50)
    yield shown
    with contextlib.suppress(RuntimeError):  # PyQt6 says so where a test has closed it, and Qt deleted it
        shown.close()
    qtbot.wait(20)
    assert opening.opened() == ()


def press(window: Any, qtbot: Any, side: int, *keys: Any) -> None:
    from qtpy.QtTest import QTest

    for key in keys:
        QTest.keyClick(window.sides[side].view.native, key)
        qtbot.wait(5)


def test_a_report_dock_shows_the_response_from_the_last_decision_till_the_window_closes(
    window: Any, qtbot: Any
) -> None:
    from lesionscope.report.wording import RESPONSE
    from lesionscope.viewer.docks.report import ReportPanel

    comparing = window.comparing
    dock = ReportPanel(comparing.rooms[1])
    dock.show()
    comparing.take_sites({lesion.id: LIVER for lesion in comparing.rooms[0].state.lesions})
    comparing.select(comparing.rooms[0].state.lesions[0].id)
    comparing.confirm()
    comparing.set_fate(Seen.GONE)
    assert RESPONSE not in dock.page.toPlainText()
    comparing.set_new(True)
    assert RESPONSE in dock.page.toPlainText() and "PD" in dock.page.toPlainText()
    window.close()
    qtbot.waitUntil(lambda: RESPONSE not in dock.page.toPlainText())
    dock.close()
    dock.deleteLater()


def check_the_hanging(window: Any) -> None:
    texts = [side.strip.text() for side in window.sides]
    assert texts[0].startswith(wording.BASELINE) and "2026-01-05" in texts[0]
    assert texts[1].startswith(wording.FOLLOW_UP) and "2026-04-06" in texts[1] and "91 days" in texts[1]
    assert window.sides[0].strip.styleSheet() != window.sides[1].strip.styleSheet()
    assert window.sides[0].widget.x() < window.sides[1].widget.x()
    widths = [side.widget.width() for side in window.sides]
    assert abs(widths[0] - widths[1]) <= 4


def check_the_link(window: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    first, second = window.sides
    first.go_to((10.0, -4.0, 5.0))
    assert second.cursor_lps == pytest.approx(moved((10.0, -4.0, 5.0)))
    second.go_to(moved((-8.0, 6.0, -10.0)))
    assert first.cursor_lps == pytest.approx((-8.0, 6.0, -10.0))
    press(window, qtbot, 0, Qt.Key.Key_Up)  # to a slice's centre
    before = first.cursor_lps[2], second.cursor_lps[2]
    press(window, qtbot, 0, Qt.Key.Key_Up)
    assert (
        first.cursor_lps[2] - before[0]
        == pytest.approx(second.cursor_lps[2] - before[1])
        == pytest.approx(2.5)
    )
    press(window, qtbot, 0, Qt.Key.Key_F)
    press(window, qtbot, 0, Qt.Key.Key_Up)
    assert second.cursor_lps[2] - before[1] == pytest.approx(2.5)
    assert first.cursor_lps[2] - before[0] == pytest.approx(5.0)
    press(window, qtbot, 0, Qt.Key.Key_F)


def check_a_place_beyond_the_other_scan(window: Any) -> None:
    first, second = window.sides
    top = first.volume.geometry.corners_lps()[:, 2].max()
    first.go_to((0.0, 0.0, float(top)))
    banner = second._rack.banners[second.view]
    assert wording.BEYOND in banner.place.text()
    first.go_to((0.0, 0.0, 0.0))
    assert wording.BEYOND not in banner.place.text()


def test_the_lesions_are_decided_with_real_keys(window: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    c = window.comparing
    c.select(c.state.comparison.rows[0].baseline.id)
    press(window, qtbot, 1, Qt.Key.Key_Return)
    assert len(c.state.comparison.choices.pairing.confirmed) == 1
    press(window, qtbot, 0, Qt.Key.Key_G)
    press(window, qtbot, 1, Qt.Key.Key_A)
    assert c.state.comparison.open_rows == ()
    assert window.panel.headline.text() == "RECIST 1.1: PD – progressive disease"
    assert "new lesion yes" in window.panel.detail.text()
    cells = [window.panel.table.item(n, 7).text() for n in range(3)]
    assert cells == ["same lesion", "disappeared", "new"]
    press(window, qtbot, 1, Qt.Key.Key_P, Qt.Key.Key_P)
    assert c.state.row is c.state.comparison.rows[0] or ids_of(c.state.row) == ids_of(
        c.state.comparison.rows[0]
    )
    from qtpy.QtTest import QTest

    QTest.keyClick(window.sides[1].view.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(c.state.comparison.open_rows) == 1


def test_lesions_drawn_one_after_the_other_get_their_short_diameters(window: Any, qtbot: Any) -> None:
    room = window.comparing.rooms[1]
    for number, (x, y, z) in enumerate([(-30.0, 25.0, -30.0), (30.0, 20.0, 20.0)], start=3):
        room.set_diameter("long", (x - 6, y, z), (x + 6, y, z))
        drawn = room.state.lesion
        assert drawn is not None and drawn.number == number and window.comparing.state.selected == drawn.id
        qtbot.wait(20)
        room.set_diameter("short", (x, y - 4, z), (x, y + 4, z))
        assert room.state.lesion.id == drawn.id and room.state.lesion.short is not None
        qtbot.wait(20)


def check_the_selected_row(window: Any) -> None:
    c = window.comparing
    gone = c.state.comparison.rows[1]
    window.panel.table.cellClicked.emit(1, 0)
    place = gone.baseline.centroid_lps_mm
    assert window.sides[0].cursor_lps == pytest.approx(place)
    assert window.sides[1].cursor_lps == pytest.approx(moved(place))
    window.panel.table.cellClicked.emit(0, 0)
    pair = c.state.row
    assert window.sides[1].cursor_lps == pytest.approx(pair.followup.centroid_lps_mm)
    assert window.sides[1].room.state.selected == pair.followup.id


def check_the_grey_scale_window(window: Any, qtbot: Any) -> None:
    from qtpy.QtCore import Qt

    press(window, qtbot, 0, Qt.Key.Key_1)
    first = window.windowing.window
    press(window, qtbot, 1, Qt.Key.Key_3)
    assert window.windowing.window != first
    limits = [tuple(side.view.image.contrast_limits) for side in window.sides]
    assert limits[0] == limits[1] == (window.windowing.window.low, window.windowing.window.high)


def test_two_studies_hang_side_by_side_linked(window: Any, qtbot: Any) -> None:
    """One window for all of it: opening one takes seconds."""
    check_the_hanging(window)
    check_the_link(window, qtbot)
    check_a_place_beyond_the_other_scan(window)
    check_the_selected_row(window)
    check_the_grey_scale_window(window, qtbot)
    window.sides[0].room.leave()
    assert opening.opened() == (), "it closes with a study that its room leaves"


def test_different_patients_warn_in_the_window(
    alone: None, rooms: Any, aligned: None, tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    pair = rooms(study("1.1", "20260105"), study("1.2", "20260406", patient_id="SOMEBODY ELSE"))
    shown = opening.compare(*pair)
    try:
        qtbot.wait(50)
        assert "different patients" in shown.message.text() and "SOMEBODY" not in shown.message.text()
        assert shown.overrule_button.isVisible()
        assert (shown.panel.headline.text(), shown.panel.detail.text()) == wording.NOT_COMPARED
        before = shown.sides[1].cursor_lps
        shown.sides[0].go_to((10.0, 10.0, 10.0))
        assert shown.sides[1].cursor_lps == before
        shown.overrule_button.click()
        qtbot.waitUntil(lambda: shown.comparing.state.alignment is not None)
        shown.sides[0].go_to((0.0, 0.0, 0.0))
        assert shown.sides[1].cursor_lps == pytest.approx(SHIFT)
        assert not shown.overrule_button.isVisible()
        assert LINKED_ANYWAY in shown.message.text()
    finally:
        shown.close()


@pytest.mark.slow
def test_the_sample_patient(alone: None, tmp_path: Path, qtbot: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    shown = opening.compare_sample()
    assert shown is not None
    try:
        c = shown.comparing
        qtbot.waitUntil(lambda: c.state.alignment is not None, timeout=120_000)
        while c.state.comparison.open_rows:
            row = c.state.comparison.open_rows[0]
            c.select(ids_of(row)[0])
            if row.pair is not None:
                c.confirm()
            elif row.baseline is not None:
                c.set_fate(Seen.GONE)
            else:
                c.set_new(True)
        now = c.state.comparison.response.visits[1]
        assert now.overall is Outcome.PD and now.new
        assert len(c.state.comparison.choices.pairing.confirmed) == 5
        assert all(
            np.isfinite(pair.distance_mm) and pair.distance_mm < 8
            for pair in c.state.comparison.choices.pairing.pairs
        )
    finally:
        shown.close()
