"""The phantom clinic on disk as DeepLesion: read with Pillow and NumPy, held to the truth beside it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lesionscope.ct.geometry import Geometry
from lesionscope.errors import InputError, UsageError
from lesionscope.lesions.deeplesion import TYPES, read_dl_info, read_slice
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.deeplesion import ALL, coarse_type, write_deeplesion
from lesionscope.phantom.clinic.patient_scan import patient_scan
from lesionscope.phantom.clinic.patients import ClinicPatient

MATRIX = 64
PATIENTS = 9
SMALL = {"matrix": MATRIX, "around_mm": 5.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clinic") / "dl"
    return write_deeplesion(out, PATIENTS, workers=2, **SMALL)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("workers", [1, 3])
def test_one_seed_one_set_of_bytes(made: Path, tmp_path: Path, workers: int) -> None:
    again = write_deeplesion(tmp_path / "again", PATIENTS, workers=workers, **SMALL)
    assert files(again) == files(made)
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_layout_read_by_hand(made: Path) -> None:
    """Read as DeepLesion's own loader does, none of our code in between."""
    with (made / "DL_info.csv").open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert list(table[0])[:4] == ["File_name", "Patient_index", "Study_index", "Series_ID"]
    assert len(table[0]) == 18
    wanted = set()
    for row in table:
        series, number = row["File_name"].rsplit("_", 1)
        first, last = (int(v) for v in row["Slice_range"].split(","))
        assert first <= int(row["Key_slice_index"]) == int(number.removesuffix(".png")) <= last
        wanted |= {f"{series}/{n:03d}.png" for n in range(first, last + 1)}
        x0, y0, x1, y1 = (float(v) for v in row["Bounding_boxes"].split(","))
        ends = np.array([float(v) for v in row["Measurement_coordinates"].split(",")]).reshape(4, 2)
        assert np.allclose([x0, y0], ends.min(axis=0) - 5, atol=1e-3)
        assert np.allclose([x1, y1], ends.max(axis=0) + 5, atol=1e-3)
        lengths = np.linalg.norm(ends[::2] - ends[1::2], axis=1)
        assert np.allclose([float(v) for v in row["Lesion_diameters_Pixel_"].split(",")], lengths, atol=1e-3)
        assert all(0 <= float(v) <= 1 for v in row["Normalized_lesion_location"].split(","))
        assert row["Image_size"] == f"{MATRIX}, {MATRIX}"
        assert row["Patient_gender"] in "FM" and 18 <= int(row["Patient_age"]) <= 92
    images = made / "Images_png"
    assert {p.relative_to(images).as_posix() for p in images.rglob("*.png")} == wanted
    for name in sorted(wanted)[::7]:
        with Image.open(images / name) as image:
            assert image.mode in ("I;16", "I")  # Pillow 10 names it "I"
            hu = np.asarray(image).astype(int) - 32768
        assert hu.shape == (MATRIX, MATRIX) and hu.min() >= -1024
        assert hu[:4, :4].mean() < -900 and (np.abs(hu - 40) < 150).mean() > 0.02, "air round a body"


def test_slices_are_the_patient_s_scan_counted_from_the_head(made: Path) -> None:
    row = max(read_dl_info(made / "DL_info.csv"), key=lambda row: row.spacing_mm[2])
    volume, lesions = patient_scan(row.patient - 1, row.split, matrix=MATRIX)
    first, last = row.slice_range
    shown = np.stack([read_slice(row.slice_path(made, n)) for n in range(first, last + 1)])
    assert np.array_equal(shown, volume.hu[::-1][first - 1 : last])
    # Pixels count from 1, and the long diameter comes first.
    ends = np.reshape(row.measurement, (4, 2))
    k = volume.geometry.size[2] - row.key_slice
    lps = [volume.geometry.to_lps([k, y - 1, x - 1]) for x, y in ends]
    drawn = [np.reshape([one["long_lps_mm"], one["short_lps_mm"]], (4, 3)) for one in lesions]
    assert min(np.abs(lps - one).max() for one in drawn) < 2e-3


