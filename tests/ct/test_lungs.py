"""The coarse lung region on a simple chest whose every part is known, and on real CT."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.lungs import _outline, find_lungs, lung_region
from lesionscope.ct.volume import CTVolume, Source

Array = NDArray[np.float64]
Paint = Callable[[Array, Array, Array], tuple[NDArray[np.bool_], float]]

# LPS mm: the patient's right lung is at negative x; y grows to the back, z to the head.
RIGHT_LUNG, LEFT_LUNG = (-78.0, 0.0, 60.0), (78.0, 0.0, 60.0)
LIVER_DOME = (-75.0, 5.0, -95.0)
BOWEL = (60.0, -45.0, -150.0)


def ball(centre: tuple[float, float, float], radii: float | tuple[float, float, float], hu: float) -> Paint:
    r = (radii,) * 3 if isinstance(radii, float | int) else radii

    def paint(x: Array, y: Array, z: Array) -> tuple[NDArray[np.bool_], float]:
        terms = [((p - c) / s) ** 2 for p, c, s in zip((x, y, z), centre, r, strict=True)]
        return terms[0] + terms[1] + terms[2] <= 1.0, hu

    return paint


def chest_hu(lps: Array, *extra: Paint, lungs: bool = True) -> Array:
    """HU at LPS points (…, 3): body, two lungs around the liver's dome, heart, spine, bowel gas, table."""
    x, y, z = lps[..., 0], lps[..., 1], lps[..., 2]
    hu = np.full(x.shape, -1000.0)
    hu[(x / 175) ** 2 + (y / 120) ** 2 <= 1] = -90.0
    hu[(x / 155) ** 2 + (y / 105) ** 2 <= 1] = 40.0
    parts: list[Paint] = []
    if lungs:
        parts += [ball(c, (62.0, 88.0, 150.0), -850.0) for c in (RIGHT_LUNG, LEFT_LUNG)]
        parts += [
            ball(LIVER_DOME, (66.0, 75.0, 90.0), 60.0),
            ball((70.0, 0.0, -100.0), (60.0, 70.0, 70.0), 55.0),  # spleen and stomach wall, lower
            ball((25.0, -20.0, 20.0), (48.0, 50.0, 55.0), 45.0),  # heart
            lambda x, y, z: ((x**2 + (y - 10) ** 2 <= 81) & (z > 40), -1000.0),  # trachea
            lambda x, y, z: ((np.abs(x) < 35) & ((y - 10) ** 2 + (z - 45) ** 2 <= 49), -1000.0),  # bronchi
        ]
    parts += [
        ball(BOWEL, (55.0, 28.0, 28.0), -1000.0),
        lambda x, y, z: ((np.abs(x) < 22) & (np.abs(y - 80) < 20), 300.0),
        lambda x, y, z: ((np.abs(x) < 210) & (np.abs(y - 135) < 6), 150.0),
    ]
    for part in (*parts, *extra):
        where, value = part(x, y, z)
        hu[where] = value
    return hu


def render(geometry: Geometry, *extra: Paint, lungs: bool = True, noise: float = 40.0) -> CTVolume:
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij"), axis=-1)
    hu = chest_hu(geometry.to_lps(grid), *extra, lungs=lungs)
    hu += np.random.default_rng(0).normal(0, noise, hu.shape)
    return CTVolume(hu.astype(np.int16), geometry, Source("chest"))


def supine(z0: float = -240.0, z1: float = 240.0, step: float = 5.0) -> Geometry:
    return Geometry((110, 84, int((z1 - z0) / step)), (4.0, 4.0, step), (-218.0, -166.0, z0))


