"""Canvases are drawn after docks were moved or hidden. Nothing here grabs a picture: that would draw it."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from room_fakes import staged_window, volume

from benchmarks.window_hand import Patience
from lesionscope.viewer.layout import dock_of

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]
WITHIN_S = 10.0


@pytest.fixture(scope="module")
def stage(display, qapp, tmp_path_factory):
    yield from staged_window(volume(), tmp_path_factory.mktemp("sessions"))


def undrawn_after(stage, act):
    """Do all of ``act`` in one turn of the event loop; return the canvases that then wait for Qt in vain."""

    def waiting():
        return [c.name for c in stage.study.canvases if c.native._vispy_canvas._update_pending]

    patience, done = Patience(), []
    QTimer.singleShot(0, lambda: done.append(act()))
    patience.until(lambda: done, "the turn")
    try:
        patience.until(lambda: not waiting(), "the canvases", WITHIN_S)
    except TimeoutError:
        return waiting()
    return []


def test_a_second_study_is_drawn_on_every_canvas(stage):
    def open_another():
        stage.room.open(volume("1.2.4"))
        stage.show_docks()

    assert undrawn_after(stage, stage.show_docks) == []
    assert undrawn_after(stage, open_another) == [], "the first patient would stay"


def test_canvases_that_changed_as_they_were_hidden_are_drawn(stage):
    study, dock = stage.study, dock_of(stage.study.panes)
    _, coronal, sagittal = study.canvases

    def hide_and_show():
        study.scroll(3, coronal)
        study.scroll(3, sagittal)
        dock.hide()
        dock.show()

    def scroll_out_of_sight():
        dock.hide()
        QApplication.processEvents()
        study.scroll(-3, coronal)
        study.scroll(-3, sagittal)
        QApplication.processEvents()
        dock.show()

    def lay_out():
        study.go_to((-20.0, 10.0, 120.0))
        stage.reset_layout()

    for act in (hide_and_show, scroll_out_of_sight, lay_out):
        assert undrawn_after(stage, act) == [], act.__name__


def test_the_other_planes_stay_in_the_window(stage, qtbot):
    """Floating, they would be drawn in another OpenGL context, and black."""
    dock = dock_of(stage.study.panes)
    areas = Qt.DockWidgetArea
    for area in (areas.RightDockWidgetArea, areas.BottomDockWidgetArea, areas.RightDockWidgetArea):
        stage.window.addDockWidget(area, dock)
        dock.dockLocationChanged.emit(area)
        QTest.mouseDClick(dock.titleBarWidget(), Qt.MouseButton.LeftButton)
        assert not dock.isFloating()
        assert not dock.titleBarWidget().float_button.isVisible()
        assert dock.titleBarWidget().hide_button.isVisible()
