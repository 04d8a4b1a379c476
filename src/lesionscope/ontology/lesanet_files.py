"""The files that LesaNet's authors released: ontology workbook, label lists, figures a label.

They are read as they are: terms without a line, repeats and open closures included, so
that what the papers count can be counted again (:func:`release_figures`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any

from lesionscope.errors import InputError, unreadable

from .label_graph import LabelGraph
from .labels import Label, private_code

SPLITS = ("train", "val", "test")
RELATIONS = ("relevant", "uncertain", "irrelevant")
KINDS = {"bodypart": "body part", "type": "type", "attribute": "attribute"}
WORKBOOK_COLUMNS = (
    "id", "class", "term", "synonyms", "num_detected", "term_exclusive", "term_parents", "term_children",
)  # fmt: skip
DEMO_COLUMNS = (
    "train_positive", "test_positive", "test_negative", "auc", "precision", "recall", "f1", "threshold",
)  # fmt: skip
NOT_REPRODUCIBLE = (
    "4,648 relevant, 443 uncertain and 1,167 irrelevant labels of the test set: the lists hold 7,338 "
    "relevant and 228 uncertain ones (distinct, a lesion at a time), and no irrelevant ones for the test set",
    "19,213 training and 1,759 test lesions: 19,221 and 1,761 lists are not empty (validation agrees, "
    "1,852); which 8 and 2 are left out is not said, perhaps those that DeepLesion flags as possibly noisy",
    "test averages .9398, .4737, .5274 and .4344: the demo table gives .9392, .4734, .5466, .4313",
)
"""Published figures that the released files don't give, and what they give in their place."""


@dataclass(frozen=True)
class ReleasedTerm:
    """A line of the workbook; ``row`` is its number there (from 1), ``detected`` its count in reports."""

    row: int
    name: str
    kind: str
    synonyms: tuple[str, ...]
    detected: int
    exclusives: tuple[str, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]


@dataclass(frozen=True)
class ReleasedOntology:
    """The workbook's terms in its order."""

    terms: tuple[ReleasedTerm, ...]

    def dangling(self) -> Mapping[str, tuple[int, ...]]:
        """Names that parents or exclusives refer to and no line has, with the rows that do."""
        known = {term.name for term in self.terms}
        found: dict[str, list[int]] = {}
        for term in self.terms:
            for name in dict.fromkeys((*term.parents, *term.exclusives)):
                if name not in known:
                    found.setdefault(name, []).append(term.row)
        return {name: tuple(rows) for name, rows in found.items()}

    def graph(self, core: Sequence[str] = ()) -> LabelGraph:
        """Return the relations as released; ``core`` names the labels with a place, in order.

        Raises
        ------
        InputError
            A core label that is no term.
        """
        places = {name: place for place, name in enumerate(core)}
        known = {term.name for term in self.terms}
        if missing := [name for name in places if name not in known]:
            raise InputError(f"The ontology has no term {', '.join(map(repr, missing))}: do the files match?")
        labels = [
            Label(
                term.name,
                term.kind,
                places.get(term.name),
                term.parents,
                term.exclusives,
                tuple(phrase for phrase in term.synonyms if phrase != term.name),
                (private_code(term.name),),
            )
            for term in self.terms
        ]
        return LabelGraph(sorted(labels, key=lambda label: places.get(label.name, len(places))))


@dataclass(frozen=True)
class ReleasedSplit:
    """Label lists of one split, a lesion a place; all of the same length.

    ``lesions`` are rows of DeepLesion's ``DL_info.csv`` from 0; label numbers are places
    in ``ReleasedLabels.terms``, with the release's repeats. ``irrelevant`` is empty
    lists where the release has none (validation and test).
    """

    lesions: tuple[int, ...]
    relevant: tuple[tuple[int, ...], ...]
    uncertain: tuple[tuple[int, ...], ...]
    irrelevant: tuple[tuple[int, ...], ...]

    def positives(self) -> tuple[frozenset[int], ...]:
        """Labels relevant or uncertain, a set a lesion, not expanded: what the training takes."""
        return tuple(
            frozenset((*relevant, *uncertain))
            for relevant, uncertain in zip(self.relevant, self.uncertain, strict=True)
        )


@dataclass(frozen=True)
class ReleasedLabels:
    """The label file: terms in their order, and the splits "train", "val", "test"."""

    terms: tuple[str, ...]
    splits: Mapping[str, ReleasedSplit]


@dataclass(frozen=True)
class DemoLabel:
    """A line of the demo table: counts, test figures and the threshold; ``None`` where none is given."""

    name: str
    train_positive: float | None
    test_positive: float | None
    test_negative: float | None
    auc: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    threshold: float | None


