"""From a recipe's name to a package with its figures, on stand-in phantoms."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from cube_fakes import fake_cubes
from lesionscope.training.radpath import evaluate as evaluation

from lesionscope import training
from lesionscope.errors import InputError
from lesionscope.models.package import open_package
from lesionscope.models.pathology_net import load
from lesionscope.phantom import difficulty, radpath

SPLITS = ["data.train=33", "data.validation=22", "data.test=44", "epochs=2", "familiarity.bank=20"]


@pytest.fixture(scope="module")
def run(tiny_settings, tmp_path_factory):
    """The folder of a finished run on stand-ins."""
    out = tmp_path_factory.mktemp("radpath") / "run"
    labels = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(radpath, "cubes", fake_cubes)
        patch.setattr(difficulty, "recorded", lambda: {"baseline": {"mean_leaf_auc": 0.6}})
        patch.setattr(evaluation, "RESAMPLES", 20)
        training.run("radpath-demo", [*tiny_settings, *SPLITS], out, lambda d, t, text: labels.append(text))
        assert any(text.startswith("Epoch 2 of 2") for text in labels)
        yield out


def test_train_then_evaluate(run, tiny_settings, tmp_path):
    out = run
    assert {p.name for p in out.iterdir()} == {"checkpoint.pt", "log.jsonl", "metrics.json", "package"}
    package = open_package(out / "package")
    package.verify()
    card = package.card
    assert card.name == "radpath-demo" and card.demonstration and card.scope == "lung"
    assert card.training_data["train"] == dict.fromkeys(package.tree.leaves, 3)
    assert package.bank().shape == (20, sum(load(package).embedding_groups))
    assert len(card.familiarity.calibration_distances) == 22
    metrics = json.loads((out / "metrics.json").read_text())
    assert len(metrics["epochs"]) == 2 and metrics["recipe"]["data"]["train"] == 33

    digest = package.sha256
    figures = training.evaluate("radpath-demo", out, tmp_path / "scores", [*tiny_settings, *SPLITS])
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["test"] == figures
    written = open_package(out / "package")
    written.verify()
    assert written.card.metrics["test"] == figures and written.sha256 != digest
    assert figures["cases"] == 44 and set(figures["calibration"]) == {"H1", "H2", "H3", "H4"}
    gap = figures["gap"]
    oracle, model = gap["oracle"]["value"], figures["mean_leaf_auc"]["value"]
    assert gap["closed"]["value"] == pytest.approx((model - 0.6) / (oracle - 0.6), abs=1e-3)
    assert gap["closed"]["low"] <= gap["closed"]["value"] <= gap["closed"]["high"]
    assert 0 <= figures["unfamiliar"]["as_scanned"] <= 1

    # Figures belong to the package as it ships: torch gives the same answer.
    again = training.evaluate("radpath-demo", out / "package", tmp_path / "again", [*tiny_settings, *SPLITS])
    assert again == figures


def test_a_finished_run_is_packaged_again_without_training(run, tiny_settings):
    labels = []
    first = (run / "package" / "model.onnx").read_bytes()
    training.run("radpath-demo", [*tiny_settings, *SPLITS], run, lambda d, t, text: labels.append(text))
    assert not any(text.startswith("Epoch") for text in labels)
    assert (run / "package" / "model.onnx").read_bytes() == first


def test_evaluate_needs_a_package(tmp_path):
    with pytest.raises(InputError, match="neither a model package nor the folder of a finished run"):
        training.evaluate("radpath-demo", tmp_path, tmp_path / "out")


BEASTS = {
    "name": "beasts",
    "nodes": [
        {"tag": "bird", "name": "Bird", "parent": None},
        {"tag": "fish", "name": "Fish", "parent": None},
        {"tag": "crow", "name": "Crow", "parent": "bird"},
        {"tag": "finch", "name": "Finch", "parent": "bird"},
        {"tag": "raven", "name": "Raven", "parent": "crow"},
        {"tag": "rook", "name": "Rook", "parent": "crow"},
        {"tag": "forest", "name": "Forest", "parent": "raven"},
        {"tag": "northern", "name": "Northern", "parent": "raven"},
    ],
    "heads": {"kind": None, "birds": "bird", "crows": "crow", "ravens": "raven"},
    "leaky": ["crows"],
}


@pytest.mark.parametrize("kind", ["leaky-dense", "leaf-node"])
def test_training_from_real_volumes(kind, tiny_settings, tmp_path):
    """Five NIfTI volumes with a lesion a leaf: the CSV path from file to package, for any tree."""
    import SimpleITK

    from lesionscope.ontology.tree import load_tree

    path = tmp_path / "beasts.json"
    path.write_text(json.dumps(BEASTS))
    other = kind == "leaf-node"
    leaves = load_tree(path if other else None).leaves
    rng = np.random.default_rng(0)
    rows = ["path,x,y,z,leaf,subset"]
    for subset in range(5):
        hu = rng.normal(-800, 40, (40, 40, 40))
        hu[:, 30:] += 840  # soft tissue behind the lung
        image = SimpleITK.GetImageFromArray(hu.astype(np.int16))
        image.SetSpacing((2.0, 2.0, 2.0))
        image.SetOrigin((-40.0, -40.0, -40.0))
        SimpleITK.WriteImage(image, str(tmp_path / f"ct{subset}.nii.gz"))
        for i, leaf in enumerate(leaves):
            rows.append(f"ct{subset}.nii.gz,{3 * i - 15},0,5,{leaf},{subset}")
    (tmp_path / "lesions.csv").write_text("\n".join(rows) + "\n")
    settings = [
        *tiny_settings,
        "network.stem=monai",
        f"network.kind={kind}",
        f"data.tree='{path if other else ''}'",
        "epochs=1",
        f"data.manifest={tmp_path / 'lesions.csv'}",
        f"data.cache={tmp_path / 'cache'}",
        "augmentation.angle_deg=0",
        "familiarity.bank=10",
    ]
    result = training.run("radpath-paper", settings, tmp_path / "run")
    assert result.package.card.training_data["train"] == dict.fromkeys(leaves, 3)
    assert not result.package.card.demonstration
    assert len(list((tmp_path / "cache").iterdir())) == 4 * len(leaves)
    figures = training.evaluate("radpath-paper", tmp_path / "run", tmp_path / "scores", settings)
    assert figures["cases"] == len(leaves) and "gap" not in figures


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["package.scope=Lung"], "'radpath-paper': the scope must be lung or any, not 'Lung'"),
        (
            [f"data.tree={files('lesionscope.ontology') / 'chest_xray.json'}"],
            "siblings in the tree .* must be exclusive",
        ),
    ],
    ids=["scope", "tree"],
)
def test_a_model_that_would_be_misread_is_not_trained(settings, said, tmp_path):
    with pytest.raises(InputError, match=said):
        training.run("radpath-paper", ["data.manifest=none.csv", *settings], tmp_path / "run")


def test_importing_training_loads_no_torch():
    code = "import sys, lesionscope.training as t; t.recipes_by_name(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
