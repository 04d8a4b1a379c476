"""napari's Open Sample: every entry of the manifest opens a study in a room."""

from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest

from lesionscope import sample_data

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]


@pytest.fixture
def viewer(make_viewer, tmp_path, monkeypatch):
    """A window whose rooms keep their sessions in the test's own folder."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    return make_viewer()


def opened(viewer, qtbot, key):
    """Open a sample as the File menu does and wait for its room."""
    from lesionscope.viewer.rooms import room_for

    room = room_for(viewer)
    before = room.state.volume
    viewer.open_sample("napari-lesionscope", key)
    qtbot.waitUntil(lambda: room.state.volume is not before)
    return room.state.volume


def test_every_sample_of_the_manifest_is_known():
    manifest = PluginManifest.from_file(Path(__file__).resolve().parents[2] / "napari.yaml")
    keys = [entry.key for entry in manifest.contributions.sample_data]
    assert keys == ["phantom-chest", "patient-baseline", "patient-follow-up", "phantom-body"]


def test_the_sample_patient_comes_twice(viewer, qtbot):
    first = opened(viewer, qtbot, "patient-baseline")
    later = opened(viewer, qtbot, "patient-follow-up")
    assert first.source.patient.patient_id == later.source.patient.patient_id != ""
    assert first.source.study_date < later.source.study_date
    assert first.source.uid != later.source.uid
    assert first.findings == () == later.findings
    assert len([layer for layer in viewer.layers if layer.name.startswith("CT")]) <= 2


def test_a_whole_body_is_made_on_the_spot_and_found_again(viewer, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(sample_data, "sample_folder", lambda: tmp_path)
    monkeypatch.setattr(sample_data, "WHOLE_BODY_MATRIX", 64)
    monkeypatch.setattr(sample_data, "WHOLE_BODY_STEP_MM", 20.0)
    volume = opened(viewer, qtbot, "phantom-body")
    assert volume.geometry.size[:2] == (64, 64) and volume.geometry.size[2] * 20 > 600
    (made,) = tmp_path.glob("phantom-body-*")
    monkeypatch.setattr(sample_data, "_write_patient", None)
    assert sample_data.whole_body() == made


def test_a_cancelled_sample_opens_nothing(viewer, monkeypatch):
    from lesionscope.errors import Cancelled
    from lesionscope.viewer import sample

    def cancelled():
        raise Cancelled("stopped")

    monkeypatch.setattr(sample, "body_sample", cancelled)
    assert viewer.open_sample("napari-lesionscope", "phantom-body") == []
    assert len(viewer.layers) == 0


def test_cancel_on_the_progress_window_leaves_the_study_that_is_open(viewer, qtbot, tmp_path, monkeypatch):
    import time

    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QProgressDialog

    def slow(*, progress, cancel):
        while True:
            cancel.check()
            progress(1, 10, "Making a patient")
            time.sleep(0.01)

    open_before = opened(viewer, qtbot, "patient-baseline")
    layers = list(viewer.layers)
    monkeypatch.setattr(sample_data, "whole_body", slow)

    def press_cancel():
        for one in QApplication.topLevelWidgets():
            if isinstance(one, QProgressDialog) and one.isVisible():
                one.canceled.emit()
                timer.stop()

    timer = QTimer()
    timer.timeout.connect(press_cancel)
    timer.start(100)  # until it shows, however busy the machine is
    assert viewer.open_sample("napari-lesionscope", "phantom-body") == []
    qtbot.wait(50)
    from lesionscope.viewer.rooms import room_for

    assert list(viewer.layers) == layers and room_for(viewer).state.volume is open_before
