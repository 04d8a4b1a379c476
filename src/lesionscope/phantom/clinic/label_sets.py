"""Lesions as sets of labels, without a body or an image: for training on sentences, and for measuring them.

A lesion is drawn from a family of places with the types and attributes that are found
there. The rates are rough: what matters to a sentence is that the labels go together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from lesionscope.ontology.label_graph import LabelGraph


@dataclass(frozen=True)
class LabelSet:
    """A lesion of which only labels and diameters (mm) are known."""

    id: int
    direct: frozenset[str]
    labels: frozenset[str]
    long_mm: float
    short_mm: float


@dataclass(frozen=True)
class Family:
    """Places with what grows there: relative rates of places and types, probabilities of the rest."""

    rate: float
    places: Mapping[str, float]
    types: Mapping[str, float]
    attributes: Mapping[str, float]
    besides: Mapping[str, float]
    """Further places that may hold too."""


@cache
def families() -> tuple[Family, ...]:
    """Read the families; kept."""
    text = files(__package__).joinpath("label_sets.tsv").read_text(encoding="utf-8")
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            rate, *cells = line.split("\t")
            found.append(Family(float(rate), *map(_rates, cells)))
    return tuple(found)


def _rates(text: str) -> dict[str, float]:
    """Read "nodule 6, mass 2" as {"nodule": 6, "mass": 2}; without a number, 1."""
    found: dict[str, float] = {}
    for entry in filter(None, text.split(",")):
        name, _, number = entry.strip().rpartition(" ")
        if number.replace(".", "", 1).isdigit():
            found[name] = float(number)
        else:
            found[entry.strip()] = 1.0
    return found


SPARSE = 0.35
"""Share of the attributes' and further places' rates that makes lesions as sparse as the clinic's."""
SIZES = {"tiny": (2.0, 5.0), "subcentimeter": (4.0, 9.5), "large": (35.0, 120.0)}
"""Long diameters (mm) that go with a label."""


def sample(rng: np.random.Generator, graph: LabelGraph, number: int = 0) -> LabelSet:
    """Draw one lesion; its labels are expanded and keep within the 171."""
    return _grown(rng, graph, _any_family(rng), number)


def patient(rng: np.random.Generator, graph: LabelGraph) -> tuple[LabelSet, ...]:
    """Draw the lesions of one patient, half of them of one family."""
    count = int(rng.integers(1, 6))
    main = _any_family(rng)
    return tuple(
        _grown(rng, graph, main, i) if rng.random() < 0.6 else sample(rng, graph, i) for i in range(count)
    )


def _grown(rng: np.random.Generator, graph: LabelGraph, family: Family, number: int) -> LabelSet:
    direct = {_drawn(rng, family.places), _drawn(rng, family.types)}
    direct |= {name for name, rate in family.besides.items() if rng.random() < SPARSE * rate}
    for name, rate in family.attributes.items():
        if rng.random() < SPARSE * rate and not graph.conflicts(direct | {name}):
            direct.add(name)
    low, high = next((span for name, span in SIZES.items() if name in direct), (5.0, 60.0))
    long_mm = float(np.clip(np.exp(rng.normal(2.9, 0.5)), low, high * rng.uniform(0.7, 1.0)))
    core = frozenset(graph.core)
    return LabelSet(
        number,
        frozenset(direct),
        frozenset(graph.expand(direct)) & core | frozenset(direct),
        long_mm,
        long_mm * float(rng.uniform(0.5, 0.98)),
    )


def _any_family(rng: np.random.Generator) -> Family:
    known = families()
    rates = np.array([family.rate for family in known])
    return known[int(rng.choice(len(known), p=rates / rates.sum()))]


def _drawn(rng: np.random.Generator, rates: Mapping[str, float]) -> str:
    weights = np.array(list(rates.values()))
    return list(rates)[int(rng.choice(len(weights), p=weights / weights.sum()))]