def test_lungs_are_found_and_nothing_else() -> None:
    region = lung_region(render(supine()))
    for inside in (RIGHT_LUNG, LEFT_LUNG, (-78.0, 0.0, 150.0), (110.0, 20.0, 0.0)):
        assert region.contains(inside)
        assert region.in_body(inside)
    for name, outside in {
        "air": (0.0, -150.0, 0.0),
        "table": (0.0, 135.0, 0.0),
        "chest wall": (-150.0, 0.0, 60.0),
        "spine": (0.0, 80.0, 60.0),
        "bowel gas": BOWEL,
        "liver below the lungs": (-75.0, 0.0, -150.0),
        "top of the liver's dome, lung all around it": (-75.0, 5.0, -40.0),
        "spleen": (70.0, 0.0, -100.0),
        "heart": (20.0, -20.0, 20.0),
    }.items():
        assert not region.contains(outside), name
    assert not region.in_body((0.0, -150.0, 0.0))
    assert not region.in_body((0.0, 135.0, 0.0))
    assert region.in_body((-75.0, 0.0, -150.0))
    ellipsoids = 2 * 4 / 3 * np.pi * 62 * 88 * 150 / 1000
    assert 0.6 * ellipsoids < region.lung_volume_ml < 1.05 * ellipsoids


@pytest.mark.parametrize(
    ("centre", "radius"),
    [
        ((-78.0, 0.0, 90.0), 45.0),  # in the middle
        ((-95.0, 20.0, 80.0), 45.0),  # on the chest wall
        ((-70.0, -10.0, 150.0), 42.0),  # at the apex
        ((95.0, 15.0, 60.0), 45.0),
    ],
)
def test_a_mass_too_big_for_any_air_in_its_crop_is_in_the_lung(
    centre: tuple[float, float, float], radius: float
) -> None:
    volume = render(supine(), ball(centre, radius, 40.0))
    region = find_lungs(volume)
    for shift in itertools.product((-12.0, 0.0, 12.0), repeat=3):
        assert region.contains(np.add(centre, shift))
    assert not region.contains((-75.0, 5.0, -50.0))


def test_a_mass_as_thick_as_a_partial_scan_is_in_the_lung() -> None:
    centre = (-80.0, 5.0, 70.0)
    region = find_lungs(render(supine(50.0, 90.0, 2.5), ball(centre, 45.0, 40.0)))
    assert region.contains(centre)
    assert not region.contains((0.0, 80.0, 70.0))


def test_the_lowest_lung_in_an_abdominal_scan() -> None:
    region = find_lungs(render(supine(-240.0, -20.0)))
    assert region.has_lungs
    assert region.contains((-115.0, 40.0, -28.0))
    assert not region.contains((-75.0, 5.0, -60.0))
    assert not region.contains(BOWEL)


def test_no_lungs_no_region() -> None:
    region = find_lungs(render(supine(), lungs=False))
    assert not region.has_lungs
    assert not region.contains(BOWEL)
    assert region.in_body((0.0, 0.0, 0.0))


@pytest.mark.parametrize("hu", [-1000.0, 40.0])
def test_an_even_volume_has_no_lungs(hu: float) -> None:
    geometry = Geometry((20, 20, 10), (4.0, 4.0, 4.0))
    volume = CTVolume(np.full((10, 20, 20), hu, dtype=np.float32), geometry, Source("even"))
    region = find_lungs(volume)
    assert not region.has_lungs
    assert region.in_body((40.0, 40.0, 20.0)) == (hu > 0)


def oriented(order: tuple[int, int, int], flips: tuple[int, int, int]) -> Geometry:
    """The supine grid's extent with axes i, j, k along other patient axes, either way."""
    base = supine(step=6.0)
    counts, steps = base.size, [base.spacing_mm[0], base.spacing_mm[1], base.slice_step_mm]
    direction = np.zeros((3, 3))
    origin = np.array(base.origin_lps_mm)
    for column, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        direction[axis, column] = -1.0 if flip else 1.0
        if flip:
            origin[axis] += (counts[axis] - 1) * steps[axis]
    return Geometry(
        (counts[order[0]], counts[order[1]], counts[order[2]]),
        (steps[order[0]], steps[order[1]], steps[order[2]]),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(direction.ravel().tolist()),
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(0, 0, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)])
def test_answers_do_not_depend_on_the_files_axes(
    order: tuple[int, int, int], flips: tuple[int, int, int]
) -> None:
    mass = (-80.0, 10.0, 80.0)
    region = find_lungs(render(oriented(order, flips), ball(mass, 44.0, 40.0)))
    assert region.contains(mass)
    assert region.contains(LEFT_LUNG)
    assert not region.contains((-75.0, 5.0, -45.0))
    assert not region.contains(BOWEL)


