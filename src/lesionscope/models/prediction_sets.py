"""Sets of classes that hold the right one as often as promised (NumPy only).

Split conformal prediction (Vovk; Sadinle, Lei & Wasserman, *JASA* 114 (2019), "least
ambiguous set-valued classifiers"): with the probabilities p̂ that a model gave the true
leaves of n calibration cases, a leaf belongs to a new case's set where its probability
reaches

    t = the ⌊(n + 1)(1 − level)⌋-th smallest p̂        (0 where that is none)

For cases drawn like the calibration cases, P(true leaf ∈ set) ≥ level, whatever the
model is worth: a poor one gives large sets. The promise is on average over such cases,
not for each class. Of all sets with that promise these are the smallest on average, if
p̂ is the true posterior. On the tree a set is told by as few nodes as say it: a node
whose leaves are all in the set stands for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.ontology.tree import PathologyTree


@dataclass(frozen=True)
class SetRule:
    """From which probability a leaf is in a case's set, and what that promises.

    Parameters
    ----------
    level
        Share of cases whose set holds the true leaf, 0…1.
    threshold
        A leaf's least probability, 0…1.
    population
        The cases that it is promised for, in words.
    cases
        How many of them fixed the threshold.
    """

    level: float
    threshold: float
    population: str
    cases: int

    def __post_init__(self) -> None:
        if not 0 < self.level < 1 or not 0 <= self.threshold <= 1 or self.cases < 1:
            raise ValueError("level and threshold must lie in 0…1, and some cases stand behind them")

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``prediction_sets`` section."""
        return {
            "level": self.level,
            "threshold": self.threshold,
            "population": self.population,
            "cases": self.cases,
        }

    def members(self, leaves: ArrayLike) -> NDArray[np.bool_]:
        """Return each case's set from its leaves' probabilities, ``(n, leaves)`` → ``(n, leaves)``.

        The most probable leaf always belongs to it: an empty set would say nothing.
        """
        p = np.asarray(leaves, dtype=np.float64)
        inside = p >= self.threshold
        inside[np.arange(len(p)), p.argmax(axis=1)] = True
        return inside


def threshold_for(truth: ArrayLike, level: float) -> float:
    """Return the threshold t from the probabilities of n cases' true leaves, ``(n,)``."""
    p = np.sort(np.asarray(truth, dtype=np.float64))
    # A touch more than asked for, lest rounding of 1 − level cost a case: 10 (1 − 0.9) is 1.
    place = int(np.floor((len(p) + 1) * (1 - level) + 1e-9))
    return float(p[place - 1]) if place else 0.0


def covering_nodes(tree: PathologyTree, leaves: set[str]) -> tuple[str, ...]:
    """Return the fewest nodes whose leaves are together exactly ``leaves``, in the tree's order."""
    below = {node.tag: {leaf for leaf in tree.leaves if node.tag in tree.path(leaf)} for node in tree.nodes}
    whole = {tag for tag, its in below.items() if its <= leaves}
    return tuple(node.tag for node in tree.nodes if node.tag in whole and node.parent not in whole)


def node_words(tree: PathologyTree, tag: str) -> str:
    """Say a node that stands for all its leaves: "Adenocarcinoma, invasive or not", "Cancer, any kind".

    A leaf two levels down or more is named with its parent, for deep names are often mere adjectives.
    """
    node = tree.by_tag[tag]
    children = [child.name.lower() for child in tree.nodes if child.parent == tag]
    if children:
        plain = next((name for name in children if f"non-{name}" in children), None)
        if plain is not None and len(children) == 2:
            return f"{node.name}, {plain} or not"
        return f"{node.name}, any kind"
    above = tree.path(tag)[:-1]
    return node.name if len(above) < 2 else f"{tree.by_tag[above[-1]].name}, {node.name.lower()}"
