"""The words of the phantom's reports: constructions and terms, kept apart by split.

``wording_<split>.txt`` holds constructions in sections, ``wording_common.txt``
those without a word of their own, ``wording_terms.tsv`` how each label is said.
A form that test patients' reports use never occurs in those of the others, unless
it is the only name that a label has, or a single function word.

Slots: ``{np}`` a noun phrase with its article and place, ``{the}`` the same with
"the", ``{bare}`` without an article, ``{head}`` without its place, ``{in}`` the place
with a preposition, ``{in0}`` without one, ``{look}`` an attribute as a predicate; what
two findings share is ``{many}``, ``{one}`` or, bare, ``{solo}``, and ``{where}`` a place
of one of them without article; ``{bm}`` the bookmark, ``{size}`` and ``{prev}``
measurements, ``{no}`` an attribute that is absent, ``{old}``, ``{x}``, ``{y}`` and ``{part}`` what
else a clause speaks of. A number after a slot tells two findings apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
SLOT = re.compile(r"\{(\w+)\}")
_OWN = {"t": "train", "v": "validation", "x": "test"}


@dataclass(frozen=True)
class Term:
    """How a label is said in one wording: as a noun, and before one.

    ``counted`` are the nouns that take an article and have a plural.
    """

    label: str
    kind: str
    nouns: tuple[str, ...]
    adjectives: tuple[str, ...]
    counted: frozenset[str]


@dataclass(frozen=True)
class Wording:
    """Everything that the reports of one split are worded with."""

    split: Split
    own: Mapping[str, tuple[str, ...]]
    common: Mapping[str, tuple[str, ...]]
    terms: Mapping[str, Term]

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Return the labels of a kind that can be said, in the file's order."""
        return tuple(name for name, term in self.terms.items() if term.kind == kind)


def slots(template: str) -> tuple[str, ...]:
    """Return the slots of a construction in order."""
    return tuple(SLOT.findall(template))


@cache
def wording(split: Split) -> Wording:
    """Read the wording of a split; kept."""
    if split not in SPLITS:
        raise ValueError(f"there is a wording for {', '.join(SPLITS)}, not for {split!r}")
    own = _sections(_text(f"wording_{split}.txt"))
    common = _sections(_text("wording_common.txt"))
    return Wording(split, own, common, _terms(split))


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _sections(text: str) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        else:
            current.append(line)
    return MappingProxyType({name: tuple(lines) for name, lines in found.items()})


def _terms(split: Split) -> Mapping[str, Term]:
    terms: dict[str, Term] = {}
    for kind, lines in _sections(_text("wording_terms.tsv")).items():
        for line in lines:
            name, nouns, adjectives = [*line.split("\t"), "", ""][:3]
            said = _forms(nouns, split)
            terms[name] = Term(
                name,
                kind,
                tuple(noun.removeprefix("~") for noun in said),
                _forms(adjectives, split),
                frozenset(noun for noun in said if not noun.startswith("~")),
            )
    return MappingProxyType(terms)


def _forms(cell: str, split: Split) -> tuple[str, ...]:
    """Return the forms of a cell that a wording may use."""
    forms = []
    for entry in cell.split(";"):
        mark, parted, form = entry.partition(">")
        if not parted:
            forms.append(entry)
        elif _OWN[mark] == split:
            forms.append(form)
    return tuple(form for form in forms if form)
