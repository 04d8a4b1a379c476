"""Looking for lesions in a room: searches, decisions, and what changes meanwhile; no window."""

from __future__ import annotations

import pytest
from find_fakes import BALLS, BallFinder, ball_volume
from room_fakes import FakeReader, centre

from lesionscope.errors import InputError
from lesionscope.viewer.find import words
from lesionscope.viewer.find.state import rows_of, summary_of
from lesionscope.viewer.room_state import Phase

pytestmark = pytest.mark.window
LOW, HIGH = 12, 25
"""Slices of the two largest balls, and of the small one."""


@pytest.fixture
def made(qapp, tmp_path):
    from lesionscope.viewer.find.finding import Finding
    from lesionscope.viewer.room import Room

    room = Room(make_reader=FakeReader(), session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    detector = BallFinder()
    finding = Finding(room, lambda: detector)
    yield room, finding, detector
    finding.close()
    room.close()


def at(number):
    return (0.0, 0.0, 100.0 + 2.0 * number)


def wait(qtbot, finding):
    qtbot.waitUntil(lambda: finding.state.status is not None and not finding.state.searching)


def search(qtbot, finding, number=None):
    finding.search_volume() if number is None else finding.search_slice(at(number))
    assert finding.state.searching
    wait(qtbot, finding)


def test_nothing_is_searched_before_a_study_is_open(made, qtbot):
    _, finding, detector = made
    finding.search_volume()
    assert finding.state.notice == words.NO_STUDY and finding.state.status is None
    finding.accept()
    finding.refuse()
    assert finding.state.notice == words.NONE_CHOSEN and detector.count == 0


def test_a_slice_and_then_the_whole_scan(made, qtbot):
    room, finding, detector = made
    pointed = []
    room.pointed.connect(pointed.append)
    room.open(ball_volume())
    search(qtbot, finding, LOW)
    assert detector.count == 1 and len(finding.state.candidates) == 2
    first = finding.state.candidate
    assert first is finding.state.candidates[0] and pointed == [first.centroid_lps_mm]
    assert first.slices == (LOW, LOW) and finding.state.model == "balls 1.0"
    search(qtbot, finding, HIGH)
    assert len(finding.state.candidates) == 3  # those of the other slice stay
    assert finding.state.candidate.key_slice == HIGH  # the one just found is in view
    search(qtbot, finding)
    state = finding.state
    assert [one.score for one in state.candidates] == sorted(
        (c.score for c in state.candidates), reverse=True
    )
    for one, ball in zip(state.candidates, BALLS, strict=True):
        assert one.centroid_lps_mm == pytest.approx(ball, abs=2.0)
        assert state.pictures[one.id].hu.shape == (48, 48)
    assert "3 candidates, 3 of them open; 40 slices searched" in summary_of(state)
    rows = rows_of(state)
    assert (
        rows[0].place == f"slice {state.candidates[0].key_slice + 1} / 40"
        and "mm" in rows[0].size
        and rows[0].decided == ""
    )
    assert rows[0].score == f"Score {round(100 * state.candidates[0].score)} %"


def test_a_slice_without_a_lesion_is_said_to_have_none_and_stays_in_view(made, qtbot):
    room, finding, _ = made
    room.open(ball_volume())
    search(qtbot, finding, LOW)
    pointed = []
    room.pointed.connect(pointed.append)
    search(qtbot, finding, 0)
    said = summary_of(finding.state)
    assert said.startswith("No candidate; 1 slice searched") and "doesn't mean that there is no" in said
    assert said.endswith("on other slices: 2.") and len(rows_of(finding.state)) == 2
    assert pointed == [] and finding.state.candidate is None, "A would mark what isn't in view"
    finding.accept()
    assert finding.state.notice == words.NONE_CHOSEN and room.state.lesions == ()
    finding.step(1)
    assert finding.state.candidate == finding.state.candidates[0] and len(pointed) == 1


def test_what_was_found_before_on_another_slice_is_found_again_without_leaving_this_one(made, qtbot):
    room, finding, _ = made
    room.open(ball_volume())
    search(qtbot, finding)
    pointed = []
    room.pointed.connect(pointed.append)
    search(qtbot, finding, HIGH + 2)
    (again,) = (one for one in finding.state.candidates if one.slices[0] <= HIGH + 2 <= one.slices[1])
    assert again.key_slice != HIGH + 2 and finding.state.candidate == again and pointed == []
    assert summary_of(finding.state).startswith("1 candidate; 1 slice searched")
    assert len(finding.state.candidates) == 3


def test_a_search_stopped_before_it_found_anything_shows_nothing_else_for_it(made, qtbot):
    room, finding, detector = made
    room.open(ball_volume())
    search(qtbot, finding, LOW)
    pointed = []
    room.pointed.connect(pointed.append)
    detector.hold_at = detector.count + 3
    finding.search_volume()
    qtbot.waitUntil(detector.held.is_set)
    finding.search_slice(at(LOW))
    assert finding.state.notice == words.BUSY
    finding.stop()
    wait(qtbot, finding)
    assert summary_of(finding.state).startswith("Stopped: 3 slices searched. No candidate; 3 slices")
    assert pointed == [] and len(finding.state.candidates) == 2
    assert finding.state.notice == "", "there is nothing under way to be stopped"


def test_accepting_makes_a_lesion_in_one_step_that_undo_takes_back(made, qtbot):
    room, finding, _ = made
    room.open(ball_volume())
    search(qtbot, finding)
    first, second, third = finding.state.candidates
    finding.accept()
    (lesion,) = room.state.lesions
    assert lesion.centroid_lps_mm == pytest.approx(first.centroid_lps_mm)
    assert lesion.long.length_mm == pytest.approx(18, abs=2) and not lesion.box_declared
    assert room.state.selected == lesion.id
    assert finding.state.selected == second.id  # the next open one is in view
    assert rows_of(finding.state)[0].decided == "✓ Lesion 1"
    finding.select(first.id)
    finding.accept()
    assert len(room.state.lesions) == 1 and finding.state.notice == words.ALREADY.format(number=1)
    room.undo()
    assert room.state.lesions == () and finding.state.is_open(first)
    room.redo()
    assert not finding.state.is_open(first)
    finding.select(second.id)
    finding.accept()
    assert len(room.state.lesions) == 2 and finding.state.selected == third.id


def test_what_is_refused_stays_refused_when_it_is_found_again(made, qtbot):
    room, finding, _ = made
    room.open(ball_volume())
    search(qtbot, finding, LOW)
    first, second = finding.state.candidates
    finding.refuse()
    assert finding.state.refused == {first.id} and finding.state.selected == second.id
    finding.accept()
    search(qtbot, finding)  # with other boxes, on more slices
    again = finding.state.candidates[0]
    assert again.id != first.id and again.slices == (11, 19)
    assert [row.decided for row in rows_of(finding.state)] == [words.REFUSED, "✓ Lesion 1", ""]
    assert finding.state.selected == finding.state.candidates[2].id
    search(qtbot, finding, LOW)
    assert finding.state.candidates[0] == again  # what the whole scan said of it is worth more
    finding.select(again.id)
    finding.refuse()
    assert finding.state.is_open(again)  # taken back
    finding.refuse()
    finding.select(again.id)
    finding.accept()  # accepting overrules
    assert again.id not in finding.state.refused and len(room.state.lesions) == 2


def test_a_lesion_that_was_marked_by_hand_is_known(made, qtbot):
    room, finding, _ = made
    room.open(ball_volume())
    room.mark_click(next(iter(BALLS)))
    search(qtbot, finding)
    assert [row.decided for row in rows_of(finding.state)] == ["✓ Lesion 1", "", ""]
    assert finding.state.selected == finding.state.candidates[1].id


def test_stopping_leaves_what_was_found_so_far(made, qtbot):
    room, finding, detector = made
    detector.hold_at = 20
    room.open(ball_volume())
    finding.search_volume()
    assert detector.held.wait(60)
    finding.search_slice(at(3))
    assert finding.state.notice == words.BUSY
    finding.stop()
    wait(qtbot, finding)
    state = finding.state
    assert state.last.stopped and state.last.slices == (0, 19) and state.status.phase is Phase.DONE
    assert len(state.candidates) == 2
    assert summary_of(state).startswith("Stopped: 20 slices searched. 2 candidates")


def test_a_result_for_a_study_that_has_gone_is_dropped(made, qtbot):
    room, finding, detector = made
    detector.hold_at = 5
    room.open(ball_volume())
    finding.search_volume()
    assert detector.held.wait(60)
    other = ball_volume("4.5.6")
    room.open(other)
    assert not finding.state.searching and finding.state.status is None
    detector.gate.set()
    qtbot.waitUntil(lambda: not finding.worker.busy)
    qtbot.wait(50)
    assert finding.state.volume is other and finding.state.candidates == ()
    search(qtbot, finding, LOW)
    assert len(finding.state.candidates) == 2
    room.leave()
    assert finding.state.candidates == () and finding.state.volume is None


def test_progress_is_told_and_closing_ends_the_thread(made, qtbot):
    room, finding, detector = made
    detector.hold_at = 10
    room.open(ball_volume())
    finding.search_volume()
    assert detector.held.wait(60)
    qtbot.waitUntil(lambda: finding.state.status.total == 40)
    finding.close()
    assert finding.worker._thread is not None and not finding.worker._thread.is_alive()


def test_what_goes_wrong_is_a_sentence_and_a_search_can_be_begun_again(made, qtbot):
    room, finding, detector = made
    answers = [InputError("No lesion detector is installed: put one there."), detector]

    def make():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    finding._make_detector = make
    room.open(ball_volume())
    search(qtbot, finding)
    assert finding.state.status.phase is Phase.FAILED
    assert finding.state.status.message == "No lesion detector is installed: put one there."
    search(qtbot, finding)
    assert len(finding.state.candidates) == 3


def test_kinds_are_named_where_there_are_several(made, qtbot):
    room, finding, detector = made
    detector.categories = ("lung", "liver")
    room.open(ball_volume())
    search(qtbot, finding, LOW)
    assert {row.score.rpartition(" · ")[2] for row in rows_of(finding.state)} == {"lung", "liver"}


def test_nothing_found_promises_nothing(made, qtbot):
    room, finding, _ = made
    volume = ball_volume()
    room.open(volume)
    assert centre(volume)[2] > 100
    search(qtbot, finding, 0)
    assert finding.state.candidates == () and "doesn't mean that there is no lesion" in summary_of(
        finding.state
    )
