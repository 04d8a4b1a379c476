"""The candidates dock in a real window, worked by real key events."""

from __future__ import annotations

import numpy as np
import pytest
from find_fakes import BALLS, BallFinder, ball_volume
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from room_fakes import staged_window

from lesionscope.errors import InputError
from lesionscope.viewer import wording
from lesionscope.viewer.find import words

pytestmark = pytest.mark.window


@pytest.fixture
def detector():
    return BallFinder()


@pytest.fixture
def stage(display, own_windows, qapp, tmp_path, monkeypatch, detector, qtbot):
    monkeypatch.setattr("lesionscope.inference.detector.open_detector", lambda **_: detector)
    for stage in staged_window(ball_volume(), tmp_path):
        qtbot.waitExposed(stage.window)
        qtbot.wait(100)
        yield stage


def press(qtbot, widget, key, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(widget, key, modifier)
    qtbot.wait(20)


def native(stage):
    return stage.study.axial.native


def panel_of(stage):
    return stage.dock_widget(words.DOCK)


def searched(qtbot, stage, count):
    finding = stage.find.finding
    qtbot.waitUntil(lambda: not finding.state.searching and finding.state.status is not None)
    qtbot.waitUntil(lambda: len(panel_of(stage).list.rows) == count)
    qtbot.waitUntil(lambda: stage.window.focusWidget() is panel_of(stage).list)


def test_from_a_search_to_lesions_with_keys_alone(stage, qtbot):
    press(qtbot, native(stage), Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    searched(qtbot, stage, 3)
    panel, room, study = panel_of(stage), stage.room, stage.study
    assert stage.window.width() <= 1366 and stage.window.height() <= 768
    for button in (panel.here, panel.through, panel.accept, panel.refuse):
        text = button.fontMetrics().horizontalAdvance(button.text())
        assert button.width() >= text + 8, button.text()
    assert panel.list.height() >= 3 * panel.list.sizeHintForRow(0)
    assert panel.notice.label.text() == wording.DEMONSTRATION and panel.notice.isVisible()
    first, second, third = stage.find.finding.state.candidates
    assert panel.list.currentIndex().row() == 0
    assert study.axial.slice_position_mm == pytest.approx(first.centroid_lps_mm[2])
    keys = panel.list
    press(qtbot, keys, Qt.Key.Key_Down)
    assert stage.find.finding.state.selected == second.id
    assert study.axial.slice_position_mm == pytest.approx(second.centroid_lps_mm[2])
    press(qtbot, keys, Qt.Key.Key_N)
    assert stage.find.finding.state.selected == third.id
    press(qtbot, keys, Qt.Key.Key_P)
    press(qtbot, keys, Qt.Key.Key_Up)
    assert stage.find.finding.state.selected == first.id
    press(qtbot, keys, Qt.Key.Key_A)
    assert len(room.state.lesions) == 1
    assert room.state.lesions[0].centroid_lps_mm == pytest.approx(next(iter(BALLS)), abs=2)
    press(qtbot, keys, Qt.Key.Key_D)
    press(qtbot, keys, Qt.Key.Key_Return)
    assert [row.decided for row in panel.list.rows] == ["✓ Lesion 1", words.REFUSED, "✓ Lesion 2"]
    assert "0 of them open" in panel.summary.text()
    press(qtbot, keys, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(room.state.lesions) == 1 and panel.list.rows[2].decided == ""
    press(qtbot, keys, Qt.Key.Key_Escape)
    assert stage.window.focusWidget() is not panel.list
    # On the canvas the same letters decide, of the candidate in view.
    press(qtbot, native(stage), Qt.Key.Key_D)
    assert panel.list.rows[2].decided == words.REFUSED
    press(qtbot, native(stage), Qt.Key.Key_A)
    assert len(room.state.lesions) == 2
    keys = {key.key: key.title for key in stage.keys}
    assert (keys["F"], keys["Shift+F"], keys["F6"]) == (words.KEY_HERE, words.KEY_THROUGH, words.KEY_DOCK)


def test_the_slice_in_sight_is_searched_and_closing_the_dock_loses_nothing(stage, qtbot):
    stage.study.go_to((0.0, 0.0, 150.0))
    press(qtbot, native(stage), Qt.Key.Key_F)
    searched(qtbot, stage, 1)
    (row,) = panel_of(stage).list.rows
    assert row.place == "slice 26 / 40" and stage.find.finding.state.last.slices == (25, 25)
    assert panel_of(stage).list.toolTip() == "" and words.SEEN_ON_ONE in row.tip
    stage.viewer.window.remove_dock_widget(panel_of(stage))
    qtbot.wait(50)
    assert panel_of(stage) is None
    qtbot.waitUntil(lambda: stage.study.axial.model.layers[words.LAYER].nshapes == 0)
    # Nothing is framed now: what a letter would decide on isn't seen.
    for key in (Qt.Key.Key_A, Qt.Key.Key_D):
        press(qtbot, native(stage), key)
        assert stage.room.state.notice == words.OUT_OF_SIGHT == stage.viewer.status
        assert stage.room.state.lesions == () and not stage.find.finding.state.refused
    press(qtbot, native(stage), Qt.Key.Key_F6)
    assert len(panel_of(stage).list.rows) == 1
    qtbot.waitUntil(lambda: stage.study.axial.model.layers[words.LAYER].nshapes > 0)
    press(qtbot, native(stage), Qt.Key.Key_A)
    assert len(stage.room.state.lesions) == 1


def test_a_search_shows_how_far_it_is_and_stops_and_frames_what_it_found(stage, detector, qtbot):
    detector.hold_at = 20
    press(qtbot, native(stage), Qt.Key.Key_F6)
    panel = panel_of(stage)
    assert panel.message.label.text() == words.START
    panel.through.click()
    qtbot.waitUntil(lambda: panel.working.label.text().endswith(" of 40…"))
    assert detector.held.wait(60)
    assert panel.progress.isVisible() and panel.progress.maximum() == 40
    assert not panel.through.isEnabled()
    press(qtbot, panel.list, Qt.Key.Key_Escape)
    searched(qtbot, stage, 2)
    assert panel.summary.text().startswith("Stopped: 20 slices searched")
    assert not panel.progress.isVisible() and panel.through.isEnabled()
    detector.hold_at = None
    press(qtbot, panel.list, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    searched(qtbot, stage, 3)
    layer = stage.study.axial.model.layers[words.LAYER]
    candidate = stage.find.finding.state.candidate
    heights = sorted(float(layer.data_to_world(path[0])[0]) for path in layer.data)
    assert heights == pytest.approx([122.0 + 2 * n for n in range(9)])
    corners = np.array([layer.data_to_world(corner) for corner in layer.data[0]])
    (x, y, _), radius = next(iter(BALLS.items()))
    assert corners[:, 2].min() == pytest.approx(x - radius - 4, abs=1.6)
    assert corners[:, 1].max() == pytest.approx(y + radius + 4, abs=1.6)
    assert candidate.extent_lps_mm[0] > corners[:, 2].min()
    stage.study.axial.zoom_by(2.0)
    qtbot.wait(20)
    # Thrown away in napari's own list, it comes back with the next candidate.
    stage.study.axial.model.layers.remove(layer)
    press(qtbot, panel_of(stage).list, Qt.Key.Key_Down)
    assert stage.study.axial.model.layers[words.LAYER].nshapes == 7
    stage.room.open(ball_volume("7.8.9"))
    qtbot.wait(50)
    layers = stage.study.axial.model.layers
    assert words.LAYER not in layers or layers[words.LAYER].nshapes == 0


def test_without_a_detector_it_says_what_to_do(stage, monkeypatch, qtbot):
    def missing(**_):
        raise InputError("No lesion detector is installed: put a package's folder into /models.")

    monkeypatch.setattr("lesionscope.inference.detector.open_detector", missing)
    press(qtbot, native(stage), Qt.Key.Key_F)
    finding = stage.find.finding
    qtbot.waitUntil(lambda: not finding.state.searching and finding.state.status is not None)
    panel = panel_of(stage)
    assert panel.message.label.text().startswith("No lesion detector is installed")
    assert panel.message.isVisible()
    assert not panel.accept.isEnabled() and panel.here.isEnabled()
