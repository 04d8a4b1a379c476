"""The quick way of reading ordinary series beside the careful one: the same HU, geometry and findings."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian
from synthetic_ct import SeriesWriter, make_volume, stored_values

from benchmarks import fuzz_dicom
from benchmarks.careful import careful_only
from lesionscope import sample_data
from lesionscope.ct import decode, headers
from lesionscope.ct.scan import Scan, load, scan
from lesionscope.ct.sources import FileReader, FileRef
from lesionscope.errors import InputError
from lesionscope.phantom.dicom_series import write_series

SAMPLES = Path(sample_data.__file__).parent
ITEM, ITEM_END, END = (struct.pack("<HH", 0xFFFE, e) for e in (0xE000, 0xE00D, 0xE0DD))
UNDEFINED = b"\xff" * 4


def everything(path: Path) -> tuple[Scan, list[Any]]:
    """What a path holds, each usable series as it loads (or why it doesn't)."""
    found = scan(path)
    loaded: list[Any] = []
    for series in found.series:
        try:
            loaded.append(load(series))
        except InputError as error:
            loaded.append(str(error))
    return found, loaded


def assert_same(path: Path) -> Scan:
    quick, quick_volumes = everything(path)
    with careful_only():
        careful, careful_volumes = everything(path)
    assert quick == careful
    for one, other in zip(quick_volumes, careful_volumes, strict=True):
        if isinstance(one, str):
            assert one == other
            continue
        assert (one.geometry, one.source, one.findings) == (other.geometry, other.source, other.findings)
        assert one.hu.dtype == other.hu.dtype and np.array_equal(one.hu, other.hu)
    return quick


@pytest.fixture
def pydicom_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the careful way was taken")

    monkeypatch.setattr(headers, "parse_growing", refuse)
    monkeypatch.setattr(decode.FrameDecoder, "stored", refuse)


def change_file(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def before_pixels(extra: bytes) -> Callable[[bytes], bytes]:
    """Insert elements right before the pixels (so their tags must be of group 7000 or so)."""

    def change(content: bytes) -> bytes:
        at = max(content.rfind(b"\xe0\x7f\x10\x00" + rest) for rest in (b"OW", b"\x90\0\0\0"))
        assert at > 0
        return content[:at] + extra + content[at:]

    return change


ITEMS = (
    "01_chest_lidc0314 03_sts019_mass 06_transfer_syntaxes 07_variable_spacing 08_duplicate_positions "
    "09_gantry_tilt_philips 10_localizer_mixed 11_enhanced_multiframe 12_no_geometry_sc 13_j2k_pixelrep "
    "14_damaged 15_minimal_tags"
).split()


@pytest.mark.parametrize("item", ITEMS)
def test_real_files(shared_data: Path, item: str) -> None:
    assert_same(shared_data / "ct" / item)


def test_the_sample_patient() -> None:
    for visit in ("baseline", "follow-up"):
        found = scan(SAMPLES / visit)
        with careful_only():
            assert scan(SAMPLES / visit) == found


def test_ordinary_files_need_no_parser(
    write_series: SeriesWriter, pydicom_is_not_asked: None, shared_data: Path
) -> None:
    (volume,) = everything(write_series(stored_values()))[1]
    assert np.array_equal(volume.hu, stored_values() - 1024)
    # Implicit VR, with sequences of undefined length.
    for item in ("01_chest_lidc0314", "09_gantry_tilt_philips"):
        assert scan(shared_data / "ct" / item).series


def implicit(ds: Dataset, k: int) -> None:
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian


@pytest.mark.parametrize("as_implicit", [False, True])
@pytest.mark.parametrize("kind", [np.int16, np.uint16])
def test_rescale_that_varies(write_series: SeriesWriter, kind: type, as_implicit: bool) -> None:
    def change(ds: Dataset, k: int) -> None:
        ds.RescaleSlope, ds.RescaleIntercept = (1, 2, -3, 1, 0)[k], (-1024, 40000, 5, -40000, 7)[k]
        if as_implicit:
            implicit(ds, k)

    found = assert_same(write_series(stored_values().astype(kind), change=change))
    assert found.series[0].usable


PIXELS = np.random.default_rng(3).integers(0, 1 << 16, (3, 8, 8)).astype(np.uint16)
PIXELS[1] %= 4096


@pytest.mark.parametrize(
    "change",
    [
        {"BitsStored": 12, "HighBit": 11},  # and values above 12 bits, as overlays leave them
        {"BitsStored": 12, "HighBit": 15},
        {"BitsStored": 13, "HighBit": 12, "PixelRepresentation": 1},
        {"PixelRepresentation": 1},  # unsigned values said to be signed
        {"PixelPaddingValue": 63000, "RescaleIntercept": -60000},
        {"PixelPaddingValue": 4095, "RescaleIntercept": -1024},
        {"PixelPaddingValue": 40000, "PixelPaddingRangeLimit": 65535, "RescaleIntercept": -8192},
        {"PixelPaddingValue": 65535, "PixelPaddingRangeLimit": 3000, "RescaleIntercept": -1024},
        {"PixelPaddingValue": -32768, "PixelPaddingRangeLimit": 2000, "PixelRepresentation": 1},
        {"PixelPaddingRangeLimit": 3000},
        {
            "PixelPaddingValue": int(PIXELS[1, 0, 0]),
            "RescaleIntercept": 3000,
            "BitsStored": 12,
            "HighBit": 11,
        },
        {"RescaleIntercept": -40000},
        {"RescaleSlope": 0.5},
        {"RescaleSlope": ""},
        {"SpecificCharacterSet": ["ISO 2022 IR 6", "ISO 2022 IR 87"]},
        {"SpecificCharacterSet": "ISO_IR 192", "SeriesDescription": "Küche"},
        {"NumberOfFrames": 1},
        {"Rows": 16, "Columns": 4},
    ],
    ids=str,
)
def test_pixels_and_headers_of_many_kinds(write_series: SeriesWriter, change: dict[str, Any]) -> None:
    assert_same(write_series(PIXELS, change=change))


SEQUENCES = {
    "empty": END + bytes(4),
    "items": (ITEM + struct.pack("<I", 0)) * 2 + END + bytes(4),
    "open item": ITEM + UNDEFINED + ITEM_END + bytes(4) + END + bytes(4),
    "no end": ITEM + struct.pack("<I", 0),
    "no item": b"\x08\x00\x60\x00CS\x02\x00CT" + END + bytes(4),
    "item too long": ITEM + struct.pack("<I", 1 << 30) + END + bytes(4),
    "end inside": ITEM + struct.pack("<I", 12) + b"\x28\x00\x10\x00US\x02\x00" + END + END + bytes(4),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("vr", [b"SQ", b"UN", b"OB", b"??"])
def test_sequences_of_undefined_length(write_series: SeriesWriter, name: str, vr: bytes) -> None:
    place = write_series(stored_values(2))
    head = struct.pack("<HH2sH", 0x7001, 0x1010, vr, 0) + UNDEFINED
    for file in place.iterdir():
        change_file(file, before_pixels(head + SEQUENCES[name]))
    assert_same(place)


def test_nested_sequences_and_private_ones(write_series: SeriesWriter) -> None:
    def nest(ds: Dataset, k: int) -> None:
        inner, outer = Dataset(), Dataset()
        inner.CodeValue, inner.PatientName = "T-1", "x" * 5000
        inner.is_undefined_length_sequence_item = True
        outer.ConceptNameCodeSequence = Sequence([inner, inner])
        outer["ConceptNameCodeSequence"].is_undefined_length = True
        ds.ReferencedImageSequence = Sequence([outer])
        ds["ReferencedImageSequence"].is_undefined_length = True
        ds.add_new(0x00091010, "SQ", Sequence([inner]))
        ds[0x00091010].is_undefined_length = True
        if k % 2:
            implicit(ds, k)

    assert_same(write_series(stored_values(4), change=nest))


def test_a_slice_that_shrinks_after_the_scan(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(6))
    (series,) = scan(place).series
    change_file(series.slices[2].header.file.path, lambda content: content[:-20])
    series.slices[4].header.file.path.unlink()
    volume = load(series)
    with careful_only():
        careful = load(series)
    assert volume.geometry == careful.geometry and volume.findings == careful.findings
    assert np.array_equal(volume.hu, careful.hu) and len(volume.hu) == 4


WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), max_size=64)
DECIMAL = st.one_of(
    st.floats(-2e3, 2e3).map(lambda v: f"{v:.6g}"),
    st.sampled_from(["", " ", "1", "0", "-0", "1e3", "nan", "inf", "1\\2", "x", "+1.", "1,5", "9" * 16]),
)
WHOLE = DECIMAL.filter(lambda text: text != "inf")
"""What pydicom can write where a whole number belongs, when it is to write a file anew."""
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "RescaleSlope": DECIMAL,
        "RescaleIntercept": DECIMAL,
        "SliceThickness": DECIMAL,
        "InstanceNumber": WHOLE,
        "AcquisitionNumber": WHOLE,
        "GantryDetectorTilt": DECIMAL,
        "PixelSpacing": st.tuples(DECIMAL, DECIMAL).map("\\".join),
        "ImagePositionPatient": st.tuples(DECIMAL, DECIMAL, DECIMAL).map("\\".join),
        "SeriesDescription": WORDS,
        "ConvolutionKernel": WORDS,
        "PatientName": WORDS,
        "SpecificCharacterSet": st.sampled_from(
            ["", "ISO_IR 100", "ISO_IR 192", "ISO_IR 148", "GB18030", "nonsense"]
        ),
        "RescaleType": st.sampled_from(["HU", "US", "", "hu "]),
        "PhotometricInterpretation": st.sampled_from(["MONOCHROME1", "MONOCHROME2", "RGB"]),
    },
)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("as_implicit", [False, True])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=HEADERS, odd=st.integers(0, 3), seed=st.integers(0, 9))
def test_headers_of_all_sorts(
    tmp_path: Path, as_implicit: bool, changes: dict[str, str], odd: int, seed: int
) -> None:
    folder = tmp_path / f"{as_implicit}-{len(list(tmp_path.iterdir()))}"
    files = write_series(make_volume(seed=seed, size=(9, 8, 3)), folder)
    for k, file in enumerate(files):
        ds = pydicom.dcmread(file)
        if as_implicit:
            implicit(ds, k)
        if k >= odd:
            for name, value in changes.items():
                # Values as files hold them, right or wrong: pydicom's checks are gone round.
                tag = pydicom.datadict.tag_for_keyword(name)
                vr = pydicom.datadict.dictionary_VR(tag)
                raw = value.encode("utf-8") + b" " * (len(value.encode("utf-8")) % 2)
                ds[tag] = pydicom.dataelem.RawDataElement(
                    pydicom.tag.Tag(tag), vr, len(raw), raw, 0, as_implicit, True, True
                )
        ds.save_as(file)
    assert_same(folder)


def test_the_reader_asks_only_for_ordinary_files(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(1))
    (file,) = place.iterdir()
    with FileReader() as reader:
        head = reader.read(FileRef(file))
    _, start, _ = headers._file_meta(head)
    assert headers.quick_elements(head, start, implicit=False, wanted=headers._WANTED) is not None
    for cut in range(len(head)):
        found = headers.quick_elements(head[:cut], start, implicit=False, wanted=headers._WANTED)
        # Complete as soon as the pixels' own length is there.
        assert (found is None) == (cut < len(head) - stored_values(1)[0].nbytes)


def test_damaged_files_are_read_alike_or_refused(tmp_path: Path) -> None:
    """A few hundred steps of ``python -m benchmarks.fuzz_dicom``."""
    contents, steps = fuzz_dicom.originals(tmp_path), iter(range(200))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes, wrong = fuzz_dicom.hunt(
            contents, tmp_path / "damaged", 1, lambda: next(steps, None) is not None, tmp_path / "kept"
        )
    assert not wrong and outcomes.total() == 200 and {"read", "refused", "skipped"} & set(outcomes)
