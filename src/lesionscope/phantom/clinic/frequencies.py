"""How often which labels go together: our own table, or anybody's labelled lesions.

The table (``frequencies.tsv``) gives every place a weight and every type and attribute a chance
in each family of places where it can occur at all. A file of labelled lesions in the form of
LesaNet's release is a joint distribution as it stands; sets from it are trimmed by the same rules
of what is anatomically possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError, unreadable
from lesionscope.ontology.label_graph import LabelGraph, load_labels

BUNDLED = Path(__file__).with_name("frequencies.tsv")
COLUMNS = ["kind", "family", "label", "value"]
Rng = np.random.Generator


@dataclass(frozen=True)
class Draw:
    """One lesion's labels before it has a place: the place asked for, its family, all direct labels."""

    place: str
    family: str
    direct: frozenset[str]


@dataclass(frozen=True)
class Possible:
    """What can occur where.

    Parameters
    ----------
    family
        Of each body part.
    chances
        Of each type and attribute by family: the chance that it is true of a lesion there.
    never
        Labels that don't go with a label: the graph's exclusives and the table's.
    """

    graph: LabelGraph
    family: Mapping[str, str]
    chances: Mapping[str, Mapping[str, float]]
    never: Mapping[str, frozenset[str]]

    def fits(self, name: str, family: str, direct: Iterable[str]) -> bool:
        """Whether a type or attribute can be true of a lesion there that has these labels."""
        return name in self.chances[family] and not self.never[name] & frozenset(direct)

    def lean(self, names: Iterable[str]) -> frozenset[str]:
        """Leave out what other labels imply."""
        names = frozenset(names)
        return names - frozenset().union(*(self.graph.ancestors(name) for name in names))


class Frequencies:
    """A joint distribution of labels to draw from.

    Parameters
    ----------
    possible
        What can occur where.
    places, weights
        Body parts and how often a lesion is drawn there.
    sets
        Labelled lesions to draw from instead; empty: draw by ``possible.chances``.
    """

    def __init__(
        self,
        possible: Possible,
        places: Sequence[str],
        weights: NDArray[np.float64],
        sets: Sequence[frozenset[str]] = (),
    ) -> None:
        self.possible = possible
        self.places = tuple(places)
        self.weights = np.asarray(weights / weights.sum())
        self.sets = tuple(sets)
        self._cumulative = np.cumsum(self.weights)
        self._order = {
            family: (
                tuple(chances),
                np.array(list(chances.values())),
            )
            for family, chances in possible.chances.items()
        }

    def sample(self, rng: Rng) -> Draw:
        """Draw the labels of one lesion."""
        if self.sets:
            return self._trimmed(self.sets[int(rng.integers(len(self.sets)))], rng)
        place = self.places[min(int(np.searchsorted(self._cumulative, rng.random())), len(self.places) - 1)]
        family = self.possible.family[place]
        names, chances = self._order[family]
        hits = np.nonzero(rng.random(len(names)) < chances)[0]
        # Rare labels first, so that common ones don't crowd them out.
        by_rarity = hits[np.argsort(chances[hits] * rng.uniform(0.3, 1.0, len(hits)))]
        return self._gather(place, [names[index] for index in by_rarity])

    def with_label(self, name: str, rng: Rng) -> Draw:
        """Draw the labels of a lesion that has ``name`` among its direct ones."""
        if name in self.possible.family:
            place, first = name, []
        else:
            fit = np.array(
                [self.possible.chances[self.possible.family[p]].get(name, 0.0) for p in self.places]
            )
            total = np.cumsum(fit * self.weights)
            place = self.places[int(np.searchsorted(total, rng.random() * total[-1], side="right"))]
            first = [name]
        names, chances = self._order[self.possible.family[place]]
        hits = [names[index] for index in np.nonzero(rng.random(len(names)) < chances)[0]]
        return self._gather(place, first + hits)

    def _gather(self, place: str, names: Iterable[str]) -> Draw:
        family = self.possible.family[place]
        direct = {place}
        for name in names:
            if self.possible.fits(name, family, direct):
                direct.add(name)
        return Draw(place, family, self.possible.lean(direct))

    def _trimmed(self, labels: frozenset[str], rng: Rng) -> Draw:
        """Return what of a set can be true of one lesion at one place."""
        families = self.possible.family
        places = sorted(self.possible.lean(name for name in labels if name in families))
        others = sorted(name for name in labels if name not in families)
        if not places:
            fitting = [
                index
                for index, place in enumerate(self.places)
                if all(name in self.possible.chances[families[place]] for name in others)
            ]
            chosen = np.array(fitting if fitting else range(len(self.places)))
            weights = self.weights[chosen]
            places = [self.places[int(rng.choice(chosen, p=weights / weights.sum()))]]
        # The place that most of the types and attributes fit; of several, any.
        counts = [sum(name in self.possible.chances[families[place]] for name in others) for place in places]
        best = [place for place, count in zip(places, counts, strict=True) if count == max(counts)]
        place = best[int(rng.integers(len(best)))]
        shuffled = [others[index] for index in rng.permutation(len(others))]
        return self._gather(place, shuffled)


