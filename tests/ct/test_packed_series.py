"""Compressed series: decoded several slices at a time, equal to what was packed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGLSLossless, RLELossless
from synthetic_ct import SeriesWriter, stored_values

from lesionscope.ct.codecs import is_sound
from lesionscope.ct.facts import Pixels
from lesionscope.ct.quiet import quiet_decoders
from lesionscope.ct.scan import load, open_ct, scan
from lesionscope.errors import Cancelled
from lesionscope.progress import CancelToken


def packed(place: Path, syntax: str) -> Path:
    for file in place.iterdir():
        ds = pydicom.dcmread(file)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    return place


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_slices_come_in_order(write_series: SeriesWriter, syntax: str) -> None:
    stored = stored_values(13).astype(np.uint16)
    volume = open_ct(packed(write_series(stored, change={"BitsStored": 12, "HighBit": 11}), syntax))
    assert volume.hu.dtype == np.int16 and np.array_equal(volume.hu, stored.astype(int) - 1024)


def test_one_bad_slice_among_many(write_series: SeriesWriter) -> None:
    stored = stored_values(9)
    place = packed(write_series(stored), JPEGLSLossless)
    (series,) = scan(place).series
    file = series.slices[4].header.file.path
    content = bytearray(file.read_bytes())
    content[series.slices[4].header.pixels.offset + 16 :] = b"\0" * (
        len(content) - series.slices[4].header.pixels.offset - 16
    )
    file.write_bytes(content)
    volume = load(series)
    assert np.array_equal(volume.hu, np.delete(stored, 4, axis=0) - 1024)
    assert {"missing-slices"} <= {finding.code for finding in volume.findings}


def test_stopping_leaves_no_thread(write_series: SeriesWriter) -> None:
    (series,) = scan(packed(write_series(stored_values(12)), RLELossless)).series
    token, before = CancelToken(), threading.active_count()

    def stop(done: int, total: int, label: str) -> None:
        if done == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        load(series, progress=stop, cancel=token)
    assert threading.active_count() == before


def test_standard_error_comes_back_when_the_last_thread_leaves(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet_decoders():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(60)
    with quiet_decoders():
        os.write(2, b"lost ")
    os.write(2, b"lost too ")
    leave.set()
    thread.join()
    os.write(2, b"kept")
    assert capfd.readouterr().err == "kept"


def test_a_compressed_header_needs_no_parser(
    write_series: SeriesWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = packed(write_series(stored_values(2)), JPEGLSLossless)

    def refuse(*_: object) -> Dataset:
        raise AssertionError("pydicom was asked")

    monkeypatch.setattr("lesionscope.ct.headers.parse_growing", refuse)
    assert scan(place).series[0].usable


@pytest.mark.parametrize("segments", [0, 1, 4, 200])
def test_run_lengths_of_another_number_of_segments_are_set_aside(
    write_series: SeriesWriter, segments: int
) -> None:
    """GDCM divides by that number, and takes the process along where it is 0."""
    place = packed(write_series(stored_values(4)), RLELossless)
    file = sorted(place.iterdir())[1]
    header = b"\x02\0\0\0\x40\0\0\0"
    content = file.read_bytes()
    assert content.count(header) == 1
    file.write_bytes(content.replace(header, bytes([segments]) + header[1:]))
    volume = open_ct(place)
    assert volume.hu.shape[0] == 3
    assert "undecodable" in [finding.code for finding in volume.findings]


def test_a_jpeg_ls_stream_of_another_size_is_set_aside(write_series: SeriesWriter) -> None:
    """GDCM writes beyond the picture where the stream is of another width."""
    place = packed(write_series(stored_values(4, rows=12, columns=10)), JPEGLSLossless)
    file = sorted(place.iterdir())[1]
    content = file.read_bytes()
    at = content.index(b"\xff\xf7") + 7
    assert content[at : at + 2] == b"\0\x0a"
    file.write_bytes(content[:at] + b"\0\x01" + content[at + 2 :])
    volume = open_ct(place)
    assert volume.hu.shape == (3, 12, 10)
    assert "undecodable" in [finding.code for finding in volume.findings]


@pytest.mark.parametrize("size", [(12, 1), (1, 10), (200, 10), (0, 0)])
def test_a_lossless_jpeg_stream_of_another_size_is_set_aside(tmp_path: Path, size: tuple[int, int]) -> None:
    file = tmp_path / "slice.dcm"
    writer = SimpleITK.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(file))
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG")
    stored = stored_values(1, rows=12, columns=10).astype(np.uint16)
    writer.Execute(SimpleITK.GetImageFromArray(stored))
    ds = pydicom.dcmread(file)
    (stream,) = generate_frames(ds.PixelData)
    layout = (ds.file_meta.TransferSyntaxUID, 12, 10, 1, 16, ds.BitsStored, ds.HighBit, False, 1, "")
    pixels = Pixels(*layout, padding=None, padding_limit=None, tag=0, offset=0, length=None)
    assert is_sound(pixels, stream)
    whole = b"\0\x0c\0\x0a\x01"
    assert stream.count(whole) == 1
    other = b"".join(side.to_bytes(2, "big") for side in size) + b"\x01"
    assert not is_sound(pixels, stream.replace(whole, other))
    assert not is_sound(pixels, stream.rstrip(b"\0")[:-2])
