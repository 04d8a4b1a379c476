"""The room without a window: what is asked becomes a command, a reading, a frozen state."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from room_fakes import FakeReader, answer, centre, reading, volume

from lesionscope.inference.reading import PathologyAnswer, Refusal
from lesionscope.session.store import Session
from lesionscope.viewer import wording
from lesionscope.viewer.room import Room
from lesionscope.viewer.room_state import Circle, Phase, Ruler, Tool

pytestmark = pytest.mark.window


@pytest.fixture
def make_room(qtbot, tmp_path):
    rooms = []

    def make(reader: FakeReader | None = None, *, auto_read: bool = False, name: str = "a") -> Room:
        room = Room(
            make_reader=reader or FakeReader(),
            session_path=lambda uid: tmp_path / name / f"{uid}.sqlite",
            auto_read=auto_read,
        )
        rooms.append(room)
        return room

    yield make
    for room in rooms:
        room.close()


def shifted(point, dx=0.0, dy=0.0, dz=0.0):
    return (point[0] + dx, point[1] + dy, point[2] + dz)


def test_a_click_is_on_disk_before_anyone_is_told(make_room, tmp_path):
    room, ct = make_room(), volume()
    room.open(ct)
    on_disk = []
    room.changed.connect(
        lambda _state: on_disk.append(
            len(
                Session.open(
                    tmp_path / "a" / "1.2.3.sqlite", series_uid="1.2.3", read_only=True
                ).state.lesions
            )
        )
    )
    room.mark_click(centre(ct))
    assert on_disk[0] == 1
    assert room.state.lesion is not None and room.state.lesion.number == 1
    assert room.state.lesion.box_declared


def test_a_session_opens_at_the_lesion_that_it_selects(make_room):
    room, ct, places = make_room(), volume(), []
    room.pointed.connect(places.append)
    room.open(ct)
    assert places == []
    for dx in (-20, 20):
        room.mark_click(shifted(centre(ct), dx=dx, dz=6))
    room.open(volume("1.2.4"))
    room.open(ct)
    assert places == [room.state.lesion.centroid_lps_mm] and room.state.lesion.number == 2


def test_states_are_frozen(make_room):
    state = make_room().state
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.selected = "x"  # type: ignore[misc]


def test_nothing_can_be_marked_without_a_study_or_outside_it(make_room):
    room = make_room()
    room.mark_click((0.0, 0.0, 0.0))
    assert room.state.notice == wording.OPEN_FIRST
    room.open(volume())
    room.mark_click((1e4, 0.0, 0.0))
    assert room.state.notice == wording.OUTSIDE_VOLUME and room.state.lesions == ()


def test_diameters_join_the_selected_lesion_or_make_one(make_room):
    room, ct = make_room(), volume()
    c = centre(ct)
    room.open(ct)
    room.set_tool(Tool.LONG)
    room.set_diameter("long", shifted(c, dx=-8), shifted(c, dx=8))
    first = room.state.lesion
    assert first is not None and first.long is not None and first.short is None
    assert room.state.tool is Tool.SHORT
    room.set_diameter("short", shifted(c, dy=-5), shifted(c, dy=5))
    assert len(room.state.lesions) == 1 and room.state.lesion.short.length_mm == pytest.approx(10)
    assert room.state.lesion.id == first.id and room.state.tool is Tool.NAVIGATE
    far = shifted(c, dx=45)
    room.set_diameter("long", shifted(far, dx=-4), shifted(far, dx=4))
    assert len(room.state.lesions) == 2 and room.state.lesion.id != first.id


def test_a_lesion_marked_twice_is_said_to_be(make_room):
    room, ct = make_room(), volume()
    c = centre(ct)
    room.open(ct)
    room.mark_click(c)
    assert room.state.notice == ""
    room.mark_click(shifted(c, dx=9))
    assert room.state.notice == "", "the cube around a click says little of what lies in it"
    room.mark_click(shifted(c, dx=2, dz=1))
    assert room.state.notice == wording.MARKED_ALREADY.format(number=1)
    room.delete()
    room.delete()
    assert [lesion.number for lesion in room.state.lesions] == [1] and room.state.notice == ""
    room.set_diameter("long", shifted(c, dx=-12), shifted(c, dx=12))
    room.mark_click(shifted(c, dx=9))
    assert len(room.state.lesions) == 2
    assert room.state.notice == wording.MARKED_ALREADY.format(number=1)
    room.select(None)
    room.set_diameter("long", shifted(c, dx=-6), shifted(c, dx=8))
    assert room.state.notice == wording.MARKED_ALREADY.format(number=1)
    room.mark_click(shifted(c, dx=40))
    assert room.state.notice == ""


def test_a_short_diameter_needs_its_lesion_and_a_dot_is_no_diameter(make_room):
    room, ct = make_room(), volume()
    c = centre(ct)
    room.open(ct)
    room.set_diameter("short", c, shifted(c, dx=5))
    assert room.state.notice == wording.LONG_FIRST
    room.set_diameter("long", c, shifted(c, dx=0.3))
    assert room.state.notice == wording.TOO_SHORT and room.state.lesions == ()


def test_warnings_follow_the_selected_lesion(make_room):
    room, ct = make_room(), volume()
    c = centre(ct)
    room.open(ct)
    room.set_diameter("long", shifted(c, dx=-8), shifted(c, dx=8))
    room.set_diameter("short", shifted(c, dx=-5, dy=-3), shifted(c, dx=5, dy=3))
    assert any("perpendicular" in sentence for sentence in room.state.warnings)
    room.select(None)
    assert room.state.warnings == ()


def test_end_points_and_centres_move_as_one_step_each(make_room):
    room, ct = make_room(), volume()
    c = centre(ct)
    room.open(ct)
    room.set_diameter("long", shifted(c, dx=-8), shifted(c, dx=8))
    lesion = room.state.lesion
    room.move_end(lesion.id, "long", 1, shifted(c, dx=12))
    assert room.state.lesion.long.length_mm == pytest.approx(20)
    room.move_lesion(lesion.id, shifted(room.state.lesion.centroid_lps_mm, dz=4))
    assert room.state.lesion.long.start_lps_mm[2] == pytest.approx(c[2] + 4)
    room.undo()
    room.undo()
    assert room.state.lesion.long.length_mm == pytest.approx(16)
    room.redo()
    assert room.state.lesion.long.length_mm == pytest.approx(20)
    room.redo()
    room.redo()
    assert room.state.notice == wording.NOTHING_TO_REDO


def test_deleting_selects_the_neighbour_and_undo_brings_all_back(make_room):
    room, ct = make_room(), volume()
    c = centre(ct)
    room.open(ct)
    for dx in (-30, 0, 30):
        room.mark_click(shifted(c, dx=dx))
    ids = [lesion.id for lesion in room.state.lesions]
    room.select(ids[1])
    room.delete()
    assert room.state.selected == ids[2]
    room.undo()
    assert [lesion.id for lesion in room.state.lesions] == ids
    room.step(1)
    room.step(1)
    assert room.state.selected in ids
    room.delete("no such lesion")
    assert room.state.notice == wording.NOTHING_SELECTED


def test_a_click_is_read_at_once_and_an_edit_goes_stale_then_is_read_again(make_room, qtbot):
    reader = FakeReader()
    room, ct = make_room(reader, auto_read=True), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    lesion = room.state.lesion
    assert room.state.status(lesion.id).phase is Phase.QUEUED
    qtbot.waitUntil(lambda: room.state.reading(lesion.id) is not None)
    assert room.state.status(lesion.id).phase is Phase.DONE
    room.move_lesion(lesion.id, shifted(lesion.centroid_lps_mm, dx=3))
    assert room.state.is_stale(lesion.id)
    qtbot.waitUntil(lambda: not room.state.is_stale(lesion.id))
    room.undo()
    assert not room.state.is_stale(lesion.id), "the reading of the old mark came back"
    qtbot.wait(700)
    assert len(reader.asked) == 2, "no needless reading"


def test_a_refusal_is_shown_and_may_be_overridden(make_room, qtbot):
    reader = FakeReader(
        answer_with=lambda _lesion, override: (
            answer(unfamiliar=True, familiarity=0.01)
            if override
            else Refusal("This point is not in a lung: click a lesion inside a lung.")
        )
    )
    room, ct = make_room(reader), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    lesion = room.state.lesion
    room.read()
    qtbot.waitUntil(lambda: room.state.reading(lesion.id) is not None)
    assert isinstance(room.state.reading(lesion.id).pathology, Refusal)
    room.read_anyway()
    qtbot.waitUntil(lambda: isinstance(room.state.reading(lesion.id).pathology, PathologyAnswer))
    assert room.state.reading(lesion.id).pathology.unfamiliar
    assert [override for _, override in reader.asked] == [False, True]


def test_cancel_stops_a_reading_and_it_can_be_asked_again(make_room, qtbot):
    reader = FakeReader()
    reader.release = threading.Event()
    room, ct = make_room(reader), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    room.read()
    assert reader.started.wait(60)
    room.cancel()
    assert room.state.status(room.state.selected).phase is Phase.CANCELLED
    reader.release.set()
    room.read()
    qtbot.waitUntil(lambda: room.state.reading(room.state.selected) is not None)


def test_a_failure_is_a_sentence_and_leaves_the_lesion(make_room, qtbot):
    def broken(_lesion, _override):
        raise RuntimeError("the network is upside down")

    room, ct = make_room(FakeReader(answer_with=broken)), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    room.read()
    qtbot.waitUntil(lambda: room.state.status(room.state.selected).phase is Phase.FAILED)
    assert "upside down" in room.state.status(room.state.selected).message
    assert len(room.state.lesions) == 1


def test_a_result_for_a_lesion_that_has_gone_is_dropped(make_room, qtbot):
    reader = FakeReader()
    reader.release = threading.Event()
    room, ct = make_room(reader), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    gone = room.state.lesion
    room.read()
    assert reader.started.wait(60)
    room.delete()
    reader.release.set()
    qtbot.waitUntil(lambda: not room.worker.busy)
    assert room.state.statuses == {} and room.state.readings == {}
    room._keep_reading(reading(gone))
    room.undo()
    assert room.state.reading(gone.id) is None


def test_a_result_for_another_study_is_dropped(make_room, qtbot):
    room, ct = make_room(), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    late = reading(room.state.lesion)
    other = volume("9.9.9")
    room.open(other)
    room._keep_reading(late)
    assert room.state.lesions == () and room.state.readings == {}


def test_the_session_reopens_as_it_was_after_a_kill(make_room, qtbot, tmp_path):
    room, ct = make_room(), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    room.read()
    lesion = room.state.lesion
    qtbot.waitUntil(lambda: room.state.reading(lesion.id) is not None)
    before = room.state.session
    # A killed program runs no closing code: only the lock goes, as the system lets it go.
    room._session._writer.release()
    again = make_room()
    again.open(ct)
    assert again.state.session.lesions == before.lesions
    assert dict(again.state.session.readings) == dict(before.readings)
    assert again.state.selected == lesion.id
    again.undo()
    assert again.state.lesions == ()


def test_a_study_open_in_another_room_is_read_only_and_says_so(make_room):
    ct = volume()
    first, second = make_room(), make_room()
    first.open(ct)
    first.mark_click(centre(ct))
    second.open(ct)
    assert "read-only" in second.state.session_note
    second.mark_click(centre(ct))
    assert "read-only" in second.state.notice and len(second.state.lesions) == 1


def test_rooms_are_independent(make_room):
    first, second = make_room(name="a"), make_room(name="b")
    for room in (first, second):
        room.open(volume())
    first.mark_click(centre(volume()))
    assert len(first.state.lesions) == 1 and second.state.lesions == ()


def test_closing_midway_leaves_no_thread(make_room, qtbot):
    reader = FakeReader()
    reader.release = threading.Event()
    room, ct = make_room(reader), volume()
    room.open(ct)
    room.mark_click(centre(ct))
    room.read()
    assert reader.started.wait(60)
    told = []
    room.changed.connect(told.append)
    room.close()
    qtbot.wait(50)
    assert reader.closed and told == []
    assert not any(t.name == "lesionscope-room" and t.is_alive() for t in threading.enumerate())


def test_passing_measurements_go_when_navigating_again(make_room):
    room, ct = make_room(), volume()
    room.open(ct)
    room.set_tool(Tool.RULER)
    room.add_ruler(Ruler((0, 0, 0), (3, 4, 0), "5.0 mm", "axial"))
    room.add_circle(Circle((0, 0, 0), 4.0, "40 ± 2 HU", "axial"))
    room.set_tool(Tool.NAVIGATE)
    assert len(room.state.rulers) == len(room.state.circles) == 1
    room.set_tool(Tool.NAVIGATE)
    assert room.state.rulers == room.state.circles == ()


def test_folding_is_remembered(make_room):
    room = make_room()
    room.fold("H1b", True)
    room.fold("H1a", False)
    assert room.state.unfolded == {"H1b"} and room.state.folded == {"H1a"}
    room.fold("H1a", True)
    assert room.state.folded == frozenset()
