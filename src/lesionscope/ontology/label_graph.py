"""What follows from a table of labels: ancestors, exclusives, expansion, reliable negatives.

LesaNet (paper 002, §3.1 and §4.3): a label implies its ancestors; what excludes a label
excludes its descendants too. Sets of labels are kept as bits of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from lesionscope.errors import InputError

from .labels import Label, parents_first, read_labels

BUNDLED = "lesion_labels.tsv"


class LabelGraph:
    """The labels of one table and their relations; never changes.

    Parameters
    ----------
    labels
        All labels, those with a place first and in that order. Parents and exclusives
        that are no labels are passed over.

    Raises
    ------
    InputError
        The parents run in a circle.
    """

    def __init__(self, labels: Iterable[Label]) -> None:
        self.labels: tuple[Label, ...] = tuple(labels)
        self.core: tuple[str, ...] = tuple(label.name for label in self.labels if label.index is not None)
        self.by_name: Mapping[str, Label] = MappingProxyType({label.name: label for label in self.labels})
        self._place = {label.name: place for place, label in enumerate(self.labels)}
        order, circle = parents_first({label.name: label.parents for label in self.labels})
        if circle:
            raise InputError("The parents of labels run in a circle: " + " → ".join(circle))
        self._above = [0] * len(self.labels)
        for name in order:
            for parent in self.by_name[name].parents:
                if parent in self._place:
                    place = self._place[parent]
                    self._above[self._place[name]] |= self._above[place] | 1 << place

    def __reduce__(self) -> tuple[type[LabelGraph], tuple[tuple[Label, ...]]]:
        """Pickle as the labels alone."""
        return LabelGraph, (self.labels,)

    def ancestors(self, name: str) -> frozenset[str]:
        """Every label that ``name`` implies, without itself."""
        return frozenset(self._names(self._above[self._place[name]]))

    def descendants(self, name: str) -> frozenset[str]:
        """Every label that implies ``name``, without itself."""
        return frozenset(self._names(self._below[self._place[name]]))

    def expand(self, names: Iterable[str]) -> frozenset[str]:
        """Return ``names`` and all that they imply."""
        bits = 0
        for name in names:
            place = self._place[name]
            bits |= self._above[place] | 1 << place
        return frozenset(self._names(bits))

    def reduction(self, names: Iterable[str] | None = None) -> tuple[tuple[str, str], ...]:
        """(child, parent) pairs of the transitive reduction among ``names`` (default: the core).

        The bundled table gives 137 for its core, as LesaNet counts them.
        """
        chosen = self._ordered(names)
        among = self._bits(chosen)
        pairs = []
        for child in chosen:
            above = self._above[self._place[child]] & among
            further = 0
            for place in _places(above):
                further |= self._above[place]
            pairs += [(child, parent) for parent in self._names(above & ~further)]
        return tuple(pairs)

    def exclusives(self, name: str) -> frozenset[str]:
        """Labels that can't hold where ``name`` does.

        Symmetric and inherited by descendants on both sides; no label excludes itself,
        an ancestor or a descendant; a pair listed under a label's exceptions is not
        applied to that label and what is below it.
        """
        return frozenset(self._names(self._excluded[self._place[name]]))

    def exclusive_pairs(
        self, names: Iterable[str] | None = None, *, as_listed: bool = False
    ) -> tuple[tuple[str, str], ...]:
        """Return unordered pairs of :meth:`exclusives` among ``names`` (default: the core).

        ``as_listed`` closes every listed pair, exceptions or not, and drops self pairs
        alone, which is how the release is counted: 4,460 on the bundled core. One of
        them is a label with its own ancestor; without it 4,459 remain.
        """
        chosen = self._ordered(names)
        among = self._bits(chosen)
        excluded = self._listed if as_listed else self._excluded
        pairs = []
        for name in chosen:
            place = self._place[name]
            later = excluded[place] & among & ~((2 << place) - 1)
            pairs += [(name, other) for other in self._names(later)]
        return tuple(pairs)

    def reliable_negatives(self, positives: Iterable[str]) -> frozenset[str]:
        """Labels that can't hold where ``positives`` do; never one that they imply.

        The most specific positives decide, so an expanded set gives the same answer.
        LesaNet (§4.3) trains on these as negatives beyond doubt.
        """
        own = self._bits(positives)
        implied = own
        for place in _places(own):
            implied |= self._above[place]
        bits = 0
        for place in _places(own):
            if not self._below[place] & own:
                bits |= self._excluded[place]
        return frozenset(self._names(bits & ~implied))

    def conflicts(self, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """Exclusive pairs both in ``names``, but those that one of ``names`` is excepted from.

        So what a single label implies never conflicts.
        """
        own = self._bits(names)
        spared: set[frozenset[str]] = set()
        for place in _places(own):
            lineage = self._above[place] | 1 << place
            for name in self._names(lineage):
                for one, other in self.by_name[name].exceptions:
                    spared.update(
                        frozenset((a, b))
                        for a in self._names(lineage & self._family(one))
                        for b in self._names(lineage & self._family(other))
                    )
        pairs = []
        for place in _places(own):
            later = self._excluded[place] & own & ~((2 << place) - 1)
            for second in _places(later):
                pair = (self.labels[place].name, self.labels[second].name)
                if frozenset(pair) not in spared:
                    pairs.append(pair)
        return tuple(pairs)

    @cached_property
    def _below(self) -> list[int]:
        below = [0] * len(self.labels)
        for place, above in enumerate(self._above):
            for ancestor in _places(above):
                below[ancestor] |= 1 << place
        return below

    @cached_property
    def _excluded(self) -> list[int]:
        spared: dict[frozenset[str], int] = {}
        for label in self.labels:
            for pair in map(frozenset, label.exceptions):
                spared[pair] = spared.get(pair, 0) | self._family(label.name)
        excluded = self._closed(spared)
        for place, above in enumerate(self._above):
            excluded[place] &= ~(above | self._below[place])
        return excluded

    @cached_property
    def _listed(self) -> list[int]:
        return self._closed({})

    def _closed(self, spared: Mapping[frozenset[str], int]) -> list[int]:
        """Spread each listed pair to the descendants of both, but those ``spared`` from it."""
        excluded = [0] * len(self.labels)
        for label in self.labels:
            for other in label.exclusives:
                if other not in self._place:
                    continue
                without = ~spared.get(frozenset((label.name, other)), 0)
                ours, theirs = self._family(label.name) & without, self._family(other) & without
                for place in _places(ours):
                    excluded[place] |= theirs
                for place in _places(theirs):
                    excluded[place] |= ours
        return [bits & ~(1 << place) for place, bits in enumerate(excluded)]

    def _family(self, name: str) -> int:
        place = self._place[name]
        return self._below[place] | 1 << place

    def _ordered(self, names: Iterable[str] | None) -> tuple[str, ...]:
        return self.core if names is None else tuple(self._names(self._bits(names)))

    def _bits(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            bits |= 1 << self._place[name]
        return bits

    def _names(self, bits: int) -> list[str]:
        return [self.labels[place].name for place in _places(bits)]


def _places(bits: int) -> list[int]:
    """Return the places of the bits that are set, the lowest first."""
    places = []
    while bits:
        lowest = bits & -bits
        places.append(lowest.bit_length() - 1)
        bits ^= lowest
    return places


def load_labels(path: str | Path | None = None) -> LabelGraph:
    """Read a table of labels; without a path the bundled one, once.

    Raises
    ------
    InputError
        As :func:`lesionscope.ontology.labels.read_labels`.
    """
    return _bundled() if path is None else LabelGraph(read_labels(path))


@lru_cache(maxsize=1)
def _bundled() -> LabelGraph:
    return LabelGraph(read_labels(Path(__file__).with_name(BUNDLED)))