@lru_cache(maxsize=8)
def load_frequencies(path: str | Path | None = None) -> Frequencies:
    """Read joint label frequencies.

    Parameters
    ----------
    path
        A table in the form of ``frequencies.tsv``, or a JSON file in the form of LesaNet's released
        labels, whose training lesions then are the distribution. The bundled table where ``None``.

    Raises
    ------
    InputError
        The file can't be read as either.
    """
    table = _read_table(BUNDLED)
    if path is None:
        return table
    path = Path(path)
    if path.suffix.lower() != ".json":
        return _read_table(path)
    return Frequencies(table.possible, table.places, table.weights, _labelled_sets(path))


def _labelled_sets(path: Path) -> list[frozenset[str]]:
    """Read the training lesions of a released label file: the relevant labels of each that has any."""
    from lesionscope.ontology.lesanet_files import read_label_file

    released = read_label_file(path)
    core = frozenset(load_labels().core)
    found = [
        frozenset(released.terms[number] for number in numbers) & core
        for numbers in released.splits["train"].relevant
    ]
    sets = [labels for labels in found if labels]
    if not sets:
        raise InputError(f"{path} can't be used as label frequencies: no training lesion has a known label.")
    return sets


def _read_table(path: Path) -> Frequencies:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise unreadable(path, "a table of label frequencies", error) from error
    graph = load_labels()
    core = frozenset(graph.core)
    family: dict[str, str] = {}
    weights: list[float] = []
    chances: dict[str, dict[str, float]] = {}
    pairs: list[tuple[str, str]] = []
    seen_header = False
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if not seen_header:
            if cells != COLUMNS:
                raise _problem(path, number, f"the columns must be {', '.join(COLUMNS)}, parted by tabs")
            seen_header = True
            continue
        if len(cells) != len(COLUMNS):
            raise _problem(path, number, f"{len(cells)} columns where {len(COLUMNS)} belong")
        kind, where, name, value = cells
        if name not in core or (kind == "never" and where not in core):
            raise _problem(path, number, f"{name!r} is none of the {len(core)} labels")
        if kind == "never":
            pairs.append((where, name))
            continue
        amount = _number(path, number, value)
        if kind == "place":
            if graph.by_name[name].kind != "body part":
                raise _problem(path, number, f"{name!r} is no body part")
            family[name] = where
            weights.append(amount)
            chances.setdefault(where, {})
        elif kind in ("type", "attribute"):
            if graph.by_name[name].kind != kind or amount > 1:
                raise _problem(path, number, f"{name!r} must be a {kind} with a chance up to 1")
            chances.setdefault(where, {})[name] = amount
        else:
            raise _problem(path, number, f"{kind!r} is none of place, type, attribute, never")
    if not weights or sum(weights) <= 0:
        raise InputError(f"{path} can't be used as a table of label frequencies: it gives no place a weight.")
    missing = sorted(set(chances) - set(family.values()))
    if missing:
        raise InputError(f"{path} can't be used as a table of label frequencies: no place is {missing[0]!r}.")
    never = {name: set(graph.exclusives(name)) & core for name in graph.core}
    for one, other in pairs:
        never[one].add(other)
        never[other].add(one)
    possible = Possible(graph, family, chances, {name: frozenset(others) for name, others in never.items()})
    return Frequencies(possible, list(family), np.array(weights))


def _number(path: Path, number: int, value: str) -> float:
    try:
        amount = float(value)
    except ValueError as error:
        raise _problem(path, number, f"{value!r} is no number") from error
    if not np.isfinite(amount) or amount < 0:
        raise _problem(path, number, f"{value!r} is no weight: it must be 0 or more")
    return amount


def _problem(path: Path, number: int, what: str) -> InputError:
    return InputError(f"{path} can't be used as a table of label frequencies; line {number}: {what}.")
