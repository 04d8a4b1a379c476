"""Docks that share a place: tabs that can be read, and none left over where the next task needs the room."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from qtpy.QtWidgets import QTabBar
from room_fakes import FakeReader, volume

from lesionscope.viewer import report_words
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
