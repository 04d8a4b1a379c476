from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lesionscope.ct.crops import crop, crop_geometry
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Finding
from lesionscope.inference import scope
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.models.package import ModelPackage


@pytest.mark.parametrize("place", ["nodule", "ground_glass"])
def test_lesions_in_a_lung_are_in_scope(
    volume: CTVolume, package: ModelPackage, places: Any, place: str
) -> None:
    lesion = lesion_from_click(getattr(places, place))
    assert scope.check(volume, lesion, package) is None


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("aerated", "only air or aerated lung"),
        ("mediastinum", "not lie in a lung"),
        ("chest_wall", "not lie in a lung"),
        ("air", "air outside the body"),
        ("outside", r"\(0\.0, 0\.0, 500\.0\) lies outside the scan.*z -90 to 87 mm"),
    ],
)
def test_each_place_that_is_no_lesion_gets_its_own_sentence(
    volume: CTVolume, package: ModelPackage, places: Any, place: str, says: str
) -> None:
    sentence = scope.check(volume, lesion_from_click(getattr(places, place)), package)
    assert sentence is not None
    assert re.search(says, sentence), sentence
    assert sentence.endswith(".")
    assert any(word in sentence for word in ("click", "mark", "choose", "open")), "says what to do"


def test_a_model_of_the_whole_body_is_not_asked_about_lungs(
    volume: CTVolume, package: ModelPackage, places: Any
) -> None:
    anywhere = replace(package, card=replace(package.card, scope="body"))
    assert scope.check(volume, lesion_from_click(places.mediastinum), anywhere) is None
    assert scope.check(volume, lesion_from_click(places.air), anywhere) is not None


def test_a_scan_without_lungs_says_so(volume: CTVolume, package: ModelPackage, places: Any) -> None:
    solid = replace(volume, hu=np.where(volume.hu > -930, 30, volume.hu).astype(np.int16))
    sentence = scope.check(solid, lesion_from_click(places.mediastinum), package)
    assert sentence is not None
    assert "No lung was found" in sentence


@pytest.mark.parametrize("code", ["not-hu", "no-geometry"])
def test_values_that_mean_nothing_can_never_be_read(volume: CTVolume, places: Any, code: str) -> None:
    flagged = replace(volume, findings=(Finding(code, "noticed"),))
    assert scope.impossible(flagged, lesion_from_click(places.nodule)) is not None


def test_a_single_slice_is_out_of_scope_but_possible(
    volume: CTVolume, package: ModelPackage, places: Any
) -> None:
    k = round(float(volume.geometry.to_voxel(places.nodule)[0]))
    x, y, z = (float(v) for v in volume.geometry.to_lps((k, 0, 0)))
    geometry = replace(volume.geometry, size=(*volume.geometry.size[:2], 1), origin_lps_mm=(x, y, z))
    flat = replace(volume, hu=volume.hu[k : k + 1], geometry=geometry)
    lesion = lesion_from_click((*places.nodule[:2], z))
    assert "single slice" in (scope.check(flat, lesion, package) or "")
    assert scope.impossible(flat, lesion) is None


def test_a_thin_slab_leaves_too_little_of_the_cube(
    volume: CTVolume, package: ModelPackage, places: Any
) -> None:
    k = round(float(volume.geometry.to_voxel(places.nodule)[0]))
    x, y, z = (float(v) for v in volume.geometry.to_lps((k - 3, 0, 0)))
    geometry = replace(volume.geometry, size=(*volume.geometry.size[:2], 6), origin_lps_mm=(x, y, z))
    slab = replace(volume, hu=volume.hu[k - 3 : k + 3], geometry=geometry)
    sentence = scope.check(slab, lesion_from_click(places.nodule), package) or ""
    assert re.search(r"edge of the scan: 6\d% of the 48 mm cube", sentence)
    assert scope.check(volume, lesion_from_click(places.at_the_edge), package) is None, "half of it is there"


def of_slices(volume: CTVolume, kept: list[int]) -> CTVolume:
    """Keep some of an even volume's slices, the first among them."""
    step = volume.geometry.spacing_mm[2]
    assert step is not None
    geometry = replace(
        volume.geometry,
        size=(*volume.geometry.size[:2], len(kept)),
        spacing_mm=(*volume.geometry.spacing_mm[:2], None),
        offsets_mm=tuple(k * step for k in kept),
    )
    return replace(volume, hu=volume.hu[kept], geometry=geometry)


def test_nothing_is_answered_where_no_slice_was_given(
    volume: CTVolume, package: ModelPackage, places: Any
) -> None:
    """Slices 28 to 46 (z −6 to 48 mm) are missing around the nodule at z = 20."""
    gapped = of_slices(volume, [*range(28), *range(47, 60)])
    lesion = lesion_from_click(places.nodule)
    assert gapped.geometry.contains(places.nodule)
    assert np.all(crop(gapped, places.nodule, shape=(21, 21, 21)) == -1024), "all of it made up"
    for sentence in (scope.impossible(gapped, lesion), scope.check(gapped, lesion, package)):
        assert sentence is not None and "slices of this series are missing" in sentence
    x, y, _ = places.nodule
    assert scope.impossible(gapped, lesion_from_click((x, y, -9.0 + 1.4))) is None, "half a step from a slice"
    assert scope.impossible(gapped, lesion_from_click((x, y, -9.0 + 1.6))) is not None


