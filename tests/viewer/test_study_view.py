"""Three linked canvases: cursor, mouse habits, two studies in a row, and what users delete or close."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from window_helpers import BALL_LPS, landmark_volume

pytestmark = pytest.mark.window


def point(native, fx, fy):
    from qtpy.QtCore import QPoint

    return QPoint(round(native.width() * fx), round(native.height() * fy))


def positions(study):
    return {canvas.name: canvas.slice_position_mm for canvas in study.canvases}


def test_the_three_canvases_share_one_array(study):
    arrays = [canvas.image.data for canvas in study.canvases]
    assert all(np.shares_memory(array, study.volume.hu) for array in arrays)
    assert [canvas.name for canvas in study.canvases] == ["axial", "coronal", "sagittal"]
    assert all(str(unit) == "millimeter" for canvas in study.canvases for unit in canvas.image.units)


def test_going_to_a_point_shows_its_slice_on_every_canvas(study):
    told = []
    study.cursor_moved.connect(told.append)
    study.go_to(BALL_LPS)
    study.cursor_moved.disconnect(told.append)
    assert told == [BALL_LPS]
    assert study.cursor_lps == BALL_LPS
    spacing = study.shown.geometry.spacing_mm
    for canvas in study.canvases:
        axis = 2 - canvas.axis
        assert abs(canvas.slice_position_mm - BALL_LPS[axis]) <= spacing[axis] / 2
        assert canvas.overlay.cross == pytest.approx(canvas.to_pixels_exact(BALL_LPS))


def test_a_point_outside_is_kept_inside(study):
    study.go_to((1e4, -1e4, 0.0))
    low, high = study.shown.geometry.corners_lps()[[0, -1]]
    assert study.cursor_lps[0] == pytest.approx(high[0])
    assert study.cursor_lps[1] == pytest.approx(low[1])


def test_a_click_on_one_canvas_moves_the_others(study, hand):
    native = study.axial.native
    at = study.axial.to_pixels((-20.0, 10.0, study.cursor_lps[2]))
    hand.drag(native, [at])
    assert np.allclose(study.cursor_lps[:2], (-20.0, 10.0), atol=0.5 / study.axial.model.scene.camera.zoom)
    coronal = study.canvas("coronal")
    hand.drag(coronal.native, [coronal.to_pixels((0.0, 0.0, 0.0)), coronal.to_pixels((5.0, 0.0, -22.0))])
    assert np.allclose(study.cursor_lps, (5.0, study.cursor_lps[1], -22.0), atol=0.6)
    # The point lies on the slice that was shown, not beside it.
    assert study.cursor_lps[1] == pytest.approx(coronal.slice_position_mm)


def test_a_tool_keeps_the_left_button_to_itself(study, hand):
    study.navigating = False
    before = study.cursor_lps
    hand.drag(study.axial.native, [point(study.axial.native, 0.3, 0.3), point(study.axial.native, 0.6, 0.6)])
    assert study.cursor_lps == before


@pytest.mark.parametrize("name", ["axial", "coronal", "sagittal"])
def test_the_wheel_scrolls_and_with_ctrl_zooms_at_the_pointer(study, hand, name):
    from qtpy.QtCore import Qt

    canvas = study.canvas(name)
    number, _ = study.slice_of(canvas)
    others = [study.slice_of(c) for c in study.canvases if c is not canvas]
    middle = point(canvas.native, 0.4, 0.45)
    hand.wheel(canvas.native, middle, 3)
    assert study.slice_of(canvas)[0] == number + 3
    hand.wheel(canvas.native, middle, -5)
    assert study.slice_of(canvas)[0] == number - 2
    assert [study.slice_of(c) for c in study.canvases if c is not canvas] == others
    zoom = canvas.model.scene.camera.zoom
    under = canvas.to_lps(middle.x(), middle.y())
    hand.wheel(canvas.native, middle, 2, Qt.KeyboardModifier.ControlModifier)
    assert canvas.model.scene.camera.zoom == pytest.approx(zoom * 1.15**2)
    assert canvas.to_lps(middle.x(), middle.y()) == pytest.approx(under)
    assert study.slice_of(canvas)[0] == number - 2


def test_the_ends_of_the_stack_hold(study, hand):
    hand.wheel(study.axial.native, point(study.axial.native, 0.5, 0.5), 100)
    assert study.slice_of(study.axial) == (40, 40)
    assert not study.scroll(1, study.axial)
    assert study.scroll(-100, study.axial)
    assert study.slice_of(study.axial) == (1, 40)


@pytest.mark.parametrize("button", ["MiddleButton", "LeftButton"])
def test_middle_drag_and_shift_drag_pan(study, hand, button):
    from qtpy.QtCore import QPoint, Qt

    canvas, modifiers = study.axial, None
    if button == "LeftButton":
        modifiers = Qt.KeyboardModifier.ShiftModifier
    cursor, zoom = study.cursor_lps, canvas.model.scene.camera.zoom
    start = point(canvas.native, 0.5, 0.5)
    was = canvas.to_pixels_exact(cursor)
    hand.drag(canvas.native, [start, start + QPoint(10, 4), start + QPoint(30, -20)], button, modifiers)
    now = canvas.to_pixels_exact(cursor)
    assert (now[0] - was[0], now[1] - was[1]) == pytest.approx((30, -20), abs=0.01)
    assert study.cursor_lps == cursor
    assert canvas.model.scene.camera.zoom == zoom


def test_a_right_drag_changes_the_window_on_all_canvases_and_nothing_else(study, hand):
    from qtpy.QtCore import QPoint

    canvas = study.canvas("sagittal")
    before, cursor, zoom = study.window, study.cursor_lps, canvas.model.scene.camera.zoom
    start = point(canvas.native, 0.4, 0.4)
    hand.drag(canvas.native, [start, start + QPoint(20, 5), start + QPoint(60, 30)], "RightButton")
    step = before.width / 300
    assert study.window.width == pytest.approx(before.width + 60 * step, abs=1)
    assert study.window.centre == pytest.approx(before.centre + 30 * step, abs=1)
    limits = {tuple(c.image.contrast_limits) for c in study.canvases}
    assert limits == {(study.window.low, study.window.high)}
    assert (study.cursor_lps, canvas.model.scene.camera.zoom) == (cursor, zoom)
    assert f"W {study.window.width:.0f}" in study.banner(study.axial).place.text()


def test_a_double_click_does_not_zoom(study, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    zoom = study.axial.model.scene.camera.zoom
    QTest.mouseDClick(
        study.axial.native,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        point(study.axial.native, 0.5, 0.5),
    )
    qtbot.wait(20)
    assert study.axial.model.scene.camera.zoom == zoom


def test_the_crosshair_hides_and_returns(study):
    assert all(canvas.overlay.cross is not None for canvas in study.canvases)
    study.crosshair = False
    assert all(canvas.overlay.cross is None for canvas in study.canvases)
    study.crosshair = True
    assert all(canvas.overlay.cross is not None for canvas in study.canvases)


def test_slices_chosen_on_naparis_own_slider_move_the_cursor(study):
    study.viewer.dims.set_point(0, 10.1)
    assert study.cursor_lps[2] == pytest.approx(10.1)
    study.viewer.dims.set_current_step(0, 3)
    assert study.slice_of(study.axial)[0] == 4


def test_the_status_bar_tells_hu_and_place_on_every_canvas(study, hand):
    study.go_to(BALL_LPS)
    for canvas in study.canvases:
        hand.move(canvas.native, canvas.to_pixels(BALL_LPS))
        # napari's own thread says the same words, in a dictionary, whenever it comes round.
        status = study.viewer.status
        words = status if isinstance(status, str) else status["coordinates"]
        assert words.startswith("HU 1500"), canvas
        assert any(f"R {mm}" in words for mm in (29, 30, 31))
    # napari's own thread asks the active layer and must get the same words.
    said = study.axial.image.get_status((BALL_LPS[2], BALL_LPS[1], BALL_LPS[0]), world=True)
    assert said["coordinates"] == study.readout(BALL_LPS)


def test_another_study_starts_anew(study):
    from lesionscope.viewer.image import volume_of
    from lesionscope.viewer.slab import Slab, SlabMode

    study.set_slab(Slab(SlabMode.MIP, 20))
    study.toggle_invert()
    study.go_to(BALL_LPS)
    study.axial.zoom_by(3)
    old = [canvas.image for canvas in study.canvases]
    study.axial.image.gamma, study.axial.image.opacity = 0.5, 0.3
    study.axial.image.affine = np.diag([1, 1, -1, 1])  # napari's transform tool: mirrored
    other = landmark_volume(size=(30, 34, 12), spacing=(3.0, 2.5, 6.0), uid="9.9")
    study.show(other)
    assert study.slab == Slab()
    assert not study.inverted
    assert study.volume is other
    grid = study.shown.geometry
    assert np.allclose(study.cursor_lps, grid.to_lps([n // 2 for n in grid.size[::-1]]))
    assert study.slice_of(study.axial) == (7, 12)
    for canvas, image in zip(study.canvases, old, strict=True):
        assert image is canvas.image, "taking a layer off and another on takes long"
        assert image.data is study.shown.hu and volume_of(image) is other
        assert (image.gamma, image.opacity) == (1, 1)
        assert np.array_equal(image.affine.affine_matrix, np.eye(4))
        assert [layer for layer in canvas.model.layers if layer.name == "CT"] == [canvas.image]
        assert canvas.model.dims.thickness == (0, 0, 0)
        corner = canvas.to_pixels_exact(tuple(grid.corners_lps()[0]))
        assert -2 < corner[0] < canvas.native.width() + 2
        assert -2 < corner[1] < canvas.native.height() + 2


def test_a_layer_that_a_reader_made_is_taken_over(study):
    from napari.layers import Image

    from lesionscope.ct.display import display_volume
    from lesionscope.viewer.image import image_options

    volume = landmark_volume((-1, 0, 0, 0, -1, 0, 0, 0, 1), uid="7.7")
    shown = display_volume(volume)
    layer = study.viewer.add_layer(Image(shown.hu, **image_options(volume, shown)))
    study.show(volume)
    assert study.axial.image is layer
    assert study.shown is shown
    assert [x for x in study.viewer.layers if isinstance(x, Image)] == [layer]
    study.show(volume)
    assert study.axial.image is layer


def test_identifiers_stay_in_the_banner(study):
    study.show(landmark_volume(uid="1.2.3"))
    assert "Doe, Jane" in study.banner(study.axial).study.text()
    assert "PID-77" in study.banner(study.axial).study.text()
    told = [study.viewer.title, study.main_window.windowTitle()]
    told += [layer.name for canvas in study.canvases for layer in canvas.model.layers]
    told += [canvas.model.title for canvas in study.canvases]
    assert not any("Doe" in text or "PID" in text or "1.2.3" in text for text in told)


def test_deleting_the_image_by_hand_closes_the_study(study, qtbot):
    heard = []
    study.study_changed.connect(heard.append)
    study.viewer.layers.remove(study.axial.image)
    qtbot.wait(20)
    study.study_changed.disconnect(heard.append)
    assert heard == [None]
    assert study.volume is None
    assert all(canvas.image is None and not canvas.layers for canvas in study.canvases)
    assert study.banner(study.axial).study.text() == ""
    study.show(landmark_volume())
    assert all(canvas.image is not None for canvas in study.canvases)


def test_the_image_is_selected_again_when_nothing_is(study, qtbot):
    study.viewer.layers.selection.clear()
    qtbot.wait(20)
    assert study.viewer.layers.selection.active is study.axial.image


def test_the_planes_can_be_closed_and_opened_again(study, qtbot):
    from napari.qt import QtViewer

    heard = []
    study.canvases_changed.connect(heard.append)
    study.go_to(BALL_LPS)
    study.viewer.window.remove_dock_widget(study.panes.dock)
    qtbot.wait(50)
    assert [canvas.name for canvas in study.canvases] == ["axial"]
    assert study.panes is None
    study.scroll(1)
    study.set_window(study.window)
    study.show_panes()
    qtbot.wait(50)
    study.canvases_changed.disconnect(heard.append)
    assert [len(canvases) for canvases in heard] == [1, 3]
    assert {canvas.name: canvas.image is not None for canvas in study.canvases} == {
        "axial": True,
        "coronal": True,
        "sagittal": True,
    }
    coronal = study.canvas("coronal")
    assert abs(coronal.slice_position_mm - BALL_LPS[1]) <= 1.0
    assert coronal.letters.left == "R"
    gc.collect()
    assert len(list(QtViewer._instances)) == 3


def test_scrolling_a_big_volume_copies_no_more_than_slices(study, qtbot):
    """300 slices of 512 × 512, of 0.5 MB each: a step of the wheel touches the three that are shown."""
    import tracemalloc

    from qtpy.QtWidgets import QApplication

    from lesionscope.ct.geometry import Geometry
    from lesionscope.ct.volume import CTVolume, Source

    hu = np.zeros((300, 512, 512), np.int16)
    hu[:, 100:400, 100:400] = 40
    study.show(CTVolume(hu, Geometry((512, 512, 300), (0.7, 0.7, 1.0)), Source("big")))
    qtbot.wait(100)
    before = study.axial.slice_position_mm
    tracemalloc.start()
    for _ in range(12):
        study.scroll(1, study.axial)
        QApplication.processEvents()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(study.axial.slice_position_mm - before) == pytest.approx(12.0)
    assert peak < 20e6, f"{peak / 1e6:.0f} MB of {hu.nbytes / 1e6:.0f}"
