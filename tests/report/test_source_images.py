"""The images of a scan are found again, whatever lies beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from test_sr import lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError
from lesionscope.report import sr_form
from lesionscope.report.import_sr import import_sr
from lesionscope.report.source_images import source_images

UNKNOWN_VR = (b"\x08\x00\x18\x00UI", b"\x08\x00\x18\x00Uh")
"""Of SOPInstanceUID: ``NotImplementedError`` in pydicom."""
ODD_LENGTH = (b"\x02\x00\x00\x00UL\x04\x00", b"\x02\x00\x00\x00UL\x03\x00")
"""The group's length in three bytes: ``BytesLengthException`` in pydicom, which derives from no other."""


def garbled(data: bytes, change: tuple[bytes, bytes]) -> bytes:
    assert change[0] in data
    return data.replace(*change, 1)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "unknown-vr": lambda data: garbled(data, UNKNOWN_VR),
    "odd-length": lambda data: garbled(data, ODD_LENGTH),
    "cut-in-a-length": lambda data: data[: data.index(UNKNOWN_VR[0]) + 4] + b"UN\x00\x00\x01",
    "cut-in-the-preamble": lambda data: data[:134],
    "no-dicom": lambda data: b"notes on the scan",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_beside_the_images_is_passed_over(
    scan: Callable[..., CTVolume], tmp_path: Path, kind: str
) -> None:
    volume = scan((16, 16, 3))
    first = sorted(Path(volume.source.path).glob("*.dcm"))[0]
    # Its name comes before those of the images, so that it is looked at first.
    first.with_name("0.dcm").write_bytes(DAMAGE[kind](first.read_bytes()))
    wanted = volume.source.sop_instance_uids[2:0:-1]
    assert tuple(image.SOPInstanceUID for image in source_images(wanted, tmp_path)) == wanted


@pytest.mark.parametrize("change", [UNKNOWN_VR, ODD_LENGTH], ids=["unknown-vr", "odd-length"])
def test_a_report_damaged_in_the_same_ways_gets_a_sentence(
    scan: Callable[..., CTVolume], tmp_path: Path, change: tuple[bytes, bytes]
) -> None:
    volume = scan((128, 128, 6))
    lesions = lesions_on(volume)[:1]
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    code = (b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00C\x00") if change is UNKNOWN_VR else change
    path.write_bytes(garbled(path.read_bytes(), code))
    with pytest.raises(InputError, match="ask for it again"):
        import_sr(path, volume)
