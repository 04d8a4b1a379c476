"""Windows end without a trace, in the middle of whatever they were doing."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from room_fakes import FakeReader, centre, viewers, volume

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]


@pytest.fixture
def open_viewer(display, qapp, tmp_path):
    """Make shown viewers with a room each; their sessions lie in folders of their own."""
    from lesionscope.viewer.rooms import room_for, stage_of

    with viewers((900, 600)) as make:

        def build(name: str = "a", reader: FakeReader | None = None):
            viewer = make()
            room = room_for(
                viewer,
                make_reader=reader or FakeReader(),
                session_path=lambda uid: tmp_path / name / f"{uid}.db",
                auto_read=False,
            )
            room.open(volume())
            return viewer, room, stage_of(viewer)

        yield build


def room_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("lesionscope")]


def test_two_viewers_are_independent_and_one_closes_midway(open_viewer, qtbot):
    slow = FakeReader()
    slow.release = threading.Event()
    first, first_room, _ = open_viewer("a", slow)
    second, second_room, second_stage = open_viewer("b")
    ct = volume()
    first_room.mark_click(centre(ct))
    assert second_room.state.lesions == ()
    first_room.read()
    assert slow.started.wait(60)
    second_room.mark_click(centre(ct))
    told = []
    first_room.changed.connect(told.append)
    first.close()
    qtbot.wait(100)
    assert first_room.closed and slow.closed and told == []
    second_room.read()
    qtbot.waitUntil(lambda: second_room.state.reading(second_room.state.selected) is not None)
    assert len(second_stage.marks) == 3
    second.close()
    qtbot.wait(50)
    assert room_threads() == []


def test_closing_midway_through_a_reading_leaves_nothing(open_viewer, qtbot):
    from lesionscope.viewer import rooms

    reader = FakeReader()
    reader.release = threading.Event()
    viewer, room, stage = open_viewer(reader=reader)
    room.mark_click(centre(volume()))
    room.read()
    assert reader.started.wait(60)
    viewer.close()
    qtbot.wait(100)
    assert room_threads() == []
    assert rooms.known_room(viewer) is None
    known = weakref.ref(stage)
    del room, stage
    gc.collect()
    assert known() is None, "nothing keeps a closed window's stage alive"
