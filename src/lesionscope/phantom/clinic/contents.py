"""What a report says of a lesion: only part of what is true, as reports do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .phrases import ALTERNATIVES, NODE, Content, Phrases
from .wording import Term

BODY_PART, TYPE, ATTRIBUTE = "body part", "type", "attribute"
SAY_TYPE_AS_LOOK = 0.25
SAY_PLACE_OF_NODE = 0.1
"""A lymph node's name often says its place."""
MOST_LOOKS = 3


@dataclass(frozen=True)
class Detail:
    """How much is said of a lesion.

    ``look`` and ``place``: how often an attribute that is true and the place are said;
    ``coarser_place``, ``coarser_head``: how often they are said more coarsely than they are known.
    """

    look: float
    place: float
    coarser_place: float
    coarser_head: float


OF_INTEREST = Detail(0.7, 0.82, 0.2, 0.16)
IN_PASSING = Detail(0.36, 0.5, 0.4, 0.35)
"""Reports say less of the lesions that they mention beside the one they are about."""


class Reported(Protocol):
    """What a sentence needs to know of a lesion; labels are names of the 171, sizes mm."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def direct(self) -> frozenset[str]:
        """Labels it was made from."""

    @property
    def labels(self) -> frozenset[str]:
        """Everything true of it."""

    @property
    def long_mm(self) -> float:
        """Its long diameter."""

    @property
    def short_mm(self) -> float:
        """Its short diameter."""


@dataclass(frozen=True)
class Slices:
    """Where a scan shows the lesions: the series' number, and each lesion's key slice in it by its id."""

    series: int
    images: Mapping[int, int]


def made_up(lesions: Sequence[Reported], rng: np.random.Generator) -> Slices:
    """Return numbers for lesions that are in no scan."""
    return Slices(int(rng.integers(2, 9)), {one.id: int(rng.integers(8, 260)) for one in lesions})


def is_node(label: str) -> bool:
    """Whether a body part is a lymph node of some station."""
    return label.endswith(NODE)


def choose(lesion: Reported, index: int, phrases: Phrases, detail: Detail) -> Content:
    """Choose what is said of a lesion."""
    terms = phrases.wording.terms
    direct = [terms[name] for name in sorted(lesion.direct) if name in terms]
    known = [terms[name] for name in sorted(lesion.labels) if name in terms]
    head = _head(direct, known, phrases, detail)
    looks = _looks(direct, head, phrases, detail)
    place = _place(direct, known, head, phrases, detail)
    if head is None and not looks and place is None:
        place = next(
            (term.label for term in direct if term.kind == BODY_PART and not is_node(term.label)), None
        )
    return Content(
        index,
        head,
        looks,
        place,
        size=size_text(lesion.long_mm, lesion.short_mm, phrases),
    )


def _head(direct: Sequence[Term], known: Sequence[Term], phrases: Phrases, detail: Detail) -> str | None:
    nodes = [t.label for t in direct if is_node(t.label) and t.label != NODE]
    coarse = phrases.chance(detail.coarser_head)
    types = [t.label for t in (known if coarse else direct) if t.kind == TYPE and t.nouns]
    if any(is_node(term.label) for term in direct):
        if nodes and not (coarse or ("lymphadenopathy" in types and phrases.chance(0.25))):
            return phrases.pick(nodes)
        if "lymphadenopathy" in types:
            return "lymphadenopathy"
        return NODE
    return phrases.pick(types) if types and not phrases.chance(0.08) else None


def _looks(direct: Sequence[Term], head: str | None, phrases: Phrases, detail: Detail) -> tuple[str, ...]:
    said = []
    for term in direct:
        if term.label == head:
            continue
        share = detail.look if term.kind == ATTRIBUTE else SAY_TYPE_AS_LOOK
        if term.kind != BODY_PART and (term.adjectives or term.nouns) and phrases.chance(share):
            if term.kind == TYPE and not term.adjectives:
                continue
            said.append(term.label)
    phrases.rng.shuffle(said)
    return tuple(said[:MOST_LOOKS])


def _place(
    direct: Sequence[Term], known: Sequence[Term], head: str | None, phrases: Phrases, detail: Detail
) -> str | None:
    node = head is not None and is_node(head) and head != NODE
    if not phrases.chance(SAY_PLACE_OF_NODE if node else detail.place):
        return None
    among = known if phrases.chance(detail.coarser_place) else direct
    places = [t.label for t in among if t.kind == BODY_PART and t.nouns and not is_node(t.label)]
    return phrases.pick(places) if places else None


def alternative(head: str | None, phrases: Phrases) -> str | None:
    """Return what a lesion may be taken for, if the wording can say it."""
    among = [name for name in ALTERNATIVES.get(head or "", ()) if name in phrases.wording.terms]
    return phrases.pick(among) if among else None


def size_text(long_mm: float, short_mm: float, phrases: Phrases) -> str:
    """Return a measurement as reports write it: "1.2 x 0.9 cm", "12 mm"."""
    both, millimetres = phrases.chance(0.55), phrases.chance(0.25)
    if millimetres:
        long, short, unit = f"{max(long_mm, 1):.0f}", f"{max(short_mm, 1):.0f}", "mm"
    else:
        long, short, unit = f"{max(long_mm / 10, 0.1):.1f}", f"{max(short_mm / 10, 0.1):.1f}", "cm"
    if not both:
        return f"{long} {unit}"
    style = phrases.rng.random()
    if style < 0.7:
        return f"{long} x {short} {unit}"
    return f"{long} {unit} x {short} {unit}" if style < 0.85 else f"{long} by {short} {unit}"


def bookmark_text(size: str, series: int, image: int, phrases: Phrases) -> str:
    """Return a bookmark as archives hold it: a size, a slice's number or both."""
    place = phrases.pick(
        (f"(series {series}, image {image})", f"({series}:{image})", f"image {image}", f"(image {image})")
    )
    style = phrases.rng.random()
    if style < 0.35:
        return f"measuring {size}"
    if style < 0.6:
        return f", {size} {place}" if place.startswith("(") else f", {size}"
    return place if place.startswith("(") else f"on {place}"
