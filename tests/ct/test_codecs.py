"""Frames decoded by imagecodecs have GDCM's values; what is odd, large or damaged is left to GDCM."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import (
    JPEG2000,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from lesionscope.ct.codecs import decode_stream
from lesionscope.ct.decode import BadFrame, FrameDecoder
from lesionscope.ct.facts import Pixels


def layout(syntax: str, values: NDArray[Any], stored: int) -> Pixels:
    rows, columns = values.shape
    return Pixels(
        syntax=str(syntax),
        rows=rows,
        columns=columns,
        frames=1,
        allocated=8 * values.itemsize,
        stored=stored,
        high_bit=stored - 1,
        signed=values.dtype.kind == "i",
        samples=1,
        photometric="MONOCHROME2",
        padding=None,
        padding_limit=None,
        tag=0x7FE00010,
        offset=0,
        length=None,
    )


def by_pydicom(syntax: str, values: NDArray[Any], stored: int, **options: int) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3"
    ds.Rows, ds.Columns = values.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8 * values.itemsize, stored, stored - 1
    ds.PixelRepresentation, ds.SamplesPerPixel = int(values.dtype.kind == "i"), 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.PixelData = values.tobytes()
    ds["PixelData"].VR = "OW"
    ds.compress(syntax, generate_instance_uid=False, **options)
    return next(generate_frames(ds.PixelData, number_of_frames=1))


def by_imagecodecs(syntax: str, values: NDArray[Any], bits: int, level: int = 0) -> bytes:
    if syntax in (JPEGLSLossless, JPEGLSNearLossless):
        return bytes(imagecodecs.jpegls_encode(values.view(f"u{values.itemsize}"), level=level))
    reversible = syntax == JPEG2000Lossless
    options = {"codecformat": "J2K", "reversible": reversible, "level": level, "bitspersample": bits}
    return bytes(imagecodecs.jpeg2k_encode(values, **options))


def by_gdcm(pixels: Pixels, stream: bytes) -> NDArray[Any] | None:
    with FrameDecoder(Mock()) as decoder:
        try:
            return decoder._by_simpleitk(pixels, stream)
        except BadFrame:
            return None


def picture(rows: int, columns: int, stored: int, signed: bool, seed: int, rough: bool) -> NDArray[Any]:
    low, high = (-(1 << (stored - 1)), 1 << (stored - 1)) if signed else (0, 1 << stored)
    rng = np.random.default_rng(seed)
    if rough:
        values = rng.integers(low, high, (rows, columns))
    else:
        slope = np.add.outer(3 * np.arange(rows), 5 * np.arange(columns)) + low // 4
        values = np.clip(slope + rng.integers(-9, 9, slope.shape), low, high - 1)
    return values.astype(f"{'i' if signed else 'u'}{1 if stored == 8 else 2}")


KINDS = {
    "run lengths": (RLELossless, lambda v, bits: by_pydicom(RLELossless, v, bits)),
    "JPEG-LS of the stored bits": (JPEGLSLossless, lambda v, bits: by_pydicom(JPEGLSLossless, v, bits)),
    "JPEG-LS of all bits": (JPEGLSLossless, lambda v, bits: by_imagecodecs(JPEGLSLossless, v, bits)),
    "near-lossless": (
        JPEGLSNearLossless,
        lambda v, bits: by_pydicom(JPEGLSNearLossless, v, bits, jls_error=3),
    ),
    "JPEG 2000 of the stored bits": (
        JPEG2000Lossless,
        lambda v, bits: by_imagecodecs(JPEG2000Lossless, v, bits),
    ),
    "JPEG 2000 of all bits": (
        JPEG2000Lossless,
        lambda v, bits: by_imagecodecs(JPEG2000Lossless, v, 8 * v.itemsize),
    ),
    "lossy JPEG 2000": (JPEG2000, lambda v, bits: by_imagecodecs(JPEG2000, v, bits, level=55)),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    stored=st.integers(8, 16),
    signed=st.booleans(),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    seed=st.integers(0, 1000),
    rough=st.booleans(),
)
def test_values_are_those_of_gdcm(
    kind: str, stored: int, signed: bool, rows: int, columns: int, seed: int, rough: bool
) -> None:
    values = picture(rows, columns, stored, signed, seed, rough)
    syntax, pack = KINDS[kind]
    try:
        stream = pack(values, stored)
    except RuntimeError:  # pyjpegls packs no picture of few pixels, nor signed ones nearly losslessly
        assert "JPEG-LS" in kind or kind == "near-lossless"
        return
    pixels = layout(syntax, values, stored)
    ours, theirs = decode_stream(pixels, stream + b"\0" * (len(stream) % 2)), by_gdcm(pixels, stream)
    lossy = syntax in (JPEG2000, JPEGLSNearLossless)
    if ours is None:  # a loss may lead beyond the stored bits
        assert lossy or theirs is None or min(rows, columns) == 1
        return
    assert ours.dtype == values.dtype or ours.dtype.itemsize == values.itemsize
    if theirs is not None:
        assert np.array_equal(ours, theirs)
    if not lossy:
        assert np.array_equal(ours, values)


# pyjpegls packs no signed picture of this kind.
UNSIGNED_ONLY = ("near-lossless", "JPEG-LS of the stored bits")


@pytest.mark.parametrize(
    ("kind", "stored", "signed"),
    [
        (kind, stored, signed)
        for kind in KINDS
        for stored, signed in ((8, False), (12, False), (12, True), (16, False), (16, True))
        if not (signed and kind in UNSIGNED_ONLY)
    ],
)
def test_an_ordinary_frame_needs_no_gdcm(kind: str, stored: int, signed: bool) -> None:
    values = picture(64, 48, stored, signed, 1, rough=False) // 2
    syntax, pack = KINDS[kind]
    assert decode_stream(layout(syntax, values, stored), pack(values, stored)) is not None


SIGNED_12 = np.arange(-2048, 2048, 2, dtype=np.int16).reshape(32, 64)


def test_fewer_bits_than_allocated_have_their_sign_in_the_highest() -> None:
    stream = by_pydicom(JPEGLSLossless, (SIGNED_12 & 0xFFF).astype(np.uint16), 12)
    pixels = layout(JPEGLSLossless, SIGNED_12, 12)
    ours = decode_stream(pixels, stream)
    assert ours is not None and np.array_equal(ours, SIGNED_12)
    assert np.array_equal(by_gdcm(pixels, stream), SIGNED_12)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_bits_above_the_stored_ones_are_left_to_gdcm(syntax: str) -> None:
    overlay = np.arange(2048, dtype=np.uint16).reshape(32, 64) | np.uint16(0x8000)
    whole = by_pydicom(syntax, overlay, 16) if syntax == RLELossless else by_imagecodecs(syntax, overlay, 16)
    assert decode_stream(layout(syntax, overlay, 12), whole) is None
    assert decode_stream(layout(syntax, overlay, 16), whole) is not None


def test_a_jp2_file_and_another_sign_are_left_to_gdcm() -> None:
    values = picture(32, 32, 12, False, 0, rough=False)
    boxed = bytes(imagecodecs.jpeg2k_encode(values, codecformat="JP2", level=0, reversible=True))
    assert decode_stream(layout(JPEG2000Lossless, values, 16), boxed) is None
    bare = by_imagecodecs(JPEG2000Lossless, values, 16)
    assert decode_stream(layout(JPEG2000Lossless, values.view(np.int16), 16), bare) is None


def test_run_lengths_equal_gdcm(shared_data: Path) -> None:
    (file,) = (shared_data / "ct" / "06_transfer_syntaxes").glob("*RLELossless*")
    ds = pydicom.dcmread(file)
    (frame,) = generate_frames(ds.PixelData)
    pixels = layout(RLELossless, np.empty((ds.Rows, ds.Columns), np.int16), ds.BitsStored)
    ours = decode_stream(pixels, frame)
    assert ours is not None and np.array_equal(ours, by_gdcm(pixels, frame))


def test_run_lengths_that_are_none_are_left_to_gdcm() -> None:
    values = np.arange(64, dtype="<u2").reshape(8, 8)
    planes = [bytes([63]) + values.tobytes()[part::2] for part in (1, 0)]
    header = struct.pack("<16I", 2, 64, 64 + 65, *[0] * 13)
    stream = header + planes[0] + planes[1]
    pixels = layout(RLELossless, values, 16)
    assert np.array_equal(decode_stream(pixels, stream), values)
    for other in (
        stream[:-1],
        stream[:63],
        b"",
        header.replace(b"\x40\0\0\0", b"\xff\xff\0\0") + stream[64:],
        header.replace(b"\x81\0\0\0", b"\0\0\0\x7f") + stream[64:],
        header.replace(b"\x81\0\0\0", b"\x40\0\0\0") + stream[64:],
        header.replace(b"\x02\0\0\0", b"\x04\0\0\0") + stream[64:],
    ):
        assert decode_stream(pixels, other) is None
    assert decode_stream(layout(RLELossless, np.empty((8, 9), "<u2"), 16), stream) is None
    assert decode_stream(layout(RLELossless, np.empty((8, 7), "<u2"), 16), stream) is None
    assert decode_stream(layout(RLELossless, np.empty((8, 8), "u1"), 8), stream) is None


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_a_size_that_is_not_the_headers_is_not_allocated(
    monkeypatch: pytest.MonkeyPatch, syntax: str
) -> None:
    values = picture(32, 24, 16, False, 0, rough=False)
    stream = by_imagecodecs(syntax, values, 16)
    size = struct.pack(">2H", 32, 24) if syntax == JPEGLSLossless else struct.pack(">2I", 24, 32)
    huge = struct.pack(f">2{'H' if syntax == JPEGLSLossless else 'I'}", 60000, 60000)
    assert size in stream

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(imagecodecs, "jpegls_decode", refuse)
    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", refuse)
    assert decode_stream(layout(syntax, values, 16), stream.replace(size, huge)) is None
    assert decode_stream(layout(syntax, values.T, 16), stream) is None


@pytest.mark.parametrize("kind", ["run lengths", "JPEG-LS of all bits", "JPEG 2000 of all bits"])
def test_damaged_streams_are_read_as_gdcm_reads_them(kind: str) -> None:
    values = picture(40, 36, 16, False, 3, rough=False)
    syntax, pack = KINDS[kind]
    sound, pixels, rng = pack(values, 16), layout(syntax, values, 16), random.Random(5)
    for _ in range(150):
        data = bytearray(sound)
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                del data[at:]
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[rng.randrange(min(100, len(data)))] = rng.randrange(256)
            case 3:
                del data[at : at + rng.randrange(1, 40)]
        ours = decode_stream(pixels, bytes(data))
        if ours is not None and not np.array_equal(ours, values):
            assert np.array_equal(ours, by_gdcm(pixels, bytes(data)))
