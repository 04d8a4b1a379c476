"""DeepLesion's files as training data: the phantom clinic written so gives what its cohort gives."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.lesanet.dataset import load_split
from lesionscope.training.lesanet.recipe import Data

from lesionscope.errors import InputError
from lesionscope.lesions.deeplesion import TABLE, read_dl_info
from lesionscope.lesions.deeplesion_volume import cut_patch as cut
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.deeplesion import MINED, write_deeplesion
from lesionscope.phantom.clinic.patches import patch
from lesionscope.phantom.clinic.patients import ClinicPatient

GRAPH = load_labels()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_deeplesion(
        tmp_path_factory.mktemp("clinic") / "dl", 2, split="test", around_mm=6, matrix=256, workers=1
    )


@pytest.fixture(scope="module")
def data(folder, tmp_path_factory):
    cache = str(tmp_path_factory.mktemp("cache"))
    return Data(source="deeplesion", folder=str(folder), labels=str(folder / MINED), cache=cache, workers=1)


def test_patches_are_those_that_the_patient_gives(folder):
    """Seen through PNG slices twice as coarse, the same lesion lies in the same place of the same patch."""
    rows = read_dl_info(folder / TABLE)
    patient = ClinicPatient(rows[0].patient - 1, "test")
    marks = [mark for mark in patient.marks if mark.bookmarked]
    for row, mark in zip(rows, marks, strict=False):
        hu, box = cut(folder, row)
        wanted = patch(patient, mark, noisy=False)
        np.testing.assert_allclose(box[2:] - box[:2], np.subtract(wanted.box[2:], wanted.box[:2]), atol=8)
        middle, theirs = (np.add(b[2:], b[:2]) / 2 for b in (box, wanted.box))
        np.testing.assert_allclose(middle, theirs, atol=1.01)
        inner = (slice(None), slice(45, 75), slice(45, 75))
        blurred = [np.clip(one[inner].astype(float), -1000, 300).mean(axis=(1, 2)) for one in (hu, wanted.hu)]
        np.testing.assert_allclose(*blurred, atol=60)


def test_a_split_is_read_with_labels_and_cached(folder, data):
    lesions = load_split(data, GRAPH, "test")
    rows = read_dl_info(folder / TABLE)
    assert len(lesions) == len(rows) and lesions.truth is None
    assert lesions.columns["long_mm"][0] == pytest.approx(rows[0].diameters_px[0] * rows[0].spacing_mm[0])
    again = load_split(data, GRAPH, "test")
    assert (again.hu == lesions.hu).all() and again.said == lesions.said
    listed = json.loads((folder / MINED).read_text())
    for one, relevant in zip(lesions.said, listed["test_relevant_labels"], strict=True):
        names = {listed["term_list"][number] for number in relevant}
        assert GRAPH.expand(one.relevant) & set(GRAPH.core) == GRAPH.expand(names) & set(GRAPH.core)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_cached_patches_are_their_owners_alone(folder, data):
    load_split(data, GRAPH, "test")
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path(data.cache).glob("*.npz")} == {0o600}


def test_hand_labels_are_the_complete_test_set(data, folder):
    truth = load_split(dataclasses.replace(data, hand_labels=str(folder / MINED)), GRAPH, "test").truth
    lesions = load_split(data, GRAPH, "test")
    for row, one in zip(truth, lesions.said, strict=True):
        assert {GRAPH.core[p] for p in np.flatnonzero(row)} == GRAPH.expand(one.relevant) & set(GRAPH.core)


def test_missing_slices_and_foreign_labels_are_named(data, folder, tmp_path):
    row = read_dl_info(folder / TABLE)[0]
    lone = dataclasses.replace(row, slice_range=(row.key_slice, row.key_slice), spacing_mm=(1.0, 1.0, 0.0))
    hu, _ = cut(folder, lone)
    assert (hu[0] == hu[1]).all() and (hu[1] == hu[2]).all()
    with pytest.raises(InputError, match="png"):
        cut(tmp_path, row)
    listed = json.loads((folder / MINED).read_text())
    listed["term_list"][0] = "antler"
    (tmp_path / "labels.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match="antler"):
        load_split(dataclasses.replace(data, labels=str(tmp_path / "labels.json")), GRAPH, "test")
