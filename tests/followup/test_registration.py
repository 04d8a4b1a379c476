"""Registration against transforms known beforehand: the sample patient's, and scans moved on paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lesionscope import sample_data
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import Cancelled
from lesionscope.followup.registration import NotAligned, register
from lesionscope.followup.rigid import Rigid
from lesionscope.progress import CancelToken


@pytest.fixture(scope="module")
def scans() -> tuple[CTVolume, CTVolume]:
    first, second = (open_ct(sample_data.sample_visit(v) / sample_data.SERIES) for v in sample_data.VISITS)
    return first, second


def known_map() -> Rigid:
    truth = json.loads((sample_data.sample_visit("baseline").parent / sample_data.TRUTH).read_text())
    turn = Rotation.from_euler("z", truth["turned_degrees"], degrees=True).as_matrix()
    x, y, z = truth["moved_lps_mm"]
    return Rigid(tuple(turn.ravel()), (x, y, z))


def moved(
    volume: CTVolume, degrees: tuple[float, float, float], shift: tuple[float, float, float]
) -> tuple[CTVolume, Rigid]:
    """Return the same voxels lying elsewhere: an oblique scan, and the exact map to it."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    middle = volume.geometry.corners_lps().mean(axis=0)
    x, y, z = (float(v) for v in middle - turn @ middle + np.array(shift))
    rigid = Rigid(tuple(turn.ravel()), (x, y, z))
    geometry = replace(
        volume.geometry,
        origin_lps_mm=rigid.point(volume.geometry.origin_lps_mm),
        direction=tuple((turn @ volume.geometry.axes).ravel()),
    )
    return replace(volume, geometry=geometry), rigid


def cut(volume: CTVolume, first: int, last: int) -> CTVolume:
    """Return some slices."""
    geometry = volume.geometry
    x, y, z = (float(v) for v in geometry.to_lps([first, 0, 0]))
    size = (geometry.size[0], geometry.size[1], last - first)
    return replace(
        volume, hu=volume.hu[first:last], geometry=replace(geometry, size=size, origin_lps_mm=(x, y, z))
    )


def worst_mm(volume: CTVolume, found: Rigid, expected: Rigid) -> float:
    """Largest error over the whole scan: a rigid map's is at a corner."""
    corners = volume.geometry.corners_lps()
    return float(np.linalg.norm(found.points(corners) - expected.points(corners), axis=1).max())


def test_the_sample_patient_to_under_a_millimetre(scans: tuple[CTVolume, CTVolume]) -> None:
    found = register(*scans)
    assert worst_mm(scans[0], found.to_followup, known_map()) < 1.0
    assert found.overlap > 0.9 and found.similarity > 0.95
    assert found.to_followup.degrees == pytest.approx(4.0, abs=0.2)


@pytest.mark.parametrize(
    ("degrees", "shift"),
    [
        ((3, -4, 8), (30, -20, 60)),
        pytest.param((0, 0, 0), (0, 0, 0), marks=pytest.mark.slow),
        pytest.param((-6, 2, -10), (-45, 35, -110), marks=pytest.mark.slow),
    ],
)
def test_known_moves_about_all_axes(
    scans: tuple[CTVolume, CTVolume], degrees: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    other, expected = moved(scans[1], degrees, shift)
    whole = Rigid(tuple((expected.matrix @ known_map().matrix).ravel()), expected.point(known_map().shift_mm))
    found = register(scans[0], other)
    assert worst_mm(scans[0], found.to_followup, whole) < 1.5


def test_scans_of_other_extent(scans: tuple[CTVolume, CTVolume]) -> None:
    lower, part = cut(scans[1], 0, 22), (cut(scans[0], 0, 40), cut(scans[1], 28, 66))
    assert worst_mm(lower, register(scans[0], lower).to_followup, known_map()) < 3.0
    assert worst_mm(part[0], register(*part).to_followup, known_map()) < 3.0


def test_contrast_and_noise_are_borne(scans: tuple[CTVolume, CTVolume]) -> None:
    hu = scans[1].hu.astype(np.float32)
    hu[(hu > 20) & (hu < 80)] += 90  # what contrast medium does to soft tissue
    hu += np.random.default_rng(0).normal(0, 40, hu.shape).astype(np.float32)
    assert worst_mm(scans[0], register(scans[0], replace(scans[1], hu=hu)).to_followup, known_map()) < 1.5


def flipped(volume: CTVolume) -> CTVolume:
    return replace(volume, hu=np.ascontiguousarray(volume.hu[::-1]))


def without_tissue(volume: CTVolume) -> CTVolume:
    return replace(volume, hu=np.full_like(volume.hu, -1000))


def one_slice(volume: CTVolume) -> CTVolume:
    return cut(volume, 3, 4)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        pytest.param(flipped, "too different", marks=pytest.mark.slow),
        (lambda volume: cut(volume, 44, 66), "too (different|little)"),
        (without_tissue, "No body"),
        (one_slice, "thinner than 16 mm"),
    ],
)
def test_what_cant_be_aligned_is_said_so(
    scans: tuple[CTVolume, CTVolume], spoil: Callable[[CTVolume], CTVolume], why: str
) -> None:
    baseline = cut(scans[0], 0, 22) if why == "too (different|little)" else scans[0]
    with pytest.raises(NotAligned, match=why):
        register(baseline, spoil(scans[1]))


def test_it_tells_and_asks_while_it_works(scans: tuple[CTVolume, CTVolume]) -> None:
    said: list[tuple[int, int]] = []
    token = CancelToken()

    def progress(done: int, total: int, label: str) -> None:
        said.append((done, total))
        if done == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        register(*scans, progress=progress, cancel=token)
    assert said == [(0, 4), (1, 4), (2, 4)]


angles = st.floats(-180, 180)
lengths = st.floats(-500, 500)


@given(
    st.tuples(angles, angles, angles),
    st.tuples(lengths, lengths, lengths),
    st.tuples(lengths, lengths, lengths),
)
def test_there_and_back_is_the_same_place(
    degrees: tuple[float, float, float], shift: tuple[float, float, float], point: tuple[float, float, float]
) -> None:
    rigid = Rigid(tuple(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix().ravel()), shift)
    assert rigid.inverse().point(rigid.point(point)) == pytest.approx(point, abs=1e-6)
    assert rigid.inverse().degrees == pytest.approx(rigid.degrees, abs=1e-4)
