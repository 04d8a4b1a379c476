"""NIfTI, NRRD and MetaImage: conventions turned to LPS, types kept or fitted."""

from __future__ import annotations

import gzip
import re
import zipfile
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


@pytest.mark.parametrize(
    ("name", "kind", "rescale"),
    [
        ("a.nii", "<f4", (1, 0)),
        ("a.nii", ">f8", (2, -24)),
        ("a.nii.gz", "<f8", (0, 5)),
        ("a.nii.gz", ">f4", (np.nan, np.nan)),
        ("50%d ä.nii.gz", ">f8", (0.5, 0)),
    ],
)
def test_nifti_voxels_without_a_number(
    tmp_path: Path, name: str, kind: str, rescale: tuple[float, float]
) -> None:
    """ITK makes 0 of them, before the rescale; every other voxel is as ITK has it."""
    stored = np.transpose(make_volume().hu, (2, 1, 0)).astype(kind)
    header = nibabel.Nifti1Image(stored, np.eye(4), nibabel.Nifti1Header(endianness=kind[0])).header
    header.set_data_dtype(kind)
    header["scl_slope"], header["scl_inter"], header["vox_offset"], header["magic"] = *rescale, 368, b"n+1"

    def write(path: Path) -> Path:
        # As it is: nibabel would undo the rescale.
        with (gzip.open if name.endswith("gz") else open)(path, "wb") as stream:
            stream.write(header.binaryblock + bytes(20) + stored.tobytes(order="F"))
        return path

    sound = write(tmp_path / f"sound {name}")
    expected = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(sound))).astype(np.float32)
    volume = open_ct(sound)
    assert np.array_equal(volume.hu, expected) and not volume.findings
    stored[1, 1, 1], stored[2, 3, 4], stored[5, 5, 5] = np.nan, np.inf, -np.inf
    expected[1, 1, 1] = expected[4, 3, 2] = expected[5, 5, 5] = -1024
    volume = open_ct(write(tmp_path / name))
    assert np.array_equal(volume.hu, expected)
    (finding,) = (f for f in volume.findings if f.code == "not-finite")
    assert finding.message.startswith("3 voxels held no number")


def test_a_nifti_beside_its_packed_twin(tmp_path: Path) -> None:
    """ITK reads ``a.nii`` where it is told to read ``a.nii.gz``."""
    for name, seed in (("a.nii", 0), ("a.nii.gz", 1)):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(make_volume(seed=seed).hu), str(tmp_path / name))
    assert np.array_equal(open_ct(tmp_path / "a.nii.gz").hu, make_volume(seed=1).hu)
    assert np.array_equal(open_ct(tmp_path / "a.nii").hu, make_volume(seed=0).hu)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_2_is_called_by_its_name(tmp_path: Path, name: str) -> None:
    nibabel.Nifti2Image(np.transpose(make_volume().hu), np.eye(4)).to_filename(tmp_path / name)
    with pytest.raises(InputError, match=r"it is in the format NIfTI-2.*save it as NIfTI-1"):
        open_ct(tmp_path / name)


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


