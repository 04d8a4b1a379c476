"""Marking on every kind of grid, DeepLesion's box rule on its own rows, and the warnings."""

from __future__ import annotations

import csv
import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.ct.display import display_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import UsageError
from lesionscope.inference.axial_slices import AxialSlices
from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import (
    PERPENDICULAR_TOLERANCE_DEG,
    box_around,
    degrees_off_perpendicular,
    lesion_from_click,
    lesion_from_diameters,
    moved,
    slice_reach,
    warnings,
    with_diameter,
)

ORIENTATIONS = [
    np.eye(3)[:, list(order)] * np.array(signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
AXIAL = Geometry((512, 512, 100), (0.7, 0.7, 2.0), (-180.0, -170.0, 30.0), slice_thickness_mm=2.0)


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rodrigues' formula, written apart from the code under test."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    axes = draw(st.sampled_from(ORIENTATIONS))
    if draw(st.booleans()):
        axis = np.array(draw(st.tuples(*[st.floats(-1, 1)] * 3))) + np.array([0, 0, 1.5])
        axes = rotation(axis, draw(st.floats(-1, 1))) @ axes
    if draw(st.booleans()):  # a tilted gantry: the step between slices leans along the columns
        lean = math.tan(math.radians(draw(st.floats(-30, 30))))
        step = axes[:, 2] + lean * axes[:, 1]
        axes = np.column_stack([axes[:, 0], axes[:, 1], step / np.linalg.norm(step)])
    size = draw(st.tuples(*[st.integers(1, 600)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.2, 8)] * 3))
    offsets = None
    if draw(st.booleans()):
        count = min(size[2], 12)
        size = (size[0], size[1], count)
        gaps = draw(st.lists(st.floats(0.3, 9), min_size=count - 1, max_size=count - 1))
        offsets = tuple(np.cumsum([0.0, *gaps]).tolist())
    return Geometry(
        size,
        (spacing[0], spacing[1], None if offsets else spacing[2]),
        draw(st.tuples(*[st.floats(-800, 800)] * 3)),
        tuple(axes.ravel().tolist()),
        offsets,
    )


def test_there_are_48_orientations() -> None:
    assert len({tuple(axes.ravel()) for axes in ORIENTATIONS}) == 48


@settings(max_examples=300, deadline=None)
@given(geometries(), st.data())
def test_a_click_on_a_voxel_finds_that_voxel_again(geometry: Geometry, data: st.DataObject) -> None:
    voxel = [data.draw(st.integers(0, count - 1)) for count in geometry.size[::-1]]
    lesion = lesion_from_click(geometry.to_lps(voxel))
    back = geometry.to_voxel(lesion.centroid_lps_mm)
    assert np.allclose(back, voxel, atol=1e-6)
    assert np.allclose(geometry.to_lps(back), lesion.centroid_lps_mm, atol=1e-6)


@pytest.mark.parametrize("axes", ORIENTATIONS, ids=lambda axes: "".join(f"{v:+.0f}" for v in axes.ravel()))
def test_each_orientation_in_turn(axes: np.ndarray) -> None:
    geometry = Geometry((40, 30, 20), (0.6, 0.9, 3.0), (12.0, -7.0, 400.0), tuple(axes.ravel()))
    voxel = (17, 5, 33)
    # By hand: the origin plus so many steps along each axis.
    lps = np.array((12.0, -7.0, 400.0)) + axes[:, 0] * 33 * 0.6 + axes[:, 1] * 5 * 0.9 + axes[:, 2] * 17 * 3.0
    lesion = lesion_from_click(lps)
    assert np.allclose(geometry.to_voxel(lesion.centroid_lps_mm), voxel, atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(geometries(), st.data())
def test_diameters_drawn_on_a_slice_keep_their_lengths_and_centre(
    geometry: Geometry, data: st.DataObject
) -> None:
    nk, nj, ni = geometry.size[::-1]
    k = data.draw(st.integers(0, nk - 1))
    j, i = data.draw(st.floats(0, nj)), data.draw(st.floats(0, ni))
    a, b = data.draw(st.floats(2, 40)), data.draw(st.floats(2, 40))
    ends = geometry.to_lps([(k, j, i - a), (k, j, i + a), (k, j - b, i), (k, j + b, i)])
    lesion = lesion_from_diameters(*diameters(ends), geometry=geometry)
    assert np.allclose(geometry.to_voxel(lesion.centroid_lps_mm), (k, j, i), atol=1e-6)
    assert lesion.long is not None and lesion.short is not None
    assert lesion.long.length_mm == pytest.approx(2 * a * geometry.spacing_mm[0])
    assert lesion.short.length_mm == pytest.approx(2 * b * geometry.spacing_mm[1])
    lower, upper = np.array(lesion.box_lps_mm).reshape(2, 3)
    assert np.all(ends >= lower - 1e-6) and np.all(ends <= upper + 1e-6)
    assert not [w for w in warnings(lesion, geometry) if "perpendicular" in w or "slices apart" in w]


def diameters(ends: np.ndarray) -> tuple[Diameter, Diameter]:
    a, b, c, d = (tuple(float(v) for v in point) for point in ends)
    return Diameter(a, b), Diameter(c, d)


def deeplesion_rows(shared_data: Path) -> list[dict[str, list[float]]]:
    with (shared_data / "deeplesion" / "DL_info_rows.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = ("Measurement_coordinates", "Bounding_boxes", "Lesion_diameters_Pixel_", "Spacing_mm_px_")
    return [{name: [float(v) for v in row[name].split(",")] for name in names} for row in rows]


def test_deeplesions_rows_prove_the_box_rule(shared_data: Path) -> None:
    rows = deeplesion_rows(shared_data)
    assert rows
    for row in rows:
        points = np.reshape(row["Measurement_coordinates"], (4, 2))
        box = box_around(points, padding=5.0)
        # The CSV prints six digits.
        assert np.allclose(box.ravel(), row["Bounding_boxes"], rtol=1e-5)


def test_deeplesions_rows_give_their_sizes_and_boxes_in_mm(shared_data: Path) -> None:
    for row in deeplesion_rows(shared_data):
        sx, sy, sz = row["Spacing_mm_px_"]
        geometry = Geometry((512, 512, 20), (sx, sy, sz), (-120.0, -125.0, -40.0))
        xy = np.reshape(row["Measurement_coordinates"], (4, 2)) - 1.0  # the CSV counts from 1
        ends = geometry.to_lps(np.column_stack([np.full(4, 7.0), xy[:, 1], xy[:, 0]]))
        lesion = lesion_from_diameters(*diameters(ends), geometry=geometry)
        assert lesion.long is not None and lesion.short is not None
        lengths = [lesion.long.length_mm / sx, lesion.short.length_mm / sx]
        assert lengths == pytest.approx(row["Lesion_diameters_Pixel_"], rel=1e-4)
        x0, y0, x1, y1 = (v - 1.0 for v in row["Bounding_boxes"])
        z = -40.0 + 7 * sz
        expected = (
            *(-120 + x0 * sx, -125 + y0 * sy, z - sz / 2),
            *(-120 + x1 * sx, -125 + y1 * sy, z + sz / 2),
        )
        assert lesion.box_lps_mm == pytest.approx(expected, abs=1e-3)
        assert lesion.centroid_lps_mm == pytest.approx(
            [(a + b) / 2 for a, b in zip(expected[:3], expected[3:], strict=True)], abs=1e-3
        )
        assert not lesion.box_declared
        assert not [w for w in warnings(lesion, geometry) if "perpendicular" in w]


@pytest.mark.parametrize("gap", [7.5, 12.5, 52.5])
def test_a_box_beside_missing_slices_keeps_to_the_slice(gap: float) -> None:
    """Slices 2.5 mm apart up to z = 97.5, and again beyond the gap: half a step belongs to a slice."""
    z = [*np.arange(0, 100, 2.5), *(97.5 + gap + np.arange(0, 100, 2.5))]
    geometry = Geometry((128, 128, len(z)), (2.5, 2.5, None), offsets_mm=tuple(float(v) for v in z))
    for at in (97.5, 97.5 + gap):
        lesion = lesion_from_diameters(
            Diameter((150, 150, at), (170, 150, at)), Diameter((160, 142, at), (160, 158, at)),
            geometry=geometry,
        )  # fmt: skip
        assert (lesion.box_lps_mm[2], lesion.box_lps_mm[5]) == pytest.approx((at - 1.25, at + 1.25))
        assert lesion.centroid_lps_mm == pytest.approx((160, 150, at))
        boxed = AxialSlices(CTVolume(np.zeros(geometry.size[::-1], np.int16), geometry, Source("1")))
        k = z.index(at)
        assert boxed.box_lps(k, k, (56, 52, 72, 68))[2::3] == pytest.approx((at - 1.25, at + 1.25))
        assert boxed.box_lps(k - 1, k + 1, (56, 52, 72, 68))[2::3] == pytest.approx(
            (z[k - 1] - 1.25, z[k + 1] + 1.25)
        )


def test_where_steps_differ_a_slice_reaches_half_way_to_the_nearer_next() -> None:
    geometry = Geometry((9, 9, 6), (1.0, 1.0, None), offsets_mm=(0.0, 4.0, 8.0, 10.0, 14.0, 18.0))
    assert geometry.to_lps([(k, 0, 0) for k in slice_reach(geometry, 2, 3)])[:, 2] == pytest.approx((6, 12))
    assert geometry.to_lps([(k, 0, 0) for k in slice_reach(geometry, 3, 3)])[:, 2] == pytest.approx((9, 12))
    assert slice_reach(geometry, 0, 5) == pytest.approx((-0.5, 5.5))


def drawn(
    long: tuple[float, ...], short: tuple[float, ...] | None = None, geometry: Geometry = AXIAL
) -> tuple[str, ...]:
    """Warnings for diameters given as (x0, y0, z0, x1, y1, z1) in LPS mm."""
    marks = [None if v is None else Diameter(v[:3], v[3:]) for v in (long, short)]
    assert marks[0] is not None
    return warnings(lesion_from_diameters(marks[0], marks[1], geometry=geometry), geometry)


def across(degrees: float, half: float = 5.0) -> tuple[float, ...]:
    x, y = half * math.cos(math.radians(degrees)), half * math.sin(math.radians(degrees))
    return (-x, -y, 50.0, x, y, 50.0)


def test_good_marks_give_no_warning() -> None:
    assert drawn(across(0, 8), across(90)) == ()


@pytest.mark.parametrize(
    ("degrees", "warns"),
    [(90 - PERPENDICULAR_TOLERANCE_DEG + 0.1, False), (90 - PERPENDICULAR_TOLERANCE_DEG - 0.1, True)],
)
def test_far_from_perpendicular_warns(degrees: float, warns: bool) -> None:
    assert any("off perpendicular" in w for w in drawn(across(0, 8), across(degrees))) is warns
    assert any("off perpendicular" in w for w in drawn(across(0, 8), across(180 - degrees))) is warns


def test_angle_off_perpendicular_is_the_drawn_one() -> None:
    first, second = Diameter((0, 0, 0), (4, 0, 0)), Diameter((9, 9, 9), (9, 9 + math.sqrt(3), 10))
    assert degrees_off_perpendicular(first, second) == pytest.approx(0)
    assert degrees_off_perpendicular(first, Diameter((0, 0, 0), (1, 1, 0))) == pytest.approx(45)


def test_crossing_slices_warns() -> None:
    assert any("slices apart" in w for w in drawn((-8, 0, 50, 8, 0, 52), (0, -5, 50, 0, 5, 50)))
    assert any("slices apart" in w for w in drawn((-8, 0, 50, 8, 0, 50), (0, -5, 54, 0, 5, 54)))
    slanted = (-100.0, -100.0, 60.0, -100.0, -90.0, 66.0)
    assert any("slices apart" in w for w in drawn(slanted, geometry=TILTED)), "on neither kind of slice"


TILTED = replace(
    AXIAL, direction=(1, 0, 0, 0, math.cos(0.3), 0, 0, math.sin(0.3), 1), origin_lps_mm=(-180, -170, 0)
)
CORONAL = Geometry((200, 200, 60), (0.7, 0.7, 3.0), (-70.0, -90.0, 70.0), (1, 0, 0, 0, 0, 1, 0, -1, 0))
SAGITTAL = Geometry((200, 200, 60), (0.7, 0.7, 3.0), (-90.0, -70.0, 70.0), (0, 0, 1, 1, 0, 0, 0, -1, 0))


@pytest.mark.parametrize("geometry", [TILTED, CORONAL, SAGITTAL])
def test_marks_on_an_axial_slice_as_it_is_shown_cross_no_slices(geometry: Geometry) -> None:
    """Whatever the file's slices: people draw, and proposals lie, on the slices that are shown."""
    shown = display_geometry(geometry)
    x, y, z = shown.to_lps(np.array(shown.size[::-1]) // 2).tolist()
    long = Diameter((x - 9, y - 12, z), (x + 9, y + 12, z))
    lesion = lesion_from_diameters(long, Diameter((x - 8, y + 6, z), (x + 8, y - 6, z)), geometry=geometry)
    assert warnings(lesion, geometry) == ()
    half = shown.slice_step_mm / 2
    assert lesion.box_lps_mm == pytest.approx((x - 12.5, y - 15.5, z - half, x + 12.5, y + 15.5, z + half)), (
        "five pixels of 0.7 mm around the end points, and one slice"
    )
    assert lesion.centroid_lps_mm == pytest.approx((x, y, z))
    across = Diameter((x - 9, y - 12, z), (x + 9, y + 12, z - 3 * shown.slice_step_mm))
    assert any("3.0 slices apart" in w for w in warnings(replace(lesion, long=across, short=None), geometry))


def test_short_longer_than_long_warns_and_is_not_swapped() -> None:
    long, short = Diameter((-4, 0, 50), (4, 0, 50)), Diameter((0, -6, 50), (0, 6, 50))
    lesion = lesion_from_diameters(long, short, geometry=AXIAL)
    assert (lesion.long, lesion.short) == (long, short)
    assert any("longer than the long one" in w for w in warnings(lesion, AXIAL))


@pytest.mark.parametrize(("length", "warns"), [(9.9, True), (10.1, False)])
@pytest.mark.parametrize(("thickness", "step"), [(5.0, 2.5), (1.0, 5.0), (None, 5.0)])
def test_under_two_slice_thicknesses_warns(
    length: float, warns: bool, thickness: float | None, step: float
) -> None:
    geometry = replace(AXIAL, spacing_mm=(0.7, 0.7, step), slice_thickness_mm=thickness)
    found = drawn((0, 0, 50, length, 0, 50), geometry=geometry)
    assert any("two slice thicknesses" in w for w in found) is warns


def test_marks_outside_the_volume_warn() -> None:
    assert any("outside the volume" in w for w in drawn((-400, 0, 50, 8, 0, 50)))
    assert warnings(lesion_from_click((0, 0, 9000)), AXIAL)
    assert warnings(lesion_from_click((0, 0, 50)), AXIAL) == ()


def test_a_click_declares_a_box_and_has_a_dicom_uid() -> None:
    lesion = lesion_from_click((1.0, 2.0, 3.0))
    assert lesion.box_lps_mm == (-9.0, -8.0, -7.0, 11.0, 12.0, 13.0)
    assert lesion.box_declared
    assert lesion.tracking_uid.startswith("2.25.") and len(lesion.tracking_uid) <= 64
    assert lesion.tracking_uid[5:].isdigit() and not lesion.tracking_uid[5:].startswith("0")
    assert lesion_from_click((1.0, 2.0, 3.0)).id != lesion.id


def test_moving_carries_everything_and_keeps_the_identity() -> None:
    lesion = lesion_from_diameters(*diameters(np.array([[-8, 0, 50], [8, 0, 50], [0, -5, 50], [0, 5, 50.0]])),
                                   geometry=AXIAL)  # fmt: skip
    there = moved(replace(lesion, number=4), (3.0, -2.0, 60.0))
    shift = np.subtract(there.centroid_lps_mm, lesion.centroid_lps_mm)
    assert (there.id, there.tracking_uid, there.number) == (lesion.id, lesion.tracking_uid, 4)
    assert np.allclose(np.reshape(there.box_lps_mm, (2, 3)) - np.reshape(lesion.box_lps_mm, (2, 3)), shift)
    assert there.long is not None and np.allclose(there.long.end_lps_mm, np.array([8, 0, 50]) + shift)
    assert there.fingerprint != lesion.fingerprint


def test_diameters_come_and_go_on_one_lesion() -> None:
    start = replace(lesion_from_click((0.0, 0.0, 50.0)), number=3)
    long, short = Diameter((-8, 0, 50), (8, 0, 50)), Diameter((0, -5, 50), (0, 5, 50))
    first = with_diameter(start, "short", short, geometry=AXIAL)
    assert (first.long, first.short, first.box_declared) == (None, short, False)
    both = with_diameter(first, "long", long, geometry=AXIAL)
    expected = lesion_from_diameters(long, short, geometry=AXIAL)
    assert (both.long, both.short, both.box_lps_mm) == (long, short, expected.box_lps_mm)
    one = with_diameter(both, "short", None, geometry=AXIAL)
    assert (one.long, one.short) == (long, None)
    none = with_diameter(one, "long", None, geometry=AXIAL)
    assert none.box_declared and none.long is None
    assert none.box_lps_mm == pytest.approx(start.box_lps_mm)
    for lesion in (first, both, one, none):
        assert (lesion.id, lesion.tracking_uid, lesion.number) == (start.id, start.tracking_uid, 3)


@settings(max_examples=100, deadline=None)
@given(geometries(), st.data())
def test_a_click_stays_the_centroid_and_without_one_the_box_has_it(
    geometry: Geometry, data: st.DataObject
) -> None:
    nk, nj, ni = geometry.size[::-1]
    k = data.draw(st.integers(0, nk - 1))
    j, i = data.draw(st.floats(0, nj)), data.draw(st.floats(0, ni))
    a, b = data.draw(st.floats(4, 40)), data.draw(st.floats(4, 40))
    voxels = [(k, j, i - a), (k, j, i + a), (k, j - b, i), (k, j + b, i)]
    long, short = diameters(geometry.to_lps(voxels))
    longer = Diameter(long.start_lps_mm, tuple(geometry.to_lps((k, j, i + a + 6)).tolist()))
    click = tuple(geometry.to_lps((k, j + 1, i - 2)).tolist())
    clicked = lesion_from_diameters(long, short, geometry=geometry, click=click)
    unclicked = lesion_from_diameters(long, short, geometry=geometry)
    assert clicked.centroid_lps_mm == click and clicked.box_lps_mm == unclicked.box_lps_mm
    for drawn in (clicked, with_diameter(lesion_from_click(click), "long", long, geometry=geometry)):
        edited = with_diameter(drawn, "long", longer, geometry=geometry)
        assert edited.centroid_lps_mm == pytest.approx(click)
    edited = with_diameter(unclicked, "long", longer, geometry=geometry)
    assert np.allclose(geometry.to_voxel(edited.centroid_lps_mm), (k, j, i + 3), atol=1e-5)


def test_a_click_beside_the_lesion_that_was_drawn_gives_way_to_its_box() -> None:
    far = Diameter((0.0, 0.0, 0.0), (10.0, 0.0, 0.0))
    drawn = with_diameter(lesion_from_click((60.0, 0.0, 0.0)), "long", far, geometry=AXIAL)
    assert drawn.centroid_lps_mm == pytest.approx((5.0, 0.0, 0.0))


def test_the_papers_padding_is_one_parameter_away() -> None:
    ends = np.array([[-8, 0, 50], [8, 0, 50], [0, -5, 50], [0, 5, 50.0]])
    lesion = lesion_from_diameters(*diameters(ends), geometry=AXIAL, padding_px=20.0)
    assert lesion.box_lps_mm == pytest.approx((-22, -19, 49, 22, 19, 51))


@pytest.mark.parametrize("bad", [(math.nan, 0, 0), (0, math.inf, 0), (1, 2)])
def test_points_that_make_no_sense_are_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="three finite numbers"):
        lesion_from_click(bad)


def test_a_diameter_without_length_is_refused() -> None:
    with pytest.raises(UsageError, match="no length"):
        lesion_from_diameters(Diameter((1, 1, 1), (1, 1, 1)), geometry=AXIAL)
    with pytest.raises(UsageError, match="padding"):
        lesion_from_diameters(Diameter((1, 1, 1), (9, 1, 1)), geometry=AXIAL, padding_px=-1)
    with pytest.raises(UsageError, match="above 0 mm"):
        lesion_from_click((0, 0, 0), size_mm=0)
