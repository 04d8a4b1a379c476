"""Docks in their places and nothing cut off: at 1366 × 768, and at 200 % in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lesionscope.viewer.layout import ROOMY_PX, widths

pytestmark = pytest.mark.window
SMALLEST_CANVAS_PX = 150

AT_200_PERCENT = """
import json, sys
sys.path.insert(0, sys.argv[2])
import napari
from qtpy.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget
from lesionscope.viewer.layout import reset_layout
from lesionscope.viewer.study_view import StudyView
from window_helpers import docks_of_a_reader, landmark_volume, layout_facts

viewer = napari.Viewer(show=True, show_welcome_screen=False)
viewer.window.resize(950, 560)
study = StudyView(viewer)
study.show(landmark_volume())
left, right = docks_of_a_reader(viewer)
reset_layout(study.main_window, left=left, planes=study.panes, right=right)
for _ in range(60):
    QApplication.processEvents()
viewer.screenshot(sys.argv[1] + "/at-200-percent.png", canvas_only=False, flash=False)
print(json.dumps(layout_facts(study, [*left, *right])))
viewer.close()
"""

BY_NAPARIS_COMMAND = """
import json, sys
sys.path.insert(0, sys.argv[1])
import napari
from qtpy.QtWidgets import QApplication
from lesionscope.viewer.image import image_layer
from lesionscope.viewer.plugin import take_over
from lesionscope.viewer.rooms import stage_of
from window_helpers import landmark_volume

viewer = napari.Viewer(show=False)
ct = landmark_volume()
viewer.add_layer(image_layer(ct, ct))
take_over()
viewer.show()
for _ in range(60):
    QApplication.processEvents()
stage = stage_of(viewer)
reading = stage.dock_widget("Reading")
screen = stage.window.screen().availableSize()
print(json.dumps({
    "inside": [stage.window.width() <= screen.width(), stage.window.height() <= screen.height()],
    "reading ends": reading.mapTo(stage.window, reading.rect().bottomRight()).x(),
    "window": stage.window.width(),
    "canvases": [canvas.native.width() for canvas in stage.study.canvases],
}))
viewer.close()
"""


def test_the_axial_canvas_gets_the_largest_share():
    for total in (900, 1000, ROOMY_PX - 1, ROOMY_PX, 1366, 1920, 3840):
        taken = widths(total)
        assert total - sum(taken) >= 0.3 * total
        assert max(taken) <= total - sum(taken) or total < ROOMY_PX


def check(facts):
    width, height = facts["window"]
    # The second panel lies behind the first one's tab.
    assert set(facts["docks"]) == {"Lesions", "Panel 0", "Other planes"}
    for name, (x, y, w, h) in facts["docks"].items():
        assert w >= 100, name
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height, name
    for name, (w, h) in facts["canvases"].items():
        assert w >= SMALLEST_CANVAS_PX, name
        assert h >= SMALLEST_CANVAS_PX, name
    assert all("…" not in words for words in facts["places"].values()), facts["places"]
    assert facts["fitted"]
    assert not any(facts["naparis docks visible"])


def test_everything_shows_at_1366_by_768(study, qtbot):
    from window_helpers import docks_of_a_reader, layout_facts

    from lesionscope.viewer.layout import dock_of, reset_layout, set_napari_docks_visible

    viewer = study.viewer
    viewer.window.resize(1366, 768)
    left, right = docks_of_a_reader(viewer)
    try:
        dock = dock_of(right[1])
        dock.setFloating(True)
        reset_layout(study.main_window, left=left, planes=study.panes, right=right)
        qtbot.wait(60)
        facts = layout_facts(study, [*left, *right])
        check(facts)
        assert facts["window"] == [1366, 768]
        assert not dock.isFloating()
        assert set(study.main_window.tabifiedDockWidgets(dock)) == {dock_of(right[0])}
        # From left to right: list, axial, planes, right dock.
        xs = [dock_of(left[0]).x(), dock_of(study.panes).x(), dock_of(right[0]).x()]
        assert xs == sorted(xs)
        set_napari_docks_visible(study.main_window, True)
        assert any(layout_facts(study, [])["naparis docks visible"])
        set_napari_docks_visible(study.main_window, False)
    finally:
        for widget in (*left, *right):
            viewer.window.remove_dock_widget(dock_of(widget))
        viewer.window.resize(1200, 760)
        qtbot.wait(20)


def test_everything_shows_at_200_percent(display, tmp_path):
    helpers = Path(__file__).parent
    run = subprocess.run(
        [sys.executable, "-c", AT_200_PERCENT, str(tmp_path), str(helpers)],
        env={**os.environ, "QT_SCALE_FACTOR": "2", "NAPARI_CONFIG": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    facts = json.loads(run.stdout.splitlines()[-1])
    assert facts["scale"] == 2
    check(facts)
    assert (tmp_path / "at-200-percent.png").stat().st_size > 10_000


def test_a_window_that_naparis_command_opens_with_a_study_fits_the_screen(display, tmp_path):
    """napari shows it only then, and the first time as large as all its canvases would like."""
    run = subprocess.run(
        [sys.executable, "-c", BY_NAPARIS_COMMAND, str(Path(__file__).parent)],
        env={**os.environ, "NAPARI_CONFIG": "", "LESIONSCOPE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    facts = json.loads(run.stdout.splitlines()[-1])
    assert facts["inside"] == [True, True]
    assert facts["reading ends"] <= facts["window"]
    axial, *others = facts["canvases"]
    assert all(SMALLEST_CANVAS_PX <= width < axial for width in others)


def test_naparis_pyqt5_notice_goes_and_other_notices_stay(study, qtbot):
    from napari.utils.notifications import notification_manager, show_info
    from qtpy.QtWidgets import QDialog

    from lesionscope.viewer.layout import BACKEND_NOTICE, dismiss_backend_notice

    def notices():
        return [
            dialog
            for dialog in study.main_window.findChildren(QDialog)
            if type(dialog).__name__ == "NapariQtNotification" and dialog.isVisible()
        ]

    before = len(notices())
    show_info(f"napari support for the {BACKEND_NOTICE} and will go")
    show_info("something else")
    qtbot.waitUntil(lambda: len(notices()) >= before + 2)
    dismiss_backend_notice(study.main_window)
    qtbot.wait(20)
    left = notices()
    assert any("something else" in dialog.message.text() for dialog in left)
    assert not any(BACKEND_NOTICE in dialog.message.text() for dialog in left)
    for dialog in left:
        dialog.close()
    notification_manager.records.clear()
