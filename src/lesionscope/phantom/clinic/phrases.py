"""Noun phrases of the phantom's reports: "a 1.2 x 0.9 cm spiculated nodule in the right upper lobe"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .passages import Certainty, Passage, filled, joined, mention
from .wording import Wording

ALTERNATIVES = {
    "lymphadenopathy": ("mass", "nodule"),
    "nodule": ("scar", "mass", "lymphadenopathy", "metastasis"),
    "lung nodule": ("scar", "consolidation", "metastasis"),
    "mass": ("lymphadenopathy", "consolidation", "cyst", "cancer"),
    "lung mass": ("consolidation", "infiltrate"),
    "liver mass": ("hemangioma", "metastasis", "cyst"),
    "cyst": ("metastasis", "hemangioma", "necrosis"),
    "consolidation": ("mass", "infiltrate", "scar"),
    "infiltrate": ("scar", "consolidation"),
    "opacity": ("nodule", "scar", "infiltrate"),
    "ground-glass opacity": ("infiltrate", "consolidation"),
    "thickening": ("mass", "implant", "nodule"),
    "scar": ("nodule", "infiltrate", "metastasis"),
    "hemangioma": ("metastasis", "cyst"),
    "adenoma": ("metastasis", "enlargement"),
    "enlargement": ("mass", "adenoma"),
    "fluid": ("cyst", "mass"),
    "metastasis": ("cyst", "hemangioma", "scar"),
    "implant": ("fluid", "lymphadenopathy"),
}
"""What a lesion may be taken for."""
PLACED = ("lung nodule", "lung mass", "liver mass", "kidney cyst", "solid pulmonary nodule")
"""Heads that say a place themselves: not "right renal renal cyst"."""
SHARED_WORDS = {"either": 0.5, "denied": 0.35, "shared": 0.4}
"""How often a section's constructions of slots and function words alone serve, which every wording shares."""
NODE = "lymph node"
VOWEL = re.compile(r"[aeio]|u(?!ni)|8|1[18](?!\d)|RUL|RLL|RML|L[UL]L|AP\b|L\d", re.IGNORECASE)
"""What "an" stands before."""


@dataclass(frozen=True)
class Content:
    """What a sentence says of one lesion; ``None`` and empty: not said.

    ``head`` is the noun's label, ``alternative`` a second one joined by "or";
    ``doubtful`` puts "possible" before it; ``denied`` is an attribute said to be absent;
    ``landmark`` a place beside the lesion. ``size`` is a text.
    """

    index: int
    head: str | None
    looks: tuple[str, ...] = ()
    place: str | None = None
    alternative: str | None = None
    doubtful: bool = False
    denied: str | None = None
    landmark: str | None = None
    size: str = ""


