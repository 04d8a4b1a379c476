"""What a study took goes with it: nothing that is left holds its volume."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import pytest
from room_fakes import FakeReader, centre, volume

from lesionscope.ct.volume import CTVolume
from lesionscope.viewer.rooms import room_for, stage_of
from lesionscope.viewer.workers import Worker


def gone(reference: weakref.ref[Any], qtbot: Any) -> bool:
    """Whether the last reference goes, when Qt has deleted what it was asked to and garbage was collected."""
    for _ in range(100):
        qtbot.wait(50)
        gc.collect()
        if reference() is None:
            return True
    return False


def read_study(viewer: Any, folder: Path, qtbot: Any) -> weakref.ref[CTVolume]:
    """Open a study in a viewer, mark a lesion, have it read; return what tells whether it is still there."""
    room = room_for(
        viewer,
        make_reader=FakeReader(),
        make_labels=None,
        session_path=lambda uid: folder / f"{uid}.db",
        auto_read=False,
    )
    ct = volume()
    room.open(ct)
    stage_of(viewer).show_docks()
    room.mark_click(centre(ct))
    room.read()
    qtbot.waitUntil(lambda: room.state.reading(room.state.selected) is not None, timeout=60_000)
    return weakref.ref(ct)


@pytest.mark.window
def test_a_study_whose_image_is_deleted_goes(
    make_viewer: Callable[[], Any], tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_viewer()
    study = read_study(viewer, tmp_path, qtbot)
    room, canvases = room_for(viewer), stage_of(viewer).study.canvases
    assert all(len(canvas.layers) == 3 for canvas in canvases)
    collections: list[int] = []
    with monkeypatch.context() as counting:
        counting.setattr(gc, "collect", lambda *_: collections.append(1) or 0)
        viewer.layers.remove(canvases[0].image)
        qtbot.waitUntil(lambda: room.state.volume is None, timeout=60_000)
    # napari collects all garbage for each layer that goes alone: one by hand, the others once a canvas.
    assert len(collections) == 1 + len(canvases)
    assert not any(canvas.layers for canvas in canvases) and not any(len(c.model.layers) for c in canvases)
    assert gone(study, qtbot)


@pytest.mark.window
def test_a_study_in_whose_place_another_comes_goes(
    make_viewer: Callable[[], Any], tmp_path: Path, qtbot: Any
) -> None:
    viewer = make_viewer()
    study = read_study(viewer, tmp_path, qtbot)
    room = room_for(viewer)
    room.open(volume("1.2.4"))
    qtbot.waitUntil(lambda: not room.worker.busy, timeout=60_000)
    assert gone(study, qtbot)


@pytest.mark.window
@pytest.mark.usefixtures("display", "own_windows")
def test_a_study_goes_with_its_window(tmp_path: Path, qtbot: Any) -> None:
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    study = read_study(viewer, tmp_path, qtbot)
    viewer.close()
    del viewer
    assert gone(study, qtbot)


def test_a_worker_that_waits_holds_nothing_of_its_last_job(qapp: Any, qtbot: Any) -> None:
    worker = Worker()
    ct = volume()
    held = weakref.ref(ct)
    worker.submit(lambda *_, ct=ct: ct.hu.sum())
    qtbot.waitUntil(lambda: not worker.busy, timeout=60_000)
    del ct
    assert gone(held, qtbot)
    worker.close()
