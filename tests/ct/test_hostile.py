"""Files made to hurt: each is one sentence, after not too many steps, and takes no memory to speak of."""

from __future__ import annotations

import struct
import sys
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from synthetic_ct import AXIAL, SeriesWriter, slice_dataset, stored_values

from lesionscope.ct.info import info
from lesionscope.ct.scan import load, open_ct, scan, slice_series_uid
from lesionscope.errors import InputError

MOST_STEPS = 2_000_000
"""Calls of functions: the largest file here takes 600,000; what is quadratic in it would take billions."""


def a_slice() -> Dataset:
    return slice_dataset(stored_values(1)[0], (0, 0, 0), AXIAL, "1.2.3", 1)


def saved(path: Path, ds: Dataset) -> bytes:
    ds.save_as(path, enforce_file_format=True)
    return path.read_bytes()


def split(content: bytes) -> tuple[bytes, bytes]:
    """File meta (with preamble) and data set of an uncompressed file."""
    length = struct.unpack("<I", content[140:144])[0]
    return content[: 144 + length], content[144 + length :]


def as_syntax(content: bytes, syntax: str) -> tuple[bytes, bytes]:
    meta, body = split(content)
    old = b"1.2.840.10008.1.2.1\0"
    new = (syntax + "\0" * (len(syntax) % 2)).encode()
    at = meta.index(b"\x02\x00\x10\x00UI")
    meta = meta[: at + 6] + struct.pack("<H", len(new)) + new + meta[at + 8 + len(old) :]
    meta = meta[:140] + struct.pack("<I", len(meta) - 144) + meta[144:]
    return meta, body


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[Path], str]:
    """Scan, open and describe a file that must be refused; returns the sentence."""

    def check(path: Path) -> str:
        steps = 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal steps
            steps += event in ("call", "c_call")

        tracemalloc.start()
        sys.setprofile(count)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(InputError) as error:
                open_ct(path)
            slice_series_uid(path)
        sys.setprofile(None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert steps < MOST_STEPS
        assert peak < 100e6, f"{peak / 1e6:.0f} MB"
        sentence = str(error.value)
        assert path.name in sentence and "\n" not in sentence
        assert "Secret" not in sentence and "SECRET" not in sentence
        return sentence

    return check


def test_a_deflated_bomb(tmp_path: Path, refused: Callable[[Path], str]) -> None:
    meta, body = as_syntax(saved(tmp_path / "plain", a_slice()), "1.2.840.10008.1.2.1.99")
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    # A private element of 128 MB before the pixels: kept out of the way, not out of the inflating.
    packed = engine.compress(body[:-160])
    packed += engine.compress(struct.pack("<HH2sHI", 0x0029, 0x1010, b"OB", 0, 128 << 20))
    for _ in range(128):
        packed += engine.compress(bytes(1 << 20))
    packed += engine.flush()
    path = tmp_path / "bomb.dcm"
    path.write_bytes(meta + packed)
    assert path.stat().st_size < 1 << 20
    refused(path)


def test_a_deflated_slice_is_inflated_no_further_than_its_pixels(tmp_path: Path) -> None:
    ds = a_slice()
    meta, body = as_syntax(saved(tmp_path / "plain", ds), "1.2.840.10008.1.2.1.99")
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = (
        engine.compress(body) + b"".join(engine.compress(bytes(1 << 20)) for _ in range(128)) + engine.flush()
    )
    path = tmp_path / "bomb.dcm"
    path.write_bytes(meta + packed)
    open_ct(path)
    tracemalloc.start()
    volume = open_ct(path)
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()
    assert np.array_equal(volume.hu[0], ds.pixel_array - 1024)


def test_nested_sequences(tmp_path: Path, refused: Callable[[Path], str]) -> None:
    begin = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    meta, body = split(saved(tmp_path / "plain", a_slice()))
    path = tmp_path / "nested.dcm"
    path.write_bytes(meta + begin * 3000 + end * 3000 + body)
    assert "nests sequences too deeply" in refused(path)


def test_rows_and_columns_of_65535(tmp_path: Path, refused: Callable[[Path], str]) -> None:
    ds = a_slice()
    ds.Rows = ds.Columns = 65535
    path = tmp_path / "huge.dcm"
    meta, body = as_syntax(saved(path, ds), "1.2.840.10008.1.2.5")
    at = body.index(b"\xe0\x7f\x10\x00")
    rle = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x00" * 8
    items = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0" + struct.pack("<I", len(rle)) + rle
    pixels = (
        struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + items + b"\xfe\xff\xdd\xe0\0\0\0\0"
    )
    path.write_bytes(meta + body[:at] + pixels)
    assert "65535×65535" in refused(path)


def test_a_million_frames(tmp_path: Path, refused: Callable[[Path], str]) -> None:
    ds = a_slice()
    ds.NumberOfFrames = 2_000_000
    path = tmp_path / "frames.dcm"
    saved(path, ds)
    assert "2000000 frames" in refused(path)


@pytest.mark.parametrize("frames", [0, -3])
def test_no_frames_at_all(tmp_path: Path, refused: Callable[[Path], str], frames: int) -> None:
    ds = a_slice()
    ds.NumberOfFrames = frames
    saved(tmp_path / "none.dcm", ds)
    assert "frames" in refused(tmp_path / "none.dcm")


def test_a_length_that_reaches_past_the_end_of_the_world(
    tmp_path: Path, refused: Callable[[Path], str]
) -> None:
    meta, body = split(saved(tmp_path / "plain", a_slice()))
    element = struct.pack("<HH2sHI", 0x0008, 0x0005, b"UT", 0, 0xFFFFFFF0)
    path = tmp_path / "length.dcm"
    path.write_bytes(meta + element + body)
    refused(path)


def test_a_directory_record_that_points_out_of_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside.dcm"
    saved(outside, a_slice())
    folder = tmp_path / "study"
    folder.mkdir()
    ds = Dataset()
    ds.FileSetID = "X"
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.ReferencedFileID = ["..", "outside.dcm"]
    ds.DirectoryRecordSequence = Sequence([record])
    source = a_slice()
    ds.file_meta = source.file_meta
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.save_as(folder / "DICOMDIR", enforce_file_format=True)
    found = scan(folder)
    assert found.series == () and "DICOMDIR" in found.skipped[0].reason


def test_zip_entries_that_climb_out(tmp_path: Path, write_series: SeriesWriter) -> None:
    place = write_series(stored_values())
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for file in place.iterdir():
            bundle.write(file, f"a/{file.name}")
        bundle.writestr("../evil.dcm", next(place.iterdir()).read_bytes())
        bundle.writestr("/etc/evil.dcm", b"x")
        bundle.writestr("C:\\evil.dcm", b"x")
    before = sorted(p.name for p in tmp_path.iterdir())
    found = scan(archive)
    assert len(found.series) == 1 and found.series[0].size[2] == 5
    assert sum("outside the archive" in s.reason for s in found.skipped) == 3
    assert open_ct(archive).hu.shape == (5, 8, 9)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_zip_bomb(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle,
        bundle.open("zeros.dcm", "w") as stream,
    ):
        for _ in range(128):
            stream.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"would inflate .* to 134 MB"):
        info(archive)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_an_archive_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04" + b"rubbish" * 50)
    with pytest.raises(InputError, match=r"broken\.zip could not be opened as a zip archive"):
        scan(tmp_path / "broken.zip")


