from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lesionscope.errors import InputError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import (
    ReleasedLabels,
    ReleasedOntology,
    ReleaseFigures,
    read_demo_table,
    read_label_file,
    read_workbook,
    release_figures,
)

openpyxl = pytest.importorskip("openpyxl")


@pytest.fixture(scope="module")
def lesanet(shared_data: Path) -> Path:
    folder = shared_data / "lesanet"
    if not folder.is_dir():
        pytest.skip(f"no released LesaNet files: {folder} is absent")
    return folder


@pytest.fixture(scope="module")
def ontology(lesanet: Path) -> ReleasedOntology:
    return read_workbook(lesanet / "lesion_ontology_181022.xlsx")


@pytest.fixture(scope="module")
def labels(lesanet: Path) -> ReleasedLabels:
    return read_label_file(lesanet / "text_mined_labels_171_and_split.json")


@pytest.fixture(scope="module")
def figures(lesanet: Path, ontology: ReleasedOntology, labels: ReleasedLabels) -> ReleaseFigures:
    return release_figures(ontology, labels, read_demo_table(lesanet / "labels_for_demo.xlsx"))


def test_figures_of_the_vocabulary(figures: ReleaseFigures) -> None:
    assert (figures.terms, figures.labels) == (333, 171)
    assert figures.kinds == {"body part": 115, "type": 27, "attribute": 29}
    assert (figures.listed_parents, figures.closed_parents, figures.reduced_parents) == (252, 268, 137)
    assert len(figures.missing_ancestors) == 16
    assert ("right kidney", "upper abdomen") in figures.missing_ancestors
    assert (figures.exclusive_pairs_with_self, figures.exclusive_pairs) == (4461, 4460)
    assert figures.exclusive_pairs_without_ancestors == 4459
    assert figures.one_way_exclusives == (("lung", "pleura"), ("chest wall", "pleura"))


def test_figures_of_the_lesions(figures: ReleaseFigures) -> None:
    assert figures.lesions == {"train": 20266, "val": 1976, "test": 1879}
    assert figures.lesions_with_label == {"train": 19221, "val": 1852, "test": 1761}
    assert round(figures.labels_a_lesion["test"], 2) == 4.17
    assert figures.conflicting_lesions["train"] == 1493
    assert {name: round(share, 3) for name, share in figures.not_closed.items()} == {
        "train": 0.056,
        "val": 0.064,
        "test": 0.062,
    }
    assert figures.lesions_with_repeats["train"] == 7508


def test_figures_of_the_demo_table(figures: ReleaseFigures) -> None:
    assert {name: round(value, 4) for name, value in figures.demo_means.items()} == {
        "auc": 0.9392,
        "precision": 0.4734,
        "recall": 0.5466,
        "f1": 0.4313,
    }
    assert figures.demo_labels_that_never_fire == 13


def test_what_cannot_be_reproduced_is_listed_with_what_the_files_hold(
    figures: ReleaseFigures, labels: ReleasedLabels
) -> None:
    test = labels.splits["test"]
    held = [sum(len(set(one)) for one in lists) for lists in (test.relevant, test.uncertain, test.irrelevant)]
    assert held == [7338, 228, 0]
    said = " ".join(figures.not_reproducible)
    for published in ("443", "1,167", "19,213", "1,759", "7,338", "228"):
        assert published in said


def test_the_bundled_table_states_the_workbooks_facts(
    ontology: ReleasedOntology, labels: ReleasedLabels
) -> None:
    graph, dangling = load_labels(), ontology.dangling()
    assert graph.core == labels.terms
    assert {label.name for label in graph.labels} - {term.name for term in ontology.terms} == {
        "gastrointestinal", "iliac", "artery", "vein", "lung parenchyma", "neoplasm",
    }  # fmt: skip
    assert set(dangling) - {label.name for label in graph.labels} == {"head", "bulky", "scattered"}
    added = {"pleura": {"lung", "chest wall"}}
    for term in ontology.terms:
        label = graph.by_name[term.name]
        assert label.kind == term.kind
        assert set(label.parents) == set(term.parents)
        assert set(label.exclusives) == set(term.exclusives) - set(dangling) | added.get(term.name, set())
    released = ontology.graph(labels.terms)
    assert released.reduction() == graph.reduction()
    assert set(released.exclusive_pairs()) == set(graph.exclusive_pairs())


