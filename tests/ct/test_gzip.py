"""Voxels of ``.nii.gz`` files: ITK's, of whatever members, and never more than the file can hold."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from lesionscope.ct.facts import Unreadable
from lesionscope.ct.nifti import plain_voxels
from lesionscope.ct.scan import open_ct
from lesionscope.errors import InputError

SIZE = (40, 30, 50)
DAMAGED = "it is damaged or not in the format its name says"
CUT = "ends before its voxels do"


def nifti(kind: str = "<i2", rescale: tuple[float, float] = (1, 0)) -> bytes:
    stored = np.random.default_rng(0).integers(0, 2000, SIZE).astype(kind)
    header = nibabel.Nifti1Image(stored, np.eye(4), nibabel.Nifti1Header(endianness=kind[0])).header
    header.set_data_dtype(kind)
    header["scl_slope"], header["scl_inter"], header["vox_offset"], header["magic"] = *rescale, 352, b"n+1"
    return bytes(header.binaryblock + bytes(4) + stored.tobytes(order="F"))


def members(content: bytes, step: int) -> bytes:
    return b"".join(gzip.compress(content[at : at + step]) for at in range(0, len(content), step))


@pytest.mark.parametrize("kind", ["<i2", ">i2", "<u2", "<i4", ">u4", "<f4", ">f8"])
@pytest.mark.parametrize("rescale", [(1, 0), (0, 0), (np.nan, 0), (2, -5), (0.5, 0), (0, 3)])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_voxels_are_those_of_itk(tmp_path: Path, kind: str, rescale: tuple[float, float], name: str) -> None:
    content = nifti(kind, rescale)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content, 1) if name.endswith("gz") else content)
    expected = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    ours = plain_voxels(path, SIZE)
    if ours is None:
        assert kind[1] != "f" and rescale in ((2, -5), (0.5, 0), (0, 3))
    else:
        assert np.allclose(ours, expected, rtol=1e-6, atol=0)
        assert ours.dtype.kind == expected.dtype.kind
    assert np.allclose(open_ct(path).hu, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", ["<i2", "<f4"])
@pytest.mark.parametrize(
    "pack",
    [
        lambda content: members(content, 500),
        lambda content: members(content, 60000) + gzip.compress(b""),
        lambda content: gzip.compress(content) + b"garbage",
        lambda content: gzip.compress(content) + bytes(40),
        lambda content: gzip.compress(content + bytes(5000)),
        lambda content: members(content + bytes(5000), 30000),
        lambda content: gzip.compress(content)[:-8],
        lambda content: gzip.compress(content, 0),
    ],
    ids=[
        *("members", "blocks", "garbage", "zeros", "longer", "longer members", "no checksum", "stored"),
    ],
)
def test_gzip_files_of_all_sorts(tmp_path: Path, kind: str, pack: object) -> None:
    (tmp_path / "plain.nii").write_bytes(nifti(kind))
    (tmp_path / "a.nii.gz").write_bytes(pack(nifti(kind)))  # type: ignore[operator]
    assert np.array_equal(open_ct(tmp_path / "a.nii.gz").hu, open_ct(tmp_path / "plain.nii").hu)


@pytest.mark.parametrize("kind", ["<i2", "<f4"])
def test_damage_is_an_error(tmp_path: Path, kind: str) -> None:
    content = nifti(kind)
    sound = gzip.compress(content)
    changed = bytearray(sound)
    changed[len(sound) // 2] ^= 0x55
    split = members(content, 50000)
    cases = {
        "changed": (bytes(changed), DAMAGED),
        "checksum": (sound[:-8] + b"\0\0\0\0" + sound[-4:], DAMAGED),
        "checksum of several": (split[:-8] + b"\0\0\0\0" + split[-4:], DAMAGED),
        "cut": (sound[:-3000], CUT),
        "cut among members": (split[:-3000], CUT),
        "cut, its length forged": (sound[:-3000] + sound[-4:], DAMAGED),
        "short": (gzip.compress(content[:-10]), CUT),
    }
    for name, (packed, says) in cases.items():
        (tmp_path / "a.nii.gz").write_bytes(packed)
        with pytest.raises(InputError, match=says):
            open_ct(tmp_path / "a.nii.gz")
            raise AssertionError(name)


def test_what_a_small_file_announces_is_not_allocated(tmp_path: Path) -> None:
    header = bytearray(nifti()[:352])
    struct.pack_into("<4h", header, 40, 3, 2000, 2000, 500)
    packed = gzip.compress(bytes(header) + bytes(100_000))
    path = tmp_path / "a.nii.gz"
    path.write_bytes(packed[:-4] + struct.pack("<I", 352 + 2 * 2000 * 2000 * 500))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable):
            plain_voxels(path, (2000, 2000, 500))
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_bomb_behind_the_voxels_is_not_inflated(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(nifti() + bytes(1 << 26)))
    tracemalloc.start()
    try:
        voxels = plain_voxels(tmp_path / "a.nii.gz", SIZE)
        assert voxels is not None and tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()
