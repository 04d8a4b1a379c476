"""``lesionscope phantom``: what lies in the folder it was told to fill."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from lesionscope import cli
from lesionscope.lesions.deeplesion import read_dl_info, read_slice
from lesionscope.phantom.clinic.cohort import cohort


class Result(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def phantom(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str | Path) -> Result:
        try:
            status = cli.main(["phantom", *map(str, arguments)])
        except SystemExit as end:
            status = int(end.code or 0)
        return Result(status, *capsys.readouterr())

    return run


def test_radpath_is_a_manifest(phantom: Any, tmp_path: Path) -> None:
    out = tmp_path / "volumes"
    result = phantom(*"radpath --count 2 --workers 1 --split test --out".split(), out)
    assert result == (0, f"{out / 'manifest.csv'}\n", "")
    with (out / "manifest.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["split"] for row in rows] == ["test", "test"]
    assert all(row["path"].endswith(".nii.gz") and (out / row["path"]).is_file() for row in rows)


def test_radpath_as_dicom(phantom: Any, tmp_path: Path) -> None:
    result = phantom(*"radpath --form dicom --count 1 --workers 1 --out".split(), tmp_path)
    assert result.status == 0
    with (tmp_path / "manifest.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert len(list((tmp_path / row["path"]).iterdir())) > 10


def test_radpath_cubes(phantom: Any, tmp_path: Path) -> None:
    out = tmp_path / "cubes"
    result = phantom(*"radpath --form cubes --count 2 --workers 1 --split test --out".split(), out)
    assert result == (0, f"2 cubes in {out}\n", "")
    (array,) = out.glob("*.npy")
    assert np.load(array).shape == (2, 64, 64, 64)
    assert len(json.loads(array.with_suffix(".json").read_text())) == 2


def test_deeplesion(phantom: Any, tmp_path: Path) -> None:
    out = tmp_path / "dl"
    words = (
        "deeplesion --patients 1 --first-patient 5 --around 0 --split validation --workers 1 --out".split()
    )
    assert phantom(*words, out) == (0, f"{out}\n", "")
    rows = read_dl_info(out / "DL_info.csv")
    assert {(row.patient, row.split, row.image_size) for row in rows} == {(6, "validation", (512, 512))}
    assert read_slice(rows[0].slice_path(out)).shape == (512, 512)
    assert {path.name for path in out.iterdir()} == {
        "DL_info.csv", "Images_png", "reports.jsonl", "text_mined_labels_171_and_split.json", "truth",
    }  # fmt: skip
    assert phantom(*words, out).status == 3, "it holds files already"


def test_cohort(phantom: Any, tmp_path: Path) -> None:
    result = phantom(*"cohort --count 3 --split test --workers 1 --out".split(), tmp_path)
    assert result == (0, f"3 lesions in {tmp_path}\n", "")
    again = cohort("test", 2, cache=tmp_path, progress=lambda *_: pytest.fail("made anew"))
    assert again.hu.shape == (2, 3, 120, 120)


@pytest.mark.parametrize(
    "words",
    [
        "radpath --count 0",
        "deeplesion --patients 0",
        "deeplesion --patients 1 --split dev",
        "cohort --count 0",
        "cohort",
    ],
)
def test_wrong_usage(phantom: Any, tmp_path: Path, words: str) -> None:
    result = phantom(*words.split(), "--out", tmp_path / "out")
    assert result.status == 2 and result.err and "Traceback" not in result.err
    assert not list(tmp_path.iterdir())