def test_a_prone_patient() -> None:
    """The table lies on the other side and the lungs are where they were."""
    region = find_lungs(render(supine(), lambda x, y, z: ((np.abs(x) < 210) & (np.abs(y + 125) < 5), 100.0)))
    assert region.contains(RIGHT_LUNG)
    assert not region.contains((0.0, -140.0, 0.0))


def test_tilted_and_uneven_grids() -> None:
    tilt = np.deg2rad(18)
    direction = np.array([[1, 0, 0], [0, 1, np.sin(tilt)], [0, 0, np.cos(tilt)]])
    geometry = Geometry((110, 100, 96), (4.0, 4.0, 5.0), (-218.0, -270.0, -230.0), tuple(direction.ravel()))
    region = find_lungs(render(geometry))
    assert region.contains(RIGHT_LUNG)
    assert not region.contains((-75.0, 5.0, -45.0))
    offsets = np.cumsum([0.0, *([5.0, 5.0, 10.0] * 20)])
    uneven = Geometry(
        (110, 84, len(offsets)), (4.0, 4.0, None), (-218.0, -166.0, -190.0), offsets_mm=tuple(offsets)
    )
    region = find_lungs(render(uneven))
    assert region.contains(LEFT_LUNG)
    assert not region.contains((-75.0, 5.0, -45.0))


def test_a_targeted_reconstruction_cuts_the_lung_at_the_picture_s_edge() -> None:
    geometry = Geometry((40, 40, 40), (3.0, 3.0, 3.0), (-130.0, -60.0, 30.0))
    region = find_lungs(render(geometry))
    assert region.contains(RIGHT_LUNG)


@pytest.mark.parametrize("front", [-160.0, -60.0])
def test_a_solid_nodule_in_a_lung_that_the_picture_s_edge_cuts_open(front: float) -> None:
    """With outer air in the picture and without any."""
    nodule = (-60.0, -10.0, 60.0)
    geometry = Geometry((40, int((60 - front) / 3), 40), (3.0, 3.0, 3.0), (-110.0, front, 0.0))
    region = find_lungs(render(geometry, ball(nodule, 12.0, 40.0)))
    assert region.contains(nodule)
    assert region.in_body((-100.0, -10.0, 60.0)), "lung at the picture's edge"
    assert not region.in_body((-100.0, -150.0, 60.0)), "air"


def test_a_cushion_that_the_picture_s_edge_cuts_is_not_lung() -> None:
    geometry = Geometry((60, 60, 20), (3.0, 3.0, 4.0), (-90.0, 20.0, -200.0))
    cushion = ((0.0, 180.0, -160.0), (70.0, 75.0, 400.0), -880.0)
    region = find_lungs(render(geometry, ball(*cushion), lungs=False, noise=20.0))
    assert region.in_body((0.0, 60.0, -160.0))
    assert not region.in_body((0.0, 160.0, -160.0))
    assert not region.has_lungs


def test_outlines_are_convex_hulls() -> None:
    rng = np.random.default_rng(0)
    nothing = np.zeros((12, 15), dtype=bool)
    for density in (0.03, 0.05, 0.1, 0.4) * 25:
        mask = rng.random(nothing.shape) < density
        points = np.argwhere(mask)
        found = _outline(mask, nothing)
        assert (found >= mask).all()
        if len(points) >= 3 and np.linalg.matrix_rank(points - points[0]) == 2:
            rows, columns = np.indices(mask.shape)
            sides = [a * rows + b * columns + c <= 1e-6 for a, b, c in ConvexHull(points).equations]
            assert (found == np.all(sides, axis=0)).all()


def test_values_that_are_not_numbers_do_no_harm() -> None:
    volume = render(supine())
    hu = volume.hu.astype(np.float32)
    hu[10:12] = np.nan
    hu[0, 0] = np.inf
    assert find_lungs(CTVolume(hu, volume.geometry, volume.source)).contains(LEFT_LUNG)


def test_the_region_is_kept_as_long_as_its_volume() -> None:
    volume = render(supine(step=10.0))
    assert lung_region(volume) is lung_region(volume)
    watched = weakref.ref(lung_region(volume))
    del volume
    gc.collect()
    assert watched() is None


