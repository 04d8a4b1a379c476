"""Tables of real chest X-rays: labels, splits, images, and DenseNet-121 on them."""

from __future__ import annotations

import csv
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training import recipes
from lesionscope.training.hmlc import xrays
from lesionscope.training.hmlc.dataset import inputs, load_split, tree_of
from lesionscope.training.hmlc.recipe import Data, HmlcRecipe
from lesionscope.training.hmlc.trainer import Trainer
from lesionscope.training.hmlc.xrays import read_image, read_table
from PIL import Image

from lesionscope.errors import InputError
from lesionscope.ontology.tree import CHEST_XRAY, load_bundled_tree

TREE = load_bundled_tree(CHEST_XRAY)


def write(folder: Path, rows: list[dict[str, str]], columns: list[str] | None = None) -> Path:
    path = folder / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns or ["image", "patient", "split", *TREE.leaves])
        writer.writeheader()
        writer.writerows(rows)
    return path


def picture(path: Path, shape: tuple[int, int] = (50, 40), bits: int = 16, seed: int = 0) -> None:
    values = np.random.default_rng(seed).integers(0, 2**bits, shape)
    Image.fromarray(values.astype(np.uint16 if bits == 16 else np.uint8)).save(path)


def folder_of(tmp_path: Path, count: int = 6) -> Data:
    rows = []
    for number in range(count):
        name = f"film{number}.{('png', 'tif')[number % 2]}"
        picture(tmp_path / name, seed=number)
        split = ("train", "train", "validation", "test")[number % 4]
        rows.append({"image": name, "patient": f"p{number}", "split": split, "nodule": str(number % 2)})
    return Data("xrays", table=str(write(tmp_path, rows)), folder=str(tmp_path), side=32)


def test_labels_get_their_ancestors_and_pixels_their_size(tmp_path: Path) -> None:
    data = folder_of(tmp_path)
    train = load_split(data, TREE, "train")
    tags = [node.tag for node in TREE.nodes]
    assert train.pixels.shape == (4, 32, 32) and train.pixels.dtype == np.uint16
    ill = train.labels[:, tags.index("nodule")]
    assert ill.tolist() == [False, True, False, True]
    for tag in ("nodules-masses", "pulmonary", "abnormality"):
        assert train.labels[:, tags.index(tag)].tolist() == ill.tolist()
    assert train.labels.sum() == 2 * 4
    assert len(set(train.patients)) == 4


def test_a_cache_gives_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = folder_of(tmp_path)
    cached = replace(data, cache=str(tmp_path / "cache"))
    first = load_split(cached, TREE, "train").pixels
    with monkeypatch.context() as patched:
        patched.setattr(xrays, "read_image", None)
        again = load_split(cached, TREE, "train").pixels
    assert isinstance(again, np.memmap)
    assert np.array_equal(first, again) and len(np.unique(first)) > 100
    if os.name != "nt":  # Windows has no modes
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").iterdir()}
        assert modes == {0o600}, "patients' pixels are their owner's alone"
    for path in tmp_path.glob("film*"):
        path.unlink()
    with pytest.raises(InputError, match="film0"):
        load_split(data, TREE, "train")


def test_an_image_that_was_corrected_is_read_again(tmp_path: Path) -> None:
    data = replace(folder_of(tmp_path), cache=str(tmp_path / "cache"))
    first = load_split(data, TREE, "train")
    picture(tmp_path / "film0.png", shape=(40, 50), seed=77)
    second = load_split(data, TREE, "train")
    assert np.array_equal(second.pixels[0], read_image(tmp_path / "film0.png", 32))
    assert not np.array_equal(first.pixels[0], second.pixels[0])
    assert np.array_equal(first.pixels[1:], second.pixels[1:])
    assert first.digest != second.digest == load_split(data, TREE, "train").digest


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_an_image_is_padded_to_a_square_and_keeps_its_depth(tmp_path: Path, suffix: str) -> None:
    bits = 8 if suffix == "jpg" else 16
    values = np.zeros((40, 80), np.uint8 if bits == 8 else np.uint16)
    values[:, 40:] = 200 if bits == 8 else 50_000
    Image.fromarray(values).save(tmp_path / f"film.{suffix}")
    read = read_image(tmp_path / f"film.{suffix}", 40)
    assert read.shape == (40, 40)
    assert abs(int(read[:, 22:].min()) - int(values.max())) <= 3 and read[:, :18].max() <= 3


