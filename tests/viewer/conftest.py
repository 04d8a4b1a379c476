"""A real napari window for the tests that need one, and small volumes with landmarks."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator

# Before napari is imported: its settings are neither read from nor written to the user's own.
os.environ.setdefault("NAPARI_CONFIG", "")

import numpy as np
import pytest
from window_helpers import Hand, landmark_volume, pixels

from lesionscope.ct.volume import CTVolume


def no_display() -> str:
    """Say why no window can be shown here; empty where one can."""
    if os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return "no canvas is drawn with QT_QPA_PLATFORM=" + os.environ["QT_QPA_PLATFORM"]
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "no display: run under xvfb-run"
    return ""


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


@pytest.fixture(scope="module")
def window(display: None, qapp: object) -> Iterator[object]:
    """One shown napari viewer for a module's tests, 1200 × 760."""
    import napari

    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1200, 760)
    yield viewer
    viewer.close()
    gc.collect()


@pytest.fixture(scope="module")
def shared_study(window: object) -> Iterator[object]:
    """One study view in that window."""
    from lesionscope.viewer.layout import reset_layout
    from lesionscope.viewer.study_view import StudyView

    study = StudyView(window)
    study.show(landmark_volume())
    reset_layout(study.main_window, planes=study.panes)
    yield study
    study.close()


@pytest.fixture
def study(shared_study: object, qtbot: object, volume: CTVolume) -> Iterator[object]:
    """The module's study view, with a fresh landmark volume and all its habits at their start."""
    shared_study.show(volume)
    shared_study.crosshair = True
    shared_study.navigating = True
    shared_study.set_keys(())
    shared_study.cine.fps = 10
    qtbot.wait(30)
    yield shared_study
    for canvas in shared_study.canvases:
        for layer in tuple(canvas.model.layers):
            if layer is not canvas.image:
                canvas.remove_layer(layer)


@pytest.fixture
def hand(qtbot: object) -> Hand:
    """Return the hand that moves mouse and wheel."""
    return Hand(qtbot)


@pytest.fixture
def grab() -> Callable[[object], np.ndarray]:
    """Return the function that grabs a canvas' pixels."""
    return pixels
