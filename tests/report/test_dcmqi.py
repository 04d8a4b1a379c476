"""dcmqi, which 3D Slicer uses: it reads our reports, and what it writes comes back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
from test_sr import lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.report import sr_form
from lesionscope.report.import_sr import import_sr

pytestmark = pytest.mark.slow


def dcmqi(tool: str, *arguments: str | Path) -> None:
    try:
        files = distribution("dcmqi").files or []
    except PackageNotFoundError:
        pytest.skip("dcmqi isn't here: pip install dcmqi")
    program = next(file.locate() for file in files if str(file).startswith(f"dcmqi/bin/{tool}"))
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_reads_what_was_measured(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    volume = scan((128, 128, 12))
    lesions = lesions_on(volume)
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    dcmqi("tid1500reader", "--inputDICOM", path, "--outputMetadata", tmp_path / "read.json")
    groups = json.loads((tmp_path / "read.json").read_text())["Measurements"]
    by_uid = {group["TrackingUniqueIdentifier"]: group for group in groups}
    sizes = by_uid[lesions[0].tracking_uid]["measurementItems"]
    assert [(one["quantity"]["CodeMeaning"], float(one["value"])) for one in sizes] == [
        ("Long Axis", 18.0),
        ("Short Axis", 12.0),
    ]


def test_its_measurements_of_a_segment_become_a_lesion(scan: Callable[..., CTVolume], tmp_path: Path) -> None:
    """It measures segmentations: bidimensional values beside a segment, which says where they lie."""
    from lesionscope.report.segmentation import LesionMask, write_dicom

    volume = scan((128, 128, 12))
    lesion = lesions_on(volume)[0]
    mask = np.zeros(volume.hu.shape, dtype=bool)
    mask[6, 53:68, 59:82] = True
    folder = tmp_path / "theirs"
    segmented = write_dicom([LesionMask(lesion, mask)], volume, folder / "seg.dcm")
    code = {"CodingSchemeDesignator": "SCT"}
    lengths = (("103339001", "Long Axis", 18.4), ("103340004", "Short Axis", 12.0))
    mm = {"CodeValue": "mm", "CodingSchemeDesignator": "UCUM", "CodeMeaning": "millimeter"}
    asked = {
        "SeriesDescription": "Measurements", "SeriesNumber": "1001", "InstanceNumber": "1",
        "compositeContext": [segmented.name],
        "imageLibrary": [path.name for path in sorted(Path(volume.source.path).glob("*.dcm"))],
        "observerContext": {"ObserverType": "PERSON", "PersonObserverName": "Reader^One"},
        "VerificationFlag": "UNVERIFIED", "CompletionFlag": "COMPLETE",
        "activitySession": "1", "timePoint": "1",
        "Measurements": [{
            "TrackingIdentifier": "Measurements of lesion", "ReferencedSegment": 1,
            "SourceSeriesForImageSegmentation": volume.source.uid,
            "segmentationSOPInstanceUID": _uid(segmented),
            "Finding": {**code, "CodeValue": "4147007", "CodeMeaning": "Mass"},
            "measurementItems": [
                {
                    "value": str(value),
                    "quantity": {**code, "CodeValue": number, "CodeMeaning": meaning},
                    "units": mm,
                }
                for number, meaning, value in lengths
            ],
        }],
    }  # fmt: skip
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    dcmqi(
        "tid1500writer", "--inputMetadata", tmp_path / "asked.json", "--inputImageLibraryDirectory",
        volume.source.path, "--inputCompositeContextDirectory", folder, "--outputDICOM", folder / "sr.dcm",
    )  # fmt: skip
    back = import_sr(folder / "sr.dcm", volume)
    (found,) = back.lesions
    assert found.long is not None and found.short is not None
    assert found.long.length_mm == pytest.approx(18.4, abs=0.1)
    assert found.short.length_mm == pytest.approx(12.0, abs=0.1)
    middle = volume.geometry.to_lps((6, 60, 70))
    assert np.allclose(found.centroid_lps_mm, middle, atol=1.0)


def _uid(path: Path) -> str:
    import pydicom

    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)
