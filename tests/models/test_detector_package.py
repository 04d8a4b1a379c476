"""Detector packages: strict cards, guarded files, found by name or path, passed over by the registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionscope import cli
from lesionscope.errors import InputError
from lesionscope.models import registry
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.spec import DetectorSpec
from lesionscope.models.detector_package import (
    DETECTORS,
    FILES,
    DetectionRules,
    DetectorCard,
    card_from_dict,
    open_detector_package,
)
from lesionscope.models.package import Survey


def card(sha256: dict[str, str]) -> DetectorCard:
    return DetectorCard(
        name="tiny",
        version="1.0",
        task="detection",
        title="A tiny detector",
        demonstration=True,
        scope="any",
        intended_use="Tests.",
        limits=("It has learnt nothing.",),
        categories=("lung", "liver"),
        padding_px=20.0,
        input=DetectorInput(longest=128),
        network=DetectorSpec(width=0.125, categories=2, hidden=128),
        rules=DetectionRules(least=0.05),
        opset=18,
        training_data={"slices": 0},
        metrics={},
        licence="BSD-3-Clause",
        sha256=sha256,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tiny"
    made.mkdir()
    for key, name in FILES.items():
        (made / name).write_bytes(key.encode())
    digests = {key: hashlib.sha256(key.encode()).hexdigest() for key in FILES}
    (made / "card.json").write_text(card(digests).as_json())
    return made


def test_a_package_opens_verifies_and_its_card_reads_back(folder: Path) -> None:
    package = open_detector_package(folder)
    package.verify()
    assert package.card == card_from_dict(json.loads(package.card.as_json()), "x")
    assert package.card.input.longest == 128 and package.card.network.categories == 2
    (folder / "head.onnx").write_bytes(b"another")
    with pytest.raises(InputError, match=r"head\.onnx was changed"):
        package.verify()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda card: card.pop("rules"), "lacks rules"),
        (lambda card: card.update(colour=1), "colour"),
        (lambda card: card.update(task="labels"), "task"),
        (lambda card: card.update(categories=["lung"]), "categories"),
        (lambda card: card.update(padding_px=-1), "padding_px"),
        (lambda card: card["input"].pop("knots"), "input"),
        (lambda card: card["input"].update(longest=0), "input"),
        (lambda card: card["rules"].update(final_nms=2), "overlaps"),
        (lambda card: card["network"].update(width=0.3), "width"),
        (lambda card: card["network"].update(pool4=0), "pool4"),
    ],
)
def test_a_card_that_makes_no_sense_is_refused(
    folder: Path, edit: Callable[[dict[str, Any]], object], said: str
) -> None:
    data = json.loads((folder / "card.json").read_text())
    edit(data)
    (folder / "card.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=said):
        open_detector_package(folder)


def test_it_is_found_by_path_and_listed_and_no_other_kind_is_taken_for_it(folder: Path) -> None:
    assert DETECTORS.find(folder).name == "tiny"
    assert [one.name for one in DETECTORS.survey([folder.parent]).packages] == ["tiny"]
    assert registry.survey([folder.parent]) == Survey((), ())
    with pytest.raises(InputError, match="task 'pathology', not 'detection'"):
        DETECTORS.find("radpath-demo")
    with pytest.raises(InputError, match="no lesion detector named 'nowhere'"):
        DETECTORS.find("nowhere")


def test_the_command_line_lists_it_and_shows_its_card(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(folder.parent))
    (folder.parent / "models").mkdir()
    folder.rename(folder.parent / "models" / "tiny")
    assert cli.main(["models", "list"]) == 0
    assert "A tiny detector" in capsys.readouterr().out
    assert cli.main(["models", "show", "tiny"]) == 0
    assert json.loads(capsys.readouterr().out)["rules"]["final_nms"] == 0.3