def test_missing_slices_count_as_padding(volume: CTVolume, package: ModelPackage, places: Any) -> None:
    """Of the cube's 48 mm only the nodule's own three slices are there, 9 mm."""
    gapped = of_slices(volume, [*range(22), *range(35, 38), *range(51, 60)])
    cube = crop(gapped, places.nodule, shape=(48, 48, 48), spacing_mm=1.0, pad_hu=np.nan)
    share = scope.share_inside(gapped.geometry, crop_geometry(places.nodule, (48, 48, 48), 1.0))
    assert share == pytest.approx(np.isfinite(cube).mean(), abs=0.05)
    sentence = scope.check(gapped, lesion_from_click(places.nodule), package) or ""
    assert re.search(r"8\d% of the 48 mm cube", sentence), sentence
    (note,) = scope.notes(gapped, lesion_from_click(places.nodule), package)
    assert re.search(r"edge of the scan or of a gap in it: 8\d% of what", note)


def test_no_sentence_tells_who_the_patient_is(volume: CTVolume, package: ModelPackage, places: Any) -> None:
    for place in ("aerated", "mediastinum", "air", "outside"):
        sentence = scope.check(volume, lesion_from_click(getattr(places, place)), package) or ""
        assert volume.source.uid not in sentence


@pytest.mark.parametrize("shape", [(48, 48, 48), (5, 4, 1)])
def test_share_inside_counts_the_grid(volume: CTVolume, shape: tuple[int, int, int]) -> None:
    """Against the number of voxels of a crop that were not padded, in a grid of another spacing."""
    tilted = replace(
        volume.geometry, direction=(1.0, 0, 0, 0, np.cos(0.3), -np.sin(0.3), 0, np.sin(0.3), np.cos(0.3))
    )
    for geometry in (volume.geometry, tilted):
        shifted = replace(volume, geometry=geometry)
        for centre in ((0.0, 0.0, 0.0), (-160.0, 0.0, 80.0), (150.0, -120.0, -85.0), (0.0, 0.0, -300.0)):
            cube = crop(shifted, centre, shape=shape, spacing_mm=1.0, pad_hu=np.nan)
            share = scope.share_inside(geometry, crop_geometry(centre, shape, 1.0))
            assert share == pytest.approx(np.isfinite(cube).mean(), abs=0.05)


def test_nothing_is_aerated_where_there_is_no_value() -> None:
    geometry = Geometry((4, 4, 4), (1.0, 1.0, 1.0))
    empty = SimpleNamespace(hu=np.full((4, 4, 4), np.nan, np.float32), geometry=geometry)
    assert not scope._is_aerated(empty, (1.0, 1.0, 1.0))  # type: ignore[arg-type]


def lung_cube(half: int = 16) -> tuple[np.ndarray[Any, Any], ...]:
    axis = np.arange(-half, half + 1, dtype=float)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    cube = np.random.default_rng(5).normal(-860, 40, z.shape).astype(np.float32)
    return cube, z, y, x


def test_a_cavity_is_no_airway() -> None:
    cube, z, y, x = lung_cube()
    assert not scope._is_walled(cube, 16)
    r = np.sqrt(z**2 + y**2 + x**2)
    cavity = np.where((r > 9) & (r < 12), np.float32(20), cube)
    assert scope._is_walled(cavity, 16)
    drained = np.where((np.hypot(y, x) < 3) & (z > 0), np.float32(-1000), cavity)
    assert scope._is_walled(drained, 16), "a bronchus on one side leaves it a cavity"
    for radius in (4, 7, 10):
        tube = np.hypot(y, 0.8 * x - 0.6 * z)
        airway = np.where((tube > radius) & (tube < radius + 2), np.float32(20), cube)
        assert not scope._is_walled(airway, 16)
    assert not scope._is_walled(np.where(x < -4, np.float32(20), cube), 16), "beside the chest wall"
    assert not scope._is_walled(np.full_like(cube, np.nan), 16)


def test_the_middle_of_a_cavity_is_in_scope(package: ModelPackage, volume: CTVolume, places: Any) -> None:
    k, j, i = np.meshgrid(*(np.arange(n) for n in volume.hu.shape), indexing="ij")
    distance = np.linalg.norm(
        volume.geometry.to_lps(np.stack([k, j, i], axis=-1)) - np.array(places.aerated), axis=-1
    )
    lesion = lesion_from_click(places.aerated)
    hollow = np.where(distance < 13, np.int16(20), volume.hu)
    hollow[distance < 8] = -950
    assert scope.check(replace(volume, hu=hollow), lesion, package) is None
    assert scope.check(volume, lesion, package) is not None
