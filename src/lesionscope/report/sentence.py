"""One sentence a lesion in plain radiology English, from its labels and its size.

"2.1 × 1.4 cm spiculated solid nodule in the right upper lobe." A type gives the noun, attributes stand
before it, body parts after it; what a more specific label says already is not said again. All that this
needs to know of anatomy it asks the label graph, so the words in ``sentence_words.py`` are few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lesionscope.ontology.label_graph import LabelGraph, load_labels
from lesionscope.report import sentence_words as words

CM_FROM_MM = 9.95
"""Sizes are said in cm from here; below in whole mm."""
NOUN = "lesion"
ROUNDED_MM = 0.6
"""As far as rounding to whole mm or to 0.1 cm takes a size from the measured one."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SIZE = re.compile(rf"{_NUMBER.pattern}(?:\s?(?:[cm]m\s?)?[×x]\s?{_NUMBER.pattern})*\s?[cm]m\b")


def lesion_sentence(
    labels: Iterable[str],
    *,
    long_mm: float | None = None,
    short_mm: float | None = None,
    graph: LabelGraph | None = None,
) -> str:
    """Say in one sentence what a lesion is.

    Parameters
    ----------
    labels
        Labels that hold; those that others imply may be among them. One that the graph doesn't
        know is taken for an attribute.
    long_mm, short_mm
        Its diameters.
    graph
        Classes and implications; the bundled ones by default.
    """
    known = load_labels() if graph is None else graph
    names = list(dict.fromkeys(labels))
    said = _Words(names, known)
    parts = [*said.sizes, size(long_mm, short_mm), *said.adjectives, said.noun, *said.after, *said.places]
    text = " ".join(part for part in parts if part)
    for beside in said.beside:
        text += f", {beside}"
    return f"{text[:1].upper()}{text[1:]}."


def size(long_mm: float | None, short_mm: float | None) -> str:
    """Write a size as reports do: ``2.1 × 1.4 cm``, ``8 × 6 mm``; empty where nothing was measured."""
    lengths = [mm for mm in (long_mm, short_mm) if mm is not None]
    if not lengths:
        return ""
    if max(lengths) >= CM_FROM_MM:
        return " × ".join(f"{mm / 10:.1f}" for mm in lengths) + " cm"
    return " × ".join(f"{mm:.0f}" for mm in lengths) + " mm"


def other_size(text: str, long_mm: float | None, short_mm: float | None) -> str:
    """Return the size that a text states, where it states sizes and none of them is the measured one."""
    measured = [mm for mm in (long_mm, short_mm) if mm is not None]
    stated = [match.group() for match in _SIZE.finditer(text)]
    if not measured or any(_is_size(one, measured) for one in stated):
        return ""
    return stated[0] if stated else ""


def _is_size(stated: str, measured: Sequence[float]) -> bool:
    factor = 10 if stated.endswith("cm") else 1
    lengths = [factor * float(number) for number in _NUMBER.findall(stated)]
    return all(abs(one - mm) <= ROUNDED_MM for one, mm in zip(lengths, measured, strict=False))


