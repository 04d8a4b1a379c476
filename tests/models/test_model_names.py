"""A package of any task is found by its folder, by its card or by its path, and none is passed over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lesionscope import cli, config, doctor
from lesionscope.errors import InputError
from lesionscope.models import registry
from lesionscope.models.card_form import TASKS
from lesionscope.models.package import Kind

BUNDLED = [kind for kind in registry.kinds() if kind.default]
of_each_task = pytest.mark.parametrize("kind", BUNDLED, ids=lambda kind: kind.task)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of packages, and nothing else around."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "models"


def another(kind: Kind[Any], folder: Path, **entries: object) -> Path:
    """Copy a task's bundled package, with other entries on its card."""
    shutil.copytree(registry.BUNDLED / kind.default, folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps(card | entries), encoding="utf-8")
    return folder


def damage(folder: Path) -> None:
    with next(folder.glob("*.onnx")).open("ab") as stream:
        stream.write(b"x")


def said(models: Path) -> list[doctor.Check]:
    return [check for check in doctor._models(config.load()) if not check.ok]


def test_every_task_has_its_kind() -> None:
    assert tuple(kind.task for kind in registry.kinds()) == TASKS


@of_each_task
def test_a_package_has_two_names_and_its_folder_goes_first(kind: Kind[Any], models: Path) -> None:
    ours = another(kind, models / "ours", name="wing")
    assert kind.find("ours").folder == kind.find("wing").folder == ours
    assert kind.find().folder == registry.BUNDLED / kind.default
    wing = another(kind, models / "wing", name="ours")
    assert kind.find("ours").folder == ours and kind.find("wing").folder == wing
    mine = another(kind, models / "zz")
    assert kind.find().folder == kind.find(kind.default).folder == mine, "the user's goes first"
    with pytest.raises(InputError, match=rf"no {kind.called} named 'nowhere'; installed: wing, ours, "):
        kind.find("nowhere")


@of_each_task
@pytest.mark.parametrize("folder", ["", "mine"], ids=["of that name", "with that name on its card"])
def test_a_package_that_cannot_be_used_is_not_passed_over(kind: Kind[Any], models: Path, folder: str) -> None:
    place = another(kind, models / (folder or kind.default), version="9.9.9", colour=1)
    for name in (kind.default, None):
        with pytest.raises(InputError, match=r"entries this version does not know \(colour\)"):
            kind.find(name)
    (bad,) = said(models)
    assert "colour" in bad.found and f"mv '{place}' '" in bad.remedy
    shutil.move(*(part for part in bad.remedy.split("'") if part.startswith("/")))
    assert kind.find().folder == registry.BUNDLED / kind.default and not said(models)


@of_each_task
def test_another_tasks_package_is_named_as_such(kind: Kind[Any], models: Path) -> None:
    other = next(one for one in BUNDLED if one is not kind)
    another(other, models / kind.default)
    assert kind.find(kind.default).folder == registry.BUNDLED / kind.default, "of its own task one is there"
    for name in (other.default, str(models / kind.default)):
        with pytest.raises(InputError, match=f"for the task '{other.task}', not '{kind.task}'"):
            kind.find(name)


@of_each_task
def test_show_opens_a_path_and_both_names(
    kind: Kind[Any], models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    another(kind, models / "ours", name="wing")
    elsewhere = another(kind, tmp_path / "elsewhere", name="away")
    for name, shown in {"ours": "wing", "wing": "wing", str(elsewhere): "away", "elsewhere": "away"}.items():
        assert cli.main(["models", "show", name]) == 0
        assert json.loads(capsys.readouterr().out)["name"] == shown
    damage(elsewhere)
    assert cli.main(["models", "show", str(elsewhere)]) == 3
    assert "was changed or damaged" in capsys.readouterr().err


def test_show_says_what_there_is_and_what_is_no_package(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["models", "show", "nowhere"]) == 3
    error = capsys.readouterr().err
    assert "no model named 'nowhere'" in error and all(kind.default in error for kind in BUNDLED)
    assert cli.main(["models", "show", str(tmp_path)]) == 3
    assert "is not a model package" in capsys.readouterr().err
    another(BUNDLED[0], models / "new", task="organs")
    assert cli.main(["models", "show", "new"]) == 3
    assert "names no task that this version knows" in capsys.readouterr().err
    assert cli.main(["models", "list"]) == 0
    assert capsys.readouterr().err.count("names no task") == 1


@pytest.mark.parametrize("key", ["pathology_model", "label_model"])
def test_the_doctor_looks_at_a_model_named_by_path(
    key: str, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = BUNDLED[0] if key == "pathology_model" else BUNDLED[1]
    ours = another(kind, tmp_path / "ours", name="wing")
    monkeypatch.setenv(config.variable_of(key), str(ours))
    assert not said(models) and "model wing" in [check.name for check in doctor._models(config.load())]
    damage(ours)
    (bad,) = said(models)
    assert "was changed or damaged" in bad.found
    assert bad.remedy == f"export {config.variable_of(key)}={kind.default}"
    monkeypatch.setenv(config.variable_of(key), "nowhere")
    (bad,) = said(models)
    assert f"no {kind.called} named 'nowhere'" in bad.found
