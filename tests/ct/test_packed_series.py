"""Compressed series: decoded several slices at a time, run lengths without GDCM; equal to what was packed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless, RLELossless
from synthetic_ct import SeriesWriter, stored_values

from lesionscope.ct import decode
from lesionscope.ct.quiet import quiet_decoders
from lesionscope.ct.run_lengths import unpack_frame
from lesionscope.ct.scan import load, open_ct, scan
from lesionscope.errors import Cancelled
from lesionscope.progress import CancelToken


def packed(place: Path, syntax: str) -> Path:
    for file in place.iterdir():
        ds = pydicom.dcmread(file)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(file)
    return place


@pytest.fixture
def gdcm_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("GDCM was asked")

    monkeypatch.setattr(decode.FrameDecoder, "_by_simpleitk", refuse)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_slices_come_in_order(write_series: SeriesWriter, syntax: str) -> None:
    stored = stored_values(13).astype(np.uint16)
    volume = open_ct(packed(write_series(stored, change={"BitsStored": 12, "HighBit": 11}), syntax))
    assert volume.hu.dtype == np.int16 and np.array_equal(volume.hu, stored.astype(int) - 1024)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_run_lengths(write_series: SeriesWriter, gdcm_is_not_asked: None, bits: int, signed: bool) -> None:
    rng = np.random.default_rng(bits)
    low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
    values = rng.integers(low, high, (3, 40, 150))
    values[:, 10:30] = values[:, :1, :1]  # long runs too
    stored = values.astype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")
    change = {"BitsStored": bits, "HighBit": bits - 1, "RescaleIntercept": 0}
    volume = open_ct(packed(write_series(stored, change=change), RLELossless))
    assert np.array_equal(volume.hu, stored.astype(float))


def test_run_lengths_equal_gdcm(shared_data: Path) -> None:
    (file,) = (shared_data / "ct" / "06_transfer_syntaxes").glob("*RLELossless*")
    ds = pydicom.dcmread(file)
    (frame,) = pydicom.encaps.generate_frames(ds.PixelData)
    values = unpack_frame(frame, ds.Rows, ds.Columns, np.dtype(np.int16))
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(file)))[0]
    assert values is not None
    assert np.array_equal(values * int(ds.RescaleSlope) + int(ds.RescaleIntercept), theirs)


def test_a_stream_that_is_no_run_length_is_left_to_gdcm() -> None:
    frame = np.arange(64, dtype="<u2")
    planes = [bytes([63]) + bytes(frame.view(np.uint8)[part::2]) for part in (1, 0)]
    header = np.array([2, 64, 64 + 65, *[0] * 13], "<u4").tobytes()
    stream = header + planes[0] + planes[1]
    kind = np.dtype(np.uint16)
    found = unpack_frame(stream, 8, 8, kind)
    assert found is not None and np.array_equal(found.ravel(), frame)
    assert unpack_frame(stream[:-1], 8, 8, kind) is None
    assert unpack_frame(stream, 8, 9, kind) is None
    assert unpack_frame(stream, 8, 8, np.dtype(np.uint32)) is None
    assert unpack_frame(stream[:63], 8, 8, kind) is None
    assert unpack_frame(header.replace(b"\x40\0\0\0", b"\xff\xff\0\0") + stream[64:], 8, 8, kind) is None


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
