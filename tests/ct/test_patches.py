"""Patches of lesions: the cohort's own on a scan of it, known fields on any grid, edges and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.patches import lesion_patch, preprocess
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError
from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.phantom.clinic import patches as cohort
from lesionscope.phantom.clinic.patients import ClinicPatient
from lesionscope.phantom.scanner import render


def ramp(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A field that is linear, so that interpolation is exact, and different along each axis."""
    return points @ np.array([1.0, 3.0, 7.0]) + 11.0


def volume_of(geometry: Geometry) -> CTVolume:
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij"), axis=-1)
    return CTVolume(ramp(geometry.to_lps(kji)).astype(np.float32), geometry, Source("test"))


def expected(patch: object, size: int = 120) -> NDArray[np.float64]:
    x0, y0, z0 = patch.origin_lps_mm  # type: ignore[attr-defined]
    z, y, x = np.meshgrid(z0 + 2.0 * np.arange(3), y0 + np.arange(size), x0 + np.arange(size), indexing="ij")
    return ramp(np.stack([x, y, z], axis=-1))


def box_lesion(x0: float, y0: float, x1: float, y1: float, z: float = 0.0) -> Lesion:
    middle = ((x0 + x1) / 2, (y0 + y1) / 2, z)
    return replace(lesion_from_click(middle), box_lps_mm=(x0, y0, z - 1, x1, y1, z + 1))


WIDE = Geometry((200, 200, 9), (1.1, 0.9, 2.5), (-110.0, -90.0, -10.0))


@pytest.mark.parametrize("index", [0, 1])
def test_a_scan_of_a_patient_gives_the_patch_that_the_cohort_has(index: int) -> None:
    patient = ClinicPatient(3)
    mark = patient.marks[index]
    quiet = replace(patient.scanner, noise_hu=0.0)
    patient.scanner = quiet
    known = cohort.patch(patient, mark, noisy=False)
    # The block of the patient's scan around the mark, on the scan's own slices and pixels.
    side = int(150 / quiet.pixel_mm)
    middle = 0.5 * (np.array(mark.long[0]) + np.array(mark.long[1]))
    corner = middle[:2] - 0.5 * side * quiet.pixel_mm + 0.3
    lowest = mark.slice_mm - 4 * quiet.slice_step_mm
    geometry = Geometry(
        (side, side, 9),
        (quiet.pixel_mm, quiet.pixel_mm, quiet.slice_step_mm),
        (float(corner[0]), float(corner[1]), lowest),
    )
    hu = render(patient.paint, geometry, quiet, np.random.default_rng(0))
    lesion = lesion_from_diameters(Diameter(*mark.long), Diameter(*mark.short), geometry=geometry)
    patch = lesion_patch(CTVolume(hu, geometry, Source("phantom")), lesion)

    np.testing.assert_allclose(patch.origin_lps_mm, known.origin_lps_mm, atol=1e-6)
    np.testing.assert_allclose(patch.box, known.box, atol=1e-3)

    def apart(a: NDArray[np.float32]) -> float:
        return float(np.abs(a - known.hu).mean())

    # Pixels of 0.6–0.9 mm, brought to 1 mm, differ from painted ones at edges alone.
    assert apart(patch.hu) < 12
    assert float(np.corrcoef(patch.hu.ravel(), known.hu.ravel())[0, 1]) > 0.99
    others = [patch.hu[:, ::-1], patch.hu[:, :, ::-1], patch.hu.transpose(0, 2, 1)]
    assert min(map(apart, others)) > 3 * apart(patch.hu)
    if apart(known.hu[::-1].astype(np.float32)) > 8:
        assert apart(patch.hu[::-1]) > apart(patch.hu)


@settings(max_examples=25, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-0.3, 0.3)] * 3),
    tilt=st.floats(-0.3, 0.3),
    flips=st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3),
    uneven=st.booleans(),
)
def test_the_patch_lies_along_the_patients_axes_on_any_grid(
    angles: tuple[float, float, float], tilt: float, flips: tuple[float, float, float], uneven: bool
) -> None:
    from scipy.spatial.transform import Rotation

    axes = Rotation.from_euler("xyz", angles).as_matrix() * np.array(flips)
    axes[:, 2] += tilt * axes[:, 1]
    axes[:, 2] /= np.linalg.norm(axes[:, 2])
    size = (110, 110, 51)
    centre = axes @ np.array([2.0 * 54.5, 2.0 * 54.5, 100.0])
    offsets = tuple(float(v) for v in np.cumsum(np.where(np.arange(51) % 3 == 0, 5.0, 3.5)) - 5.0)
    geometry = Geometry(
        size,
        (2.0, 2.0, None if uneven else 4.0),
        tuple(-centre),  # type: ignore[arg-type]
        tuple(axes.ravel()),
        offsets_mm=offsets if uneven else None,
    )
    patch = lesion_patch(volume_of(geometry), box_lesion(-7.3, -4.1, 9.2, 12.6, z=1.7))
    assert patch.notes == ()
    # Axes a ten-thousandth off the patient's count as along them: up to 10 µm here, at 7 HU/mm.
    np.testing.assert_allclose(patch.hu, expected(patch), atol=0.1)
    assert patch.origin_lps_mm[2] == pytest.approx(-0.3)
    np.testing.assert_allclose(
        patch.box + np.tile(patch.origin_lps_mm[:2], 2), [-7.3, -4.1, 9.2, 12.6], atol=1e-4
    )


