"""The words and phrases to look for, made from a label graph once."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

from lesionscope.ontology.label_graph import LabelGraph

from .tokens import tokenise

Phrase = tuple[str, ...]

IRREGULAR = {
    "l": "left",
    "lt": "left",
    "r": "right",
    "rt": "right",
    "abd": "abdominal",
    "ant": "anterior",
    "axillae": "axilla",
    "b/l": "bilateral",
    "calc": "calcification",
    "calcs": "calcification",
    "calices": "calyx",
    "femora": "femur",
    "foramina": "foramen",
    "gb": "gallbladder",
    "lg": "large",
    "lymphomata": "lymphoma",
    "met": "metastasis",
    "panc": "pancreatic",
    "pelves": "pelvis",
    "pulm": "pulmonary",
    "spic": "spiculated",
    "subq": "subcutaneous",
    "viscera": "viscus",
}
LINKS = frozenset("of to from near in within at with along by the a an is was".split())
"""Words that end the adjectives of a noun."""
OTHER_THINGS = """
arterial phase, venous phase, portal venous phase, lung window, bone window, soft tissue window, lateral
limb, medial limb, renal hilum*, splenic hilum*, hepatic hilum*, fatty hilum, nodal hilum*, peritoneal
cavity, abdominal cavity, pleural cavity, thoracic cavity, chest cavity, oral cavity, nasal cavity,
femoral* node, femoral* lymph node, femoral* ln, femoral* adenopathy, femoral* lymphadenopathy, arterial*
enhancing, arterial* enhancement, arterial* hyperenhancing, arterial* hyperenhancement, lad artery, lad
stent, lad calcification, lad disease, lad territory, proximal lad, mid lad, distal lad, femoral artery,
femoral vein, femoral vessel, femoral canal, femoral hernia, cystic duct, hepatic flexure, splenic
flexure, internal mammary, renal failure, pulmonary embolism, pulmonary embolus, chest tube, chest pain,
chest ct, chest radiograph, abdominal ct, lymph node dissection, node dissection, bone scan, bone marrow,
gastric band, fat stranding, skin marker
"""
"""Phrases that hold the name of a label but mean something else; a star marks the one word that does."""
CUT_LENGTH = 6
"""Shortest beginning of a long word that stands for it."""
FUZZY_LENGTH = 10
"""Shortest word with a letter too many, too few or another; shorter ones have true neighbours."""
SLIP_LENGTH, SWAP_LENGTH = 8, 6
"""Shortest word with one of a pair of letters dropped, and with two letters exchanged."""


@dataclass(frozen=True)
class Compound:
    """A label made of a place or quality and a head: "hilum" + "lymph node".

    ``modifier`` is a label or, where none means it, the bare phrase ("external
    iliac"); ``head`` a label among the compound's ancestors.
    """

    label: str
    modifier: str
    head: str


def plurals(word: str) -> Iterator[str]:
    """Yield the plurals of a noun, English and Latin, and the adverb of an adjective."""
    yield word + "s"
    yield word + "ly"
    if word.endswith(("s", "x", "z", "ch", "sh")):
        yield word + "es"
    for ending, latin in {
        "y": ("ies",),
        "um": ("a",),
        "on": ("a",),
        "us": ("i",),
        "is": ("es",),
        "a": ("ae", "ata"),
        "ex": ("ices",),
        "ix": ("ices",),
        "yx": ("yces",),
    }.items():
        if word.endswith(ending):
            yield from (word[: -len(ending)] + plural for plural in latin)


def verb_forms(word: str) -> Iterator[str]:
    """Yield the other forms of the verb that a participle is of: "enhancing", "enhances", "enhanced"."""
    for participle in ("ing", "ed"):
        if word.endswith(participle) and len(word) > len(participle) + 3:
            stem = word[: -len(participle)]
            yield from (stem + ending for ending in ("", "e", "s", "es", "ed", "ing"))


class Lexicon:
    """Phrases by their words, each word brought to one form.

    A word's form is itself, its singular or its participle, and for a one-word
    body part its noun: "hepatic" and "livers" are both ``liver``. So "renal cyst"
    and "cyst of the kidney" are made of the same words.

    Parameters
    ----------
    graph
        The labels and their synonyms.
    """

    def __init__(self, graph: LabelGraph) -> None:
        self.graph = graph
        self._nouns = _nouns(graph)
        raw = {
            label.name: tuple(dict.fromkeys(map(_words, (label.name, *label.synonyms))))
            for label in graph.labels
        }
        known = {word for phrases in raw.values() for phrase in phrases for word in phrase}
        self._forms = {word: self._nouns.get(word, word) for word in known}
        for word in sorted(known, key=len):
            for form in plurals(word) if len(word) > 2 else ():
                if form in known:
                    self._forms[form] = self._forms[word]
        for word in sorted(known):
            for form in (*plurals(word), *verb_forms(word)):
                self._forms.setdefault(form, self._forms[word])
        for form, word in IRREGULAR.items():
            self._forms[form] = self._forms.get(word, word)
        self._deletions = _deletions(self._forms)
        self._single = _unambiguous(
            (_single(word), form) for word, form in self._forms.items() if len(word) > SLIP_LENGTH
        )
        self._sorted = sorted(word for word in self._forms if len(word) >= FUZZY_LENGTH)
        self._cached_form = lru_cache(maxsize=100_000)(self._form)
        self.phrases: Mapping[Phrase, frozenset[str]] = self._phrases(raw)
        self.longest: Mapping[str, int] = _longest(self.phrases)

    def form(self, word: str) -> str:
        """Bring a lower-case word to its form; an unknown long word to the known one a slip away."""
        return self._cached_form(word)

    def names(self, word: str) -> bool:
        """Whether a word alone is a phrase of some label."""
        return (self.form(word),) in self.phrases

    @cached_property
    def compounds(self) -> Mapping[str, tuple[Compound, ...]]:
        """Compounds by head, found by cutting each label's phrases into a modifier and a head."""
        found: dict[str, dict[Compound, None]] = defaultdict(dict)
        for label in self.graph.labels:
            ancestors = self.graph.ancestors(label.name)
            for phrase in map(self._formed, map(_words, (label.name, *label.synonyms))):
                for cut in range(1, len(phrase)):
                    modifier = self.phrases.get(phrase[:cut], frozenset())
                    if not modifier and not LINKS.isdisjoint(phrase[:cut]):
                        continue
                    for head in self.phrases.get(phrase[cut:], frozenset()) & ancestors:
                        for name in modifier - {label.name} or {" ".join(phrase[:cut])}:
                            found[head][Compound(label.name, name, head)] = None
        return {head: tuple(compounds) for head, compounds in found.items()}

    @cached_property
    def bare_modifiers(self) -> Mapping[Phrase, str]:
        """Modifier phrases that mean no label, such as "external iliac", by their words."""
        bare = {c.modifier for cs in self.compounds.values() for c in cs} - set(self.graph.by_name)
        return {tuple(text.split(" ")): text for text in bare}

    @cached_property
    def other_things(self) -> Mapping[Phrase, int]:
        """Phrases whose words mean something else alone, and which of the words does; -1: each."""
        things = {}
        for text in OTHER_THINGS.split(","):
            marked = [place for place, word in enumerate(text.split()) if word.endswith("*")]
            things[tuple(map(self.form, _words(text)))] = marked[0] if marked else -1
        return things

    def _formed(self, phrase: Phrase) -> Phrase:
        return tuple(self._forms[word] for word in phrase)

    def _phrases(self, raw: Mapping[str, Iterable[Phrase]]) -> dict[Phrase, frozenset[str]]:
        phrases: dict[Phrase, set[str]] = defaultdict(set)
        for name, own in raw.items():
            for phrase in own:
                phrases[self._formed(phrase)].add(name)
        return {phrase: frozenset(names) for phrase, names in phrases.items()}

    def _form(self, word: str) -> str:
        known = self._forms.get(word)
        if known is None and len(word) >= CUT_LENGTH and word.isalpha():
            known = self._whole(word)
        if known is None and len(word) >= SWAP_LENGTH:
            known = self._slipped(word)
        return word if known is None else known

    def _slipped(self, word: str) -> str | None:
        """Return the form of the one known word that is a slip of the pen away."""
        swapped = {self._forms.get(other, "") for other in _swapped(word)}
        dropped = (word, *_dropped(word)) if len(word) >= FUZZY_LENGTH else (word,)
        for near in (
            swapped,
            {self._single.get(_single(word), "")},
            {self._deletions.get(w, "") for w in dropped},
        ):
            near.discard("")
            if near:
                return near.pop() if len(near) == 1 else None
        return None

    def _whole(self, cut: str) -> str | None:
        """Return the form of the words that a cut one begins: "supraclav"; ``None`` where they differ."""
        forms: set[str] = set()
        for word in self._sorted[bisect_left(self._sorted, cut) :]:
            if not word.startswith(cut):
                break
            forms.add(self._forms[word])
        return forms.pop() if len(forms) == 1 else None


def _deletions(forms: Mapping[str, str]) -> dict[str, str]:
    """Forms of known long words by what is left when a letter is dropped."""
    long = ((word, form) for word, form in forms.items() if len(word) >= FUZZY_LENGTH)
    return _unambiguous((left, form) for word, form in long for left in {word, *_dropped(word)})


def _unambiguous(forms: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Forms by a key; "" where a key has several."""
    found: dict[str, str] = {}
    for key, form in forms:
        found[key] = form if found.get(key, form) == form else ""
    return found


def _single(word: str) -> str:
    """Return a word with double letters single."""
    return "".join(letter for letter, _ in groupby(word))


def _swapped(word: str) -> Iterator[str]:
    """Yield a word with two neighbouring letters exchanged, not the first."""
    for i in range(1, len(word) - 1):
        yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _words(text: str) -> Phrase:
    return tuple(token.word for token in tokenise(text) if token.is_word)


def _dropped(word: str) -> list[str]:
    """Return a word without one of its letters; those stay by which prefixes and endings differ."""
    return [word[:i] + word[i + 1 :] for i in range(5, len(word) - 3)]


def _nouns(graph: LabelGraph) -> dict[str, str]:
    """One-word synonyms of body parts whose name is one word, and that name."""
    nouns: dict[str, str] = {}
    for label in graph.labels:
        name = _words(label.name)
        if label.kind == "body part" and len(name) == 1:
            for synonym in map(_words, label.synonyms):
                if len(synonym) == 1:
                    nouns[synonym[0]] = name[0]
    return nouns


def _longest(phrases: Iterable[Phrase]) -> dict[str, int]:
    longest: dict[str, int] = {}
    for phrase in phrases:
        longest[phrase[0]] = max(longest.get(phrase[0], 0), len(phrase))
    return longest