def write_workbook(path: Path, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


HEADER = [
    "id",
    "class",
    "term",
    "synonyms",
    "num_detected",
    "term_exclusive",
    "term_parents",
    "term_children",
]


def test_a_workbook_is_read_as_it_is(tmp_path: Path) -> None:
    path = write_workbook(
        tmp_path / "o.xlsx",
        HEADER,
        [1, "bodypart", "lung", "lung | pulmonary", 7, "moon | pleura", "chest", None],
        [2, "type", "nodule", None, None, None, None, None],
    )
    lung, nodule = read_workbook(path).terms
    assert (lung.row, lung.kind, lung.synonyms, lung.detected) == (2, "body part", ("lung", "pulmonary"), 7)
    assert (nodule.row, nodule.parents, nodule.detected) == (3, (), 0)
    assert read_workbook(path).dangling() == {"chest": (2,), "moon": (2,), "pleura": (2,)}
    assert read_workbook(path).graph(["nodule"]).core == ("nodule",)
    with pytest.raises(InputError, match="'liver'"):
        read_workbook(path).graph(["liver"])


def test_other_workbooks_are_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "text.xlsx"
    text.write_text("no workbook")
    narrow = write_workbook(tmp_path / "narrow.xlsx", ["a", "b"])
    other = write_workbook(tmp_path / "other.xlsx", list("abcdefghi"))
    for path in (text, narrow, other, tmp_path / "absent.xlsx"):
        for read in (read_workbook, read_demo_table):
            with pytest.raises(InputError, match=re.escape(path.name)):
                read(path)
    twice = write_workbook(tmp_path / "twice.xlsx", HEADER, [1, "type", "cyst"], [2, "type", "cyst"])
    with pytest.raises(InputError, match="'cyst' more than once"):
        read_workbook(twice)
    classes = write_workbook(tmp_path / "classes.xlsx", HEADER, [1, "organ", "cyst"])
    with pytest.raises(InputError, match="row 2: the class 'organ'"):
        read_workbook(classes)


def label_file(path: Path, **changes: Any) -> Path:
    data: dict[str, Any] = {"term_list": ["chest", "lung"]}
    for split in ("train", "val", "test"):
        data |= {
            f"{split}_lesion_idxs": [0, 32734],
            f"{split}_relevant_labels": [[1, 0, 1], []],
            f"{split}_uncertain_labels": [[], [0]],
        }
    path.write_text(json.dumps(data | changes))
    return path


def test_a_label_file_is_read_with_its_repeats(tmp_path: Path) -> None:
    split = read_label_file(label_file(tmp_path / "l.json")).splits["val"]
    assert split.lesions == (0, 32734)
    assert split.relevant == ((1, 0, 1), ()) and split.irrelevant == ((), ())
    assert split.positives() == ({0, 1}, {0})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"term_list": None}, "no 'term_list'"),
        ({"val_lesion_idxs": [0]}, "val_relevant_labels must hold a list for each of the 1 lesions"),
        ({"val_lesion_idxs": [-1, 2]}, "val_lesion_idxs must be a list of rows counted from 0"),
        ({"test_relevant_labels": [[2], []]}, "test_relevant_labels, lesion 0: labels are numbers below 2"),
        ({"test_relevant_labels": [[True], []]}, "test_relevant_labels, lesion 0"),
        ({"train_irrelevant_labels": [[]]}, "train_irrelevant_labels must hold"),
    ],
)
def test_label_files_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        read_label_file(label_file(tmp_path / "l.json", **changes))


def test_label_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"term_list": [')
    for name in ("half.json", "absent.json"):
        with pytest.raises(InputError, match=name):
            read_label_file(tmp_path / name)
