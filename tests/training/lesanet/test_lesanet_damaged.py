"""Damaged and changed data of one's own: what is cut again, what is left out, what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.deeplesion.dataset import examined
from lesionscope.training.lesanet.dataset import load_split
from lesionscope.training.lesanet.recipe import Data

from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import (
    TABLE,
    DeepLesionRow,
    read_dl_info,
    read_slice,
    write_dl_info,
    write_slice,
)
from lesionscope.lesions.deeplesion_volume import read_volume, slices_of, slices_of_patch
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.deeplesion import MINED, write_deeplesion

GRAPH = load_labels()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clinic") / "dl"
    return write_deeplesion(out, 8, matrix=64, around_mm=5.0, body_of=BlockBody, workers=1)


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Data:
    folder = tmp_path / "dl"
    shutil.copytree(whole, folder)
    labels, cache = str(folder / MINED), str(tmp_path / "cache")
    return Data("deeplesion", folder=str(folder), labels=labels, cache=cache, workers=1)


def learnt(data: Data) -> list[tuple[int, DeepLesionRow]]:
    """Return the training lesions: their rows in the table, from 0."""
    table = read_dl_info(Path(data.folder) / TABLE)
    return [(number, table[number]) for number in read_label_file(data.labels).splits["train"].lesions]


def test_pictures_that_changed_are_cut_again(data: Data) -> None:
    before = load_split(data, GRAPH, "train")
    assert (load_split(data, GRAPH, "train").hu == before.hu).all()
    assert len(list(Path(data.cache).iterdir())) == 1
    row = learnt(data)[0][1]
    near = slices_of_patch(row)
    assert near.first < row.key_slice < near.last
    for number in range(near.first, near.last + 1):
        path = row.slice_path(data.folder, number)
        write_slice(path, read_slice(path) + np.int16(100))
    after = load_split(data, GRAPH, "train")
    assert (after.hu[0] == np.clip(before.hu[0] + 100, -1024, 3071)).all()


def test_what_is_damaged_is_left_out_and_listed(data: Data) -> None:
    full = load_split(data, GRAPH, "train")
    root, rows = Path(data.folder), learnt(data)
    (gone, one), (broken, other), (bad, _) = rows[0], rows[-1], rows[2]
    assert one.folder != other.folder
    one.slice_path(root).unlink()
    # A slice beside the key slice, which `doctor --dataset` doesn't open.
    other.slice_path(root, slices_of_patch(other).last).write_bytes(b"no picture")
    lines = (root / TABLE).read_bytes().split(b"\r\n")
    lines[bad + 1] = lines[bad + 1].replace(b'"', b'"x', 1)
    (root / TABLE).write_bytes(b"\r\n".join(lines))
    for _ in range(2):  # the second time from the cache
        left = load_split(data, GRAPH, "train")
        out = {gone, broken, bad} | {number for number, row in rows if row.file_name == one.file_name}
        out |= {n for n, row in rows if row.folder == other.folder and near(row, other)}
        stay = [place for place, (number, _) in enumerate(rows) if number not in out]
        assert len(left.left_out) == len(out) == len(rows) - len(left)
        assert (left.hu == full.hu[stay]).all() and left.said == tuple(full.said[place] for place in stay)
        assert (left.columns["long_mm"] == full.columns["long_mm"][stay]).all()
    told = examined(root, workers=1).left_out
    assert any(f"line {bad + 2}" in text for text in told)
    # The broken slice is nothing that `doctor --dataset` opens; all else is as it says.
    assert all(text in told or "could not be read as a slice" in text for text in left.left_out)


def test_a_key_slice_outside_its_range_is_read_alone(data: Data) -> None:
    table, (number, row) = Path(data.folder) / TABLE, learnt(data)[0]
    whole = load_split(data, GRAPH, "train")
    assert np.ptp(whole.hu[0].astype(int), axis=0).any()
    for given in ((row.key_slice + 1, row.key_slice + 9), (row.key_slice - 9, row.key_slice - 1)):
        rows = list(read_dl_info(table))
        rows[number] = replace(row, slice_range=given)
        write_dl_info(table, rows)
        left = load_split(data, GRAPH, "train")
        assert len(left) == len(whole) and left.left_out == ()
        assert (left.hu[0] == whole.hu[0][1]).all() and (left.hu[1:] == whole.hu[1:]).all()
        # A review that was begun before holds the table's own range.
        kept = replace(slices_of(row), first=given[0], last=given[1])
        assert (read_volume(data.folder, kept).hu == read_slice(row.slice_path(data.folder))).all()


def near(row: DeepLesionRow, other: DeepLesionRow) -> bool:
    seen, broken = slices_of_patch(row), slices_of_patch(other).last
    return row.folder == other.folder and seen.first <= broken <= seen.last


def test_a_split_without_a_usable_lesion_is_a_sentence(data: Data) -> None:
    shutil.rmtree(Path(data.folder) / "Images_png")
    with pytest.raises(InputError, match=r"in the split 'train' can be used; the first .* isn't there\."):
        load_split(data, GRAPH, "train")


def test_a_patient_in_two_splits_is_refused(data: Data) -> None:
    content = json.loads(Path(data.labels).read_text())
    first, second = learnt(data)[:2]
    assert first[1].patient == second[1].patient
    for key in ("lesion_idxs", "relevant_labels", "uncertain_labels", "irrelevant_labels"):
        if f"test_{key}" in content:
            content[f"test_{key}"].append(content[f"train_{key}"][0])
        content[f"train_{key}"].pop(0)
    Path(data.labels).write_text(json.dumps(content))
    said = f"lesions {second[0]} and {first[0]}, which are of one patient, in the splits train and test"
    for split in ("train", "validation", "test"):
        with pytest.raises(InputError, match=said):
            load_split(data, GRAPH, split)
    content["train_lesion_idxs"][0] = first[0]
    Path(data.labels).write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"has lesion {first[0]} in the splits train and test"):
        load_split(data, GRAPH, "train")
