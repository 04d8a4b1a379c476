"""Labels of a lesion: what follows from raw scores, and the predictor with its refusals."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_label_package import LIFTED, LIFTING, OWN, make_label_package

from lesionscope.ct.patches import lesion_patch, preprocess
from lesionscope.ct.volume import CTVolume, Finding
from lesionscope.errors import Cancelled, LesionscopeError
from lesionscope.inference.label_predictor import LabelPredictor
from lesionscope.inference.label_scores import Propagation, conflicts, label_scores
from lesionscope.inference.reading import LabelAnswer, Refusal
from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.models.label_package import LabelCalibration, LabelPackage, open_label_package
from lesionscope.ontology.label_graph import load_labels
from lesionscope.progress import CancelToken
from lesionscope.retrieval.known import Neighbour, Origin

GRAPH = load_labels()


@pytest.fixture(scope="module")
def labels_package(tmp_path_factory: pytest.TempPathFactory) -> LabelPackage:
    return open_label_package(make_label_package(tmp_path_factory.mktemp("labels") / "tiny-labels"))


@pytest.fixture(scope="module")
def predictor(labels_package: LabelPackage) -> LabelPredictor:
    return LabelPredictor(labels_package, device="cpu", threads=1)


def scores_of(package: LabelPackage, **raised: float) -> Any:
    values = np.full(171, -5.0)
    for name, value in raised.items():
        values[package.card.labels.index(name.replace("_", " "))] = value
    return values


def by_name(answer: tuple[Any, ...]) -> dict[str, Any]:
    return {score.label: score for score in answer}


def test_what_a_predicted_label_implies_is_predicted_and_no_less_likely(labels_package: LabelPackage) -> None:
    raw = scores_of(labels_package, right_lung=2.0, chest=-1.0)
    found = by_name(label_scores(labels_package.card, GRAPH, raw, raw, None))
    right, lung, chest = found["right lung"], found["lung"], found["chest"]
    assert right.why == "own score" and right.probability == pytest.approx(1 / (1 + np.exp(-2)))
    for parent in (lung, chest):
        assert parent.predicted and parent.why == "implied" and parent.sources == ("right lung",)
        assert parent.probability == right.probability
    assert chest.own == pytest.approx(1 / (1 + np.exp(1)))
    assert {name for name, score in found.items() if score.predicted} == {"right lung", "lung", "chest"}


def test_a_label_that_propagation_lifts_names_what_lifted_it(labels_package: LabelPackage) -> None:
    names = labels_package.card.labels
    weight = np.eye(171)
    target = names.index("nodule")
    for source, value in (("lung", 1.5), ("mass", 2.0), ("liver", -3.0), ("chest", 0.5)):
        weight[target, names.index(source)] = value
    raw = scores_of(labels_package, nodule=-1.0, lung=2.0, chest=3.0, mass=-0.5, liver=-4.0)
    found = by_name(label_scores(labels_package.card, GRAPH, raw, weight @ raw, Propagation(weight)))
    # mass and liver did not speak for themselves; lung gave 3.0, chest 1.5.
    assert found["nodule"].why == "propagated" and found["nodule"].sources == ("lung", "chest")
    assert found["nodule"].own < found["nodule"].threshold <= found["nodule"].probability


def test_calibration_turns_scores_into_probabilities(labels_package: LabelPackage) -> None:
    scale, shift = np.linspace(0.5, 2, 171), np.linspace(-1, 1, 171)
    card = replace(labels_package.card, calibration=LabelCalibration("", "", tuple(scale), tuple(shift)))
    raw = np.full(171, -3.0)
    found = label_scores(card, GRAPH, raw, raw, None)
    np.testing.assert_allclose([s.probability for s in found], 1 / (1 + np.exp(3 * scale - shift)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), level=st.floats(-4, -2))
def test_predictions_are_closed_and_parents_never_less_likely(
    labels_package: LabelPackage, seed: int, level: float
) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.normal(level, 2, 171)
    card = replace(labels_package.card, thresholds=tuple(rng.uniform(0.2, 0.9, 171)))
    answer = label_scores(card, GRAPH, raw, raw, None)
    found = by_name(answer)
    predicted = {name for name, score in found.items() if score.predicted}
    assert predicted == GRAPH.expand(predicted) & set(card.labels)
    for name in predicted:
        assert all(
            found[up].probability >= found[name].probability for up in GRAPH.ancestors(name) & set(found)
        )
    # Conflicts: every clash of predicted labels is said, by itself or by a more specific pair.
    said = conflicts(GRAPH, answer)
    excluded = [(a, b) for a, b in combinations(sorted(predicted), 2) if b in GRAPH.exclusives(a)]
    spoken = {
        frozenset((a, b)) for c, d in said for a in GRAPH.ancestors(c) | {c} for b in GRAPH.ancestors(d) | {d}
    }
    pairs = {frozenset(pair) for pair in GRAPH.conflicts(predicted)}
    assert pairs <= {frozenset(pair) for pair in excluded} and pairs <= spoken
    assert {frozenset(pair) for pair in said} <= pairs


def test_a_lesion_is_read(predictor: LabelPredictor, volume: CTVolume, places: Any) -> None:
    lesion = lesion_from_click(places.nodule)
    reading = predictor.read(volume, lesion)
    answer = reading.labels
    assert isinstance(answer, LabelAnswer) and reading.task == "labels" and reading.pathology is None
    assert [s.label for s in answer.scores] == list(GRAPH.core)
    found = by_name(answer.scores)
    assert all(found[name].predicted and found[name].why == "own score" for name in OWN)
    assert found[LIFTED].why == "propagated" and found[LIFTED].sources == (LIFTING,)
    assert found["lung"].why == "implied" and found["lung"].sources == (LIFTING,)
    assert set(map(frozenset, answer.conflicts)) >= {frozenset(("lung nodule", "liver"))}
    assert reading.neighbours is None and len(reading.embedding) == 32
    assert answer.familiarity is not None and 0 < answer.familiarity <= 1
    assert reading.provenance.model == "tiny-labels 0.1" and "onnxruntime" in reading.provenance.device
    assert {"patch", "network", "total"} <= set(reading.timings_ms)


def test_onnx_and_torch_answer_alike(predictor: LabelPredictor, volume: CTVolume, places: Any) -> None:
    lesion = lesion_from_click(places.nodule)
    other = LabelPredictor(predictor.package, device="cpu", runtime="torch").read(volume, lesion)
    one = predictor.read(volume, lesion)
    assert isinstance(one.labels, LabelAnswer) and isinstance(other.labels, LabelAnswer)
    for a, b in zip(one.labels.scores, other.labels.scores, strict=True):
        assert a.probability == pytest.approx(b.probability, abs=1e-4) and a.predicted == b.predicted
    np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-4)
    assert one.labels.familiarity == other.labels.familiarity


def test_the_network_sees_the_patch(
    predictor: LabelPredictor, labels_package: LabelPackage, volume: CTVolume, places: Any
) -> None:
    import torch

    from lesionscope.models.lesanet.network import load_lesanet

    lesion = lesion_from_diameters(
        Diameter((-80.0, 8.0, 20.0), (-70.0, 12.0, 20.0)), geometry=volume.geometry
    )
    patch = lesion_patch(volume, lesion)
    with torch.no_grad():
        wanted = load_lesanet(labels_package)(
            torch.from_numpy(preprocess(patch.hu))[None], torch.from_numpy(patch.box)[None]
        )
    np.testing.assert_allclose(
        predictor.read(volume, lesion).embedding, wanted.embedding[0].numpy(), atol=1e-4
    )


def test_a_bank_is_asked_with_the_embedding_and_without_the_patient(
    predictor: LabelPredictor, volume: CTVolume, places: Any
) -> None:
    class Bank:
        def query(self, embedding: Any, k: int = 10, *, exclude_patient: str | None = None) -> Any:
            self.asked = embedding, exclude_patient
            return (Neighbour("a", 0.25, ("lung",), "A nodule.", Origin("x")),)

    bank = Bank()
    reading = predictor.read(volume, lesion_from_click(places.nodule), bank=bank, patient_key="key")
    np.testing.assert_allclose(bank.asked[0], reading.embedding)
    assert bank.asked[1] == "key" and reading.neighbours is not None
    assert [n.id for n in reading.neighbours] == ["a"]


@pytest.mark.parametrize(("place", "what"), [("outside", "outside the scan"), ("air", "outside the body")])
def test_refusals_are_answers(
    predictor: LabelPredictor, volume: CTVolume, places: Any, place: str, what: str
) -> None:
    reading = predictor.read(volume, lesion_from_click(getattr(places, place)))
    assert isinstance(reading.labels, Refusal) and what in reading.labels.sentence
    assert reading.embedding == () and reading.provenance.device == "none"


def test_hard_lesions_are_answered_or_refused_with_a_reason(
    predictor: LabelPredictor, volume: CTVolume, places: Any
) -> None:
    tiny = lesion_from_diameters(Diameter((-76.0, 10, 20), (-74.0, 10, 20)), geometry=volume.geometry)
    large = replace(lesion_from_click((0.0, 0.0, 0.0)), box_lps_mm=(-90.0, -20.0, -1.0, 60.0, 20.0, 1.0))
    first = lesion_from_click((0.0, 0.0, -90.0))
    edge = lesion_from_click((-75.0, 118.0, 20.0))
    answered = {
        name: predictor.read(volume, lesion, override_scope=True)
        for name, lesion in {"tiny": tiny, "large": large, "first": first, "edge": edge}.items()
    }
    assert all(isinstance(reading.labels, LabelAnswer) for reading in answered.values())
    assert "wider than the 120 mm" in " ".join(answered["large"].provenance.notes)
    assert "edge of the scan" in " ".join(answered["edge"].provenance.notes)
    assert answered["tiny"].provenance.notes == () == answered["first"].provenance.notes


def test_what_is_no_hu_is_refused_even_on_request(
    predictor: LabelPredictor, volume: CTVolume, places: Any
) -> None:
    grey = replace(volume, findings=(Finding("not-hu", "x"),))
    reading = predictor.read(grey, lesion_from_click(places.nodule), override_scope=True)
    assert isinstance(reading.labels, Refusal) and "Hounsfield" in reading.labels.sentence


def test_a_cancel_stops_and_a_closed_model_says_so(
    labels_package: LabelPackage, volume: CTVolume, places: Any
) -> None:
    mine = LabelPredictor(labels_package, device="cpu", threads=1)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        mine.read(volume, lesion_from_click(places.nodule), cancel=token)
    mine.prepare()
    mine.close()
    with pytest.raises(LesionscopeError, match="closed"):
        mine.read(volume, lesion_from_click(places.nodule))


def test_a_package_of_another_ontology_says_so(tmp_path: Path, volume: CTVolume, places: Any) -> None:
    folder = make_label_package(tmp_path / "old", familiar=False)
    package = open_label_package(folder)
    old = LabelPackage(folder, replace(package.card, ontology="0" * 64))
    reading = LabelPredictor(old, device="cpu", threads=1).read(volume, lesion_from_click(places.nodule))
    assert "another version of the label ontology" in " ".join(reading.provenance.notes)
    assert isinstance(reading.labels, LabelAnswer) and reading.labels.familiarity is None
    assert not reading.labels.unfamiliar