@dataclass(frozen=True)
class ReleaseFigures:
    """What the released files give, counted as each comment says.

    ``lesions_with_label``: relevant or uncertain in training, relevant elsewhere (the
    papers' counts follow from no single rule). ``labels_a_lesion``: distinct relevant
    labels as listed, not expanded, over lesions with at least one. ``conflicting_lesions``:
    relevant or uncertain labels as listed hold an exclusive pair, self pairs aside.
    ``not_closed``: share of lesions with a relevant label whose relevant list lacks an ancestor.
    """

    terms: int
    labels: int
    kinds: Mapping[str, int]
    listed_parents: int
    closed_parents: int
    missing_ancestors: tuple[tuple[str, str], ...]
    reduced_parents: int
    exclusive_pairs_with_self: int
    exclusive_pairs: int
    exclusive_pairs_without_ancestors: int
    one_way_exclusives: tuple[tuple[str, str], ...]
    lesions: Mapping[str, int]
    lesions_with_label: Mapping[str, int]
    lesions_with_relevant_label: Mapping[str, int]
    labels_a_lesion: Mapping[str, float]
    lesions_with_repeats: Mapping[str, int]
    not_closed: Mapping[str, float]
    conflicting_lesions: Mapping[str, int]
    demo_means: Mapping[str, float]
    demo_labels_that_never_fire: int
    not_reproducible: tuple[str, ...] = NOT_REPRODUCIBLE


def read_workbook(path: str | Path) -> ReleasedOntology:
    """Read the ontology workbook (``lesion_ontology_181022.xlsx``).

    Raises
    ------
    InputError
        openpyxl is missing, the file can't be read, or it is another workbook.
    """
    header, *rows = _sheet(path)
    if tuple(header[: len(WORKBOOK_COLUMNS)]) != WORKBOOK_COLUMNS:
        raise InputError(f"{path} is not LesaNet's ontology: its columns are {', '.join(WORKBOOK_COLUMNS)}.")
    terms = []
    for number, row in enumerate(rows, 2):
        if row[2] is None:
            continue
        if row[1] not in KINDS:
            raise InputError(f"{path}, row {number}: the class {row[1]!r} is none of {', '.join(KINDS)}.")
        lists = [tuple(item.strip() for item in str(cell or "").split("|") if item.strip()) for cell in row]
        terms.append(
            ReleasedTerm(
                number,
                str(row[2]).strip(),
                KINDS[str(row[1])],
                lists[3],
                int(_number(row[4], f"{path}, row {number}") or 0),
                lists[5],
                lists[6],
                lists[7],
            )
        )
    twice = [name for name, count in Counter(term.name for term in terms).items() if count > 1]
    if twice:
        raise InputError(f"{path} names {', '.join(map(repr, twice))} more than once.")
    return ReleasedOntology(tuple(terms))


def read_demo_table(path: str | Path) -> tuple[DemoLabel, ...]:
    """Read the test figures and thresholds (``labels_for_demo.xlsx``), a label a line.

    Raises
    ------
    InputError
        openpyxl is missing, the file can't be read, or it is another workbook.
    """
    header, *rows = _sheet(path)
    if tuple(header[1 : 1 + len(DEMO_COLUMNS)]) != DEMO_COLUMNS:
        raise InputError(f"{path} is not LesaNet's demo table: its columns are {', '.join(DEMO_COLUMNS)}.")
    return tuple(
        DemoLabel(str(row[0]).strip(), *(_number(cell, f"{path}, row {number}") for cell in row[1:9]))
        for number, row in enumerate(rows, 2)
        if row[0] is not None
    )


