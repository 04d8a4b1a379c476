"""A known lesion's scan beside one's own: found below an opened folder, scrolled together, given up."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from room_fakes import FakeLabels, known_lesion, staged_window, volume
from test_labels_dock import read

from lesionscope.errors import InputError
from lesionscope.phantom.dicom_series import write_series
from lesionscope.retrieval.known import Origin
from lesionscope.viewer import beside_desk, wording

pytestmark = pytest.mark.window
PLACE = (0.0, -1.0, 139.0)
"""In the soft block of the fake volume."""


@pytest.fixture(autouse=True)
def nothing_opened(monkeypatch):
    """Forget which folders other tests opened."""
    monkeypatch.setattr(beside_desk, "_opened", [])


@pytest.fixture
def origin(tmp_path):
    """Where a known lesion lies: a series on disk, in a folder that nobody has opened yet."""
    from lesionscope.ct.scan import scan

    folder = tmp_path / "elsewhere"
    write_series(volume("1.2.99"), folder / "series")
    (info,) = scan(folder).series
    return Origin("case-1", info.uid, PLACE), folder


@pytest.fixture
def panel(display, own_windows, tmp_path, qtbot, origin):
    """The similar lesions' panel of a window with a reading, its first neighbour of that series."""

    class Bank:
        def lesion(self, identifier):
            return replace(known_lesion(int(identifier[-1])), origin=origin[0])

    labels = FakeLabels()
    labels.bank = Bank()
    for stage in staged_window(volume(), tmp_path, labels=labels):
        read(stage, qtbot)
        docked = stage.dock_widget(wording.READING_DOCK)
        docked.show_tab("similar")
        yield docked.similar
        if docked.similar.beside is not None:
            docked.similar.beside.close()


def test_a_scan_below_an_opened_folder_opens_beside_and_both_scroll(panel, qtbot, origin):
    from lesionscope.viewer.docks.beside import STEP_MM
    from lesionscope.viewer.reader import open_study

    panel._open(panel._rows[1])
    beside = panel.beside
    qtbot.waitUntil(lambda: "not at hand" in beside.source.text())
    assert beside.views[1].picture.hu.shape == (60, 60), "the bank's picture meanwhile"

    open_study(origin[1] / "series")
    panel._open(panel._rows[1])
    qtbot.waitUntil(lambda: beside.slices.isVisible())
    assert beside.source.text() == wording.SCROLL_BOTH and beside.place.text() == wording.KEY_SLICE
    own, known = (view.picture for view in beside.views)
    assert own.hu.shape == known.hu.shape == (120, 120)
    assert own.box is not None and known.box is not None
    # 48 × 24 × 20 mm of soft tissue lie around both.
    assert known.hu[60, 60] == own.hu[60, 60] == 40
    steps = round(20 / STEP_MM)
    beside.views[0].scrolled.emit(steps)
    assert beside.slices.value() == steps and "20 mm nearer to the head" in beside.place.text()
    for view in beside.views:
        assert view.picture.box is None and view.picture.hu[60, 60] == -800
    panel.room.show_window(replace(panel.room.state.window, centre=-500.0))
    assert beside.slices.value() == steps, "another window leaves the slice alone"
    assert beside.views[1].window_shown.centre == -500.0


def test_a_folder_of_the_settings_counts_as_opened(panel, qtbot, origin, monkeypatch):
    monkeypatch.setenv("LESIONSCOPE_STUDIES", str(origin[1]))
    panel._open(panel._rows[1])
    qtbot.waitUntil(lambda: panel.beside.slices.isVisible())
    assert np.ptp(panel.beside.views[1].picture.hu) > 0


def test_closing_the_pair_stops_the_search_and_another_choice_replaces_it(panel, qtbot, monkeypatch):
    started, stopped = threading.Event(), threading.Event()

    def search(self, known, progress, cancel):
        started.set()
        while not cancel.cancelled:
            threading.Event().wait(0.01)
        stopped.set()
        raise InputError("too late")

    monkeypatch.setattr(beside_desk.BesideDesk, "_find", search)
    panel._open(panel._rows[1])
    assert started.wait(60) and panel.beside.source.text() == wording.LOOKING_FOR_SCAN
    monkeypatch.undo()
    panel._open(panel._rows[2])
    assert stopped.wait(60)
    qtbot.waitUntil(lambda: "not at hand" in panel.beside.source.text())
    assert panel.room.state.beside.neighbour.id == panel._rows[2].neighbour.id
    panel.beside.reject()
    assert panel.room.state.beside is None and not panel.beside.isVisible()


@pytest.mark.parametrize("go", ["open another study", "leave"])
def test_the_pair_goes_with_its_study(panel, qtbot, go):
    panel._open(panel._rows[1])
    qtbot.waitUntil(lambda: panel.beside.isVisible())
    panel.room.select(None)
    assert panel.beside.isVisible(), "it stays while other lesions of its study are looked at"
    if go == "leave":
        panel.room.leave()
    else:
        panel.room.open(volume("1.2.4"))
    assert not panel.beside.isVisible() and panel.room.state.beside is None
