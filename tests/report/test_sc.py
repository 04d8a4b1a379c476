"""Key images as Secondary Capture: valid, the right pixels, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_checks import complaints
from test_sr import TILT, lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import UsageError
from lesionscope.report import sc_form, wording
from lesionscope.report.key_image import LONG_COLOUR, key_images, to_pixel
from lesionscope.report.reviewed import Review


@pytest.mark.parametrize("direction", [None, TILT], ids=["axial", "tilted"])
def test_each_lesion_is_one_valid_image_with_its_marks(
    scan: Callable[..., CTVolume], tmp_path: Path, direction: tuple[float, ...] | None
) -> None:
    volume = scan() if direction is None else scan((128, 140, 60), direction)
    lesions = lesions_on(volume)
    content = report(lesions, volume)
    images = key_images(volume, lesions, notice=content["notice"])
    paths = sc_form.write(content, lesions, volume, images, tmp_path / "out", "report")
    assert [path.name for path in paths] == [f"report-key-{n}.dcm" for n in (1, 2, 3)]
    read = [pydicom.dcmread(path) for path in paths]
    assert len({ds.SOPInstanceUID for ds in read}) == 3 and len({ds.SeriesInstanceUID for ds in read}) == 1
    for path, ds, lesion in zip(paths, read, lesions, strict=True):
        assert complaints(path) == []
        assert np.array_equal(ds.pixel_array, images[lesion.id].pixels)
        assert ds.BurnedInAnnotation == "YES" and ds.PatientID == volume.source.patient.patient_id
        assert ds.SourceImageSequence[0].ReferencedSOPInstanceUID in volume.source.sop_instance_uids
    long = lesions[0].long
    assert long is not None
    column, row = (round(v) for v in to_pixel(lesions[0], long.start_lps_mm))
    near = read[0].pixel_array[row - 3 : row + 4, column - 3 : column + 4].astype(int)
    assert np.abs(near - LONG_COLOUR[:3]).sum(axis=-1).min() < 40, "the mark's end, in its colour"
    foot = read[0].pixel_array[-24:].astype(int)
    assert (foot.min(axis=-1) > 200).sum() > 300, "letters of the notice, in the pixels"
    assert content["notice"] == wording.NOTICE


def test_nothing_to_show_is_said(volume: CTVolume, scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    made = scan()
    with pytest.raises(UsageError, match="no key image"):
        sc_form.write(report([], made), [], made, {}, tmp_path / "out", "report")
    with pytest.raises(UsageError, match="write JSON"):
        sc_form.write(report([], volume), [], volume, {}, tmp_path / "out", "report")


def test_hostile_text_is_harmless(scan: Callable[..., CTVolume], tmp_path: Path, source: Source) -> None:
    made = scan()
    hostile = replace(made.source, patient=source.patient, study_description="=x" * 99)
    volume = CTVolume(made.hu, made.geometry, hostile)
    lesions = lesions_on(volume)[:1]
    typed = f"<b>{'long ' * 2200}</b>\t\\山田 \x00\ud800"
    content = report(lesions, volume, Review(sentences={lesions[0].id: typed}))
    images = key_images(volume, lesions, notice=content["notice"])
    (path,) = sc_form.write(content, lesions, volume, images, tmp_path / "out", "report")
    assert complaints(path) == []
    assert pydicom.dcmread(path).ImageComments.startswith("<b>long long")
