"""The review's keys on the canvases of a real window: only while its dock and its images are in sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from review_clinic import Reviewer, review_window
from room_fakes import volume

from lesionscope.viewer.layout import dock_of
from lesionscope.viewer.review import words
from lesionscope.viewer.room_state import Tool

pytest_plugins = ["review_fakes"]
pytestmark = pytest.mark.window


@pytest.fixture
def reviewer(
    project: Path, tmp_path: Path, own_windows: Any, qapp: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Reviewer]:
    """Ann at the review dock; the first lesion's images are there."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    monkeypatch.setattr("lesionscope.viewer.review.album.open_images", lambda *_, **__: volume())
    with review_window() as at_work:
        at_work.review.open_project(project)
        at_work.begin("Ann")
        yield at_work


def on_canvas(reviewer: Reviewer, key: Qt.Key, held: Any = Qt.KeyboardModifier.NoModifier) -> int:
    """Press a key on the axial canvas; answers how many decisions there are."""
    QTest.keyClick(reviewer.stage.study.axial.native, key, held)
    return len(reviewer.state.project.decisions)


def test_the_canvas_takes_the_review_s_keys_only_while_dock_and_images_are_in_sight(
    reviewer: Reviewer, qtbot: Any
) -> None:
    stage, room = reviewer.stage, reviewer.stage.room
    made = on_canvas(reviewer, Qt.Key.Key_R)
    assert made and room.state.tool is Tool.NAVIGATE
    dock = dock_of(reviewer.panel)
    dock.hide()
    assert on_canvas(reviewer, Qt.Key.Key_R) == made and room.state.tool is Tool.RULER
    assert on_canvas(reviewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier) == made
    dock.show()
    assert on_canvas(reviewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier) == 0
    # Another CT: the canvas is its own again, while the dock's keys stay the dock's.
    room.open(volume("4.5.6"))
    room.set_tool(Tool.NAVIGATE)
    assert on_canvas(reviewer, Qt.Key.Key_R) == 0 and room.state.tool is Tool.RULER
    assert reviewer.panel.work.strips["images"].label.text() == words.OTHER_IMAGES
    reviewer.bench.take_focus()
    reviewer.press("R")
    made = len(reviewer.state.project.decisions)
    assert made
    reviewer.press("N")
    reviewer.wait_for_images()
    assert on_canvas(reviewer, Qt.Key.Key_R) > made
    stage.viewer.window.remove_dock_widget(reviewer.panel)
    made = len(reviewer.state.project.decisions)
    assert on_canvas(reviewer, Qt.Key.Key_R) == made
    assert {key.key: key.title for key in stage.keys}["R"] != "Reject the label"


def test_other_docks_are_tabs_of_the_review_in_a_small_window_and_take_its_keys(
    reviewer: Reviewer, qtbot: Any
) -> None:
    stage, panel = reviewer.stage, reviewer.panel
    for key in ("F5", "F3", "F6"):
        assert panel.isAncestorOf(reviewer.keyboard)
        next(entry for entry in stage.keys if entry.key == key).action()
        qtbot.waitUntil(lambda: panel.visibleRegion().isEmpty() and stage.window.height() == 768)
        # Behind a tab: no key decides on a label that isn't seen.
        qtbot.waitUntil(lambda: not panel.isAncestorOf(reviewer.keyboard))
        stage.room.set_tool(Tool.NAVIGATE)
        assert on_canvas(reviewer, Qt.Key.Key_R) == 0 and stage.room.state.tool is Tool.RULER
        dock_of(panel).raise_()
        qtbot.waitUntil(lambda: not panel.visibleRegion().isEmpty())
        assert (stage.window.width(), stage.window.height()) == (1366, 768)
        for button in panel.work.buttons.values():
            assert button.visibleRegion().boundingRect() == button.rect()
            assert button.height() >= button.minimumSizeHint().height()
        assert on_canvas(reviewer, Qt.Key.Key_R) > 0
        assert on_canvas(reviewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier) == 0
        reviewer.bench.take_focus()
