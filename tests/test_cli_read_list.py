"""``lesionscope read --list``: a table of cases in, two tables out, nothing read twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
from tiny_label_package import make_label_package

from lesionscope.cli import main
from lesionscope.models.registry import find


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_label_package(tmp_path_factory.mktemp("packages") / "tiny-labels")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))


def scan(folder: Path) -> Path:
    """Write a body in air as NIfTI."""
    import SimpleITK

    z, y, x = np.meshgrid(np.arange(24), np.arange(96), np.arange(96), indexing="ij")
    hu = np.where((x - 48) ** 2 + (y - 48) ** 2 < 44**2, 40, -1000) + np.where(z < 0, 1, 0)
    hu += np.random.default_rng(4).normal(0, 10, hu.shape).astype(int)
    image = SimpleITK.GetImageFromArray(hu.astype(np.int16))
    image.SetSpacing((2.0, 2.0, 3.0))
    path = folder / "DOE^JOHN.nii.gz"
    SimpleITK.WriteImage(image, str(path))
    return path


def test_a_list_is_read_and_gone_on_with(tmp_path: Path, labels: Path, monkeypatch, capsys) -> None:
    path = scan(tmp_path)
    rows = [
        f'{path.name},"96,96,30",,body',
        f'{path.name},,"80,90,33,100,90,33",',
        f'{path.name},"2,2,30",,air',
        'missing.nii.gz,"0,0,0",,lost',
        f'{path.name},"1,2",,wrong',
    ]
    table, out = tmp_path / "cases.csv", tmp_path / "out"
    table.write_text("path,click,long,id\n" + "\n".join(rows[:4]) + "\n", encoding="utf-8")
    read = ["read", "--list", str(table), "--label-model", str(labels), "--out", str(out)]
    assert main(read) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [str(out / "readings.csv"), str(out / "status.csv")]
    assert "line 5 (lost): " in said.err and "DOE" not in said.err
    status = pandas.read_csv(out / "status.csv").set_index("case")
    assert status.status.to_dict() == {"body": "ok", "2": "ok", "air": "refused", "lost": "error"}
    assert "lung" in status.pathology_refused["body"]
    assert "Not for clinical use" in status.notice["body"]
    readings = pandas.read_csv(out / "readings.csv")
    per_case = readings.groupby(["case", "task"]).size().to_dict()
    assert per_case == {("2", "labels"): 171, ("body", "labels"): 171}
    predicted = readings[(readings.case == "body") & (readings.predicted == "yes")]
    assert {"lung nodule", "lung", "liver"} <= set(predicted.name)
    assert not any(b"DOE" in file.read_bytes() for file in out.iterdir())

    opened: list[Path] = []
    monkeypatch.setattr("lesionscope.commands.read_list.open_ct", lambda path, series: opened.append(path))
    table.write_text("path,click,long,id\n" + "\n".join(rows[:3] + rows[4:]) + "\n", encoding="utf-8")
    assert main(read) == 0
    assert opened == []
    after = pandas.read_csv(out / "status.csv").set_index("case")
    assert after.status.to_dict() == {"body": "ok", "2": "ok", "air": "refused", "wrong": "error"}
    assert after.seconds["body"] == status.seconds["body"]


def test_scope_may_be_overridden_for_a_list(tmp_path: Path, labels: Path, capsys) -> None:
    path = scan(tmp_path)
    table, out = tmp_path / "cases.csv", tmp_path / "out"
    table.write_text(f'path,click,id\n{path},"96,96,30",body\n', encoding="utf-8")
    read = ["read", "--list", str(table), "--label-model", str(labels), "--out", str(out)]
    assert main(read) == 0
    assert main([*read, "--override-scope"]) == 0
    readings = pandas.read_csv(out / "readings.csv")
    nodes = readings[(readings.task == "pathology") & (readings.kind == "node")]
    assert set(nodes.tag) == {node.tag for node in find("radpath-demo").tree.nodes}


def test_a_list_is_read_again_where_the_bank_is_another(tmp_path: Path, labels: Path) -> None:
    path = scan(tmp_path)
    table, out = tmp_path / "cases.csv", tmp_path / "out"
    table.write_text(f'path,click,id\n{path},"96,96,30",body\n', encoding="utf-8")
    read = ["read", "--list", str(table), "--label-model", str(labels), "--out", str(out)]
    known = tmp_path / "known.csv"
    rows = f'{path},"90,96,30",one,lung\n', f'{path},"80,90,30",two,liver\n'
    build = ["bank", "build", "--package", str(labels), "--out", str(tmp_path / "data" / "banks" / "ward")]
    found = []
    for row in (None, *rows):
        if row is not None:
            known.write_text("path,click,id,labels\n" + row, encoding="utf-8")
            assert main([*build, "--list", str(known)]) == 0
        assert main([*read]) == 0
        lines = (out / "journal.jsonl").read_text().splitlines()[1:]
        found.append((len(lines), json.loads(lines[-1])["lesion"].get("banks")))
    assert main(read) == 0
    assert len((out / "journal.jsonl").read_text().splitlines()[1:]) == 3
    assert found == [(1, None), (2, ["ward"]), (3, ["ward"])]


def test_a_list_of_which_nothing_can_be_read_is_bad_input(tmp_path: Path, labels: Path, capsys) -> None:
    table, out = tmp_path / "cases.csv", tmp_path / "out"
    table.write_text('path,click\nmissing,"0,0,0"\n', encoding="utf-8")
    assert main(["read", "--list", str(table), "--label-model", str(labels), "--out", str(out)]) == 3
    assert "None of the cases" in capsys.readouterr().err
    assert pandas.read_csv(out / "status.csv").status.tolist() == ["error"]


@pytest.mark.parametrize(
    "more",
    [["SCAN"], ["--click=1,2,3"], ["--series", "1.2"], ["--format", "csv"], ["--out", "-"], ["--deidentify"]],
    ids=["path", "click", "series", "format", "stdout", "deidentify"],
)
def test_a_list_leaves_no_room_for_one_lesion(tmp_path: Path, capsys, more: list[str]) -> None:
    assert main(["read", "--list", "cases.csv", "--out", str(tmp_path / "out"), *more]) == 2
    assert "--list" in capsys.readouterr().err


def test_nothing_to_read_is_wrong_usage(tmp_path: Path, capsys) -> None:
    assert main(["read", "--click=1,2,3", "--out", str(tmp_path)]) == 2
    assert "--list" in capsys.readouterr().err
