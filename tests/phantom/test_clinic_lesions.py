"""Lesions: each label changes the picture, the truth is closed, marks lie on what is seen."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lesionscope.errors import UsageError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic import paired
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.frequencies import load_frequencies
from lesionscope.phantom.clinic.growing import grow, site
from lesionscope.phantom.clinic.lesions import complete
from lesionscope.phantom.clinic.looks import Setting
from lesionscope.phantom.clinic.painting import axes_of, reach_mm
from lesionscope.phantom.clinic.patches import patch, runs
from lesionscope.phantom.clinic.patients import SPLIT_SIZE, SPLITS, ClinicPatient
from lesionscope.phantom.clinic.rules import FAINT_BY_INTENT, RULES, looks_of

GRAPH = load_labels()
LOOKED = [name for name in GRAPH.core if GRAPH.by_name[name].kind != "body part"]


@pytest.fixture(scope="module")
def patients():
    return [ClinicPatient(seed, body_of=BlockBody) for seed in range(14)]


def test_every_type_and_attribute_has_a_rule_and_no_body_part_has():
    assert set(RULES) == set(LOOKED)
    assert set(FAINT_BY_INTENT) <= set(LOOKED)


@pytest.mark.parametrize("name", LOOKED)
def test_a_label_changes_the_picture(name):
    pairs = [paired.pair(name, number) for number in range(3)]
    changes = [one.change for one in pairs if one is not None]
    assert changes
    if name not in FAINT_BY_INTENT:
        assert np.median(changes) > 1.0


def test_the_record_names_every_label_and_is_of_this_code():
    record = json.loads(paired.RECORD.read_text())
    assert set(record["labels"]) == set(LOOKED)
    for name, entry in record["labels"].items():
        assert entry["pairs"] >= 5
        assert entry["change_over_noise"] > 1.0 or name in FAINT_BY_INTENT
        assert ("faint_by_intent" in entry) == (name in FAINT_BY_INTENT)
    again = paired.record(["cavitary", "oval"], workers=1)["labels"]
    assert again == {name: record["labels"][name] for name in again}


def test_a_rule_leaves_the_numbers_of_others_alone():
    setting = Setting("liver", 105.0, 60.0)
    plain = looks_of(["mass"], setting, (3, 1))
    more = looks_of(["mass", "calcified"], setting, (3, 1))
    assert replace(more, calcium=0) == plain and more.calcium > 0


def test_truth_is_closed_and_holds_the_direct_labels(patients):
    for patient in patients:
        for lesion in patient.lesions:
            core = frozenset(GRAPH.core)
            assert lesion.direct <= lesion.labels
            assert GRAPH.expand(lesion.labels) & core == lesion.labels
            assert not GRAPH.conflicts(lesion.labels)


def test_truth_is_richer_than_what_was_drawn(patients):
    lesions = [lesion for patient in patients for lesion in patient.lesions]
    drawn = np.mean([len(GRAPH.expand(lesion.direct)) for lesion in lesions])
    assert np.mean([len(lesion.labels) for lesion in lesions]) > drawn


def test_compounds_follow_from_their_parts():
    assert "lung nodule" in complete(GRAPH, {"nodule", "right upper lobe"}, ())
    assert "lymph node" not in complete(GRAPH, {"mass"}, {"mediastinum", "subcarinal lymph node"})
    assert "hypoattenuation" not in complete(GRAPH, {"liver", "hyperattenuation"}, (), {"hypoattenuation"})


def test_marks_lie_in_the_lesion_and_its_patch(patients):
    for patient in patients:
        assert [lesion.id for lesion in patient.lesions] == list(range(len(patient.lesions)))
        assert any(mark.bookmarked for mark in patient.marks)
        for lesion, mark in zip(patient.lesions, patient.marks, strict=True):
            ends = np.array([*mark.long, *mark.short])
            away = np.linalg.norm(ends - np.array(lesion.centroid), axis=1)
            assert mark.lesion == lesion.id and away.max() < reach_mm(lesion) + 3
            # The key slice is one of the scan's.
            steps = (mark.slice_mm - patient.first_slice_mm) / patient.scanner.slice_step_mm
            assert steps == pytest.approx(round(steps), abs=1e-6)
            assert mark.long_mm == pytest.approx(lesion.long_mm, rel=0.25, abs=3)
            axes = axes_of(lesion)
            assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-9)


def test_diameters_measure_the_ellipsoid_that_was_painted():
    """A smooth lesion in a plain organ: the outline is an ellipse of known axes."""
    frequencies = load_frequencies()
    body = BlockBody(4)
    draw = frequencies.with_label("simple cyst", np.random.default_rng(3))
    found = site(body, draw, frequencies.possible, np.random.default_rng(1))
    assert found is not None
    grown = grow(body, draw, frequencies.possible, *found, 0, (9, 9), (-60.0, 1.0))
    assert grown is not None
    long, short, _ = grown.lesion.semi_axes_mm
    assert grown.exact.long_mm == pytest.approx(2 * long, rel=0.1)
    assert grown.exact.short_mm == pytest.approx(2 * short, rel=0.12)


def test_a_patch_is_centred_on_its_box_and_repeats(patients):
    for patient in patients[:5]:
        for mark in patient.marks:
            seen = patch(patient, mark)
            assert seen.hu.shape == (3, 120, 120) and seen.hu.dtype == np.int16
            x0, y0, x1, y1 = seen.box
            assert abs((x0 + x1) / 2 - 59.5) <= 0.5 + 1e-6 and abs((y0 + y1) / 2 - 59.5) <= 0.5 + 1e-6
            assert seen.origin_lps_mm[2] == pytest.approx(mark.slice_mm - 2)
    again = patch(ClinicPatient(patients[0].seed, body_of=BlockBody), patients[0].marks[0])
    assert np.array_equal(again.hu, patch(patients[0], patients[0].marks[0]).hu)


def test_a_patch_shows_what_a_whole_slice_shows(patients):
    """The key slice of a patch against the same slice scanned with all its neighbours."""
    from lesionscope.ct.geometry import Geometry
    from lesionscope.phantom.scanner import render

    patient = next(p for p in patients if p.scanner.thickness_mm == p.scanner.slice_step_mm)
    mark = patient.marks[0]
    seen = patch(patient, mark, noisy=False)
    step = patient.scanner.slice_step_mm
    left, top, _ = seen.origin_lps_mm
    geometry = Geometry((120, 120, 3), (1.0, 1.0, step), (left, top, mark.slice_mm - step))
    scanner = replace(patient.scanner, noise_hu=0.0)
    whole = render(patient.paint, geometry, scanner, np.random.default_rng(0))
    gap = np.abs(whole[1].astype(float) - seen.hu[1])
    assert np.quantile(gap, 0.99) < 25


def test_splits_never_share_a_patient():
    ranges = sorted((first, first + SPLIT_SIZE) for first in SPLITS.values())
    assert all(one[1] <= other[0] for one, other in pairwise(ranges))
    one, other = (ClinicPatient(3, split, body_of=BlockBody) for split in ("train", "test"))
    assert one.number != other.number
    with pytest.raises(UsageError, match="no split"):
        ClinicPatient(3, "dev", body_of=BlockBody)
    with pytest.raises(UsageError, match="patients 0"):
        ClinicPatient(SPLIT_SIZE, body_of=BlockBody)


def test_without_contrast_nothing_is_said_to_enhance():
    class Plain(BlockBody):
        def __init__(self, seed):
            super().__init__(seed)
            self.phase = "unenhanced"

    draw = load_frequencies().with_label("enhancing", np.random.default_rng(8))
    patient = ClinicPatient(1, body_of=Plain, draws=(draw,))
    assert not patient.lesions[0].labels & {"enhancing", "nonenhancing"}


def test_runs_of_slices():
    assert runs([-2, 0, 2]) == [(-2, 3, 2)]
    assert runs([-2, -1, 0, 1, 2]) == [(-2, 5, 1)]
    assert runs([-2, -1, 0, 5]) == [(-2, 3, 1), (5, 1, 1)]
