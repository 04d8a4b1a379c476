"""Crops against a brute-force trilinear interpolation, on every kind of grid."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_ct import SIGNED_AXES, make_volume, rotation, tilted

from lesionscope.ct.crops import crop, crop_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source

UNEVEN = (0.0, 2.0, 4.0, 7.0, 9.0, 11.0, 16.0)


def trilinear(volume: CTVolume, lps: np.ndarray, pad: float) -> float:
    """The definition, one point at a time."""
    index = volume.geometry.to_voxel(lps)
    shape = np.array(volume.hu.shape)
    if np.any(index < -0.5) or np.any(index > shape - 0.5):
        return pad
    index = np.clip(index, 0, shape - 1)
    low = np.floor(index).astype(int)
    part = index - low
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        weight = float(np.prod(np.where(corner, part, 1 - part)))
        if weight > 0:
            total += weight * float(volume.hu[tuple(np.minimum(low + corner, shape - 1))])
    return total


directions = st.one_of(
    st.sampled_from(SIGNED_AXES),
    st.builds(
        lambda a, n, axes: rotation(a, n) @ axes,
        st.floats(-50, 50),
        st.integers(0, 2),
        st.sampled_from(SIGNED_AXES),
    ),
    st.builds(lambda a, axes: axes @ tilted(a), st.floats(-28, 28), st.sampled_from(SIGNED_AXES)),
)


@settings(max_examples=120, deadline=None)
@given(
    directions,
    st.sampled_from([None, UNEVEN]),
    st.floats(0.3, 3.0),
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.floats(-3, 9), st.floats(-3, 9), st.floats(-3, 9)),
)
def test_a_crop_is_the_trilinear_value_at_each_of_its_points(
    direction: np.ndarray,
    offsets: tuple[float, ...] | None,
    spacing: float,
    shape: tuple[int, int, int],
    at: tuple[float, float, float],
) -> None:
    volume = make_volume(direction, offsets=offsets)
    centre = volume.geometry.to_lps(at)
    got = crop(volume, centre, shape=shape, spacing_mm=spacing, pad_hu=-2000)
    grid = crop_geometry(centre, shape, spacing)
    assert got.shape == shape and got.dtype == np.float32
    # Axes a hair off the patient's (up to 1e-4) count as aligned: a micrometre inside a crop.
    exact = not volume.geometry.is_axis_aligned or bool(np.isin(direction, (-1, 0, 1)).all())
    for voxel in np.ndindex(*shape):
        lps = grid.to_lps(voxel)
        index = volume.geometry.to_voxel(lps)
        rim = np.minimum(np.abs(index + 0.5), np.abs(index - np.array(volume.hu.shape) + 0.5))
        if rim.min() > 1e-6:
            assert got[voxel] == pytest.approx(trilinear(volume, lps, -2000), abs=0.01 if exact else 1.0)


def test_the_centre_is_the_middle_of_the_cube() -> None:
    grid = crop_geometry((10.0, -5.0, 3.0), (48, 48, 48), 1.0)
    assert np.allclose(grid.to_lps((23.5, 23.5, 23.5)), (10.0, -5.0, 3.0))
    assert np.allclose(grid.to_lps((0, 0, 0)), (-13.5, -28.5, -20.5))


def test_voxels_come_back_exactly_where_grids_coincide() -> None:
    volume = make_volume(size=(12, 12, 12), spacing=(1.0, 1.0, 1.0))
    centre = volume.geometry.to_lps((5.5, 5.5, 5.5))
    assert np.array_equal(crop(volume, centre, shape=(12, 12, 12)), volume.hu.astype(np.float32))


def test_nothing_is_made_up_inside_a_wide_gap() -> None:
    volume = make_volume(size=(4, 4, 4), spacing=(1.0, 1.0, 1.0), offsets=(0.0, 1.0, 2.0, 200.0))
    x, y, z = volume.geometry.to_lps((2, 1, 1))
    column = crop(volume, (x, y, z + 99.0), shape=(199, 1, 1), pad_hu=-3000)[:, 0, 0]
    assert column[0] == volume.hu[2, 1, 1]
    assert column[198] == volume.hu[3, 1, 1]
    assert np.all(column[2:197] == -3000)


def test_a_single_slice_reaches_half_its_thickness() -> None:
    geometry = Geometry((5, 5, 1), (1.0, 1.0, None), offsets_mm=(0.0,), slice_thickness_mm=4.0)
    volume = CTVolume(np.full((1, 5, 5), 50, np.int16), geometry, Source("1"))
    column = crop(volume, (2.0, 2.0, 0.0), shape=(9, 1, 1))[:, 0, 0]
    assert list(column) == [-1024] * 2 + [50] * 5 + [-1024] * 2


def test_far_outside_is_padding() -> None:
    assert np.all(crop(make_volume(), (9999.0, 0.0, 0.0)) == -1024)
    assert np.all(crop(make_volume(tilted(20)), (9999.0, 0.0, 0.0)) == -1024)


@pytest.mark.parametrize("direction", [np.eye(3), tilted(18.5)], ids=["aligned", "tilted"])
def test_only_the_block_that_is_needed_is_read(direction: np.ndarray) -> None:
    # A volume of 270 GB that takes no memory: reading more than a block of it would show.
    hu = np.broadcast_to(np.int16(7), (512, 16384, 16384))
    geometry = Geometry((16384, 16384, 512), (0.7, 0.7, 1.0), direction=tuple(direction.ravel()))
    volume = CTVolume(hu, geometry, Source("1"))
    centre = geometry.to_lps((256, 8000, 8000))
    crop(volume, centre)
    tracemalloc.start()
    cube = crop(volume, centre)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.all(cube == 7)
    assert peak < 40e6