LPS = np.diag([-1.0, -1.0, 2.0, 1.0])
MIRRORED = np.diag([1.0, -1.0, 2.0, 1.0])
SHEARED = np.array([[-1, 0.2, 0, 0], [0, -1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
TILTED = np.array([[-1, 0, 0, 0], [0, -1, 0.7, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
MOVED = np.array([[-1, 0, 0, 7], [0, -1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
NEARLY = np.array([[-1, 0, 0, 0.4], [0, -1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
STRETCHED = np.diag([-1.0, -1.0, 3.0, 1.0])
TURNED = np.array([[0, 0.6, -1.6, 3], [-1, 0, 0, -4], [0, -0.8, -1.2, 5], [0, 0, 0, 1.0]])


def write_nifti(path: Path, qform: np.ndarray | None, sform: np.ndarray | None) -> Path:
    """The forms as they are, sheared or contradictory: nibabel alone would not write them all."""
    image = nibabel.Nifti1Image(np.transpose(make_volume().hu, (2, 1, 0)), None)
    image.header.set_zooms((1, 1, 2))
    if qform is not None:
        image.header.set_qform(qform, 1)
    if sform is not None:
        image.header.set_sform(sform, 1)
    image.update_header = lambda: None
    image.to_filename(path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("qform", "sform", "expected", "says"),
    [
        (LPS, None, [], ""),
        (None, LPS, [], ""),
        (LPS, LPS, [], ""),
        (LPS, NEARLY, [], ""),
        (TURNED, TURNED, ["oblique"], ""),
        (TURNED, None, ["oblique"], ""),
        (LPS, MIRRORED, ["conflicting-geometry"], "its qform has them up to 16.0 mm .*its sform is used"),
        (MIRRORED, LPS, ["conflicting-geometry"], "its qform has them up to 16.0 mm .*its sform is used"),
        (LPS, MOVED, ["conflicting-geometry"], "its qform has them up to 7.0 mm .*its sform is used"),
        (LPS, STRETCHED, ["conflicting-geometry"], "its sform has them up to 6.0 mm .*its qform is used"),
        (None, STRETCHED, ["conflicting-geometry"], "its sform has .*the voxel size of its pixdim is used"),
        (None, None, ["no-geometry"], "neither qform nor sform"),
    ],
)
def test_nifti_orientations(
    tmp_path: Path,
    name: str,
    qform: np.ndarray | None,
    sform: np.ndarray | None,
    expected: list[str],
    says: str,
) -> None:
    volume = open_ct(write_nifti(tmp_path / name, qform, sform))
    assert [f.code for f in volume.findings] == expected
    assert re.search(says, " ".join(f.message for f in volume.findings))


def test_an_orientation_in_big_endian_is_read_too(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    image = nibabel.Nifti1Image(np.transpose(make_volume().hu, (2, 1, 0)), MIRRORED, header)
    image.header.set_qform(LPS, 1)
    image.update_header = lambda: None
    image.to_filename(tmp_path / "a.nii")
    assert (tmp_path / "a.nii").read_bytes()[:4] == b"\0\0\1\x5c"
    assert codes(tmp_path / "a.nii") == ["conflicting-geometry"]


@pytest.mark.parametrize("qform", [None, LPS], ids=["sform alone", "qform too"])
@pytest.mark.parametrize(
    ("sform", "why"),
    [
        (SHEARED, "perpendicular"),
        (TILTED, "perpendicular"),
        (np.diag([0, 0, 0, 1.0]), "no length|perpendicular"),
    ],
)
def test_a_sheared_sform_is_refused_whatever_the_qform(
    tmp_path: Path, qform: np.ndarray | None, sform: np.ndarray, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        open_ct(write_nifti(tmp_path / "a.nii", qform, sform))


NRRD = """NRRD0004
type: short
dimension: 3
{space}
sizes: 9 8 7
endian: little
encoding: raw
"""
META = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
{space}
ElementSpacing = 1 1 2
DimSize = 9 8 7
ElementType = MET_SHORT
ElementDataFile = {data}
"""
DIRECTIONS = "space directions: (1,0,0) (0,1,0) (0,0,2)"
LPS_SPACE = f"space: left-posterior-superior\n{DIRECTIONS}"
LPS_MATRIX = "TransformMatrix = 1 0 0 0 1 0 0 0 1"


@pytest.mark.parametrize(
    ("name", "space", "known"),
    [
        ("a.nrrd", LPS_SPACE, True),
        ("a.nrrd", f"Space: RAS\n{DIRECTIONS}", True),
        ("a.nrrd", "spacings: 1 1 2", False),
        ("a.nrrd", f"space dimension: 3\n{DIRECTIONS}", False),
        ("a.nrrd", f"space: scanner-xyz\n{DIRECTIONS}", False),
        ("a.nrrd", f"# {LPS_SPACE.replace(chr(10), chr(10) + '# ')}\nspacings: 1 1 2", False),
        ("a.mha", LPS_MATRIX, True),
        ("a.mha", "Comment = none", False),
        ("a.mha", "Comment = TransformMatrix = 1 0 0 0 1 0 0 0 1", False),
    ],
)
def test_text_headers_that_name_no_orientation(tmp_path: Path, name: str, space: str, known: bool) -> None:
    text = NRRD.format(space=space) + "\n" if name == "a.nrrd" else META.format(space=space, data="LOCAL")
    hu = make_volume().hu
    (tmp_path / name).write_bytes(text.encode() + hu.tobytes())
    volume = open_ct(tmp_path / name)
    assert np.array_equal(volume.hu, hu)
    assert [f.code for f in volume.findings] == ([] if known else ["no-geometry"])


@pytest.mark.parametrize(
    ("name", "text", "unit"),
    [
        ("a.nrrd", 'space units: "cm" "cm" "cm"', "cm"),
        ("a.nrrd", 'Space Units: "mm" "mm" "m"', "m"),
        ("a.nrrd", 'space units: "mm" "mm" "mm"', ""),
        ("a.nrrd", 'space units: "" "" ""', ""),
        ("a.nrrd", 'space units: "millimeters" "Millimetre" "MM"', ""),
        ("a.nrrd", 'sample units: "HU"', ""),
        ("a.nrrd", "space units:=cm", ""),
        ("a.mha", "DistanceUnits = cm", "cm"),
        ("a.mha", "DistanceUnits = um", "um"),
        ("a.mha", "DistanceUnits = mm", ""),
    ],
)
def test_lengths_that_are_not_in_mm_are_refused(tmp_path: Path, name: str, text: str, unit: str) -> None:
    if name == "a.nrrd":
        header = NRRD.format(space=f"{LPS_SPACE}\n{text}") + "\n"
    else:
        header = META.format(space=f"{LPS_MATRIX}\n{text}", data="LOCAL")
    hu = make_volume().hu
    (tmp_path / name).write_bytes(header.encode() + hu.tobytes())
    if not unit:
        assert open_ct(tmp_path / name).geometry.spacing_mm == (1.0, 1.0, 2.0)
        return
    with pytest.raises(InputError, match=f"gives lengths in {unit}, .*mm only"):
        open_ct(tmp_path / name)


DETACHED = {
    "a.nrrd": NRRD.format(space=LPS_SPACE) + "data file: {data}\n",
    "a.nhdr": NRRD.format(space=LPS_SPACE) + "DataFile: {data}\n",
    "a.mha": META.format(space=LPS_MATRIX, data="{data}"),
    "a.mhd": META.format(space=LPS_MATRIX, data="{data}").replace("ElementDataFile =", "  ElementDataFile:"),
}


@pytest.mark.parametrize("name", DETACHED)
@pytest.mark.parametrize("outside", [False, True], ids=["../", "/"])
@pytest.mark.parametrize("zipped", [False, True])
def test_voxels_from_outside_the_folder_are_refused(
    tmp_path: Path, name: str, outside: bool, zipped: bool
) -> None:
    secret, folder = tmp_path / "secret.raw", tmp_path / "scan"
    folder.mkdir()
    make_volume().hu.tofile(secret)
    text = DETACHED[name].format(data=secret if outside else "../secret.raw")
    if zipped:
        with zipfile.ZipFile(folder / "a.zip", "w") as archive:
            archive.writestr(name, text)
    else:
        (folder / name).write_text(text)
    with pytest.raises(InputError, match="outside its own folder"):
        open_ct(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # Voxels named beyond a long comment, after a value taken from the next line, and in odd spacing.
        ("a.nrrd", NRRD.format(space=LPS_SPACE) + "# so long\n" * 9000 + "data file: ../secret.raw\n\n"),
        ("a.nrrd", NRRD.format(space=LPS_SPACE).replace("\n", "\r") + "data file: ../secret.raw\r\r"),
        (
            "a.mha",
            META.format(space=LPS_MATRIX, data="../secret.raw").replace(
                "ElementDataFile",
                "ElementToIntensityFunctionSlope = \nElementDataFile = LOCAL\nElementDataFile",
            ),
        ),
        (
            "a.mha",
            META.format(space=LPS_MATRIX, data="../secret.raw").replace(
                "ElementDataFile", "\vElementDataFile"
            )
            + "ElementDataFile = LOCAL\n",
        ),
    ],
    ids=["far down", "carriage returns", "value on the next line", "vertical tab"],
)
def test_voxels_named_in_a_roundabout_way_are_refused(tmp_path: Path, name: str, text: str) -> None:
    hu = make_volume().hu
    hu.tofile(tmp_path / "secret.raw")
    folder = tmp_path / "scan"
    folder.mkdir()
    (folder / name).write_bytes(text.encode() + bytes(hu.nbytes))
    with pytest.raises(InputError, match=r"outside its own folder|more than once"):
        open_ct(folder / name)


@pytest.mark.parametrize("name", DETACHED)
def test_detached_voxels_in_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, DETACHED[name].format(data="x.raw"))
        archive.writestr("x.raw", make_volume().hu.tobytes())
    with pytest.raises(InputError, match="unpack it first"):
        open_ct(tmp_path / "a.zip")


@pytest.mark.parametrize("name", DETACHED)
def test_detached_voxels_are_in_the_uid(tmp_path: Path, name: str) -> None:
    hu = make_volume().hu
    (tmp_path / name).write_text(DETACHED[name].format(data="x.raw"))
    hu.tofile(tmp_path / "x.raw")
    before = open_ct(tmp_path / name)
    assert np.array_equal(before.hu, hu) and before.findings == ()
    (hu + 1).tofile(tmp_path / "x.raw")
    after = open_ct(tmp_path / name)
    assert np.array_equal(after.hu, hu + 1) and after.source.uid != before.source.uid


def test_an_empty_field_is_no_offence(tmp_path: Path) -> None:
    hu = make_volume().hu
    text = META.format(space=LPS_MATRIX, data="LOCAL").replace(
        "ElementDataFile", "Comment = \nElementDataFile"
    )
    (tmp_path / "a.mha").write_bytes(text.encode() + hu.tobytes())
    assert np.array_equal(open_ct(tmp_path / "a.mha").hu, hu)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_voxels_that_spell_a_field_are_voxels(tmp_path: Path, name: str) -> None:
    hu = make_volume().hu
    spelt = np.frombuffer(b"\ndata file: ../secret.raw\nElementDataFile = ../secret.raw\n\n ", np.int16)
    hu.ravel()[: spelt.size] = spelt
    text = (
        NRRD.format(space=LPS_SPACE) + "\n"
        if name == "a.nrrd"
        else META.format(space=LPS_MATRIX, data="LOCAL")
    )
    (tmp_path / name).write_bytes(text.encode() + hu.tobytes())
    assert np.array_equal(open_ct(tmp_path / name).hu, hu)


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
