"""Headers read by what differs from the last one: the same as read each for itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian
from synthetic_ct import SeriesWriter, stored_values

from lesionscope.ct import headers
from lesionscope.ct.facts import Unreadable
from lesionscope.ct.sources import FileReader, FileRef

SLICES = 24


class Held(FileReader):
    """Reads from memory, by the files' names."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        super().__init__()
        self._contents = contents
        self.asked: list[int] = []

    def size(self, file: FileRef) -> int:
        return len(self._contents[file.path.name])

    def read(self, file: FileRef, start: int = 0, count: int = -1) -> bytes:
        self.asked.append(count)
        return self._contents[file.path.name][start:][: None if count < 0 else count]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def both(files: Mapping[str, bytes]) -> list[tuple[Any, Any]]:
    """Each file's header by those before it, and for itself (or why there is none)."""
    alike, reader = headers.alike_headers(), Held(files)

    def read(name: str, *more: Any) -> Any:
        try:
            return headers.read_header(reader, FileRef(Path(name)), *more)
        except Unreadable as error:
            return str(error)

    return [(read(name, alike), read(name)) for name in files]


@pytest.fixture
def looked_through(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many headers' elements were gone through one by one."""
    looked: list[int] = []
    found = headers.quick_elements

    def counted(*args: Any, **kwargs: Any) -> Any:
        looked.append(1)
        return found(*args, **kwargs)

    monkeypatch.setattr(headers, "quick_elements", counted)
    return looked


@pytest.fixture(scope="module")
def whole_series(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    write = SeriesWriter(tmp_path_factory.mktemp("whole"))
    return contents(write(stored_values(10), change=as_scanners_write))


def as_implicit(ds: Dataset, k: int) -> None:
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian


def as_scanners_write(ds: Dataset, k: int) -> None:
    """Add what differs from slice to slice and is never asked for, some of it of odd lengths."""
    ds.ExposureTime = str(500 + k)
    ds.XRayTubeCurrent = str(9 * k)
    ds.WindowCenter = [40, -k]
    ds.SliceLocation = str(-7.25 * k)
    ds.ContentTime = f"1011{k:02}.{k}"
    ds.SmallestImagePixelValue = k
    ds.RescaleIntercept = str(-1000 - k)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{10 ** (k % 5)}"
    ds.add_new(0x00290010, "LO", "MAKER")
    ds.add_new(0x00291001, "OB", bytes(2 * (k % 3)))


@pytest.mark.parametrize("change", [lambda *_: None, as_implicit, as_scanners_write])
def test_slices_of_a_series(
    write_series: SeriesWriter, looked_through: list[int], change: Callable[[Dataset, int], None]
) -> None:
    for one, other in both(contents(write_series(stored_values(SLICES), change=change))):
        assert one == other and not isinstance(one, str)
    # All for themselves, and of the others the first few.
    assert SLICES < len(looked_through) < SLICES + 8


def test_long_headers_are_read_once(write_series: SeriesWriter) -> None:
    def change(ds: Dataset, k: int) -> None:
        ds.add_new(0x00290010, "LO", "MAKER")
        ds.add_new(0x00291001, "OB", bytes(20_000))

    files = contents(write_series(stored_values(SLICES), change=change))
    alike, reader = headers.alike_headers(), Held(files)
    found = [headers.read_header(reader, FileRef(Path(name)), alike) for name in files]
    assert len({header.sop_uid for header in found}) == SLICES
    # Of the first the beginning is too short, twice looked through; then all of each at once.
    assert max(reader.asked) <= headers.SECOND_READ_BYTES
    assert len(reader.asked) == SLICES + 1


def test_a_nested_sequence_that_differs(write_series: SeriesWriter) -> None:
    def change(ds: Dataset, k: int) -> None:
        item = Dataset()
        item.ReferencedSOPInstanceUID = f"1.2.{k}"
        ds.ReferencedImageSequence = Sequence([item])
        ds["ReferencedImageSequence"].is_undefined_length = k % 3 == 0

    for one, other in both(contents(write_series(stored_values(SLICES), change=change))):
        assert one == other and not isinstance(one, str)


def test_what_the_whole_header_rests_on_is_never_skipped(write_series: SeriesWriter) -> None:
    def change(ds: Dataset, k: int) -> None:
        ds.PatientName = "Ä^B" if k % 2 else "C^D"
        ds.SpecificCharacterSet = ("ISO_IR 100", "ISO_IR 192")[k // 2 % 2]
        ds.PatientID = f"p{k % 4}"
        ds.Rows, ds.Columns = (8, 10) if k % 3 else (10, 8)

    pairs = both(contents(write_series(np.zeros((SLICES, 8, 10), np.uint16), change=change)))
    assert all(one == other for one, other in pairs)
    assert len({one.patient.patient_id for one, _ in pairs}) == 4


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_every_kind(whole_series: dict[str, bytes], data: st.DataObject) -> None:
    """Bytes that are changed, lost or doubled in a header: as if each file were read alone."""
    files = dict(whole_series)
    for name in list(files)[4:]:
        content = files[name]
        end = len(content) - stored_values(1)[0].nbytes
        for _ in range(data.draw(st.integers(0, 2))):
            at, count = data.draw(st.integers(0, end - 1)), data.draw(st.integers(1, 12))
            piece = content[at : at + count]
            new = data.draw(st.sampled_from([b"", piece * 2]) | st.binary(min_size=count, max_size=count))
            content = content[:at] + new + content[at + count :]
        files[name] = content
    for one, other in both(files):
        assert one == other
