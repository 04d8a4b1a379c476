"""The relation network's shape, padding and plug; its package on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.errors import InputError
from lesionscope.models import registry
from lesionscope.models.package import BUNDLED
from lesionscope.models.relation_cnn import PAD, RelationCNN, RelationSpec
from lesionscope.models.relation_package import (
    RELATIONS,
    card_from_dict,
    find_relation_package,
    open_relation_package,
)

SPEC = RelationSpec((40, 5, 7), (6, 2, 3), widths=(1, 3), filters=8)


def tokens(n: int, length: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.integers(0, size, (n, length)) for size in SPEC.sizes], axis=2)
    rows[:, :, 0] = rng.integers(1, SPEC.sizes[0], (n, length))
    return torch.from_numpy(rows)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 4), length=st.integers(1, 30), more=st.integers(1, 20))
def test_padding_changes_nothing(n: int, length: int, more: int) -> None:
    torch.manual_seed(0)
    network = RelationCNN(SPEC).eval()
    rows = tokens(n, length)
    padded = torch.cat([rows, torch.full((n, more, len(SPEC.sizes)), PAD)], dim=1)
    with torch.no_grad():
        short, long = network(rows), network(padded)
    assert short.shape == (n, SPEC.relations)
    assert torch.allclose(short, long, atol=1e-6)


def test_order_of_words_matters_beyond_width_one() -> None:
    torch.manual_seed(0)
    network = RelationCNN(SPEC).eval()
    rows = tokens(1, 9)
    with torch.no_grad():
        assert not torch.allclose(network(rows), network(rows.flip(1)))


def test_word_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network = RelationCNN(RelationSpec((40, 5), (6, 2), dropout=0.0, word_dropout=0.9))
    rows = tokens(3, 12)[:, :, :2]
    with torch.no_grad():
        assert not torch.equal(network.train()(rows), network(rows))
        assert torch.equal(network.eval()(rows), network(rows))


def test_sentence_embedding_is_a_plug() -> None:
    torch.manual_seed(0)
    network = RelationCNN(RelationSpec((40, 5, 7), (6, 2, 3), sentence=4)).eval()
    rows = tokens(2, 6)
    one, other = torch.zeros(2, 4), torch.ones(2, 4)
    with torch.no_grad():
        assert not torch.allclose(network(rows, one), network(rows, other))
    with pytest.raises(ValueError, match="sentence embeddings"):
        network(rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizes": (), "dims": ()},
        {"sizes": (4,), "dims": (2, 2)},
        {"widths": (2,)},
        {"filters": 0},
        {"dropout": 1.0},
    ],
)
def test_shapes_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|as many"):
        RelationSpec(**{"sizes": (4,), "dims": (2,), **wrong})  # type: ignore[arg-type]


def test_bundled_package_is_small_whole_and_a_demonstration() -> None:
    package = find_relation_package()
    package.verify()
    assert package.card.demonstration
    assert "not for clinical use" in package.card.intended_use
    assert sum(file.stat().st_size for file in package.folder.iterdir()) < 3e6
    test = package.card.metrics["test"]
    assert test["model"]["macro_f1"] >= 0.93
    assert test["model"]["macro_f1"] >= test["baseline"]["macro_f1"] + 0.08


def test_registry_of_lesion_models_leaves_relation_models_alone() -> None:
    survey = registry.survey(folders=[BUNDLED])
    assert not survey.problems
    assert all(package.card.task != "relation" for package in survey.packages)
    assert [package.name for package in RELATIONS.survey([BUNDLED]).packages] == ["relation-demo"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(find_relation_package().folder, tmp_path / "mine"))


def test_a_changed_file_is_noticed(copied: Path) -> None:
    with (copied / "model.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match="changed or damaged"):
        open_relation_package(copied).verify()


def test_a_missing_file_and_no_package_are_named(copied: Path, tmp_path: Path) -> None:
    (copied / "weights.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks weights\.safetensors"):
        open_relation_package(copied)
    with pytest.raises(InputError, match="not a model package"):
        open_relation_package(tmp_path / "none")
    with pytest.raises(InputError, match="no relation model named 'other'; installed: relation-demo"):
        find_relation_package("other")


@pytest.mark.parametrize(
    ("key", "value"),
    [("task", "pathology"), ("sizes", [1]), ("limits", "none"), ("demonstration", 1), ("extra", 1)],
)
def test_cards_are_read_strictly(key: str, value: object) -> None:
    data = json.loads((find_relation_package().folder / "card.json").read_text(encoding="utf-8"))
    with pytest.raises(InputError, match=key):
        card_from_dict({**data, key: value}, "card.json")