def test_points_outside_the_volume_are_in_nothing() -> None:
    region = find_lungs(render(supine(step=10.0)))
    for point in ((0.0, 0.0, 900.0), (float("nan"), 0.0, 0.0)):
        assert not region.contains(point)
        assert not region.in_body(point)


def read(path: Path) -> CTVolume:
    import SimpleITK as sitk  # noqa: N813

    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    geometry = Geometry(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return CTVolume(sitk.GetArrayFromImage(image).astype(np.int16), geometry, Source("real"))


NODULE = (-57.44, 131.23, -520.36)


def test_real_chest(shared_data: Path) -> None:
    region = find_lungs(read(shared_data / "ct/01_chest_lidc0314/dicom"))
    assert region.contains(NODULE)
    assert not region.contains((0.0, 130.0, -520.0))  # mediastinum
    assert not region.contains((-6.0, 222.0, -520.0))  # vertebra
    assert not region.contains((-120.0, 70.0, -520.0))  # breast
    assert region.in_body((-120.0, 70.0, -520.0))
    assert not region.in_body((0.0, -40.0, -520.0))


@pytest.mark.parametrize("field", [(-110, 20, 220, 220), (-100, 60, 100, 140), (-90, 60, 200, 200)])
def test_a_real_nodule_in_a_narrow_field_of_view(
    shared_data: Path, field: tuple[float, float, float, float]
) -> None:
    volume = read(shared_data / "ct/01_chest_lidc0314/dicom")
    x, y, wide, high = field
    _, j, i = (round(at) for at in volume.geometry.to_voxel((x, y, NODULE[2])))
    hu = np.ascontiguousarray(volume.hu[:, j : j + round(high / 0.78125), i : i + round(wide / 0.78125)])
    origin = tuple(volume.geometry.to_lps((0, j, i)).tolist())
    size = (hu.shape[2], hu.shape[1], hu.shape[0])
    geometry = replace(volume.geometry, size=size, origin_lps_mm=origin)
    assert find_lungs(CTVolume(hu, geometry, volume.source)).contains(NODULE)


def test_a_mass_painted_over_the_real_lung(shared_data: Path) -> None:
    """Ninety millimetres wide: it crosses every slice of the scan, and its crop holds no air."""
    volume = read(shared_data / "ct/01_chest_lidc0314/dicom")
    centre = (-75.0, 145.0, -520.0)
    k, j, i = (volume.geometry.to_lps(np.zeros(3))[::-1][n] for n in range(3))
    z, y, x = np.ogrid[0:37, 0:512, 0:512]
    distance = (z + k - centre[2]) ** 2 + (y * 0.78125 + j - centre[1]) ** 2
    distance = distance + (x * 0.78125 + i - centre[0]) ** 2
    hu = np.where(distance < 45.0**2, np.int16(40), volume.hu)
    assert find_lungs(CTVolume(hu, volume.geometry, volume.source)).contains(centre)


def test_real_scans_without_lungs(shared_data: Path) -> None:
    thigh = find_lungs(read(shared_data / "ct/03_sts019_mass/dicom"))
    pelvis = find_lungs(read(shared_data / "ct/04_sts025_nrrd_mha/ct.mha"))
    assert not thigh.has_lungs
    assert not pelvis.has_lungs
    assert thigh.in_body((-21.8, -78.9, -154.7))
    assert pelvis.in_body((-51.7, 105.9, 436.0))
    assert not pelvis.in_body((-70.0, 155.0, 380.0)), "a cushion"


def test_real_abdomen(shared_data: Path) -> None:
    """Liver, kidney and gas-filled colon are no lung; the recess behind the liver is."""
    region = find_lungs(read(shared_data / "ct/05_nifti_abdomen_totalseg/example_ct.nii.gz"))
    for organ in ((-60.0, -150.0, 420.0), (-60.0, -150.0, 400.0), (100.0, -150.0, 350.0)):
        assert not region.contains(organ)
        assert region.in_body(organ)
    assert region.has_lungs
    assert region.lung_volume_ml < 400
