"""Windows: dragging, presets by name, and ranges that hold the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from window_helpers import landmark_volume

from lesionscope.ct.volume import CTVolume
from lesionscope.ct.windows import PRESETS, Window, preset
from lesionscope.viewer.windowing import Windowing, data_range, dragged, named


def image():
    from napari.layers import Image

    return Image(np.zeros((4, 4, 4), np.int16), contrast_limits=(0, 1), colormap="gray")


@given(st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_dragging_never_makes_an_empty_window(dx, dy):
    window = dragged(preset("brain"), dx, dy)
    assert window.width >= 1
    assert window.low < window.high


def test_dragging_right_widens_and_down_darkens():
    start = preset("soft-tissue")
    assert dragged(start, 30, 0).width > start.width
    assert dragged(start, 0, 30).centre > start.centre
    assert dragged(start, 0, 0) == start


def test_a_presets_numbers_bear_its_name():
    assert [named(w.centre, w.width) for w in PRESETS] == list(PRESETS)
    assert named(41, 400).title == ""


def test_the_range_reaches_from_air_to_bone_and_to_the_data():
    volume = landmark_volume()
    assert data_range(volume) == (-1024, 3071)
    wide = CTVolume(np.where(volume.hu > 1000, 8000, -3024).astype(np.int16), volume.geometry, volume.source)
    assert data_range(wide) == (-3024, 8000)


def test_every_layer_has_the_same_window_and_room_to_slide():
    both, windowing, heard = (image(), image()), Windowing(), []
    windowing.changed.connect(heard.append)
    for layer in both:
        windowing.link(layer)
    windowing.start(preset("lung"), (-1024, 3071))
    for layer in both:
        # The lung window reaches below −1024: nothing may clip it.
        assert tuple(layer.contrast_limits) == (-1350, 150)
        assert tuple(layer.contrast_limits_range) == (-1350, 3071)
    windowing.set(preset("bone"))
    assert {tuple(layer.contrast_limits) for layer in both} == {(-500, 1300)}
    assert heard[-1] == preset("bone")


def test_limits_set_in_naparis_controls_are_followed():
    first, second, windowing = image(), image(), Windowing()
    windowing.link(first)
    windowing.link(second)
    second.contrast_limits = (-100, 300)
    assert windowing.window == Window("custom", "", 100, 400)
    assert tuple(first.contrast_limits) == (-100, 300)
    windowing.unlink([second])
    second.contrast_limits = (0, 10)
    assert windowing.window.width == 400


def test_inverting_shows_on_every_layer_and_ends_with_the_study():
    layers, windowing = (image(), image()), Windowing()
    for layer in layers:
        windowing.link(layer)
    windowing.set_inverted(True)
    assert {layer.colormap.name for layer in layers} == {"gray_r"}
    windowing.start(preset("lung"), (-1024, 3071))
    assert {layer.colormap.name for layer in layers} == {"gray"}
    assert not windowing.inverted


@pytest.mark.parametrize("window", PRESETS)
def test_presets_have_keys_of_their_own(window):
    assert window.key in "123456"
