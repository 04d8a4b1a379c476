"""Slabs: the very slices that lie in them, projected, on a real napari layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.viewer.slab import THICKEST_MM, THINNEST_MM, Slab, SlabMode, slices_in


def test_the_modes_go_round():
    slab = Slab()
    seen = [slab := slab.next_mode() for _ in range(3)]
    assert [s.mode for s in seen] == [SlabMode.MIP, SlabMode.MEAN, SlabMode.OFF]
    assert seen[0].title == "MIP 10 mm"
    assert seen[2].title == ""


@given(st.integers(-100, 100))
def test_the_thickness_keeps_its_bounds(steps):
    assert THINNEST_MM <= Slab().thicker(steps).thickness_mm <= THICKEST_MM


@given(st.floats(2, 60), st.floats(0.3, 10))
def test_a_slab_holds_at_least_one_slice_and_about_its_thickness(thickness, spacing):
    count = slices_in(thickness, spacing)
    assert count >= 1
    assert count == 1 or abs(count * spacing - thickness) <= spacing / 2 + 1e-9


@pytest.mark.window
@pytest.mark.parametrize("thickness", [2.0, 10.0, 14.0])
def test_a_slab_shows_the_projection_of_exactly_its_slices(study, thickness):
    study.go_to((0.0, 0.0, 3.3))
    for canvas in study.canvases:
        spacing = study.shown.geometry.spacing_mm[2 - canvas.axis]
        count = slices_in(thickness, spacing)
        middle = study.slice_of(canvas)[0] - 1
        first = middle - (count - 1) // 2
        slab = np.take(study.shown.hu, range(first, first + count), axis=canvas.axis)
        for mode, project in ((SlabMode.MIP, np.max), (SlabMode.MEAN, np.mean)):
            study.set_slab(Slab(mode, thickness))
            seen = np.asarray(canvas.image._slice.image.view)
            np.testing.assert_allclose(seen, project(slab, axis=canvas.axis), rtol=1e-6)
            assert study.slab.title in study.banner(canvas).place.text()
    study.set_slab(Slab())
    plain = np.take(study.shown.hu, study.slice_of(study.axial)[0] - 1, axis=0)
    np.testing.assert_array_equal(np.asarray(study.axial.image._slice.image.view), plain)


@pytest.mark.window
def test_a_slab_at_the_edge_and_while_scrolling_is_fine(study):
    study.set_slab(Slab(SlabMode.MIP, 60))
    assert study.scroll(-100, study.axial)
    assert study.slice_of(study.axial)[0] == 1
    assert np.asarray(study.axial.image._slice.image.view).max() >= 40
    assert study.scroll(100, study.axial)
    assert study.axial.image.loaded
