"""A real napari window for the tests that need one, and small volumes with landmarks."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

# Before napari is imported: its settings are neither read from nor written to the user's own.
os.environ.setdefault("NAPARI_CONFIG", "")

import numpy as np
import pytest
from room_fakes import viewers
from window_helpers import landmark_volume
from worker_screen import screen_of_ones_own

from benchmarks.window_hand import Hand, pixels
from lesionscope.ct.volume import CTVolume

PATIENCE_MS = 120_000
SCREEN = screen_of_ones_own()
"""Kept as long as this process lives; made before its first window."""


def no_display() -> str:
    """Say why no window can be shown here; empty where one can."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return "no canvas is drawn with QT_QPA_PLATFORM=" + os.environ["QT_QPA_PLATFORM"]
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "no display: run under xvfb-run"
    return ""


@pytest.fixture(autouse=True)
def plain_clicks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a click's declared box alone; tests of proposals switch them on."""
    monkeypatch.setenv("LESIONSCOPE_CLICK_BOX", "false")


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a machine as slow as it likes know a CT: no look at a folder ends by the clock."""
    monkeypatch.setattr("lesionscope.ct.peek.SECONDS", 60.0)


@pytest.fixture(autouse=True, scope="module")
def little_garbage() -> None:
    """Have collections leave out what stays anyway: napari collects all garbage whenever a layer goes."""
    if not no_display():
        from napari.qt import QtViewer

        import lesionscope.viewer.rooms  # noqa: F401

        if not QtViewer._instances:
            gc.collect()
            gc.freeze()


@pytest.fixture(scope="session")
def display() -> None:
    """Skip, with the reason, where no window can be shown."""
    reason = no_display()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def make_volume() -> Callable[..., CTVolume]:
    """Return the maker of landmark volumes."""
    return landmark_volume


@pytest.fixture
def volume() -> CTVolume:
    """A landmark volume whose axes run along the patient's."""
    return landmark_volume()


class SharedWindow:
    """One shown napari viewer with a study view, made when first wanted, for all tests that can share it."""

    def __init__(self) -> None:
        self._viewer: Any = None
        self._study: Any = None

    def study(self) -> Any:
        """Return the study view, in a window of 1200 × 760."""
        if self._study is None or self._study.is_closed:
            import napari

            from lesionscope.viewer.layout import reset_layout
            from lesionscope.viewer.study_view import StudyView

            self.close()
            self._viewer = napari.Viewer(show=True, show_welcome_screen=False)
            self._viewer.window.resize(1200, 760)
            self._study = StudyView(self._viewer)
            self._study.show(landmark_volume())
            reset_layout(self._study.main_window, planes=self._study.panes)
        return self._study

    def close(self) -> None:
        """Close the window, if there is one."""
        viewer, self._viewer, self._study = self._viewer, None, None
        if viewer is not None:
            viewer.close()
            del viewer
            gc.collect()


@pytest.fixture(scope="session")
def shared_window() -> Iterator[SharedWindow]:
    """The window that tests share."""
    shared = SharedWindow()
    yield shared
    shared.close()


@pytest.fixture
def own_windows(shared_window: SharedWindow) -> None:
    """Close the shared window and collect others' remains: a test with windows of its own must be alone.

    A canvas that Python's collector deletes in the midst of another one's painting takes
    that one's GL context from it.
    """
    shared_window.close()
    if not no_display():
        from napari.qt import QtViewer

        if QtViewer._instances:
            gc.collect()


@pytest.fixture
def make_viewer(display: None, own_windows: None) -> Iterator[Callable[[], Any]]:
    """Make shown viewers of the test's own, with no other about; none is left after them."""
    from napari.qt import QtViewer

    before = set(map(id, QtViewer._instances))
    with viewers() as make:
        yield make
    gc.collect()
    assert not [viewer for viewer in QtViewer._instances if id(viewer) not in before]


@pytest.fixture
def study(display: None, shared_window: SharedWindow, qtbot: Any) -> Iterator[Any]:
    """The shared study view with a landmark volume and all its habits at their start."""
    from lesionscope.ct.windows import default_window
    from lesionscope.viewer.slab import Slab

    shared_study = shared_window.study()
    if shared_study.volume is None or shared_study.volume.source.uid != "1.2.3":
        shared_study.show(landmark_volume())
    shared_study.set_slab(Slab())
    shared_study.set_window(default_window(shared_study.volume))
    if shared_study.inverted:
        shared_study.toggle_invert()
    shared_study.crosshair = True
    shared_study.navigating = True
    shared_study.activate(shared_study.axial)
    shared_study.reset_views()
    shared_study.go_to((0.0, 0.0, 0.0))
    qtbot.wait(30)
    yield shared_study
    shared_study.cine.stop()
    shared_study.set_keys(())
    for canvas in shared_study.canvases:
        for layer in tuple(canvas.model.layers):
            if layer is not canvas.image:
                canvas.remove_layer(layer)


@pytest.fixture
def qtbot(qtbot: Any) -> Any:
    """Wait as long as a slow machine may need: what is waited for ends the wait."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=PATIENCE_MS)
    return qtbot


@pytest.fixture
def hand(qtbot: object) -> Hand:
    """Return the hand that moves mouse and wheel."""
    return Hand(qtbot)


@pytest.fixture
def grab() -> Callable[[object], np.ndarray]:
    """Return the function that grabs a canvas' pixels."""
    return pixels
