"""NIfTI, NRRD and MetaImage: conventions turned to LPS, types kept or fitted."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from synthetic_ct import SIGNED_AXES, make_volume, rotation

from lesionscope.ct.info import info
from lesionscope.ct.scan import open_ct, scan
from lesionscope.errors import InputError


def codes(path: Path) -> list[str]:
    return [f.code for f in open_ct(path).findings]


@pytest.mark.parametrize("direction", [*SIGNED_AXES[::3], rotation(20, 1)], ids=str)
def test_nifti_ras_becomes_lps(tmp_path: Path, direction: np.ndarray) -> None:
    """nibabel, which speaks RAS, writes; voxel centres must lie where it says."""
    volume = make_volume(direction)
    steps = np.array([0.8, 1.1, 2.5])
    affine = np.eye(4)
    affine[:3, :3] = np.diag([-1, -1, 1]) @ (direction * steps)
    affine[:3, 3] = np.array([-1, -1, 1]) * np.array([-20.0, 15.0, 40.0])
    nibabel.Nifti1Image(np.transpose(volume.hu, (2, 1, 0)), affine).to_filename(tmp_path / "a.nii.gz")
    got = open_ct(tmp_path / "a.nii.gz")
    assert np.array_equal(got.hu, volume.hu) and got.hu.dtype == np.int16
    for voxel in [(0, 0, 0), (6, 7, 8), (1, 2, 3)]:
        assert np.allclose(got.geometry.to_lps(voxel), volume.geometry.to_lps(voxel), atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [
        (np.int16, np.int16),
        (np.int32, np.int16),
        (np.uint16, np.int16),
        (np.float32, np.float32),
        (np.float64, np.float32),
    ],
)
@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha", "a.mhd"])
def test_types(tmp_path: Path, kind: type, becomes: type, name: str) -> None:
    values = (make_volume().hu - (0 if kind is not np.uint16 else -1000)).astype(kind)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / name))
    volume = open_ct(tmp_path / name)
    assert volume.hu.dtype == becomes and np.array_equal(volume.hu, values.astype(becomes))


def test_values_beyond_int16_are_kept(tmp_path: Path) -> None:
    values = make_volume().hu.astype(np.int32)
    values[0, 0, 0] = 100_000
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / "a.nrrd"))
    assert open_ct(tmp_path / "a.nrrd").hu[0, 0, 0] == 100_000


def test_voxels_without_a_number(tmp_path: Path) -> None:
    values = make_volume().hu.astype(np.float32)
    values[1, 1, 1], values[2, 2, 2] = np.nan, np.inf
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / "a.nrrd"))
    assert "not-finite" in codes(tmp_path / "a.nrrd")
    (series,) = info(tmp_path / "a.nrrd")["series"]
    assert series["hu_max"] < 2000


def test_a_range_that_is_no_ct_is_pointed_out(tmp_path: Path) -> None:
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(np.arange(1000, dtype=np.int16).reshape(10, 10, 10)),
        str(tmp_path / "mr.nii"),
    )
    assert codes(tmp_path / "mr.nii") == ["not-hu"]


def test_a_mask_is_not_used(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.ones((4, 4, 4), np.uint8)), str(tmp_path / "m.nii"))
    with pytest.raises(InputError, match="a mask or picture"):
        open_ct(tmp_path / "m.nii")


def test_several_volumes_in_one_file(tmp_path: Path) -> None:
    nibabel.Nifti1Image(np.zeros((4, 4, 4, 3), np.int16), np.eye(4)).to_filename(tmp_path / "t.nii")
    (series,) = scan(tmp_path / "t.nii").series
    assert series.has("time-points") and not series.usable


def test_flat_pictures_and_colours_are_refused(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.zeros((4, 4), np.int16)), str(tmp_path / "flat.mha"))
    SimpleITK.WriteImage(
        SimpleITK.GetImageFromArray(np.zeros((4, 4, 4, 3), np.int16), isVector=True),
        str(tmp_path / "rgb.mha"),
    )
    for name, reason in (("flat.mha", "2 dimensions"), ("rgb.mha", "colour or vector")):
        with pytest.raises(InputError, match=reason):
            open_ct(tmp_path / name)


def test_the_uid_is_that_of_the_content(tmp_path: Path) -> None:
    for name, seed in (("a.nrrd", 0), ("b.nrrd", 0), ("c.nrrd", 1)):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(make_volume(seed=seed).hu), str(tmp_path / name))
    a, b, c = (open_ct(tmp_path / name).source.uid for name in ("a.nrrd", "b.nrrd", "c.nrrd"))
    assert a == b != c and a.startswith("2.25.") and len(a) <= 64


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.mhd"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("cut", [20, 2500])
def test_cut_voxels_are_an_error_not_zeros(tmp_path: Path, name: str, compressed: bool, cut: int) -> None:
    hu = make_volume(size=(16, 16, 16)).hu
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(hu), str(tmp_path / name), useCompression=compressed)
    assert np.array_equal(open_ct(tmp_path / name).hu, hu)
    data = next((f for f in tmp_path.iterdir() if f.suffix in (".raw", ".zraw")), tmp_path / name)
    data.write_bytes(data.read_bytes()[:-cut])
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        open_ct(tmp_path / name)
