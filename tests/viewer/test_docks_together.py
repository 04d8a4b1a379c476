"""Docks that share a place: tabs that can be read, and none left over where the next task needs the room."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from qtpy.QtWidgets import QTabBar
from room_fakes import FakeReader, volume

from lesionscope.viewer import report_words, wording
from lesionscope.viewer.find import words as find_words
from lesionscope.viewer.layout import dock_of
from lesionscope.viewer.review import words as review_words
from lesionscope.viewer.rooms import room_for, stage_of

pytestmark = pytest.mark.window


def tabs(window: Any) -> set[str]:
    """Return what stands on the tabs of a window."""
    return {bar.tabText(place) for bar in window.findChildren(QTabBar) for place in range(bar.count())}


def has_tab(window: Any, text: str) -> bool:
    """Whether one of them says so."""
    return text in tabs(window)


def test_tabs_have_short_names_and_a_review_takes_the_report_s_place(
    make_viewer: Callable[[], Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    viewer = make_viewer()
    room_for(viewer, make_reader=FakeReader(), make_labels=None, warm=None).open(volume())
    stage = stage_of(viewer)
    stage.show_docks()
    next(key for key in stage.keys if key.key == "F5").action()

    qtbot.waitUntil(partial(has_tab, stage.window, report_words.DOCK), timeout=5000)
    assert not any("napari-lesionscope" in text for text in tabs(stage.window))
    report = dock_of(stage.dock_widget(report_words.DOCK))
    stage.bench.show()
    assert report.isHidden()
    assert not dock_of(stage.dock_widget(review_words.DOCK)).isHidden()
    del viewer, stage, report


def shown_in_a_small_window(stage: Any, qtbot: Any, key: str, title: str) -> None:
    """Press a key that shows a dock; the window stays as small as it was."""
    next(entry for entry in stage.keys if entry.key == key).action()
    in_sight(stage, qtbot, title)
    assert (stage.window.width(), stage.window.height()) == (1366, 768), title


def in_sight(stage: Any, qtbot: Any, title: str) -> None:
    """Wait until a dock is, and the window is laid out."""
    qtbot.waitUntil(lambda: not stage.dock_widget(title).visibleRegion().isEmpty())
    qtbot.wait(50)


def test_no_dock_makes_a_small_window_higher_and_a_candidate_behind_a_tab_is_out_of_sight(
    make_viewer: Callable[[], Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    viewer = make_viewer()
    room_for(viewer, make_reader=FakeReader(), make_labels=None, warm=None).open(volume())
    stage = stage_of(viewer)
    show = partial(shown_in_a_small_window, stage, qtbot)
    qtbot.waitUntil(dock_of(stage.study.panes).isVisible)
    # Beside the planes where no dock of ours is, then as tabs.
    show("F6", find_words.DOCK)
    assert dock_of(stage.dock_widget(find_words.DOCK)).x() > dock_of(stage.study.panes).x()
    show("F5", report_words.DOCK)
    stage.find.accept()
    assert stage.room.state.notice == find_words.OUT_OF_SIGHT
    show("F3", wording.READING_DOCK)
    stage.bench.show()
    for key, title in (("F5", report_words.DOCK), ("F3", wording.READING_DOCK), ("F6", find_words.DOCK)):
        show(key, title)
    stage.show_docks()
    in_sight(stage, qtbot, wording.READING_DOCK)
    assert stage.window.height() == 768
    assert {wording.READING_DOCK, report_words.DOCK, review_words.DOCK} <= tabs(stage.window)
    del viewer, stage, show