class _Words:
    """The parts of one sentence."""

    def __init__(self, names: Sequence[str], graph: LabelGraph) -> None:
        self._graph = graph
        before = [n for n in self._specific(names) if n in words.ADJECTIVES]
        types, parts, attributes = (
            [
                n
                for n in self._specific(m for m in names if self._kind(m) == kind)
                if n not in words.ADJECTIVES
            ]
            for kind in ("type", "body part", "attribute")
        )
        traits = [*attributes, *before]
        nodes = [n for n in parts if self._is(n, (words.NODE,))]
        diseases = [n for n in types if self._is(n, words.DISEASES)]
        enlarged = [n for n in types if self._is(n, ("enlargement",))]
        if nodes and set(types) <= {*diseases, *enlarged}:
            self.noun = f"{'enlarged ' * bool(enlarged)}{_nodes(nodes)}"
            alike, parts = enlarged, [n for n in parts if n not in nodes]
        else:
            alike, base = self._head(types)
            self.noun, more = self._noun(alike, base, parts)
            traits += more
            # A place that the noun implies is said already.
            implied = {above for n in alike for above in self._above(n)}
            parts = [n for n in parts if n not in implied]
        self._line_up([n for n in traits if n not in self.noun.split()])
        of = bool(alike) and alike[0] in words.OF_SOMETHING
        self.places = _places(parts, "of" if of else "")
        rest = [n for n in types if n not in alike]
        self.beside = _beside([n for n in rest if n in diseases], [n for n in rest if n not in diseases])

    def _kind(self, name: str) -> str:
        label = self._graph.by_name.get(name)
        return "attribute" if label is None else label.kind

    def _above(self, name: str) -> frozenset[str]:
        return self._graph.ancestors(name) if name in self._graph.by_name else frozenset()

    def _specific(self, names: Iterable[str]) -> list[str]:
        """Leave out what another one implies."""
        kept = list(names)
        implied = {above for name in kept for above in self._above(name)}
        return [name for name in kept if name not in implied]

    def _is(self, name: str, families: Sequence[str]) -> bool:
        return bool({name, *self._above(name)}.intersection(families))

    def _head(self, types: Sequence[str]) -> tuple[list[str], str]:
        """Return the types that give the noun together, and what all of them are."""
        for family in words.HEADS:
            alike = [name for name in types if self._is(name, (family,))]
            if alike:
                return alike, family
        return (list(types[:1]), types[0]) if types else ([], NOUN)

    def _noun(self, alike: Sequence[str], base: str, parts: Sequence[str]) -> tuple[str, list[str]]:
        """Return the noun, and attributes that its types imply.

        "lung nodule" beside a lobe is a nodule in that lobe; alone it stays as it is.
        """
        traits: list[str] = []
        front: list[str] = []
        for name in alike:
            if name != base and not name.endswith(f" {base}"):
                return name, traits
            first = name.removesuffix(base).strip()
            above = self._above(name)
            sites = {n for n in above if self._kind(n) == "body part"}
            implied = [n for n in above if self._kind(n) == "attribute"]
            traits += implied
            further = any(self._above(n) & sites for n in parts if n not in sites)
            if first and not implied and not (sites and further):
                front.append(first)
        return " ".join([*sorted(front, key=lambda word: word in self._graph.by_name), base]), traits

    def _line_up(self, traits: Iterable[str]) -> None:
        order = {name: place for place, name in enumerate(words.ORDER)}
        lined = sorted(dict.fromkeys(traits), key=lambda name: order.get(name, len(order)))
        self.sizes = [n for n in lined if n in words.SIZES]
        self.after = [words.AFTER_NOUN[n] for n in lined if n in words.AFTER_NOUN]
        said = {*words.SIZES, *words.AFTER_NOUN}
        self.adjectives = [words.ADJECTIVES.get(n, n) for n in lined if n not in said]


def _beside(diseases: Sequence[str], seen: Sequence[str]) -> list[str]:
    """Say the types that did not give the noun: diseases, then what is seen with it."""
    found = []
    if diseases:
        found.append(f"consistent with {_and([_article(name) for name in diseases])}")
    if seen:
        found.append(f"with {_and([_article(name) for name in seen])}")
    return found


def _nodes(names: Sequence[str]) -> str:
    """``mediastinum lymph node`` → ``mediastinal lymph node``; several share the noun."""
    sites = [name.removesuffix(words.NODE).strip() for name in names]
    said = _and([words.NODE_SITES.get(site, site) for site in sites])
    return f"{said} {words.NODE}{'s' * (len(names) > 1)}".strip()


def _places(parts: Sequence[str], preposition: str = "") -> list[str]:
    """Say where, each preposition once; ``preposition`` takes the place of all."""
    places: dict[str, list[str]] = {}
    for name in parts:
        node = name.endswith(f" {words.NODE}")
        phrase = f"in {_indefinite(_nodes([name]))}" if node else words.PLACES.get(name, f"in the {name}")
        before, _, place = phrase.partition(" ")
        places.setdefault(preposition or before, []).append(place)
    return [f"{before} {_and(named)}" for before, named in sorted(places.items())]


def _article(name: str) -> str:
    return name if name in words.UNCOUNTED else _indefinite(name)


def _indefinite(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
