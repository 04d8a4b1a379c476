"""Real CT in a real window: open, click with the mouse, read the tree, see it in the pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from room_fakes import viewers

from lesionscope.inference.reading import PathologyAnswer
from lesionscope.viewer import wording
from lesionscope.viewer.room_state import Tool
from lesionscope.viewer.rooms import room_for, stage_of

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]

NODULE_LPS = (-57.44, 131.23, -520.36)
"""LUNA16's centre of the 15.5 mm nodule in item 01."""


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where pictures are kept: LESIONSCOPE_SCREENSHOTS, else the test's own folder."""
    folder = Path(os.environ.get("LESIONSCOPE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def viewer(display, qapp, monkeypatch, tmp_path):
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    with viewers() as make:
        yield make()


def opened(viewer, path: Path, qtbot):
    """Open a path the way a person's drop does, through npe2 and our manifest."""
    viewer.open(str(path), plugin="napari-lesionscope")
    qtbot.waitUntil(lambda: room_for(viewer).state.volume is not None)
    qtbot.wait(200)
    return room_for(viewer), stage_of(viewer)


def grabbed(widget) -> np.ndarray:
    """Pixels of a widget, (rows, columns, 3)."""
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGBA8888)
    bits = image.constBits()
    if hasattr(bits, "setsize"):
        bits.setsize(image.bytesPerLine() * image.height())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return rows[:, : image.width(), :3].copy()


def visible_rows(tree) -> list[str]:
    """Texts of the rows that lie in the tree's viewport, from the top."""
    rows, index = [], tree.indexAt(tree.rect().topLeft())
    while index.isValid() and tree.visualRect(index).top() < tree.viewport().height():
        rows.append(index.data())
        index = tree.indexBelow(index)
    return rows


def test_a_click_on_the_nodule_shows_its_tree(viewer, qtbot, shared_data, screenshots):
    room, stage = opened(viewer, shared_data / "ct" / "01_chest_lidc0314", qtbot)
    study = stage.study
    assert len(study.canvases) == 3
    reading, lesions = (stage.dock_widget(t) for t in (wording.READING_DOCK, wording.LESIONS_DOCK))
    assert reading.isVisible() and lesions.isVisible()
    assert study.banner(study.axial).study.text()

    study.go_to(NODULE_LPS)
    QTest.keyClick(study.axial.native, Qt.Key.Key_C)
    assert room.state.tool is Tool.CLICK
    native, spot = study.axial.native, study.axial.to_pixels(NODULE_LPS)
    QTest.mouseMove(native, spot)
    qtbot.wait(50)
    QTest.mouseClick(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    qtbot.waitUntil(lambda: room.state.lesion is not None)
    lesion = room.state.lesion
    # Half a pixel of the screen, and half a slice.
    assert np.allclose(lesion.centroid_lps_mm, NODULE_LPS, atol=1.0)
    qtbot.waitUntil(lambda: room.state.reading(lesion.id) is not None)

    answer = room.state.reading(lesion.id).pathology
    assert isinstance(answer, PathologyAnswer)
    package = room.state.package
    assert answer.unfamiliar == package.unfamiliar(answer.familiarity)
    panel = reading.tree
    qtbot.waitUntil(panel.tree.isVisible)
    qtbot.wait(300)
    picture = grabbed(stage.window)
    stage.window.grab().save(str(screenshots / "nodule.png"))

    assert panel.notice.label.text() == wording.DEMONSTRATION and panel.notice.isVisible()
    assert panel.unfamiliar.isVisible() == answer.unfamiliar
    assert panel.tree.delegate.hatched == answer.unfamiliar
    rows = visible_rows(panel.tree)
    top = [node.name for node in answer.nodes if node.parent is None]
    assert len(rows) >= len(top) and set(top) <= set(rows)
    assert lesions.list.rows[0].score.endswith("%")

    for canvas in study.canvases:
        pixels = grabbed(canvas.native)
        assert pixels.std() > 20, f"the {canvas.name} canvas is blank"
    around = grabbed(native)[spot.y() - 12 : spot.y() + 12, spot.x() - 12 : spot.x() + 12].astype(int)
    assert (around[..., 0] - around[..., 2]).max() > 80, "the lesion's yellow mark is in sight"
    assert grabbed(panel.tree).std() > 8
    assert picture.shape[0] >= 700


def test_liver_lies_on_screen_left_in_a_ras_file(viewer, qtbot, shared_data, screenshots):
    _, stage = opened(viewer, shared_data / "ct" / "05_nifti_abdomen_totalseg", qtbot)
    study = stage.study
    shown = study.shown
    # The liver by its own looks: by far the largest even piece of 40…80 HU, wherever it lies.
    from scipy import ndimage

    smooth = ndimage.median_filter(shown.hu, 5)
    labels, count = ndimage.label(ndimage.binary_erosion((smooth > 40) & (smooth < 80), iterations=2))
    sizes = ndimage.sum_labels(np.ones_like(labels), labels, np.arange(1, count + 1))
    second, first = np.sort(sizes)[-2:]
    assert first > 4 * second
    k, j, i = ndimage.center_of_mass(labels == int(np.argmax(sizes)) + 1)
    x, y, z = (float(v) for v in shown.geometry.to_lps((k, j, i)))
    study.go_to((x, y, z))
    qtbot.wait(200)
    stage.window.grab().save(str(screenshots / "abdomen.png"))
    for name, letters in {
        "axial": ("R", "L", "A", "P"),
        "coronal": ("R", "L", "H", "F"),
        "sagittal": ("A", "P", "H", "F"),
    }.items():
        edge = study.canvas(name).letters
        assert (edge.left, edge.right, edge.top, edge.bottom) == letters
    body = shown.geometry.to_lps(np.argwhere(shown.hu > -200).mean(axis=0))
    for name in ("axial", "coronal"):
        canvas = study.canvas(name)
        middle = canvas.to_pixels((float(body[0]), y, z)).x()
        assert canvas.to_pixels((x, y, z)).x() < middle - 10, f"{name}: the liver is on screen left"
        assert grabbed(canvas.native).std() > 20
