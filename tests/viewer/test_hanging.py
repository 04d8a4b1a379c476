"""Whatever axes a file has, every canvas shows it the way radiologists hang it: seen in the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from window_helpers import BALL_LPS, ORIENTATIONS

pytestmark = pytest.mark.window


def ball_centre(grey, native):
    """Centre of the brightest pixels, in fractions of the canvas (x, y) from its middle."""
    rows, columns = np.nonzero(grey > 0.97 * grey.max())
    return columns.mean() / grey.shape[1] - 0.5, rows.mean() / grey.shape[0] - 0.5


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_the_ball_lies_right_front_and_head_on_every_canvas(study, make_volume, grab, qtbot, name):
    from lesionscope.ct.windows import Window

    study.show(make_volume(ORIENTATIONS[name], uid=name))
    study.crosshair = False
    study.viewer.canvas.overlays.scale_bar.visible = False
    study.set_window(Window("ball", "", 1000, 600))
    study.go_to(BALL_LPS)
    qtbot.wait(60)
    expected = {"axial": ("left", "top"), "coronal": ("left", "top"), "sagittal": ("left", "top")}
    for canvas in study.canvases:
        grey = grab(canvas.native)
        x, y = ball_centre(grey, canvas.native)
        assert ("left" if x < 0 else "right", "top" if y < 0 else "bottom") == expected[canvas.name], canvas
        # And it lies where the canvas says that the point lies.
        at = canvas.to_pixels(BALL_LPS)
        voxel = max(study.shown.geometry.spacing_mm) * canvas.model.scene.camera.zoom
        assert abs((x + 0.5) * canvas.native.width() - at.x()) < 0.6 * voxel + 2
        assert abs((y + 0.5) * canvas.native.height() - at.y()) < 0.6 * voxel + 2


def test_pixels_and_points_are_inverse_on_every_canvas(study):
    study.go_to((7.0, -9.0, 4.0))
    for canvas in study.canvases:
        canvas.zoom_by(1.7, (33.0, 41.0))
        canvas.pan_by(12, -7)
        there = canvas.to_pixels_exact(study.cursor_lps)
        again = canvas.to_lps(*there)
        axis = 2 - canvas.axis
        for k in range(3):
            tolerance = study.shown.geometry.spacing_mm[k] / 2 + 1e-6 if k == axis else 1e-6
            assert abs(again[k] - study.cursor_lps[k]) <= tolerance


def test_letters_follow_the_canvas_when_its_axes_are_changed(study):
    canvas = study.axial
    assert canvas.overlay.letters == canvas.letters
    assert (canvas.letters.left, canvas.letters.top) == ("R", "A")
    canvas.model.dims.transpose()
    assert (canvas.letters.left, canvas.letters.top) == ("A", "R")
    assert canvas.overlay.letters == canvas.letters
    canvas.model.dims.roll()
    canvas.model.scene.camera.orientation2d = ("up", "left")
    assert canvas.overlay.letters == canvas.letters
    assert set("".join((canvas.letters.left, canvas.letters.right))) in ({"R", "L"}, {"A", "P"}, {"H", "F"})
    study.reset_views()
    assert (canvas.letters.left, canvas.letters.top) == ("R", "A")


def test_letters_and_crosshair_can_be_seen_in_a_picture_of_the_window(study, qtbot):
    canvas = study.axial
    canvas.model.layers[0].visible = False
    qtbot.wait(30)

    def drawn():
        picture = canvas.native.grab().toImage()
        picture = picture.convertToFormat(picture.Format.Format_RGB32)
        width, height = picture.width(), picture.height()
        bits = picture.constBits()
        if hasattr(bits, "setsize"):
            bits.setsize(picture.bytesPerLine() * height)
        grey = np.frombuffer(bits, np.uint8).reshape(height, width, 4)[..., :3].max(axis=-1)
        return int((grey[height // 2 - 14 : height // 2 + 14, :26] > 180).sum()), int((grey > 90).sum())

    letters, everything = drawn()
    canvas.model.layers[0].visible = True
    assert letters > 15
    assert everything > letters + 200  # the crosshair's lines
