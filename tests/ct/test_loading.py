"""Stored values to HU: rescale, types, damage, memory."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from synthetic_ct import SeriesWriter, stored_values

from benchmarks.careful import careful_only
from lesionscope.ct.scan import load, open_ct, scan
from lesionscope.errors import Cancelled, InputError
from lesionscope.progress import CancelToken


def sitk_series(folder: Path) -> np.ndarray:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return SimpleITK.GetArrayFromImage(reader.Execute())


def codes(volume: object) -> list[str]:
    return [finding.code for finding in volume.findings]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.uint8])
@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (2, -1000), (0.5, -7.25), (1, 0)])
def test_hu_are_those_of_simpleitk(
    write_series: SeriesWriter, kind: type, slope: float, intercept: float
) -> None:
    stored = (stored_values() % 256).astype(kind) if kind is np.uint8 else stored_values().astype(kind)
    place = write_series(stored, change={"RescaleSlope": slope, "RescaleIntercept": intercept})
    volume = open_ct(place)
    assert volume.hu.dtype == (np.int16 if float(slope).is_integer() else np.float32)
    assert np.array_equal(volume.hu, sitk_series(place))


def test_each_slice_has_its_own_rescale(write_series: SeriesWriter) -> None:
    def rescale(ds: Dataset, k: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = 1 + k, -1000 - 10 * k

    stored = stored_values()
    volume = open_ct(write_series(stored, change=rescale))
    expected = [stored[k].astype(int) * (1 + k) - 1000 - 10 * k for k in range(5)]
    assert volume.hu.dtype == np.int16 and np.array_equal(volume.hu, expected)


def test_one_fractional_slope_makes_all_float(write_series: SeriesWriter) -> None:
    def rescale(ds: Dataset, k: int) -> None:
        ds.RescaleSlope = 1.5 if k == 3 else 1

    stored = stored_values()
    volume = open_ct(write_series(stored, change=rescale))
    assert volume.hu.dtype == np.float32
    assert np.allclose(volume.hu[3], stored[3] * 1.5 - 1024) and np.allclose(volume.hu[2], stored[2] - 1024)


def test_what_int16_cannot_hold_becomes_float32(write_series: SeriesWriter) -> None:
    stored = stored_values().astype(np.uint16)
    stored[3, 2, 2] = 65000
    volume = open_ct(write_series(stored))
    assert volume.hu.dtype == np.float32
    assert np.array_equal(volume.hu, stored.astype(np.float32) - 1024)


def test_padding_does_not_cost_the_volume_its_type(write_series: SeriesWriter) -> None:
    stored = stored_values()
    stored[1, 0, :] = -32768
    volume = open_ct(write_series(stored, change={"PixelPaddingValue": -32768}))
    assert volume.hu.dtype == np.int16 and codes(volume) == ["padding"]
    assert np.all(volume.hu[1, 0] == -32768)
    rest = stored != -32768
    assert np.array_equal(volume.hu[rest], stored[rest] - 1024)


@pytest.mark.parametrize(
    ("kind", "padding", "slope", "intercept"),
    [
        (np.uint16, 63536, 1, -1024),
        (np.int16, 32767, 1, -1024),
        (np.int16, -32768, -1, -1024),
        (np.uint16, 4095, 1, -1024),
        (np.uint16, 63536, 0.5, -1024),
        (np.int16, -32768, 1.5, -1024),
    ],
)
def test_padding_is_no_measurement(
    write_series: SeriesWriter, kind: type, padding: int, slope: float, intercept: int
) -> None:
    """Whether it would be denser than any tissue or below what int16 holds, in each way of reading."""
    stored = stored_values().astype(kind)
    stored[1, 0, :3] = stored[2, 4:] = stored[4] = padding
    change = {"PixelPaddingValue": padding, "RescaleSlope": slope, "RescaleIntercept": intercept}
    place = write_series(stored, change=change)
    expected = np.where(stored == padding, -32768.0, stored * float(slope) + intercept)
    for context in (nullcontext(), careful_only()):
        with context:
            volume = open_ct(place)
        assert volume.hu.dtype == (np.int16 if float(slope).is_integer() else np.float32)
        assert np.array_equal(volume.hu, expected)
        assert codes(volume) == ["padding"]
        assert f"{np.count_nonzero(stored == padding)} padding" in volume.findings[0].message


@pytest.mark.parametrize(
    ("kind", "ends", "intercept"),
    [
        (np.uint16, (63536, 65535), -1024),
        (np.uint16, (65535, 63536), -1024),
        (np.int16, (-32768, -2000), -1024),
        (np.int16, (-2000, -32768), -1024),
        (np.uint16, (4024, 65535), -1024),
    ],
)
def test_padding_may_be_a_range(
    write_series: SeriesWriter, kind: type, ends: tuple[int, int], intercept: int
) -> None:
    """Its ends included, in either order; what lies in it and may pass for tissue or air stays."""
    stored = stored_values().astype(kind)
    low, high = min(ends), max(ends)
    stored[1, 0, :4] = low, high, (low + high) // 2, low + 1
    stored[2, 4:] = ends[0]
    place = write_series(
        stored,
        change={
            "PixelPaddingValue": ends[0],
            "PixelPaddingRangeLimit": ends[1],
            "RescaleIntercept": intercept,
        },
    )
    hu = stored.astype(int) + intercept
    afar = (stored >= low) & (stored <= high) & ((hu > 3000) | (hu < -32768))
    for context in (nullcontext(), careful_only()):
        with context:
            volume = open_ct(place)
        assert volume.hu.dtype == np.int16 and codes(volume) == ["padding"]
        assert np.array_equal(volume.hu, np.where(afar, -32768, hu))
        assert f"{np.count_nonzero(afar)} padding" in volume.findings[0].message


def test_a_limit_without_padding_is_none(write_series: SeriesWriter) -> None:
    stored = stored_values()
    stored[1, 0, 0] = 5000
    assert np.array_equal(
        open_ct(write_series(stored, change={"PixelPaddingRangeLimit": 4000})).hu, stored - 1024
    )


@pytest.mark.parametrize("padding", [0, 24, 4024])
def test_padding_within_the_range_of_tissue_stays(write_series: SeriesWriter, padding: int) -> None:
    stored = stored_values()
    stored[1, 0, :3] = padding
    volume = open_ct(write_series(stored, change={"PixelPaddingValue": padding}))
    assert np.array_equal(volume.hu, stored - 1024) and codes(volume) == []


def test_metal_is_not_taken_for_padding(write_series: SeriesWriter) -> None:
    stored = stored_values().astype(np.uint16)
    stored[1, 0, :3], stored[2, 2, 2] = 63536, 20000
    volume = open_ct(write_series(stored, change={"PixelPaddingValue": 63536}))
    assert volume.hu.dtype == np.int16 and volume.hu.max() == volume.hu[2, 2, 2] == 20000 - 1024


@pytest.mark.parametrize("signed", [False, True])
def test_only_the_stored_bits_count(write_series: SeriesWriter, signed: bool) -> None:
    low = -2000 if signed else 0
    values = np.random.default_rng(3).integers(low, low + 4000, (4, 8, 9))
    overlay = np.random.default_rng(4).integers(0, 16, values.shape) << 12
    words = ((values & 0xFFF) | overlay).astype(np.uint16)

    def twelve_bits(ds: Dataset, k: int) -> None:
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, int(signed)
        ds.RescaleIntercept = 0

    volume = open_ct(write_series(words, change=twelve_bits))
    expected = np.where(values & 0x800, (values & 0xFFF) - 4096, values & 0xFFF) if signed else values
    assert np.array_equal(volume.hu, expected)


def test_missing_rescale_is_reported(write_series: SeriesWriter) -> None:
    def bare(ds: Dataset, k: int) -> None:
        del ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType

    stored = stored_values()
    volume = open_ct(write_series(stored, change=bare))
    assert codes(volume) == ["not-hu"] and np.array_equal(volume.hu, stored)


@pytest.mark.parametrize(
    ("change", "code", "usable"),
    [
        ({"RescaleType": "OD"}, "not-hu", True),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "monochrome1", True),
        ({"LossyImageCompression": "01"}, "lossy", True),
        ({"Modality": "MR"}, "not-hu", False),
        ({"Modality": "PT"}, "not-hu", False),
    ],
)
def test_values_that_may_not_be_hu(
    write_series: SeriesWriter, change: dict[str, str], code: str, usable: bool
) -> None:
    (series,) = scan(write_series(stored_values(), change=change)).series
    assert [f.code for f in series.findings] == [code] and series.usable is usable


def test_a_cut_slice_is_named_and_the_rest_is_usable(write_series: SeriesWriter) -> None:
    stored = stored_values(6)
    place = write_series(stored)
    cut = next(
        f for f in sorted(place.iterdir()) if float(pydicom.dcmread(f).ImagePositionPatient[2]) == 45.0
    )
    cut.write_bytes(cut.read_bytes()[:-60])
    (series,) = scan(place).series
    assert series.usable and series.size == (9, 8, 5)
    assert {"truncated", "missing-slices", "uneven-spacing"} == {f.code for f in series.findings}
    assert cut.name in series.findings[0].message
    volume = load(series)
    assert np.array_equal(volume.hu, stored[[0, 1, 3, 4, 5]] - 1024)
    assert volume.geometry.to_lps((2, 0, 0))[2] == pytest.approx(47.5)


def test_a_cut_slice_at_the_end_is_reported_as_missing_too(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(6))
    last = next(
        f for f in sorted(place.iterdir()) if float(pydicom.dcmread(f).ImagePositionPatient[2]) == 52.5
    )
    last.write_bytes(last.read_bytes()[:-60])
    (series,) = scan(place).series
    assert [f.code for f in series.findings] == ["truncated", "missing-slices"]


def test_a_slice_that_goes_bad_while_it_is_read_is_left_out(write_series: SeriesWriter) -> None:
    stored = stored_values(6)
    place = write_series(stored)
    (series,) = scan(place).series
    series.slices[2].header.file.path.unlink()
    volume = load(series)
    assert np.array_equal(volume.hu, stored[[0, 1, 3, 4, 5]] - 1024)
    assert {"undecodable", "missing-slices", "uneven-spacing"} == set(codes(volume))
    assert len(volume.source.sop_instance_uids) == 5
    for item in series.slices:
        item.header.file.path.unlink(missing_ok=True)
    with pytest.raises(InputError, match="cannot be read"):
        load(series)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.110", "1.2.3.4.5"])
def test_other_transfer_syntaxes_are_refused_by_name(write_series: SeriesWriter, syntax: str) -> None:
    place = write_series(stored_values(2))
    for file in place.iterdir():
        content = file.read_bytes()
        new = syntax.encode()
        new += b"\0" * (len(new) % 2)
        at = content.index(b"\x02\x00\x10\x00UI")
        old = int.from_bytes(content[at + 6 : at + 8], "little")
        content = content[: at + 6] + len(new).to_bytes(2, "little") + new + content[at + 8 + old :]
        group = int.from_bytes(content[140:144], "little") + len(new) - old
        file.write_bytes(content[:140] + group.to_bytes(4, "little") + content[144:])
    (series,) = scan(place).series
    assert not series.usable and series.findings[0].code == "undecodable"
    with pytest.raises(InputError, match=syntax.replace(".", r"\.")):
        open_ct(place)


def test_progress_and_cancel(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(6))
    seen: list[tuple[int, int, str]] = []
    open_ct(place, progress=lambda *step: seen.append(step))
    assert {label for *_, label in seen} == {"Reading headers", "Reading slices"}
    assert seen[-1][0] == seen[-1][1] == 6
    token = CancelToken()

    def stop(done: int, total: int, label: str) -> None:
        if label == "Reading slices" and done == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        open_ct(place, progress=stop, cancel=token)


MEASURE = """
import re, sys
from pathlib import Path
from lesionscope.ct.scan import load, scan
import SimpleITK, numpy, pydicom

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

