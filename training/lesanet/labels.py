"""From what a report says to what is learnt and scored: expansion, doubt, exclusives (paper 002, §3–4).

Everything starts from labels as they were mined, unexpanded; the label graph does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.mining.miner import MinedSentence, Miner
from lesionscope.mining.relations import IRRELEVANT, RELEVANT, UNCERTAIN
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.lesanet_files import read_label_file

from ..deeplesion.table import Table
from .recipe import LabelRules

Truths = NDArray[np.bool_]
RELEASED = {"train": "train", "validation": "val", "test": "test"}
"""Our splits by the names that the release's label files have for them."""


@dataclass(frozen=True)
class Said:
    """Labels of one lesion as its report says them, unexpanded, by their relation to it (§3.2).

    A label has the strongest of its mentions' relations.
    """

    relevant: frozenset[str]
    uncertain: frozenset[str]
    irrelevant: frozenset[str]


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels of lesions: ``positive`` ``(n, C)``, and which pairs are ``known`` ``(n, C)``."""

    positive: Truths
    known: Truths

    def __len__(self) -> int:
        return len(self.positive)

    def __getitem__(self, rows: NDArray[np.int64] | Truths) -> Targets:
        return Targets(self.positive[rows], self.known[rows])

    @property
    def labelled(self) -> Truths:
        """Which lesions have a label at all, ``(n,)``: the others are neither learnt nor scored (§5.2)."""
        return np.asarray(self.positive.any(axis=1))


def mine(sentences: Iterable[str], graph: LabelGraph) -> tuple[Said, ...]:
    """Mine reports' sentences by the rules."""
    miner = Miner(graph)
    return tuple(_said(miner.mine(text)) for text in sentences)


def _said(mined: MinedSentence) -> Said:
    wanted = {number for number, mark in enumerate(mined.bookmarks) if mark.target}
    names: dict[str, set[str]] = {RELEVANT: set(), UNCERTAIN: set(), IRRELEVANT: set()}
    for mention in mined.mentions:
        if mention.bookmark is None or mention.bookmark in wanted:
            names[mention.relation].add(mention.label)
    relevant = frozenset(names[RELEVANT])
    uncertain = frozenset(names[UNCERTAIN]) - relevant
    return Said(relevant, uncertain, frozenset(names[IRRELEVANT]) - relevant - uncertain)


def from_lists(
    relevant: Iterable[str], uncertain: Iterable[str], irrelevant: Iterable[str], graph: LabelGraph
) -> Said:
    """Take a lesion's label lists of the release.

    Its relevant labels were expanded (all but 1.5 % of the ancestors are there), so what other labels of
    the list imply is taken out again: half of them, where the paper says 40 % (§5.5).
    """
    names = frozenset(relevant)
    doubted = frozenset(uncertain) - names
    own = names - graph_above(names, graph)
    return Said(own, doubted, frozenset(irrelevant) - names - doubted)


def listed(path: str | Path, split: str, graph: LabelGraph) -> dict[int, Said]:
    """Read a split's labels from a file in the form of LesaNet's release, by the lesion's row.

    Raises
    ------
    InputError
        The file can't be read, or has a label that the ontology doesn't.
    """
    labels = read_label_file(path)
    if strange := set(labels.terms) - set(graph.core):
        raise InputError(f"{path} has labels that are not in the ontology: {', '.join(sorted(strange))}.")
    here = labels.splits[RELEASED[split]]

    def names(terms: Iterable[int]) -> list[str]:
        return [labels.terms[term] for term in terms]

    return {
        number: from_lists(names(relevant), names(uncertain), names(irrelevant), graph)
        for number, relevant, uncertain, irrelevant in zip(
            here.lesions, here.relevant, here.uncertain, here.irrelevant, strict=True
        )
    }


def reviewed(path: str | Path, table: Table, split: str, graph: LabelGraph) -> dict[int, Said]:
    """Read what readers made of a split's labels (``lesionscope review export``), by the lesion's row.

    Raises
    ------
    InputError
        As :func:`listed`; or the file would have lesions of test patients learnt.
    """
    found = listed(path, split, graph)
    tested = {row.patient for row in table.rows.values() if row.split == "test"}
    for number in found:
        if number >= len(table):
            raise InputError(f"{path} speaks of lesion {number}, but the table has {len(table)}.")
        if number in table.rows and table.rows[number].patient in tested:
            raise InputError(
                f"{path} gives lesion {number} to {split}, but its patient is one of the test patients, who "
                "must not be learnt from: take it out of the file."
            )
    return found


def graph_above(names: Iterable[str], graph: LabelGraph) -> frozenset[str]:
    """Everything that labels imply, without what is only said."""
    return frozenset().union(*(graph.ancestors(name) for name in names))


def training_targets(said: Sequence[Said], graph: LabelGraph, rules: LabelRules) -> Targets:
    """Return what is learnt: positives, and pairs that count.

    Relevant labels are expanded. Uncertain ones are positives as they stand; what they imply and nobody
    said is not known, as in the authors' code.
    """
    positive, known = _blank(len(said), graph)
    place = _places(graph)
    for row, one in enumerate(said):
        if rules.text_mining:
            sure, doubted = one.relevant, one.uncertain if rules.uncertain else frozenset()
        else:
            sure, doubted = one.relevant | one.uncertain | one.irrelevant, frozenset()
        true = (graph.expand(sure) if rules.expansion else sure) | doubted
        positive[row, _of(true, place)] = True
        if rules.expansion:
            known[row, _of(graph_above(doubted, graph) - true, place)] = False
    if rules.above:
        known &= positive.sum(axis=0) > rules.above
    return Targets(positive & known, known)


def scored_targets(said: Sequence[Said], graph: LabelGraph) -> Targets:
    """Return a text-mined validation or test set: relevant labels expanded, uncertain ones not counted."""
    positive, known = _blank(len(said), graph)
    place = _places(graph)
    for row, one in enumerate(said):
        true = graph.expand(one.relevant)
        positive[row, _of(true, place)] = True
        known[row, _of(graph.expand(one.uncertain) - true, place)] = False
    return Targets(positive, known)


def complete_targets(truth: Truths) -> Targets:
    """Return a test set whose labels are complete: the paper's hand-labelled one."""
    return Targets(truth, np.ones_like(truth))


def ancestor_matrix(graph: LabelGraph) -> Truths:
    """Whether a row's label implies a column's, ``(C, C)``."""
    return _matrix(graph, graph.ancestors)


def exclusive_matrix(graph: LabelGraph) -> Truths:
    """Whether two labels exclude each other, ``(C, C)``, symmetric."""
    return _matrix(graph, graph.exclusives)


def _matrix(graph: LabelGraph, related: Callable[[str], frozenset[str]]) -> Truths:
    place = _places(graph)
    matrix = np.zeros((len(place), len(place)), dtype=np.bool_)
    for name in graph.core:
        matrix[place[name], _of(related(name), place)] = True
    return matrix


def _blank(count: int, graph: LabelGraph) -> tuple[Truths, Truths]:
    shape = (count, len(graph.core))
    return np.zeros(shape, dtype=np.bool_), np.ones(shape, dtype=np.bool_)


def _places(graph: LabelGraph) -> dict[str, int]:
    return {name: place for place, name in enumerate(graph.core)}


def _of(names: Iterable[str], place: dict[str, int]) -> list[int]:
    return [place[name] for name in names if name in place]
