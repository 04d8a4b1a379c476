"""Docks are views: they close and come back as they were, in a window that has room for all."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from room_fakes import FakeReader, centre, staged_window, volume

from lesionscope.viewer import wording
from lesionscope.viewer.room_state import Tool

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]


@pytest.fixture(scope="module")
def staged(display, qapp, tmp_path_factory):
    yield from staged_window(volume(), tmp_path_factory.mktemp("sessions"))


@pytest.fixture
def stage(staged, qtbot):
    """The module's window with every dock in its place, without lesions."""
    room = staged.room
    for lesion in room.state.lesions:
        room.delete(lesion.id)
    staged.show_docks()
    qtbot.wait(30)
    return staged


def test_docks_come_back_with_their_state(stage, qtbot):
    viewer, room = stage.viewer, stage.room
    room.mark_click(centre(volume()))
    room.read()
    qtbot.waitUntil(lambda: room.state.reading(room.state.selected) is not None)
    reading, lesions = (stage.dock_widget(t) for t in (wording.READING_DOCK, wording.LESIONS_DOCK))
    tree = reading.tree.tree
    tree.expand(tree.model().index(1, 0))
    lesions.tools[Tool.RULER].click()
    titles = {label.text() for label in lesions.parent().findChildren(type(reading.tree.title))}
    assert wording.LESIONS_DOCK in titles, "the plugin's name is left out of a narrow title bar"

    for widget in (reading, lesions):
        viewer.window.remove_dock_widget(widget)
    assert stage.dock_widget(wording.READING_DOCK) is None
    room.select(room.state.selected)
    room.notify("nobody draws this now, and nothing fails")
    stage.show_docks()
    again, relisted = (stage.dock_widget(t) for t in (wording.READING_DOCK, wording.LESIONS_DOCK))
    assert again is not reading and again.tree.tree.isVisible()
    assert again.tree.tree.isExpanded(again.tree.tree.model().index(1, 0)), "unfolded by hand before"
    assert again.tree.notice.label.text() == wording.DEMONSTRATION
    assert relisted.tools[Tool.RULER].isChecked()
    assert relisted.list.rows[0].state == wording.STATE_READ
    assert relisted.list.currentIndex().row() == 0

    # napari's own Plugins menu finds the dock that is open instead of making another.
    _, widget = viewer.window.add_plugin_dock_widget("napari-lesionscope", wording.READING_DOCK)
    assert widget is again


def test_a_study_begins_with_its_own_words_in_the_status_bar(stage):
    viewer, room, ct = stage.viewer, stage.room, stage.room.state.volume
    assert viewer.help == wording.HELP_HINT, "marks were made after the image"
    room.notify("Something about this study.")
    assert viewer.status == "Something about this study."
    room.open(volume("1.2.4"))
    assert (viewer.help, viewer.status) == (wording.HELP_HINT, "")
    room.open(ct)


def test_a_reader_scrolls_while_a_model_reads(stage, qtbot, monkeypatch):
    """The model works with NumPy until the reader has scrolled, which they can't if it holds the window."""
    scrolled, steps = threading.Event(), []

    class Busy(FakeReader):
        def read(self, ct, lesion, **more):
            a = np.random.default_rng(0).standard_normal((200, 200))
            for _ in range(100_000):
                if scrolled.is_set():
                    break
                more["cancel"].check()
                more["progress"](1, 4, "reading")
                a = np.tanh(a @ a / 200)
            steps.append(len(places))
            return super().read(ct, lesion, **more)

    room, study = stage.room, stage.study
    monkeypatch.setattr(room.readings.pathology, "_reader", Busy())
    room.mark_click(centre(volume()))
    places = set()
    room.read()
    for step in range(30):
        study.scroll(1 if step % 20 < 10 else -1, study.axial)
        qtbot.wait(10)
        places.add(study.axial.slice_position_mm)
    scrolled.set()
    qtbot.waitUntil(lambda: room.state.reading(room.state.selected) is not None)
    assert steps == [len(places)] and len(places) > 10


def test_the_reset_layout_command_brings_everything_back(stage, qtbot):
    from lesionscope.viewer.plugin import open_docks

    viewer = stage.viewer
    lesions = stage.dock_widget(wording.LESIONS_DOCK)
    lesions.parentWidget().setFloating(True)
    viewer.window.remove_dock_widget(stage.dock_widget(wording.READING_DOCK))
    viewer.window.remove_dock_widget(stage.study.panes)
    qtbot.waitUntil(lambda: len(stage.study.canvases) == 1)
    open_docks(viewer)
    qtbot.wait(50)
    assert len(stage.study.canvases) == 3 and len(stage.marks) == 3
    assert stage.dock_widget(wording.READING_DOCK).isVisible()
    assert not stage.dock_widget(wording.LESIONS_DOCK).parentWidget().isFloating()


def test_nothing_is_cut_off_at_1366_by_768(stage, qtbot):
    from qtpy.QtWidgets import QAbstractButton

    room = stage.room
    room.mark_click(centre(volume()))
    room.read()
    qtbot.waitUntil(lambda: room.state.reading(room.state.selected) is not None)
    qtbot.wait(100)
    assert (stage.window.width(), stage.window.height()) == (1366, 768)
    widths = [canvas.native.width() for canvas in stage.study.canvases]
    assert widths[0] == max(widths) and min(widths) >= 200
    for title in (wording.READING_DOCK, wording.LESIONS_DOCK):
        panel = stage.dock_widget(title)
        assert panel.width() >= panel.minimumSizeHint().width()
        for button in panel.findChildren(QAbstractButton):
            if button.isVisible() and button.text():
                assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
        inside = stage.window.rect()
        corner = panel.mapTo(stage.window, panel.rect().bottomRight())
        assert inside.contains(corner)