load(scan(sys.argv[2]).series[0])  # a tiny series warms up every import and decoder
series = scan(sys.argv[1]).series[0]
before = peak()
hu = load(series).hu
assert hu.dtype == numpy.int16
print((peak() - before) / hu.nbytes)
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads peak memory from /proc")


@linux_only
def test_peak_memory_is_the_volume(write_series: SeriesWriter) -> None:
    big = write_series(stored_values(120, 512, 512), folder="big")
    small = write_series(stored_values(3, 512, 512), folder="small")
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(big), str(small)], capture_output=True, text=True, check=True
    )
    volumes = float(run.stdout)
    assert 0.8 < volumes < 1.05


@linux_only
def test_peak_memory_of_compressed_slices(tmp_path: Path, shared_data: Path) -> None:
    (source,) = (shared_data / "ct" / "06_transfer_syntaxes").glob("*JPEGLSLossless*")
    ds = pydicom.dcmread(source)
    for folder, count in (("big", 60), ("small", 2)):
        (tmp_path / folder).mkdir()
        ds.SeriesInstanceUID = generate_uid()
        for k in range(count):
            ds.ImagePositionPatient = [-161.4, -148.8, 5.0 * k]
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            ds.save_as(tmp_path / folder / f"{k}")
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "big"), str(tmp_path / "small")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0.6 < float(run.stdout) < 1.5