class Phrases:
    """Makes noun phrases in one wording, each choice by one random generator."""

    def __init__(self, wording: Wording, rng: np.random.Generator, common: float = 0.15) -> None:
        self.wording = wording
        self.rng = rng
        self._common = common
        self.used: list[str] = []

    def chance(self, share: float) -> bool:
        """Whether something with this probability happens."""
        return bool(self.rng.random() < share)

    def pick(self, among: Sequence[str]) -> str:
        """Choose one of several, all alike."""
        return among[int(self.rng.integers(len(among)))]

    def template(self, section: str, fits: Callable[[str], bool] = lambda template: True) -> str:
        """Choose a construction, mostly one of the split's own; it is noted in ``used``."""
        own = [t for t in self.wording.own.get(section, ()) if fits(t)]
        common = [t for t in self.wording.common.get(section, ()) if fits(t)]
        if not own and not common:
            raise ValueError(f"no construction of {section!r} fits")
        share = SHARED_WORDS.get(section, self._common)
        among = common if not own or (common and self.chance(share)) else own
        chosen = self.pick(among)
        self.used.append(f"{section}: {chosen}")
        return chosen

    # --- words ---------------------------------------------------------------------------------

    def noun(
        self, label: str, owners: frozenset[int], certainty: Certainty = "said", plural: bool = False
    ) -> Passage:
        """Say a label as a noun (a place with its article, others without)."""
        term = self.wording.terms[label]
        text = self.pick(term.nouns)
        article = next((a for a in ("the ", "a ", "an ") if text.startswith(a)), "")
        said = text.removeprefix(article)
        if plural and text in term.counted:
            said = plural_of(said)
        return Passage(article) + mention(said, label, owners, certainty)

    def adjective(self, label: str, owners: frozenset[int], certainty: Certainty = "said") -> Passage:
        """Say a label before a noun."""
        return mention(self.pick(self.wording.terms[label].adjectives), label, owners, certainty)

    def article(self, phrase: Passage) -> Passage:
        """Put "a" or "an" before a phrase, as its first letter wants."""
        vowel = VOWEL.match(phrase.text)
        return Passage("an " if vowel else "a ") + phrase

    def bare_of(
        self, labels: Sequence[str], certainty: Certainty = "other", owners: frozenset[int] = frozenset()
    ) -> Passage:
        """Say a head, the last of ``labels``, after adjectives for the others."""
        parts = [self.adjective(label, owners, certainty) for label in labels[:-1]]
        return joined([*parts, self.noun(labels[-1], owners, certainty, plural=self.chance(0.25))])

    # --- noun phrases --------------------------------------------------------------------------

    def place(self, content: Content, owners: frozenset[int] | None = None) -> Passage:
        """Say where: the place without its preposition."""
        if content.place is None:
            return Passage()
        return self.noun(content.place, owners or frozenset((content.index,)))

    def inside(self, content: Content, owners: frozenset[int] | None = None) -> Passage:
        """Say where, with a preposition."""
        where = self.place(content, owners)
        word = "in" if self.chance(0.7) else self.pick(self.wording.own["in"])
        return Passage(f"{word} ") + where if where else where

    def head(
        self,
        content: Content,
        owners: frozenset[int] | None = None,
        plural: bool = False,
        placed: bool = False,
        sized: bool = False,
    ) -> tuple[Passage, bool]:
        """Say the noun with what stands before and after it; also whether it takes an article."""
        owners = owners or frozenset((content.index,))
        terms = self.wording.terms
        before: list[Passage] = []
        after: list[Passage] = []
        for look in content.looks:
            term = terms[look]
            if term.adjectives and (not term.nouns or after or self.chance(0.8)):
                before.append(self.adjective(look, owners))
            elif term.nouns:
                after.append(Passage("with ") + self.noun(look, owners))
        if sized and content.size:
            spot = len(before) if self.chance(0.1) else 0
            before.insert(spot, Passage(content.size))
        if placed and content.place is not None and terms[content.place].adjectives:
            before.append(self.adjective(content.place, owners))
        noun, counted = self._noun(content, owners, plural)
        if content.denied is not None:
            denied = content.denied
            template = self.template("denied")
            after.append(fill_one(template, self.lacked(denied)))
        if content.landmark is not None and not plural:
            template = self.template("landmark")
            after.append(fill_one(template, self.noun(content.landmark, owners, "other")))
        return joined([*before, noun, *after]), counted and not plural

    def lacked(self, label: str) -> Passage:
        """Say an attribute that a lesion hasn't."""
        term = self.wording.terms[label]
        if term.nouns:
            noun = self.pick(term.nouns)
            return mention(noun.removeprefix("a ").removeprefix("an "), label, frozenset(), "other")
        return self.adjective(label, frozenset(), "other") + " component"

    def _noun(self, content: Content, owners: frozenset[int], plural: bool) -> tuple[Passage, bool]:
        """Say the head: a label's noun, two by "or", or a word that says nothing."""
        terms = self.wording.terms
        if content.head is None:
            word = self.pick(self.wording.own["generic"])
            return Passage(plural_of(word) if plural else word), True
        doubted = content.alternative is not None or content.doubtful
        certainty: Certainty = "doubted" if doubted else "said"
        first = self.noun(content.head, owners, certainty, plural)
        counted = first.text in terms[content.head].counted
        if content.alternative is not None:
            second = self.noun(content.alternative, owners, certainty, plural)
            both = {"x": first, "y": second}
            return self._two(self.template("either"), both), counted
        if content.doubtful:
            return fill_one(self.template("doubtful"), first), counted
        return first, counted

    @staticmethod
    def _two(template: str, both: dict[str, Passage]) -> Passage:
        return filled(template, both.__getitem__)

    def full(self, content: Content, article: str = "a", sized: bool = False) -> Passage:
        """Say the whole noun phrase, its place before or after the noun.

        ``article``: "a" (where the noun takes one), "the" or "".
        """
        before = content.place is not None and content.head not in PLACED and self.chance(0.45)
        before = before and bool(self.wording.terms[content.place or ""].adjectives)
        head, counted = self.head(content, placed=before, sized=sized)
        phrase = head if before else joined([head, self.inside(content)])
        if article == "the":
            return Passage("the ") + phrase
        return self.article(phrase) if article and counted and self.chance(0.85) else phrase


def fill_one(template: str, with_what: Passage) -> Passage:
    """Fill a construction of one slot, whatever its name."""
    return filled(template, lambda slot: with_what)


def plural_of(noun: str) -> str:
    """Return the plural of an English noun phrase's first noun: "lymph nodes of the mediastinum"."""
    first, parted, rest = noun, "", ""
    for word in (" of the ", " in the ", " at the ", " next to ", " of "):
        if word in noun:
            first, parted, rest = noun.partition(word)
            break
    if first.endswith("y") and first[-2] not in "aeiou":
        many = first[:-1] + "ies"
    elif first.endswith("sis"):
        many = first[:-2] + "es"
    elif first.endswith("focus"):
        many = first[:-2] + "i"
    else:
        many = first + ("es" if first.endswith(("s", "x", "ch")) else "s")
    return many + parted + rest
