"""What napari.yaml names: reader, sample and commands. Imports nothing heavy at start."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari

    from lesionscope.viewer.reader import LayerData, Reader
    from lesionscope.viewer.sample import Sample


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Answer with a reader for CT, whose layer a room takes over as soon as it is in a viewer."""
    from lesionscope.viewer import reader

    read = reader.get_reader(path)
    if read is None:
        return None

    def read_and_take_over(place: str | Sequence[str]) -> list[LayerData]:
        layers: list[LayerData] = read(place)
        take_over_soon()
        return layers

    return read_and_take_over


def phantom_chest() -> list[LayerData]:
    """Make the sample: a synthetic chest CT with lesions, which a room takes over."""
    from lesionscope.viewer import sample

    return _opened(sample.phantom_sample)


def sample_baseline() -> list[LayerData]:
    """Open the first visit of the sample patient, which a room takes over."""
    from lesionscope.viewer import sample

    return _opened(lambda: sample.patient_sample("baseline"))


def sample_follow_up() -> list[LayerData]:
    """Open the sample patient three months later, which a room takes over."""
    from lesionscope.viewer import sample

    return _opened(lambda: sample.patient_sample("follow-up"))


def whole_body() -> list[LayerData]:
    """Make a synthetic patient from neck to thighs, whom a room takes over."""
    from lesionscope.viewer import sample

    return _opened(sample.body_sample)


def _opened(make: Callable[[], Sample]) -> list[LayerData]:
    from lesionscope.errors import Cancelled
    from lesionscope.viewer.image import image_options

    try:
        sample = make()
    except Cancelled:
        return [no_layer()]
    take_over_soon()
    return [(sample.shown.hu, image_options(sample.volume, sample.shown), "image")]


def no_layer() -> LayerData:
    """Layer data that add nothing: an image without channels.

    A reader may return no layer, a sample may not: napari takes ``(None,)`` for a failure.
    """
    import numpy as np

    return (np.empty((0, 1, 1), dtype=np.int16), {"channel_axis": 0}, "image")


def take_over_soon() -> None:
    """Have :func:`take_over` run once napari has added the layers that a reader returned.

    A reader can't know its viewer, and napari adds its layers only after it returns.
    """
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    if QApplication.instance() is not None:
        QTimer.singleShot(0, take_over)


@contextmanager
def _garbage_later() -> Iterator[None]:
    """Don't collect garbage meanwhile: so much is made here that Python would look at all there is twice."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


@_garbage_later()
def take_over() -> None:
    """Give every window with a CT layer that no room shows yet its room and docks."""
    from napari import Viewer
    from napari.qt import QtViewer
    from qtpy.QtWidgets import QApplication

    from lesionscope.viewer.image import volume_of
    from lesionscope.viewer.rooms import known_room, room_for, stage_of

    viewers = (w.viewer for w in QApplication.allWidgets() if isinstance(w, QtViewer))
    for viewer in [viewer for viewer in viewers if isinstance(viewer, Viewer)]:
        volumes = [volume for layer in viewer.layers if (volume := volume_of(layer)) is not None]
        room = known_room(viewer)
        if volumes and (room is None or room.state.volume is not volumes[-1]):
            room_for(viewer).open(volumes[-1])
            stage_of(viewer).show_docks()


def open_docks(viewer: napari.viewer.Viewer) -> None:
    """Open both docks and lay the window out anew."""
    _stage(viewer).show_docks()


def find_lesions(viewer: napari.viewer.Viewer) -> None:
    """Look for lesions through the whole scan."""
    _stage(viewer).find.through()


def review_labels(viewer: napari.viewer.Viewer) -> None:
    """Open the review dock in place of those for one study."""
    _stage(viewer).bench.show()


def compare_studies(viewer: napari.viewer.Viewer) -> None:
    """Ask for another study of the patient and hang both side by side."""
    from lesionscope.viewer.followup.opening import open_beside

    open_beside(viewer)


def compare_sample(viewer: napari.viewer.Viewer) -> None:
    """Hang both visits of the sample patient side by side."""
    from lesionscope.viewer.followup.opening import compare_sample as compare

    compare(_stage(viewer).window)


def show_help(viewer: napari.viewer.Viewer) -> None:
    """List keys and mouse."""
    _stage(viewer).show_help()


def export_report(viewer: napari.viewer.Viewer) -> None:
    """Ask where to, then write the report of the study's lesions."""
    from lesionscope.viewer.export import ask_and_export

    stage = _stage(viewer)
    ask_and_export(stage.room, stage.window)


def _stage(viewer: Any) -> Any:
    from lesionscope.viewer.rooms import stage_of

    return stage_of(viewer)
