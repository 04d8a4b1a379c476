"""Proposals in a room: they arrive, can be undone, edited, declined and dropped; and on a real window."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from room_fakes import FakeReader, centre, viewers, volume

from lesionscope.inference.click_box import propose
from lesionscope.viewer import wording
from lesionscope.viewer.drawing import draw
from lesionscope.viewer.export import export
from lesionscope.viewer.grid import Grid
from lesionscope.viewer.propose import default_propose, masks_of, outline_of
from lesionscope.viewer.room import Room
from lesionscope.viewer.rooms import room_for, stage_of

pytestmark = pytest.mark.window
NODULE_LPS = (-57.44, 131.23, -520.36)


def really(ct, click, cancel):
    return propose(ct, click, cancel=cancel)


@pytest.fixture
def make_room(qtbot, tmp_path):
    rooms = []

    def make(propose=really, reader=None, auto_read=False) -> Room:
        room = Room(
            make_reader=reader or FakeReader(),
            session_path=lambda uid: tmp_path / f"{uid}.sqlite",
            auto_read=auto_read,
            propose=propose,
        )
        rooms.append(room)
        room.open(volume())
        return room

    yield make
    for room in rooms:
        room.close()


def block_centre():
    """The middle of the soft block of the fake volume: 30 × 24 mm in the plane."""
    x, y, z = volume().geometry.to_lps((19, 29.5, 39.5))
    return float(x), float(y), float(z)


def test_the_window_and_the_command_line_make_the_same_lesion_of_a_click(make_room, qtbot):
    from lesionscope.commands.clicked import measured
    from lesionscope.lesions.marking import lesion_from_click

    room, ct = make_room(), volume()
    x, y, z = block_centre()
    click = (x + 4.0, y - 3.0, z + 0.4)
    room.mark_click(click)
    qtbot.waitUntil(lambda: room.state.lesion.long is not None)
    mine, theirs = room.state.lesion, measured(ct, lesion_from_click(click)).lesion
    assert mine.centroid_lps_mm == click == theirs.centroid_lps_mm
    assert mine.fingerprint == theirs.fingerprint


def test_a_click_is_marked_at_once_and_measured_a_moment_later(make_room, qtbot):
    room = make_room()
    room.mark_click(block_centre())
    clicked = room.state.lesion
    assert clicked.box_declared and clicked.long is None
    qtbot.waitUntil(lambda: room.state.lesion.long is not None)
    measured = room.state.lesion
    assert (measured.id, measured.number) == (clicked.id, clicked.number) and not measured.box_declared
    # The block's diagonal, its corners rounded off.
    assert 30 < measured.long.length_mm < 39 and 22 < measured.short.length_mm < 32
    assert f"{measured.long.length_mm:.1f}" in room.state.notice
    assert len(outline_of(measured, room.state.proposed)) > 30
    room.undo()
    assert room.state.lesion == clicked and outline_of(room.state.lesion, room.state.proposed) == ()
    room.redo()
    assert room.state.lesion == measured and outline_of(room.state.lesion, room.state.proposed)


def test_a_second_click_into_a_lesion_still_says_so_when_it_was_measured(make_room, qtbot):
    room = make_room(auto_read=True)
    x, y, z = block_centre()
    for click in ((x, y, z), (x + 4.0, y - 3.0, z)):
        room.mark_click(click)
        qtbot.waitUntil(lambda: room.state.lesion.long is not None)
    assert len(room.state.lesions) == 2
    already = wording.MARKED_ALREADY.format(number=1)
    assert room.state.notice.startswith(f"{already} ") and "mm" in room.state.notice


def test_the_outline_is_there_again_when_the_session_is_opened_again(make_room, qtbot):
    room = make_room()
    room.mark_click(block_centre())
    qtbot.waitUntil(lambda: room.state.lesion.long is not None)
    lesion, outline = room.state.lesion, room.state.proposed
    shape = room.state.volume.hu.shape
    (mask,) = masks_of([lesion], outline, shape)
    room.close()
    again = make_room()
    assert again.state.lesion == lesion and dict(again.state.proposed) == dict(outline)
    (same,) = masks_of([lesion], again.state.proposed, shape)
    assert mask.voxels.any() and np.array_equal(same.voxels, mask.voxels)
    assert again.state.session.undo_title == "Measure lesion 1", "an outline is no step of its own"
    again.move_lesion(lesion.id, tuple(np.add(lesion.centroid_lps_mm, (1, 0, 0))))
    assert not again.state.proposed
    again.undo()
    assert dict(again.state.proposed) == dict(outline)


def test_the_outline_is_drawn_on_the_axial_canvas_and_goes_with_an_edit(make_room, qtbot):
    room = make_room()
    room.mark_click(block_centre())
    qtbot.waitUntil(lambda: room.state.lesion.long is not None)
    grid = Grid.of(room.state.volume.geometry)
    (outline,) = draw(room.state, grid, 0, "axial").outlines
    assert outline.selected and outline.corners[0] == outline.corners[-1] and len(outline.corners) < 160
    z = {corner[0] for corner in outline.corners}
    assert z == {grid.position(2, grid.nearest(2, block_centre()[2]))}
    assert draw(room.state, grid, 1, "coronal").outlines == ()
    lesion = room.state.lesion
    x, y, level = lesion.long.end_lps_mm
    room.move_end(lesion.id, "long", 1, (x + 3.0, y, level))
    assert draw(room.state, grid, 0, "axial").outlines == ()


def test_the_reading_is_of_the_lesion_as_proposed(make_room, qtbot):
    reader = FakeReader(seconds=0.05)
    room = make_room(reader=reader, auto_read=True)
    room.mark_click(block_centre())
    assert room.state.status(room.state.lesion.id).is_working
    qtbot.waitUntil(
        lambda: room.state.lesion.long is not None and room.state.reading(room.state.lesion.id) is not None,
    )
    assert not room.state.is_stale(room.state.lesion.id)


def test_what_comes_too_late_is_dropped(make_room, qtbot):
    room = make_room()
    room.mark_click(block_centre())
    room.delete()
    qtbot.waitUntil(lambda: not room.worker.busy)
    assert room.state.lesions == () and room.state.proposed == {}
    room.mark_click(block_centre())
    x, y, z = block_centre()
    room.set_diameter("long", (x - 5, y, z), (x + 5, y, z))
    qtbot.waitUntil(lambda: not room.worker.busy)
    assert room.state.lesion.long.length_mm == pytest.approx(10) and room.state.lesion.short is None


def test_where_nothing_is_found_the_declared_box_stays_with_a_reason(make_room, qtbot):
    room = make_room(lambda ct, click, cancel: propose(ct, (400.0, 0.0, 0.0), cancel=cancel))
    room.mark_click(centre(volume()))
    qtbot.waitUntil(lambda: "declared" in room.state.notice)
    assert room.state.lesion.box_declared and not room.state.session.can_redo


def test_a_report_has_the_outlined_voxels_beside_it(make_room, qtbot, tmp_path):
    import SimpleITK

    room = make_room()
    room.mark_click(block_centre())
    qtbot.waitUntil(lambda: room.state.lesion.long is not None)
    files = []
    export(room, tmp_path / "out", ("json",), stem="a", done=files.extend)
    qtbot.waitUntil(lambda: bool(files))
    # The volume came from no DICOM images.
    assert [file.name for file in files] == ["a.json", "a-outlines.nii.gz"]
    labels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(files[1])))
    assert labels.shape == room.state.volume.hu.shape and set(np.unique(labels)) == {0, 1}
    assert np.mean(room.state.volume.hu[labels == 1] == 40) > 0.85
    room.undo()
    files.clear()
    export(room, tmp_path / "out", ("json",), stem="b", done=files.extend)
    qtbot.waitUntil(lambda: bool(files))
    assert [file.name for file in files] == ["b.json"]


def test_neither_report_nor_outlines_name_the_patient_where_the_dock_says_so(make_room, qtbot, tmp_path):
    import SimpleITK

    from lesionscope.ct.scan import open_ct
    from lesionscope.phantom.dicom_series import write_series
    from lesionscope.viewer.docks.report_draft import drafts_of

    write_series(volume(), tmp_path / "series", patient_name="Doe^Jane", patient_id="PID-77")
    room = make_room()
    room.open(open_ct(tmp_path / "series"))
    room.mark_click(block_centre())
    qtbot.waitUntil(lambda: room.state.lesion.long is not None)

    def written(stem):
        files = []
        export(room, tmp_path / "out", ("json", "html"), stem=stem, done=files.extend)
        qtbot.waitUntil(lambda: bool(files))
        return files

    files = written("named")
    assert [file.name for file in files] == ["named.json", "named.html", "named-outlines.dcm"]
    assert all(b"PID-77" in file.read_bytes() for file in files)
    drafts_of(room).set(deidentify=True)
    files = written("nobody")
    assert [file.name for file in files] == ["nobody.json", "nobody.html", "nobody-outlines.nii.gz"]
    for file in files:
        content = file.read_bytes()
        content = gzip.decompress(content) if file.suffix == ".gz" else content
        assert not any(one in content for one in (b"Doe", b"PID-77", b"20200101"))
    labels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(files[2])))
    (mask,) = masks_of(room.state.lesions, room.state.proposed, labels.shape)
    assert np.array_equal(labels == 1, mask.voxels)


def test_the_settings_switch_it_off(make_room, qtbot, monkeypatch):
    from lesionscope.progress import CancelToken

    monkeypatch.setenv("LESIONSCOPE_CLICK_BOX", "off")
    assert default_propose(volume(), block_centre(), CancelToken()) is None
    monkeypatch.setenv("LESIONSCOPE_CLICK_BOX", "true")
    assert default_propose(volume(), block_centre(), CancelToken()).found


@pytest.mark.usefixtures("display", "own_windows")
def test_a_mouse_click_on_a_real_nodule_is_measured(qtbot, qapp, shared_data, tmp_path, monkeypatch, hand):
    monkeypatch.setenv("LESIONSCOPE_CLICK_BOX", "true")
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    with viewers() as make:
        viewer = make()
        # Read by nobody: this is about the marks.
        room_for(viewer, auto_read=False)
        viewer.open(str(shared_data / "ct/01_chest_lidc0314"), plugin="napari-lesionscope")
        room = room_for(viewer)
        qtbot.waitUntil(lambda: room.state.volume is not None)
        study = stage_of(viewer).study
        study.go_to(NODULE_LPS)
        qtbot.wait(100)
        native = study.axial.native
        study.axial.zoom_by(6.0, study.axial.to_pixels_exact(NODULE_LPS))
        QTest.keyClick(native, Qt.Key.Key_C)
        spot = study.axial.to_pixels(NODULE_LPS)
        QTest.mouseMove(native, spot)
        QTest.mouseClick(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        qtbot.waitUntil(lambda: getattr(room.state.lesion, "long", None) is not None)
        lesion = room.state.lesion
        assert 14 < lesion.long.length_mm < 20
        marks = stage_of(viewer).marks[study.axial]
        (shape,) = marks.outlines.data
        world = marks.outlines.data_to_world(shape[0])
        assert np.allclose(world[0], lesion.long.end_lps_mm[2], atol=0.6)
        QTest.keyClick(native, Qt.Key.Key_Escape)
        # Its ends can be dragged like any other's.
        x, y, z = lesion.long.end_lps_mm
        way = [study.axial.to_pixels((x + t, y + t, z)) for t in np.linspace(0.0, 9.0, 6)]
        hand.drag(native, way)
        qtbot.waitUntil(lambda: room.state.lesion.long != lesion.long)
        assert len(marks.outlines.data) == 0
        QTest.keyClick(native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: room.state.lesion == lesion)
        assert len(marks.outlines.data) == 1
        if folder := os.environ.get("LESIONSCOPE_SCREENSHOTS"):
            qtbot.wait(300)
            Path(folder).mkdir(parents=True, exist_ok=True)
            viewer.window._qt_window.grab().save(str(Path(folder) / "proposal.png"))
        QTest.keyClick(native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: room.state.lesion.box_declared)
        assert np.allclose(room.state.lesion.centroid_lps_mm, NODULE_LPS, atol=1.0)
        assert wording.OUTLINES_LAYER in [layer.name for layer in study.axial.model.layers]
