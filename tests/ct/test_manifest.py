"""Real CT data and damaged files: each item read as its description demands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK

from lesionscope.ct.display import display_volume
from lesionscope.ct.info import info
from lesionscope.ct.scan import load, open_ct, scan
from lesionscope.ct.windows import default_window
from lesionscope.errors import InputError

IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.fixture(scope="module")
def ct(shared_data: Path) -> Path:
    return shared_data / "ct"


def described(path: Path) -> dict[str, Any]:
    content = info(path)
    json.dumps(content, allow_nan=False)
    return content


def one(path: Path) -> dict[str, Any]:
    series = described(path)["series"]
    assert len(series) == 1
    return dict(series[0])


def codes(series: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in series["findings"]}


def assert_grid(
    series: dict[str, Any],
    size: list[int],
    spacing: list[float | None],
    origin: list[float],
    direction: list[float] = IDENTITY,
    hu: tuple[float, float] | None = None,
) -> None:
    assert series["size"] == size
    for got, expected in zip(series["spacing_mm"], spacing, strict=True):
        assert got == (None if expected is None else pytest.approx(expected, abs=1e-4))
    assert series["origin_lps_mm"] == pytest.approx(origin, abs=1e-3)
    assert series["direction"] == pytest.approx(direction, abs=1e-4)
    if hu is not None:
        assert (series["hu_min"], series["hu_max"]) == pytest.approx(hu)
        assert series["usable"] is True


def sitk_series(folder: Path) -> np.ndarray:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute())


def test_01_chest(ct: Path) -> None:
    folder = ct / "01_chest_lidc0314" / "dicom"
    series = one(folder)
    assert_grid(series, [512, 512, 37], [0.78125, 0.78125, 1.0], [-201, -59, -538.8], hu=(-1000, 1753))
    assert codes(series) == set() and "resampled" not in series
    volume = open_ct(folder)
    assert volume.hu.dtype == np.int16
    assert np.array_equal(volume.hu, sitk_series(folder))
    nodule = (-57.44, 131.23, -520.36)
    assert volume.geometry.to_voxel(nodule)[::-1] == pytest.approx([183.8, 243.5, 18.4], abs=0.06)
    k, j, i = np.rint(volume.geometry.to_voxel(nodule)).astype(int)
    assert volume.hu[k, j - 2 : j + 3, i - 2 : i + 3].mean() == pytest.approx(60, abs=25)
    assert volume.hu[k, j - 40 : j + 40, i - 40 : i + 40].mean() < -400
    assert np.shares_memory(display_volume(volume).hu, volume.hu)
    assert len(set(volume.source.sop_instance_uids)) == 37
    assert default_window(volume).name == "lung"


def test_03_mass_with_contours_beside_it(ct: Path) -> None:
    folder = ct / "03_sts019_mass"
    content = described(folder / "dicom")
    (series,) = content["series"]
    assert_grid(
        series, [136, 134, 47], [0.976562, 0.976562, 3.27], [-87.8907, -143.5547, -225.63], hu=(-1000, 1478)
    )
    assert content["skipped"] == [
        {"file": "RS.dcm", "reason": "an RT structure set (contours), not an image"}
    ]
    dicom, nifti = open_ct(folder / "dicom"), open_ct(folder / "CT_image.nii.gz")
    assert np.array_equal(dicom.hu, nifti.hu)
    assert np.array_equal(dicom.hu, sitk_series(folder / "dicom"))
    mass = (-21.8, -78.9, -154.7)
    assert dicom.geometry.to_voxel(mass) == pytest.approx(nifti.geometry.to_voxel(mass), abs=1e-3)
    assert dicom.geometry.to_voxel(mass)[::-1] == pytest.approx([67.6, 66.2, 21.7], abs=0.1)
    both = scan(folder)
    assert both.preferred()[0].uid == dicom.source.uid
    assert [s.usable for s in both.series if s.description == "CT_mask.nii.gz"] == [False]


def test_04_three_containers(ct: Path) -> None:
    folder = ct / "04_sts025_nrrd_mha"
    volumes = [open_ct(folder / name) for name in ("ct.nrrd", "ct.mha", "ct_upstream.nii.gz")]
    for volume in volumes:
        assert np.array_equal(volume.hu, volumes[0].hu)
        assert np.allclose(volume.geometry.to_lps((46, 137, 148)), volumes[0].geometry.to_lps((46, 137, 148)))
    for name in ("ct.nrrd", "ct.mha", "ct_upstream.nii.gz"):
        assert_grid(
            one(folder / name),
            [149, 138, 47],
            [0.97656, 0.97656, 3.27],
            [-125.0001, 39.0624, 364.85],
            hu=(-1000, 1554),
        )
    lesion = (-51.7, 105.9, 436.0)
    assert volumes[0].geometry.to_voxel(lesion)[::-1] == pytest.approx([75.1, 68.4, 21.7], abs=0.06)


def test_05_ras_nifti(ct: Path) -> None:
    path = ct / "05_nifti_abdomen_totalseg" / "example_ct.nii.gz"
    assert_grid(
        one(path),
        [122, 101, 112],
        [3, 3, 3],
        [177.9563, -11.319, 94.3018],
        [-1, 0, 0, 0, -1, 0, 0, 0, 1],
        hu=(-1207, 3382),
    )
    volume = open_ct(path)
    assert volume.hu.dtype == np.int16
    shown = display_volume(volume)
    assert np.array_equal(shown.hu, volume.hu[:, ::-1, ::-1])
    # The liver, on the patient's right, is denser than the lung and stomach gas on the left:
    # the patient's right is the low end of x.
    assert shown.geometry.origin_lps_mm[0] < 0 < shown.geometry.corners_lps()[:, 0].max()


EXACT = ("1.2", "1.2.1", "1.2.2", "1.2.1.99", "1.2.5", "1.2.4.57", "1.2.4.70", "1.2.4.80", "1.2.4.90")
NEAR = {"1.2.4.81": 1, "1.2.4.91": 5, "1.2.4.51": 36, "1.2.4.53": 36, "1.2.4.55": 36, "1.2.4.50": 65}


@pytest.mark.parametrize("syntax", [*EXACT, *NEAR])
def test_06_every_transfer_syntax(ct: Path, syntax: str) -> None:
    folder = ct / "06_transfer_syntaxes"
    (plain,) = folder.glob("*LittleEndianExplicit*_1.2.840.10008.1.2.1.dcm")
    (path,) = folder.glob(f"*Syntax_1.2.840.10008.{syntax}.dcm")
    reference, volume = open_ct(plain), open_ct(path)
    assert (int(reference.hu.min()), int(reference.hu.max())) == (-3024, 1378)
    difference = np.abs(volume.hu.astype(float) - reference.hu).max()
    assert difference <= NEAR.get(syntax, 0)
    series = one(path)
    assert_grid(series, [512, 512, 1], [0.675781, 0.675781, None], [-161.4, -148.8, 4.7])
    assert series["usable"] and "single-slice" in codes(series)
    assert ("lossy" in codes(series)) == (syntax in NEAR)


def test_06_the_folder_is_one_slice_fifteen_times(ct: Path) -> None:
    series = one(ct / "06_transfer_syntaxes")
    assert series["size"] == [512, 512, 1]
    assert {"duplicate-positions", "single-slice"} <= codes(series)
    assert "15 images" in series["findings"][0]["message"]


def test_07_uneven_steps(ct: Path) -> None:
    series = one(ct / "07_variable_spacing")
    assert_grid(
        series, [512, 512, 4], [0.429688, 0.429688, None], [-123.5, -115.2, 18.1075], hu=(-1024, -770)
    )
    assert {"uneven-spacing", "missing-slices"} <= codes(series)
    assert series["slice_offsets_mm"] == pytest.approx([0, 5, 10, 20], abs=1e-4)
    assert series["resampled"]["size"] == [512, 512, 5]
    volume = open_ct(ct / "07_variable_spacing")
    assert volume.geometry.to_lps((3, 0, 0))[2] == pytest.approx(38.1075, abs=1e-4)


def test_08_time_points_are_no_volume(ct: Path) -> None:
    series = one(ct / "08_duplicate_positions")
    assert_grid(series, [512, 512, 1], [0.544922, 0.544922, None], [-139.2275, -384.2275, 61.5])
    assert {"time-points", "duplicate-positions", "single-slice"} <= codes(series)


def test_09_gantry_tilt(ct: Path) -> None:
    folder = ct / "09_gantry_tilt_philips"
    series = one(folder)
    direction = [1, 0, 0, 0, 0.94832, 0, 0, -0.3173, 1]
    assert_grid(
        series,
        [512, 512, 14],
        [0.482422, 0.482422, 2.5],
        [-123.5, -15.641, 792.3452],
        direction,
        hu=(-1024, 791),
    )
    assert codes(series) == {"gantry-tilt"}
    assert series["resampled"]["direction"] == IDENTITY
    volume = open_ct(folder)
    assert volume.geometry.tilt_deg == pytest.approx(18.5, abs=0.01)
    assert volume.geometry.to_lps((13, 0, 0)) == pytest.approx([-123.5, -15.641, 824.8452], abs=1e-3)
    assert volume.geometry.slice_step_mm * np.cos(np.radians(18.5)) == pytest.approx(2.371, abs=1e-3)
    assert np.array_equal(volume.hu, sitk_series(folder))


def test_10_two_patients_and_a_scout_in_one_folder(ct: Path) -> None:
    content = described(ct / "10_localizer_mixed")
    series = {s["uid"].split(".")[-1] + s["uid"].split(".")[-4]: s for s in content["series"]}
    assert len(content["series"]) == 3
    by_size = {tuple(s["size"]): s for s in content["series"]}
    assert_grid(
        by_size[16, 16, 5], [16, 16, 5], [0.488281, 0.488281, 2.5], [-72.2, -143.0, -1.2375], hu=(-888, 85)
    )
    uneven = by_size[16, 16, 4]
    assert_grid(uneven, [16, 16, 4], [0.488281, 0.488281, None], [-125.0, -128.1, -99.48], hu=(-981, 1489))
    assert {"uneven-spacing", "missing-slices"} <= codes(uneven)
    scout = by_size[16, 16, 2]
    assert codes(scout) == {"localizer"}
    assert scout["usable"] is False and scout["hu_min"] is None and scout["direction"] is None
    assert len(series) == 3


def test_11_multi_frame_equals_single_files(ct: Path) -> None:
    folder = ct / "11_enhanced_multiframe"
    multi, single = open_ct(folder / "mf.dcm"), open_ct(folder / "single_frames")
    assert np.array_equal(multi.hu, single.hu)
    assert multi.geometry == single.geometry
    assert [round(float(multi.geometry.to_lps((k, 0, 0))[2]), 4) for k in range(3)] == [
        -177.75,
        -175.25,
        -172.75,
    ]
    assert len(multi.source.sop_instance_uids) == 1 and len(single.source.sop_instance_uids) == 3
    for path in (folder / "mf.dcm", folder / "single_frames"):
        assert_grid(one(path), [24, 38, 3], [0.7, 0.7, 2.5], [46.4649, 5.0188, -177.75], hu=(0, 1))


def test_12_no_geometry(ct: Path) -> None:
    path = ct / "12_no_geometry_sc"
    series = one(path)
    assert "no-geometry" in codes(series) and series["usable"] is False
    assert series["spacing_mm"] == [None, None, None] and series["origin_lps_mm"] is None
    with pytest.raises(InputError, match="where they lie in the patient"):
        open_ct(path)
    with pytest.raises(InputError, match="cannot be opened as a volume"):
        load(scan(path).series[0])


def test_13_sign_of_a_jpeg_2000_stream(ct: Path) -> None:
    series = one(ct / "13_j2k_pixelrep")
    direction = [1, 0, 0, 0, 0.9272, 0.3746, 0, -0.3746, 0.9272]
    assert_grid(
        series,
        [512, 512, 1],
        [0.431, 0.431, None],
        [-110.2153, -98.1898, 72.1446],
        direction,
        hu=(-2000, 1896),
    )
    assert {"single-slice", "oblique", "gantry-tilt"} <= codes(series)


def test_14_damaged(ct: Path) -> None:
    content = described(ct / "14_damaged")
    (series,) = content["series"]
    assert "truncated" in codes(series) and series["usable"] is False
    assert any("truncated.dcm" in finding["message"] for finding in series["findings"])
    assert {s["file"] for s in content["skipped"]} == {"DICOMDIR", "no-pixel-data.dcm"}
    with pytest.raises(InputError, match=r"truncated\.dcm"):
        open_ct(ct / "14_damaged" / "truncated.dcm")
    for name in ("DICOMDIR", "no-pixel-data.dcm"):
        with pytest.raises(InputError, match=name):
            info(ct / "14_damaged" / name)


def test_15_bare_headers(ct: Path) -> None:
    series = one(ct / "15_minimal_tags")
    assert series["modality"] == "CT"
    assert_grid(series, [512, 512, 2], [0.625, 0.625, 1.0], [0, 0, 0], hu=(-2048, 1502))
    assert default_window(open_ct(ct / "15_minimal_tags")).name in ("lung", "soft-tissue")
    assert np.array_equal(open_ct(ct / "15_minimal_tags").hu, sitk_series(ct / "15_minimal_tags"))


def test_all_at_once(ct: Path) -> None:
    found = scan(ct)
    assert len(found.series) > 15
    assert found.preferred()[0].uid.endswith("280013275227")