def test_the_box_is_in_the_middle_to_a_pixel() -> None:
    patch = lesion_patch(volume_of(WIDE), box_lesion(-20.2, 3.0, 4.4, 9.0))
    middle = 0.5 * (patch.box[:2] + patch.box[2:])
    assert np.all(np.abs(middle - 59.5) <= 0.5 + 1e-4)
    assert all(float(v).is_integer() for v in patch.origin_lps_mm[:2])


def test_what_lies_beyond_the_scan_repeats_its_edge() -> None:
    volume = volume_of(WIDE)
    low = np.array(WIDE.origin_lps_mm)
    patch = lesion_patch(volume, box_lesion(low[0] + 2, low[1] + 4, low[0] + 22, low[1] + 24, z=low[2]))
    wanted = expected(patch)
    inside = np.zeros((3, 120, 120), bool)
    x0, y0, _ = patch.origin_lps_mm
    columns = np.arange(120) + x0 >= low[0] - 0.5 * 1.1
    rows = np.arange(120) + y0 >= low[1] - 0.5 * 0.9
    inside[:] = rows[:, None] & columns
    assert 0.2 < 1 - inside[0].mean() < 0.8
    clamped = np.stack(
        [
            *np.broadcast_arrays(
                np.maximum(np.arange(120) + x0, low[0]),
                np.maximum(np.arange(120) + y0, low[1])[:, None],
                np.maximum(patch.origin_lps_mm[2] + 2.0 * np.arange(3), low[2])[:, None, None],
            )
        ],
        axis=-1,
    )
    # Within the rim and beyond it alike: the edge voxel's value, to half a voxel's ramp at the rim.
    np.testing.assert_allclose(patch.hu, ramp(clamped), atol=0.5 * 3 * 0.9 + 0.5 * 1.1 + 0.1)
    assert np.abs(patch.hu - wanted).max() > 100
    assert len(patch.notes) == 1 and "edge of the scan" in patch.notes[0]


@pytest.mark.parametrize("z", [-10.0, 10.0])
def test_on_the_first_and_last_slice_the_missing_neighbour_repeats_it(z: float) -> None:
    patch = lesion_patch(volume_of(WIDE), box_lesion(-5, -5, 5, 5, z=z))
    missing = 0 if z < 0 else 2
    np.testing.assert_allclose(patch.hu[missing], patch.hu[1], atol=1e-3)
    assert np.abs(patch.hu[2 - missing] - patch.hu[1]).min() > 10
    assert patch.notes == ()


def test_a_single_slice_is_answered_with_itself() -> None:
    one = Geometry((200, 200, 1), (1.0, 1.0, None), (-100.0, -100.0, 0.0), offsets_mm=(0.0,))
    patch = lesion_patch(volume_of(one), box_lesion(-5, -5, 5, 5))
    np.testing.assert_allclose(patch.hu[0], patch.hu[1], atol=1e-4)
    np.testing.assert_allclose(patch.hu[2], patch.hu[1], atol=1e-4)


def test_a_wide_gap_between_slices_is_not_made_up() -> None:
    offsets = (0.0, 2.0, 4.0, 6.0, 40.0, 42.0, 44.0)
    gap = Geometry((150, 150, 7), (1.0, 1.0, None), (-75.0, -75.0, 0.0), offsets_mm=offsets)
    patch = lesion_patch(volume_of(gap), box_lesion(-5, -5, 5, 5, z=6.0))
    # 8 mm lies in the gap, beyond the half step that the slice at 6 mm reaches.
    np.testing.assert_allclose(patch.hu[2], patch.hu[1], atol=1e-3)


def test_a_lesion_wider_than_the_patch_is_cut_and_says_so() -> None:
    patch = lesion_patch(volume_of(WIDE), box_lesion(-90, -10, 70, 20))
    assert patch.box[[0, 2]].tolist() == [0.0, 119.0]
    assert len(patch.notes) == 1 and "120 mm" in patch.notes[0]


def test_a_lesion_of_two_millimetres_is_answered() -> None:
    lesion = lesion_from_diameters(Diameter((0, 0, 0), (2.0, 0, 0)), geometry=WIDE)
    patch = lesion_patch(volume_of(WIDE), lesion)
    np.testing.assert_allclose(patch.box[2:] - patch.box[:2], [2 + 10 * 1.1, 10 * 0.9], atol=1e-4)


@pytest.mark.parametrize(
    ("lesion", "what"),
    [
        (box_lesion(500, 0, 510, 10), "outside the scan"),
        (box_lesion(-5, -5, 5, 5, z=60.0), "outside the scan"),
        (box_lesion(3, 0, 3, 10), "no width"),
    ],
)
def test_what_can_not_be_cut_is_refused(lesion: Lesion, what: str) -> None:
    with pytest.raises(InputError, match=what):
        lesion_patch(volume_of(WIDE), lesion)


def test_values_that_are_no_numbers_are_refused_not_filled() -> None:
    volume = volume_of(WIDE)
    volume.hu[4, 100, 100] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        lesion_patch(volume, box_lesion(-5, -5, 5, 5))


def test_preprocessing_is_the_papers() -> None:
    hu = np.array([-2000, -1024, 0, 1023.5, 3071, 9000], dtype=np.float32)
    by_hand = [-50 / 255, -50 / 255, (1024 / 4095 * 255 - 50) / 255, 0.5 - 50 / 255, 205 / 255, 205 / 255]
    np.testing.assert_allclose(preprocess(hu), by_hand, atol=1e-6)
    assert preprocess(np.zeros((2, 3, 4, 4), np.int16)).dtype == np.float32
