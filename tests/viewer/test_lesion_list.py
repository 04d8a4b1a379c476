"""The list of lesions: words, selection, keyboard, tools, undo."""

from __future__ import annotations

import pytest
from room_fakes import FakeReader, answer, centre, volume

from lesionscope.inference.reading import Refusal
from lesionscope.viewer import wording
from lesionscope.viewer.room_state import Tool

pytestmark = pytest.mark.window


@pytest.fixture
def made(display, qtbot, tmp_path):
    from lesionscope.viewer.docks.lesion_list import LesionListPanel
    from lesionscope.viewer.room import Room

    reader = FakeReader()
    room = Room(make_reader=reader, session_path=lambda uid: tmp_path / f"{uid}.db", auto_read=False)
    panel = LesionListPanel(room)
    panel.resize(190, 560)
    panel.show()
    yield room, panel, reader
    room.close()
    panel.close()
    panel.deleteLater()


def mark(room, count: int) -> list[str]:
    ct = volume()
    x, y, z = centre(ct)
    room.open(ct)
    for number in range(count):
        room.mark_click((x + 6 * number, y, z))
    return [lesion.id for lesion in room.state.lesions]


def settle(room, qtbot):
    qtbot.waitUntil(lambda: not any(s.is_working for s in room.state.statuses.values()))


def test_entries_say_number_size_score_and_state(made, qtbot):
    room, panel, reader = made
    mark(room, 1)
    assert [(e.number, e.size, e.top, e.state) for e in panel.list.rows] == [
        ("1", wording.NO_SIZE, "", wording.STATE_UNREAD)
    ]
    room.read()
    settle(room, qtbot)
    entry = panel.list.rows[0]
    assert (entry.top, entry.score, entry.state) == ("Invasive (Adenocarcinoma)", "42 %", wording.STATE_READ)
    x, y, z = room.state.lesion.centroid_lps_mm
    room.set_diameter("long", (x - 8, y, z), (x + 7.5, y, z))
    assert panel.list.rows[0].size == "15.5 mm"
    assert panel.list.rows[0].state == wording.STATE_STALE
    reader.answer_with = lambda *_: Refusal("Outside a lung.")
    room.read()
    settle(room, qtbot)
    assert panel.list.rows[0].state == wording.STATE_REFUSED
    reader.answer_with = lambda *_: answer(unfamiliar=True)
    room.read_anyway()
    settle(room, qtbot)
    assert panel.list.rows[0].state == wording.STATE_UNFAMILIAR
    assert "15.5 mm" in panel.list.rows[0].spoken


def test_arrows_choose_and_send_the_canvases_there(made, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    room, panel, _ = made
    ids = mark(room, 3)
    went = []
    room.pointed.connect(went.append)
    room.select(ids[0])
    panel.list.setFocus()
    QTest.keyClick(panel.list, Qt.Key.Key_Down)
    assert room.state.selected == ids[1]
    assert went == [room.state.lesion.centroid_lps_mm]
    QTest.keyClick(panel.list, Qt.Key.Key_Up)
    assert room.state.selected == ids[0]


def test_delete_undo_and_redo(made, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    room, panel, _ = made
    ids = mark(room, 2)
    panel.list.setFocus()
    QTest.keyClick(panel.list, Qt.Key.Key_Delete)
    assert [e.id for e in panel.list.rows] == ids[:1]
    assert panel.undo.isEnabled() and "2" in panel.undo.toolTip()
    panel.undo.click()
    assert [e.id for e in panel.list.rows] == ids and panel.redo.isEnabled()
    panel.redo.click()
    panel.delete.click()
    assert panel.list.rows == () and not panel.delete.isEnabled() and not panel.report.isEnabled()


def test_return_reads(made, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    room, panel, reader = made
    mark(room, 1)
    QTest.keyClick(panel.list, Qt.Key.Key_Return)
    settle(room, qtbot)
    assert len(reader.asked) == 1


def test_tool_buttons_follow_the_room_and_lead_it(made):
    room, panel, _ = made
    assert not panel.tools[Tool.CLICK].isEnabled(), "nothing to mark yet"
    mark(room, 1)
    panel.tools[Tool.RULER].click()
    assert room.state.tool is Tool.RULER
    room.set_tool(Tool.LONG)
    assert [tool for tool, button in panel.tools.items() if button.isChecked()] == [Tool.LONG]


def test_the_list_fits_a_narrow_dock(made, qtbot):
    room, panel, _ = made
    mark(room, 12)
    panel.resize(panel.minimumSizeHint().width(), 420)
    qtbot.wait(30)
    assert panel.minimumSizeHint().width() <= 200
    assert panel.list.horizontalScrollBar().maximum() == 0
    for button in (*panel.tools.values(), panel.undo, panel.redo, panel.delete, panel.report):
        assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())


def test_keyboard_order_is_tools_list_buttons(made):
    _, panel, _ = made
    order, widget = [], panel.tools[Tool.NAVIGATE]
    for _ in range(30):
        order.append(widget)
        widget = widget.nextInFocusChain()
    seen = [order.index(w) for w in (panel.tools[Tool.CIRCLE], panel.list, panel.undo, panel.report)]
    assert seen == sorted(seen)


def test_a_session_held_elsewhere_is_told(made, tmp_path):
    from lesionscope.session.store import Session

    room, panel, _ = made
    with Session.open(tmp_path / "1.2.3.db", series_uid="1.2.3"):
        room.open(volume())
        assert panel.note.isVisible() and "read-only" in panel.note.label.text()
