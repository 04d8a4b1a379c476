"""Recipes are read strictly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lesionscope.training import recipes, recipes_by_name

from lesionscope.errors import InputError, UsageError


def test_the_demonstration_and_the_papers_protocol_ship():
    assert {"radpath-demo", "radpath-paper"} <= set(recipes_by_name())
    demo, paper = recipes.load("radpath-demo"), recipes.load("radpath-paper")
    assert demo.network.stem == "monai" and demo.network.kind == "leaky-dense"
    assert demo.data.source == "phantom" and demo.data.test >= 200 * 11
    assert demo.package.name == "radpath-demo" and demo.package.demonstration
    assert "not for clinical use" in demo.package.intended_use
    assert (paper.epochs, paper.batch, paper.network.stem) == (200, 16, "densesharp")
    schedule = paper.optimisation
    assert (schedule.schedule, schedule.lr, schedule.step_epochs) == ("step", 0.01, 20)
    assert schedule.step_factor == pytest.approx(1 / 3)
    assert (paper.network.growth, paper.network.blocks, paper.network.bottleneck) == (16, (8, 4, 4), 64)
    assert paper.class_weights and paper.data.source == "manifest"


def test_changes_reach_nested_keys_with_their_types():
    recipe = recipes.load(
        "radpath-demo", ["optimisation.lr=1", "network.blocks=[2,2,2]", "package.title=Mine"]
    )
    assert recipe.optimisation.lr == 1.0 and isinstance(recipe.optimisation.lr, float)
    assert recipe.network.blocks == (2, 2, 2) and recipe.package.title == "Mine"
    assert recipes.load("radpath-demo", {"epochs": 4}).epochs == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("epoch=3", "no key 'epoch'.*epochs"),
        ("optimisation.momentum=3", "no key 'momentum' in 'optimisation'"),
        ("epochs=many", "'epochs' must be a whole number"),
        ("epochs=true", "'epochs' must be a whole number"),
        ("optimisation.lr=fast", "must be a number"),
        ("optimisation=3", "must hold keys"),
        ("augmentation.flip=1", "true or false"),
        ("network.blocks=4", "must be a list"),
        ("preprocessing.clip_hu=[1]", "must hold 2 values"),
        ("network.stem=vgg", "monai, densesharp, stride2"),
        ("network.kind=flat", "leaky-dense"),
        ("data.frequencies=equal", "balanced or table1"),
        ("data.train_subsets=[4]", "different ones"),
        ("augmentation.shift=20", "0…8"),
        ("familiarity.rule.method=cosine", "mahalanobis"),
        ("batch=1", "batch at least 2"),
        ("epochs", "key=value"),
        ("=3", "key=value"),
        ("epochs=[", "can't be read"),
    ],
)
def test_a_wrong_change_is_a_usage_error_that_names_it(change, words):
    with pytest.raises(UsageError, match=words):
        recipes.load("radpath-demo", [change])


def test_an_unknown_recipe_lists_the_names():
    with pytest.raises(InputError, match=r"radpath-demo, .*radpath-paper"):
        recipes.load("radpath")
    with pytest.raises(InputError, match="no recipe file"):
        recipes.load("folder/mine.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task: radpath\nname: x\ntitle: y\n", "lacks package"),
        ("task: none\n", "task: radpath"),
        ("- 1\n", "must hold keys and values"),
        ("task: [\n", "can't be read as a recipe"),
        ("task: radpath\nname: x\ntitle: y\ncolour: red\n", "no key 'colour'"),
        ("task: radpath\nname: x\ntitle: y\npackage: {name: a}\n", "'package' lacks"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        recipes.load(path)
    assert str(path) in str(caught.value)


def test_a_copy_of_a_recipe_is_the_same_recipe(tmp_path):
    path = tmp_path / "copy.yaml"
    path.write_text((recipes.FOLDER / "radpath-demo.yaml").read_text())
    assert recipes.load(path) == recipes.load("radpath-demo")


def test_settings_in_recipes_comments_can_be_typed_as_they_stand():
    told = 0
    for name in recipes_by_name():
        lines = (Path(recipes.__file__).parent / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        comment = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
        settings = re.findall(r"(\S+) ([a-z_.]+=[^\s;,]+)", comment)
        assert {before for before, _ in settings} <= {"--set"}, name
        recipes.load(name, [setting.rstrip(".:") for _, setting in settings])
        told += len(settings)
    assert told > 10