def test_colours_become_grey(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40, 3), (90, 90, 90), np.uint8)).save(tmp_path / "film.png")
    assert (read_image(tmp_path / "film.png", 40) == 90).all()


def test_patients_without_a_split_are_dealt_by_name_seventy_ten_twenty(tmp_path: Path) -> None:
    rows = [{"image": f"{n}.png", "patient": f"p{n // 2}"} for n in range(4000)]
    columns = ["image", "patient", *TREE.leaves]
    lines = read_table(write(tmp_path, rows, columns), TREE)
    shares = [np.mean([line.split == split for line in lines]) for split in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.03)
    assert all(lines[n].split == lines[n + 1].split for n in range(0, 4000, 2))
    assert read_table(write(tmp_path, rows[:100], columns), TREE) == lines[:100]


def test_columns_are_known_whatever_their_case_and_separator(tmp_path: Path) -> None:
    rows = [
        {"image": f"{n}.png", "patient": f"p{n}", "split": "test", TREE.leaves[0]: "1"} for n in range(20)
    ]
    expected = read_table(write(tmp_path, rows), TREE)
    assert {line.split for line in expected} == {"test"}
    path = write(tmp_path, rows)
    header, _, body = path.read_text(encoding="utf-8").partition("\n")
    columns = [f" {name.title()} " for name in header.strip().split(",")]
    path.write_text("\ufeff" + (",".join(columns) + "\n" + body).replace(",", ";"), encoding="utf-8")
    assert read_table(path, TREE) == expected
    path.write_text(f"{header.strip()},Split\n{body}", encoding="utf-8")
    with pytest.raises(InputError, match="'split' twice"):
        read_table(path, TREE)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"image": "a.png", "patient": "p", "nodule": "2"}, "line 2: 'nodule' must be 0 or 1"),
        ({"image": "", "patient": "p"}, "must not be empty"),
        ({"image": "a.png", "patient": "p", "split": "dev"}, "'split' must be"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, row: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_table(write(tmp_path, [row]), TREE)


def test_what_a_table_must_not_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the columns patient"):
        read_table(write(tmp_path, [{"image": "a"}], ["image", *TREE.leaves[1:]]), TREE)
    with pytest.raises(InputError, match="holds no image"):
        read_table(write(tmp_path, []), TREE)
    with pytest.raises(InputError, match="there is no such file"):
        read_table(tmp_path / "none.csv", TREE)
    twice = [{"image": str(n), "patient": "p", "split": s} for n, s in enumerate(("train", "test"))]
    with pytest.raises(InputError, match="two splits"):
        read_table(write(tmp_path, twice), TREE)
    (tmp_path / "film.png").write_text("no image", encoding="utf-8")
    with pytest.raises(InputError, match="as an image"):
        read_image(tmp_path / "film.png", 32)
    data = Data("xrays", table=str(write(tmp_path, twice[:1])), folder=str(tmp_path), side=32)
    with pytest.raises(InputError, match="no image of the split 'test'"):
        load_split(data, TREE, "test")


def test_densenet_121_learns_from_a_table(tmp_path: Path) -> None:
    data = folder_of(tmp_path)
    loaded = recipes.load(
        "hmlc-xrays",
        {"data.table": data.table, "data.folder": data.folder, "data.side": 32, "batch": 4, "threads": 1}
        | {"stages": [{"loss": "hlcp", "epochs": 1, "lr": 0.001}], "device": "cpu"},
    )
    assert isinstance(loaded, HmlcRecipe)
    tree = tree_of(loaded.data)
    train, validation = (load_split(loaded.data, tree, split) for split in ("train", "validation"))
    trained = Trainer(loaded, tree, train, validation, tmp_path / "run").fit()
    picture(tmp_path / "film0.png", shape=(40, 50), seed=77)
    picture(tmp_path / "film2.png", shape=(40, 50), seed=78)
    corrected = load_split(loaded.data, tree, "train"), load_split(loaded.data, tree, "validation")
    for splits in ((corrected[0], validation), (train, corrected[1])):
        with pytest.raises(InputError, match="another recipe or other data"):
            Trainer(loaded, tree, *splits, tmp_path / "run").resume()
    with torch.no_grad():
        logits = trained.network(inputs(train, np.arange(4), torch.device("cpu")))
    assert logits.shape == (4, 19) and torch.isfinite(logits).all()