def read_label_file(path: str | Path) -> ReleasedLabels:
    """Read the label lists (``text_mined_labels_171_and_split.json``); repeats are kept.

    Raises
    ------
    InputError
        The file can't be read, is another file, or its lists don't fit each other.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(path, "LesaNet's label file", error) from error
    if not isinstance(data, dict) or not isinstance(data.get("term_list"), list):
        raise InputError(f"{path} is not LesaNet's label file: it has no 'term_list'.")
    terms = tuple(map(str, data["term_list"]))
    splits = {name: _split(data, name, len(terms), path) for name in SPLITS}
    return ReleasedLabels(terms, MappingProxyType(splits))


def release_figures(
    ontology: ReleasedOntology, labels: ReleasedLabels, demo: Sequence[DemoLabel]
) -> ReleaseFigures:
    """Count again what the papers and the release say of these files."""
    graph = ontology.graph(labels.terms)
    core = frozenset(graph.core)
    listed = {label.name: core.intersection(label.parents) for label in graph.labels if label.name in core}
    closed = {name: graph.ancestors(name) & core for name in graph.core}
    pairs = graph.exclusive_pairs(as_listed=True)
    barred: dict[str, set[str]] = {}
    for one, other in pairs:
        barred.setdefault(one, set()).add(other)
    exclusives = {term.name: term.exclusives for term in ontology.terms}

    def each(count: Callable[[str, ReleasedSplit], Any]) -> dict[str, Any]:
        return {name: count(name, split) for name, split in labels.splits.items()}

    def named(numbers: Iterable[int]) -> frozenset[str]:
        return frozenset(labels.terms[number] for number in numbers)

    def labelled(name: str, split: ReleasedSplit) -> int:
        return sum(map(bool, split.positives() if name == "train" else split.relevant))

    def conflicting(_: str, split: ReleasedSplit) -> int:
        return sum(
            any(not names.isdisjoint(barred.get(name, ())) for name in names)
            for names in map(named, split.positives())
        )

    def not_closed(_: str, split: ReleasedSplit) -> float:
        lists = [named(relevant) for relevant in split.relevant if relevant]
        return fmean(bool(graph.expand(names) & core - names) for names in lists)

    def mean(column: str) -> float:
        return fmean(value for label in demo if (value := getattr(label, column)) is not None)

    return ReleaseFigures(
        terms=len(ontology.terms),
        labels=len(graph.core),
        kinds=dict(Counter(label.kind for label in graph.labels if label.name in core)),
        listed_parents=sum(map(len, listed.values())),
        closed_parents=sum(map(len, closed.values())),
        missing_ancestors=tuple(
            (name, above) for name in graph.core for above in sorted(closed[name] - listed[name])
        ),
        reduced_parents=len(graph.reduction()),
        exclusive_pairs_with_self=len(pairs) + len(_self_pairs(graph)),
        exclusive_pairs=len(pairs),
        exclusive_pairs_without_ancestors=len(graph.exclusive_pairs()),
        one_way_exclusives=tuple(
            (name, other)
            for name, others in exclusives.items()
            for other in others
            if name not in exclusives.get(other, (name,))
        ),
        lesions=each(lambda _, split: len(split.lesions)),
        lesions_with_label=each(labelled),
        lesions_with_relevant_label=each(lambda _, split: sum(map(bool, split.relevant))),
        labels_a_lesion=each(lambda _, split: fmean(len(set(one)) for one in split.relevant if one)),
        lesions_with_repeats=each(lambda _, split: sum(len(set(one)) < len(one) for one in split.relevant)),
        not_closed=each(not_closed),
        conflicting_lesions=each(conflicting),
        demo_means={column: mean(column) for column in ("auc", "precision", "recall", "f1")},
        demo_labels_that_never_fire=sum(
            label.threshold is not None and label.threshold >= 1 for label in demo
        ),
    )


def _self_pairs(graph: LabelGraph) -> tuple[str, ...]:
    """Core labels that two of their ancestors' listed exclusives would bar from themselves."""
    found = []
    for name in graph.core:
        lineage = graph.expand([name])
        if any(other in lineage for one in lineage for other in graph.by_name[one].exclusives):
            found.append(name)
    return tuple(found)


def _split(data: Mapping[str, Any], name: str, terms: int, path: str | Path) -> ReleasedSplit:
    lesions = data.get(f"{name}_lesion_idxs")
    if not isinstance(lesions, list) or not all(type(row) is int and row >= 0 for row in lesions):
        raise InputError(f"{path}: {name}_lesion_idxs must be a list of rows counted from 0.")
    columns = []
    for relation in RELATIONS:
        key = f"{name}_{relation}_labels"
        lists = data.get(key, [[]] * len(lesions) if relation == "irrelevant" else None)
        if not isinstance(lists, list) or len(lists) != len(lesions):
            raise InputError(f"{path}: {key} must hold a list for each of the {len(lesions)} lesions.")
        for row, numbers in zip(lesions, lists, strict=True):
            if not isinstance(numbers, list) or not all(type(n) is int and 0 <= n < terms for n in numbers):
                raise InputError(f"{path}: {key}, lesion {row}: labels are numbers below {terms}.")
        columns.append(tuple(map(tuple, lists)))
    return ReleasedSplit(tuple(lesions), *columns)


def _sheet(path: str | Path) -> list[tuple[Any, ...]]:
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(
            f"{path} is an Excel workbook, which needs openpyxl: pip install 'napari-lesionscope[lesanet]'"
        ) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets zipfile's, XML's and its own errors through
        raise unreadable(path, "an Excel workbook", error) from error
    try:
        rows = [tuple(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()
    width = max((len(row) for row in rows), default=0)
    if not rows or width < len(WORKBOOK_COLUMNS):
        raise InputError(f"{path} holds no table of LesaNet's.")
    return [row + (None,) * (width - len(row)) for row in rows]


def _number(cell: object, where: str) -> float | None:
    if cell is None:
        return None
    try:
        return float(str(cell))
    except ValueError as error:
        raise InputError(f"{where}: {cell!r} is no number.") from error