@pytest.mark.parametrize("seed", range(40))
def test_garbled_bytes_never_break_the_scan(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(saved(tmp_path / "plain", a_slice()))
    for at in rng.integers(132, len(content), 25):
        content[at] = rng.integers(256)
    (tmp_path / "plain").write_bytes(content[: rng.integers(140, len(content) + 1)])
    found = scan(tmp_path)
    assert len(found.series) + len(found.skipped) == 1
    for series in found.series:
        if series.usable:
            try:
                open_ct(tmp_path)
            except InputError as error:
                assert str(error)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.zip"])
def test_garbled_images_and_archives_never_break_the_scan(tmp_path: Path, name: str) -> None:
    plain = tmp_path / name
    if name.endswith(".zip"):
        saved(tmp_path / "slice", a_slice())
        with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as bundle:
            bundle.write(tmp_path / "slice", "a/b.dcm")
    else:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(stored_values()), str(plain))
    whole = plain.read_bytes()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        content = bytearray(whole)
        for at in rng.integers(0, min(len(content), 400 if seed % 2 else len(content)), 6):
            content[at] = rng.choice([0, 1, 127, 255, rng.integers(256)])
        plain.write_bytes(content)
        try:
            for series in scan(plain).series:
                if series.usable:
                    load(series)
        except InputError as error:
            assert "\n" not in str(error)


def test_a_detached_header_may_not_reach_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(64))
    folder = tmp_path / "in"
    folder.mkdir()
    header = (
        "NDims = 3\nDimSize = 4 4 2\nElementType = MET_SHORT\nElementSpacing = 1 1 1\nElementDataFile = {}\n"
    )
    (folder / "image.mhd").write_text(header.format("../secret.raw"))
    with pytest.raises(InputError, match="outside its own folder"):
        open_ct(folder / "image.mhd")
    (folder / "image.mhd").write_text(header.format("absent.raw"))
    with pytest.raises(InputError, match="is missing"):
        open_ct(folder / "image.mhd")
    (folder / "good.raw").write_bytes(bytes(64))
    (folder / "image.mhd").write_text(header.format("good.raw"))
    assert open_ct(folder / "image.mhd").hu.shape == (2, 4, 4)


def test_an_image_header_that_announces_terabytes(tmp_path: Path) -> None:
    (tmp_path / "huge.mha").write_bytes(
        b"ObjectType = Image\nNDims = 3\nDimSize = 100000 100000 1000\nElementType = MET_SHORT\n"
        b"ElementSpacing = 1 1 1\nElementDataFile = LOCAL\n" + bytes(64)
    )
    with pytest.raises(InputError, match="more than this program reads"):
        open_ct(tmp_path / "huge.mha")


def test_a_length_that_the_parser_objects_to_costs_its_own_file_alone(
    tmp_path: Path, write_series: SeriesWriter
) -> None:
    place = write_series(stored_values(4))
    content = saved(tmp_path / "whole", a_slice())
    signed = struct.pack("<HH2sH", 0x28, 0x103, b"US", 2)
    at, pixels = content.index(signed), content.index(struct.pack("<HH", 0x7FE0, 0x10))
    odd = struct.pack("<HH2sH", 0x28, 0x103, b"US", 3) + bytes(3)
    groups = struct.pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, 0)
    (place / "odd").write_bytes(content[:at] + odd + content[at + 10 : pixels] + groups + content[pixels:])
    found = scan(place)
    assert [series.size[2] for series in found.series] == [4]
    assert [skipped.reason for skipped in found.skipped] == ["its header is damaged"]
