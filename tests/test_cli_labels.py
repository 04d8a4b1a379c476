"""The command line's labels: read, list and show with a label package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_label_package import LIFTED, OWN, make_label_package

from lesionscope.cli import main

NODULE = "-57.44,131.23,-520.36"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_label_package(tmp_path_factory.mktemp("models") / "tiny-labels")


def test_read_gives_labels_beside_the_tree(
    package: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(shared_data / "ct" / "01_chest_lidc0314")
    marks = ["--click", NODULE, "--device", "cpu"]
    assert main(["read", place, *marks, "--label-model", str(package), "--out", "-"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    (lesion,) = report["lesions"]
    assert lesion["pathology"]["model"].startswith("radpath-demo")
    assert lesion["labels"]["model"] == "tiny-labels 0.1"
    scores = {score["label"]: score for score in lesion["labels"]["scores"]}
    assert len(scores) == 171 and all(scores[name]["predicted"] for name in (*OWN, LIFTED))
    assert {score["class"] for score in scores.values()} == {"body part", "type", "attribute"}
    assert "neighbours" not in lesion, "there is no bank of this package"
    assert [model["model"] for model in report["models"]][1] == "tiny-labels 0.1"


def test_an_unknown_label_model_is_bad_input(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(shared_data / "ct" / "01_chest_lidc0314")
    assert main(["read", place, "--click", NODULE, "--label-model", "nowhere", "--out", "-"]) == 3
    assert "There is no label model named 'nowhere'" in capsys.readouterr().err


def test_models_list_and_show_know_label_packages(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny-labels").symlink_to(package, target_is_directory=True)
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    assert main(["models", "list"]) == 0
    assert any(
        line.startswith("tiny-labels") and " labels " in line for line in capsys.readouterr().out.splitlines()
    )
    assert main(["models", "show", "tiny-labels"]) == 0
    assert len(json.loads(capsys.readouterr().out)["thresholds"]) == 171
