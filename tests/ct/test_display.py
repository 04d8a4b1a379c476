"""What is shown lies where it was scanned, whatever the file's axes."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_ct import SIGNED_AXES, make_volume, rotation, tilted

from lesionscope.ct.crops import sample_grid
from lesionscope.ct.display import display_geometry, display_volume
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source

UNEVEN = (0.0, 2.0, 4.0, 7.0, 9.0, 11.0, 16.0)


def assert_patient_axes(geometry: Geometry) -> None:
    assert np.array_equal(geometry.axes, np.eye(3))
    assert geometry.spacing_mm[2] is not None


@pytest.mark.parametrize(
    "direction",
    SIGNED_AXES,
    ids=lambda m: "".join("xyz"[abs(c).argmax()] + "-+"[int(c.sum() > 0)] for c in m.T),
)
def test_aligned_volumes_are_shown_as_views_of_the_same_voxels(direction: np.ndarray) -> None:
    volume = make_volume(direction)
    shown = display_volume(volume)
    assert_patient_axes(shown.geometry)
    assert np.shares_memory(shown.hu, volume.hu)
    assert not any(f.code == "resampled" for f in shown.findings)
    for voxel in [(0, 0, 0), (6, 0, 0), (0, 7, 0), (0, 0, 8), (3, 2, 5), (6, 7, 8)]:
        lps = volume.geometry.to_lps(voxel)
        there = shown.geometry.to_voxel(lps)
        assert np.allclose(there, np.rint(there), atol=1e-6)
        assert shown.hu[tuple(np.rint(there).astype(int))] == volume.hu[voxel]
    ours, theirs = shown.geometry.corners_lps(), volume.geometry.corners_lps()
    assert np.allclose([ours.min(0), ours.max(0)], [theirs.min(0), theirs.max(0)])


@pytest.mark.parametrize(
    ("direction", "offsets"),
    [
        (tilted(18.5), None),
        (tilted(-25), None),
        (rotation(30, 1), None),
        (rotation(20, 0) @ rotation(35, 2), None),
        (np.eye(3), UNEVEN),
        (SIGNED_AXES[17], UNEVEN),
        (tilted(15), UNEVEN),
    ],
)
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_resampled_volumes_hold_the_interpolated_values_in_place(
    direction: np.ndarray, offsets: tuple[float, ...] | None, kind: type
) -> None:
    volume = make_volume(direction, offsets=offsets)
    volume = CTVolume(volume.hu.astype(kind), volume.geometry, volume.source)
    shown = display_volume(volume)
    assert_patient_axes(shown.geometry)
    assert shown.hu.dtype == kind
    assert [f.code for f in shown.findings] == ["resampled"]
    assert shown.geometry == display_geometry(volume.geometry)
    expected = sample_grid(volume.hu, volume.geometry, shown.geometry)
    # The two interpolators may call a point on the volume's very rim inside or outside.
    index = volume.geometry.to_voxel(shown.geometry.to_lps(np.moveaxis(np.indices(shown.hu.shape), 0, -1)))
    rim = np.minimum(np.abs(index + 0.5), np.abs(index - np.array(volume.hu.shape) + 0.5)).min(axis=-1)
    inner = rim > 1e-4
    assert np.abs(shown.hu - expected)[inner].max() <= (0.51 if kind is np.int16 else 0.05)
    low, high = shown.geometry.corners_lps().min(0), shown.geometry.corners_lps().max(0)
    corners = volume.geometry.corners_lps()
    assert np.all(low <= corners.min(0) + 1e-6) and np.all(
        high >= corners.max(0) - np.array([1.1, 1.1, 2.6]) * 1.5
    )


def test_a_mark_in_a_tilted_volume_is_shown_at_its_lps() -> None:
    volume = make_volume(tilted(18.5), size=(60, 60, 40), spacing=(1.0, 1.0, 2.0))
    hu = np.full(volume.hu.shape, -1000, np.int16)
    hu[19:22, 29:32, 39:42] = 1000
    lps = volume.geometry.to_lps((20, 30, 40))
    shown = display_volume(CTVolume(hu, volume.geometry, volume.source))
    voxels = np.argwhere(shown.hu > 0)
    assert np.linalg.norm(shown.geometry.to_lps(voxels.mean(axis=0)) - lps) < 0.5
    assert shown.hu_at(lps) is not None and shown.hu_at(lps) > 500


@pytest.mark.parametrize("direction", SIGNED_AXES[::5])
def test_a_single_aligned_slice_is_shown_whole(direction: np.ndarray) -> None:
    geometry = Geometry(
        (9, 8, 1), (0.8, 1.1, None), (-3, 2, 1), tuple(direction.ravel()), (0.0,), slice_thickness_mm=5.0
    )
    volume = CTVolume(np.arange(72, dtype=np.int16).reshape(1, 8, 9), geometry, Source("1"))
    shown = display_volume(volume)
    assert_patient_axes(shown.geometry)
    assert sorted(shown.geometry.size) == [1, 8, 9]
    assert shown.hu_at(geometry.to_lps((0, 3, 4))) == volume.hu[0, 3, 4]
    assert 5.0 in shown.geometry.spacing_mm


def test_a_single_oblique_slice_is_shown_as_one_slice() -> None:
    geometry = Geometry(
        (40, 40, 1),
        (1.0, 1.0, None),
        (0, 0, 0),
        tuple(rotation(22, 0).ravel()),
        (0.0,),
        slice_thickness_mm=5.0,
    )
    hu = np.full((1, 40, 40), -500, np.int16)
    hu[0, 10:13, 20:23] = 900
    shown = display_volume(CTVolume(hu, geometry, Source("1")))
    assert shown.geometry.size[2] == 1
    assert any(f.code == "resampled" for f in shown.findings)
    _, j, i = np.argwhere(shown.hu > 0).mean(axis=0)
    x, y, _ = shown.geometry.to_lps((0, j, i))
    assert np.allclose((x, y), geometry.to_lps((0, 11, 21))[:2], atol=0.6)


def test_a_long_gap_does_not_blow_up_memory() -> None:
    offsets = (0.0, 0.01, 0.02, 0.03, 9000.0)
    geometry = Geometry((512, 512, 5), (0.5, 0.5, None), offsets_mm=offsets)
    grid = display_geometry(geometry)
    assert np.prod(grid.size, dtype=float) < 3 * 512 * 512 * 5 + 2**24 + 1