def test_the_truth_knows_every_lesion_and_the_table_the_bookmarked_ones(made: Path) -> None:
    rows, patients = read_dl_info(made / "DL_info.csv"), lines(made / "truth" / "patients.jsonl")
    assert [one["patient"] for one in patients] == list(range(1, PATIENTS + 1))
    assert [one["split"] for one in patients] == list(ALL[:PATIENTS])
    listed = []
    for known in patients:
        patient = ClinicPatient(known["seed"], known["split"])
        assert [set(one["labels"]) for one in known["lesions"]] == [one.labels for one in patient.lesions]
        geometry = Geometry(
            known["geometry"]["size"], known["geometry"]["spacing_mm"], known["geometry"]["origin_lps_mm"]
        )
        for one, lesion in zip(known["lesions"], patient.lesions, strict=True):
            if not one["bookmarked"]:
                assert one["lesion_idx"] is None and "report" not in one
                continue
            listed.append(one["lesion_idx"])
            row = rows[one["lesion_idx"]]
            assert (row.patient, row.file_name) == (known["patient"], one["file_name"])
            k, j, i = geometry.to_voxel(one["centroid"])
            x0, y0, x1, y1 = row.box
            assert x0 < i + 1 < x1 and y0 < j + 1 < y1
            above_mm = (row.key_slice - (geometry.size[2] - k)) * row.spacing_mm[2]
            assert abs(above_mm) < 0.5 * row.spacing_mm[2] + max(lesion.semi_axes_mm)
            kind = -1 if row.split == "train" else TYPES.index(coarse_type(lesion)) + 1
            assert row.coarse_type == kind
    assert listed == list(range(len(rows)))
    assert any(not one["bookmarked"] for known in patients for one in known["lesions"])
    assert max(Counter(row.file_name for row in rows).values()) > 1, "two bookmarks on one slice"


def test_reports_hold_no_truth_and_are_mined_in_the_released_form(made: Path) -> None:
    rows, reports = read_dl_info(made / "DL_info.csv"), lines(made / "reports.jsonl")
    assert [one["lesion_idx"] for one in reports] == list(range(len(rows)))
    assert {name for one in reports for name in one} == {
        "lesion_idx", "split", "file_name", "text", "bookmarks", "slice", "long_mm", "short_mm",
    }  # fmt: skip
    mined = read_label_file(made / "text_mined_labels_171_and_split.json")
    true = {
        one["lesion_idx"]: set(one["labels"])
        for known in lines(made / "truth" / "patients.jsonl")
        for one in known["lesions"]
    }
    known = read_label_file(made / "truth" / "labels.json")
    for name, split in known.splits.items():
        assert split.lesions == mined.splits[name].lesions
        for index, relevant in zip(split.lesions, split.relevant, strict=True):
            assert {known.terms[number] for number in relevant} == true[index]
    said = right = 0
    for name, split in mined.splits.items():
        assert {rows[index].split[:3] for index in split.lesions} <= {name[:3]}
        for index, relevant in zip(split.lesions, split.relevant, strict=True):
            names = {mined.terms[number] for number in relevant}
            said, right = said + len(names), right + len(names & true[index])
    assert sum(len(split.lesions) for split in mined.splits.values()) == len(rows)
    # What a radiologist says may be an earlier finding or a doubt, but is mostly so.
    assert said > 2 * len(rows) and right > 0.75 * said


def test_one_split_and_later_patients(made: Path, tmp_path: Path) -> None:
    out = write_deeplesion(tmp_path / "t", 1, split="test", first_patient=6, workers=1, **SMALL)
    again = [row for row in read_dl_info(made / "DL_info.csv") if row.patient == 7]
    assert ALL[6] == "test" and read_dl_info(out / "DL_info.csv") == tuple(again)


def test_splits_are_those_of_the_paper() -> None:
    assert Counter(ALL) == {"train": 14, "validation": 3, "test": 3}


def test_what_can_t_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def broken(seed: int) -> BlockBody:
        if seed == 1:
            raise OSError(28, "No space left on device")
        return BlockBody(seed)

    for wrong in (
        {"patients": 0},
        {"workers": 0},
        {"first_patient": -1},
        {"around_mm": -1},
        {"split": "dev"},
    ):
        with pytest.raises(UsageError):
            write_deeplesion(tmp_path / "out", **{"patients": 1, **wrong})
    with pytest.raises(InputError, match=r"none\.tsv"):
        write_deeplesion(tmp_path / "out", 1, frequencies=tmp_path / "none.tsv")
    with pytest.raises(Exception, match="could not be written"):
        write_deeplesion(tmp_path / "out", 2, matrix=16, body_of=broken, workers=1)
    assert not list(tmp_path.iterdir())
