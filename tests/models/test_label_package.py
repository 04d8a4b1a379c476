"""Label packages: strict cards, guarded files, found by name or path, passed over by the registry."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_label_package import make_label_package

from lesionscope.config import Config
from lesionscope.errors import InputError
from lesionscope.inference.label_reader import open_label_reader
from lesionscope.models import registry
from lesionscope.models.label_package import (
    DEFAULT,
    LabelCard,
    card_from_dict,
    find_label_package,
    ontology_digest,
    open_label_package,
    survey_labels,
)
from lesionscope.models.lesanet.network import load_lesanet
from lesionscope.ontology.label_graph import load_labels


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_label_package(tmp_path_factory.mktemp("packages") / "tiny-labels")


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    edit(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_a_package_opens_verifies_and_its_card_reads_back(made: Path) -> None:
    package = open_label_package(made)
    package.verify()
    again = card_from_dict(json.loads(package.card.as_json()), "x")
    assert isinstance(again, LabelCard) and again.as_dict() == package.card.as_dict()
    assert len(package.card.labels) == 171 and len(package.sha256) == 64


def test_its_weights_make_its_network(made: Path) -> None:
    network = load_lesanet(open_label_package(made))
    answer = network(torch.zeros(1, 3, 120, 120), torch.tensor([[40.0, 40.0, 80.0, 80.0]]))
    assert answer.refined.shape == (1, 171) and answer.embedding.shape == (1, 32)


def test_a_package_without_known_lesions_has_no_familiarity(tmp_path: Path) -> None:
    package = open_label_package(make_label_package(tmp_path / "plain", familiar=False))
    package.verify()
    assert package.familiarity([0.0] * 45) is None


def test_familiarity_ranks_an_embedding(made: Path) -> None:
    package = open_label_package(made)
    near, far = package.familiarity([[0.0] * 45, [50.0] * 45])
    assert near > 0.5 and far == pytest.approx(1 / 61)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda card: card.update(task="pathology"), "task"),
        (
            lambda card: card["labels"].__setitem__(3, "no such label"),
            r"vocabulary.*\(no such label\)",
        ),
        (lambda card: card["labels"].__setitem__(3, card["labels"][4]), "'labels'"),
        (lambda card: card["thresholds"].pop(), "thresholds"),
        (lambda card: card["thresholds"].__setitem__(0, 0.0), "above 0"),
        (lambda card: card["preprocessing"].update(spacing_mm=2.0), "preprocessing"),
        (lambda card: card["onnx"]["outputs"].remove("refined"), "outputs"),
        (lambda card: card["familiarity"].update(layer="elsewhere"), "familiarity"),
        (lambda card: card.update(familiarity=None), "bank"),
        (lambda card: card.update(calibration={"method": "x"}), "calibration"),
        (lambda card: card.pop("ontology"), "ontology"),
    ],
)
def test_a_card_that_is_half_understood_is_refused(
    copy: Path, edit: Callable[[dict[str, Any]], object], what: str
) -> None:
    change(copy, edit)
    with pytest.raises(InputError, match=what):
        open_label_package(copy)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx", "bank.safetensors"])
def test_missing_and_changed_files_are_refused(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"changed")
    with pytest.raises(InputError, match="changed or damaged"):
        open_label_package(copy).verify()
    (copy / name).unlink()
    with pytest.raises(InputError, match=name):
        open_label_package(copy)


def test_a_package_is_found_by_name_and_path_and_the_pathology_registry_passes_it_over(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    shutil.copytree(made, tmp_path / "models" / "tiny-labels")
    assert find_label_package("tiny-labels").folder == tmp_path / "models" / "tiny-labels"
    assert find_label_package(made).folder == made
    assert [p.name for p in survey_labels([tmp_path / "models"]).packages] == ["tiny-labels"]
    survey = registry.survey(folders=[tmp_path / "models"])
    assert survey.packages == () and survey.problems == ()
    with pytest.raises(InputError, match="tiny-labels"):
        find_label_package("another")


def test_packages_that_do_not_open_are_told_and_hide_no_sound_one(
    copy: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    (models / "unreadable").mkdir(parents=True)
    (models / "unreadable" / "card.json").write_text("{")
    shutil.copytree(made, models / "halved")
    (models / "halved" / "model.onnx").unlink()
    seen = survey_labels([models])
    assert seen.packages == ()
    lacking, unreadable = seen.problems
    assert "halved lacks model.onnx; install" in lacking and "not valid JSON" in unreadable
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    monkeypatch.setattr("lesionscope.models.package.BUNDLED", tmp_path / "nothing")
    with pytest.raises(InputError, match=r"No label model can be used: .*halved lacks"):
        open_label_reader(Config())
    (models / "sound").symlink_to(copy, target_is_directory=True)
    reader = open_label_reader(Config())
    assert reader is not None and reader.package.folder == models / "sound"
    (models / "halved").rename(models / DEFAULT)  # one's own, that was to answer in the bundled one's place
    with pytest.raises(InputError, match=rf"{DEFAULT} lacks model.onnx"):
        open_label_reader(Config())
    shutil.rmtree(models)
    assert open_label_reader(Config()) is None


def test_the_digest_of_the_ontology_changes_with_what_labels_mean() -> None:
    labels = load_labels().core
    assert ontology_digest(labels) == ontology_digest(labels)
    assert ontology_digest(labels) != ontology_digest(labels[:-1])
    assert ontology_digest(labels) != ontology_digest(labels[::-1])


def test_the_doctor_checks_label_packages_too(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lesionscope import config, doctor

    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny-labels").symlink_to(copy, target_is_directory=True)
    sound = {check.name: check.ok for check in doctor._models(config.load())}
    assert sound["model tiny-labels"]
    (copy / "model.onnx").write_bytes(b"changed")
    (bad,) = [check for check in doctor._models(config.load()) if not check.ok]
    assert bad.name == "model tiny-labels" and "changed or damaged" in bad.found


def test_scoring_a_package_again_leaves_its_embeddings_their_bank(copy: Path) -> None:
    before = open_label_package(copy)
    whole = before.sha256
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"metrics": {"test": "again"}}))
    after = open_label_package(copy)
    assert after.sha256 != whole
    assert after.embedding_sha256 == before.embedding_sha256
    other = dict(card["sha256"]) | {"onnx": "0" * 64}
    (copy / "card.json").write_text(json.dumps(card | {"sha256": other}))
    assert open_label_package(copy).embedding_sha256 != before.embedding_sha256
