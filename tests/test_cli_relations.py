"""``lesionscope mine --relations``: rules by default, the bundled model or one of one's own on request."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lesionscope import cli
from lesionscope.models.relation_package import find_relation_package

TEXT = "Spiculated nodule in the right upper lobe BOOKMARK and cyst in the liver OTHER_BMK, no adenopathy.\n"


@pytest.fixture
def sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    path = tmp_path / "sentences.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def mine(path: Path, *options: str) -> int:
    return cli.main(["mine", str(path), "--workers", "1", *options])


def test_model_relates_and_says_that_it_is_a_demonstration(
    sentences: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mine(sentences, "--relations", "model") == 0
    said = capsys.readouterr()
    row = json.loads(said.out)
    related = {(m["label"], m["bookmark"]): m["relation"] for m in row["mentions"]}
    assert related["nodule", 0] == related["right upper lobe", 0] == "relevant"
    assert related["liver", 0] == related["lymphadenopathy", 0] == "irrelevant"
    assert related["liver", 1] == "relevant"
    assert "a demonstration, not for clinical use" in said.err


def test_rules_are_the_default_and_say_nothing_of_models(
    sentences: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mine(sentences) == 0
    assert "model" not in capsys.readouterr().err


def test_a_package_of_ones_own_by_its_path(
    sentences: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = shutil.copytree(find_relation_package().folder, tmp_path / "own")
    assert mine(sentences, "--relations", str(own)) == 0
    assert json.loads(capsys.readouterr().out)["mentions"]


def test_no_such_model_is_said(sentences: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert mine(sentences, "--relations", "none-such") != 0
    assert "no relation model named 'none-such'" in capsys.readouterr().err


def test_models_lists_and_shows_it(sentences: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list"]) == 0
    assert "relation-demo" in capsys.readouterr().out
    assert cli.main(["models", "show", "relation-demo"]) == 0
    assert json.loads(capsys.readouterr().out)["task"] == "relation"
