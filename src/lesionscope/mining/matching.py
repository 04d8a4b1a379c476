"""Mentions: every place where a sentence says a label, found by phrases, English word order and anatomy.

Besides a phrase word for word, a label is found where English takes its words apart:

- "head of the pancreas", "head pancreas" for *pancreatic head*;
- "right upper and lower lobe" for *right lower lobe*: words shared across "and", "or", and in lists;
- "cyst in the left kidney" for *kidney cyst*: a modifier and a head that stand in one clause
  make the label whose name they are (:class:`~.lexicon.Compound`);
- "node in the AP window" for *mediastinum lymph node*: the station that a place is part of;
- "kidney, left", "Lt lower pole renal" for *left kidney*: a side apart from its noun;
- "juxtapleural", "intrahepatic": a prefix that means "at" or "in", and a body part;
- "anterior superior mediastinum" for both parts;
- "L3", "T8": a vertebra by its level.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .lexicon import LINKS, Compound, Lexicon, Phrase
from .tokens import Token

POSITIONS = frozenset(
    "left right bilateral b/l lt rt l r upper middle mid lower anterior posterior superior inferior medial "
    "lateral central major minor common internal external main ascending descending proximal distal "
    "deep superficial".split()
)
"""Words that place a part, and make another part only where they stand beside it."""
SIDES = frozenset(("left", "right", "bilateral", "b/l", "lt", "rt", "l", "r"))
ARTICLES = frozenset(("the", "a", "an", "his", "her", "this", "that"))
JOINS = frozenset(("and", "or", "&", "/", "versus", "vs"))
LISTS = JOINS | {","}
AT_PREFIXES = ("juxta", "intra", "endo", "trans")
"""Prefixes that place a lesion at or in the organ; peri-, para-, pre-… place it beside."""
LEVEL = re.compile(r"c[1-7]|t(?:[1-9]|1[0-2])|l[1-5]|(s[1-5])")
"""A vertebra by its level; the group: one of the sacrum."""
STAGES = frozenset(("t1", "t2", "t3", "t4"))
"""Levels that may be a tumour's stage or a weighting of an MR image …"""
STAGED = frozenset(("stage", "staged", "on"))
NODES = re.compile(r"[nm][0-3x]")
WEIGHTED = frozenset(
    "weighted weighting bright dark hyperintense hypointense isointense hyperintensity hypointensity signal "
    "intensity shortening prolongation relaxation sequence sequences image images flair".split()
)
"""… where one of the former stands before them, or one of the latter within two words after."""
DENIALS = frozenset(("no", "not", "without", "non"))
SPAN = 4
"""Most words of a phrase on either side of the word that parts it."""

OTHER = "\0"
"""Begins the stand-in for a label of phrases whose words mislead; which word does follows."""

Found = tuple[tuple[str, ...], int, int]
"""Names, and the first and last token that say them."""


NO_ROLE, PLACE, HEAD, LOOK = 0, 1, 2, 4
"""What a label does in a sentence; a lymph node is a place and a finding, so roles are bits."""
NODE = "lymph node"
"""The one body part that is a finding by itself."""
FAR = 10**6


@dataclass(frozen=True, slots=True)
class Match:
    """A label said by tokens ``first`` to ``last`` (indices, both included)."""

    label: str
    first: int
    last: int


class Matcher:
    """Finds the labels that a tokenised sentence says."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._names: dict[Phrase, tuple[str, ...]] = {p: tuple(sorted(n)) for p, n in lexicon.phrases.items()}
        for phrase, text in lexicon.bare_modifiers.items():
            self._names[phrase] = (*self._names.get(phrase, ()), text)
        for phrase, misread in lexicon.other_things.items():
            self._names[phrase] = (*self._names.get(phrase, ()), OTHER + str(misread))
        self._longest: dict[str, int] = {}
        for phrase in self._names:
            self._longest[phrase[0]] = max(self._longest.get(phrase[0], 0), len(phrase))
        self._level = lexicon.form("spine")
        graph = lexicon.graph
        self.kind = {label.name: label.kind for label in graph.labels}
        self.roles = {
            name: {"body part": PLACE, "type": HEAD}.get(kind, LOOK) for name, kind in self.kind.items()
        }
        if NODE in self.kind:
            for name in (NODE, *graph.descendants(NODE)):
                self.roles[name] |= HEAD
        stations = {c.modifier for c in lexicon.compounds.get(NODE, ()) if c.modifier in self.kind}
        self._station: dict[str, str] = {}
        for name in self.kind:
            near = graph.ancestors(name) & stations
            nearest = [s for s in near if not any(s in graph.ancestors(other) for other in near)]
            if self.kind[name] == "body part" and name not in stations and len(nearest) == 1:
                self._station[name] = nearest[0]
        self._exclusives = {name: graph.exclusives(name) for name in self.kind}
        self._heads: dict[str, tuple[Compound, ...]] = {}
        for name in self.kind:
            implied = self.kind[name] == "type" and graph.by_name[name].index is not None
            heads = [name, *sorted(graph.ancestors(name))] if implied else [name]
            if compounds := tuple(
                c
                for head in heads
                for c in lexicon.compounds.get(head, ())
                if not set(c.modifier.split(" ")) <= POSITIONS
            ):
                self._heads[name] = compounds

    def match(self, tokens: Sequence[Token], clauses: Sequence[int]) -> list[Match]:
        """Return every match, in the order of the text.

        Parameters
        ----------
        tokens
            The sentence.
        clauses
            For each token the clause it stands in, a landmark being one of its own; a compound's
            words share one.
        """
        forms = [self._form(token.word) for token in tokens]
        if self._level in forms:
            for i, token in enumerate(tokens):
                if token.word in STAGES and _is_stage(tokens, i):
                    forms[i] = token.word
        runs = list(self._runs(forms))
        found = {Match(name, first, last): None for names, first, last in runs for name in names}
        for match in [m for m in found if self._misread(m, runs, tokens) or _within_its_like(m, found)]:
            del found[match]
        for names, first, last in self._rearranged(tokens, forms, runs):
            found.update((Match(name, first, last), None) for name in names)
        for index, token in enumerate(tokens):
            for name in self._prefixed(token.word):
                found[Match(name, index, index)] = None
        found.update((match, None) for match in list(self._compounds(list(found), clauses)))
        return sorted((m for m in found if m.label in self.kind), key=lambda m: (m.first, m.last, m.label))

    def _misread(self, match: Match, runs: Sequence[Found], tokens: Sequence[Token]) -> bool:
        """Whether a phrase is part of a longer one that makes it another thing.

        "Neck" in "pancreatic neck", "mammary" in "internal mammary", "lung" in "lung window",
        "fat" in "fat-containing". What a longer phrase denies is said, and denied: "not calcified".
        """
        is_part = self.kind.get(match.label) == "body part"
        for names, first, last in runs:
            if first <= match.first and match.last <= last and last - first > match.last - match.first:
                if tokens[first].word in DENIALS:
                    continue
                if tokens[last].word == "containing" and is_part:
                    return True
                for name in names:
                    if self._other(name, match.first - first) or match.label in self._exclusives.get(
                        name, ()
                    ):
                        return True
        return False

    def _form(self, word: str) -> str:
        """Return a word's form; that of a vertebral level is the spine's or the sacrum's."""
        if len(word) < 4 and (level := LEVEL.fullmatch(word)):
            return self.lexicon.form("sacrum") if level[1] else self._level
        return self.lexicon.form(word)

    def _runs(self, forms: Sequence[str]) -> Iterator[Found]:
        """Yield what runs of words mean as they stand."""
        get, longest, n = self._names.get, self._longest, len(forms)
        for i, form in enumerate(forms):
            for end in range(i + 1, min(i + longest.get(form, 0), n) + 1):
                if names := get(tuple(forms[i:end])):
                    yield names, i, end - 1

    def _rearranged(
        self, tokens: Sequence[Token], forms: Sequence[str], runs: Sequence[Found]
    ) -> Iterator[Found]:
        """Yield what words mean that English takes apart, but where they begin the name of another part."""
        parts = [(first, last) for names, first, last in runs if last > first and self._has_part(names)]
        for names, first, last in self._taken_apart(tokens, forms):
            if not any(first < begin <= last < end for begin, end in parts):
                yield names, first, last

    def _taken_apart(self, tokens: Sequence[Token], forms: Sequence[str]) -> Iterator[Found]:
        n = len(forms)
        for i in range(n):
            word = tokens[i].word
            if word in JOINS and i:
                # "left [and right] lung"
                yield from self._joined(forms[:i], forms[i + 2 :], i + 2)
                # "right [upper and] lower lobe"
                yield from self._joined(forms[: i - 1], forms[i + 1 :], i + 1)
                yield from self._positions_listed(tokens, forms, i)
                if i > 1:
                    yield from self._parts_listed(tokens, forms, i)
            elif word == "of" and i:
                after = i + 1
                while after < n - 1 and tokens[after].word in ARTICLES:
                    after += 1
                yield from self._turned(forms, i, after)
                for join in range(max(i - SPAN, 1), i):  # "body and pedicle of L3", "head, body and tail of"
                    if tokens[join].word in LISTS and any(t.word in JOINS for t in tokens[join:i]):
                        yield from self._turned(forms, join, after)
            elif word in POSITIONS:
                yield from self._placed(tokens, forms, i)
                if i and word in SIDES:
                    yield from self._sided(tokens, forms, i)
            if i + 1 < n and forms[i + 1] == tokens[i + 1].word:
                yield self._names.get((forms[i + 1], forms[i]), ()), i, i + 1

    def _positions_listed(self, tokens: Sequence[Token], forms: Sequence[str], join: int) -> Iterator[Found]:
        """Yield the parts of "right upper and left lower lobe", "right upper, middle and lower lobes".

        What stands after the last position is every member's, and a side that of those after it too.
        """
        after = join + 1
        while after < len(tokens) and tokens[after].word in POSITIONS:
            after += 1
        members = [(join + 1, after)]
        end = join - (tokens[join - 1].word == ",")
        while True:
            start = end
            while start > 0 and tokens[start - 1].word in POSITIONS:
                start -= 1
            if start == end:
                break
            members.append((start, end))
            if start == 0 or tokens[start - 1].word != ",":
                break
            end = start - 1
        if len(members) < 2 or (len(members) == 2 and min(b - a for a, b in members) < 2):
            return  # two that share a word are joined as they stand
        sided = -1
        for start, end in reversed(members):
            own = forms[start:end]
            own_side = next((k for k in range(start, end) if tokens[k].word in SIDES), -1)
            sided = own_side if own_side >= 0 else sided
            first = sided if own_side < 0 <= sided else start
            whole = (forms[sided], *own) if first < start else tuple(own)
            for m in range(1, min(SPAN, len(forms) - after) + 1):
                for k in range(len(whole)):
                    if names := self._names.get((*whole[k:], *forms[after : after + m])):
                        yield names, first, after + m - 1

    def _parts_listed(self, tokens: Sequence[Token], forms: Sequence[str], join: int) -> Iterator[Found]:
        """Yield the parts of one organ that a list says: "pancreatic head, body and tail"."""
        first = join - 1 - (tokens[join - 1].word == ",")
        while first > 1 and tokens[first - 1].word == ",":
            first -= 2
        if first < 1 or not self._is_part(forms[first - 1]):
            return
        for member in (*range(first + 2, join, 2), join + 1):
            names = self._names.get((forms[first - 1], forms[member]), ()) if member < len(forms) else ()
            if self._has_part(names):
                yield names, first - 1, member

    def _sided(self, tokens: Sequence[Token], forms: Sequence[str], at: int) -> Iterator[Found]:
        """Yield the part whose side comes after it: "kidney, left", "renal cyst on the left"."""
        following = tokens[at + 1].word if at + 1 < len(tokens) else ";"
        before = tokens[at - 1].word
        if following[0].isalnum() or not (before == "," or before == "the" or self._is_part(forms[at - 1])):
            return
        for start in range(at - 1, max(at - 2 - 2 * SPAN, -1), -1):
            if tokens[start].word in SIDES or tokens[start].word in ";.":
                return
            for end in range(min(start + SPAN, at), start, -1):
                longer = self._has_part(self._names.get(tuple(forms[end - 1 : end + 1]), ()))
                if not longer and (names := self._names.get((forms[at], *forms[start:end]))):
                    yield names, start, at
                    return

    def _placed(self, tokens: Sequence[Token], forms: Sequence[str], at: int) -> Iterator[Found]:
        """Yield the part that a position says, other adjectives between: "left posterior renal cyst"."""
        for start in range(at + 1, min(at + 2 + SPAN, len(forms))):
            if start > at + 1:
                for end in range(start + 1, min(start + SPAN, len(forms)) + 1):
                    if names := self._names.get((forms[at], *forms[start:end])):
                        yield names, at, end - 1
            word = tokens[start].word
            stays = word in POSITIONS if tokens[at].word not in SIDES else tokens[start].is_word
            if not stays or word in SIDES or word in JOINS or word in LINKS or self._is_part(forms[start]):
                return

    def _is_part(self, form: str) -> bool:
        return self._has_part(self._names.get((form,), ()))

    def _has_part(self, names: Iterable[str]) -> bool:
        return any(self.kind.get(name) == "body part" for name in names)

    @staticmethod
    def _other(name: str, place: int) -> bool:
        return name.startswith(OTHER) and name[1:] in ("-1", str(place))

    def _joined(self, before: Sequence[str], after: Sequence[str], start: int) -> Iterator[Found]:
        """Yield phrases made of the end of one run of words and the beginning of another at ``start``."""
        for k in range(1, min(SPAN, len(before)) + 1):
            left = tuple(before[-k:])
            for m in range(1, min(SPAN, len(after), self._longest.get(left[0], 0) - k) + 1):
                if names := self._names.get(left + tuple(after[:m])):
                    yield names, start - 2 - k, start + m - 1

    def _turned(self, forms: Sequence[str], of: int, after: int) -> Iterator[Found]:
        """Yield phrases "B A", and "side A", where the text says "A of B", "A of the right B"."""
        for m in range(1, min(SPAN, of) + 1):
            part = tuple(forms[of - m : of])
            for k in range(1, min(SPAN, len(forms) - after) + 1):
                if names := self._names.get(tuple(forms[after : after + k]) + part):
                    yield names, of - m, after + k - 1

    def _prefixed(self, word: str) -> tuple[str, ...]:
        """Return the body parts that a word such as "juxtapleural" puts a lesion at or in."""
        for prefix in AT_PREFIXES:
            if word.startswith(prefix) and not self.lexicon.names(word):
                names = self._names.get((self.lexicon.form(word[len(prefix) :]),), ())
                return tuple(name for name in names if self.kind.get(name) == "body part")
        return ()

    def _compounds(self, matches: Sequence[Match], clauses: Sequence[int]) -> Iterator[Match]:
        """Yield the labels that a modifier and the nearest head in its clause make together."""
        said: dict[str, list[Match]] = {}
        for match in matches:
            said.setdefault(match.label, []).append(match)
        inside: dict[str, list[Match]] = {}  # a node in a part of the mediastinum is a mediastinal node
        for match in matches:
            if station := self._station.get(match.label):
                inside.setdefault(station, []).append(match)
        heads = [m for m in matches if self.roles.get(m.label, NO_ROLE) & HEAD]
        parts = [m for m in matches if self.roles.get(m.label, NO_ROLE) & PLACE]
        pairs: dict[tuple[Compound, Match], tuple[int, Match]] = {}
        for head in matches:
            for compound in self._heads.get(head.label, ()):
                near = inside.get(compound.modifier, ()) if compound.head == NODE else ()
                for modifier in (*said.get(compound.modifier, ()), *near):
                    distance = max(modifier.first - head.last, head.first - modifier.last)
                    if (
                        distance > 0
                        and clauses[head.first] == clauses[modifier.first]
                        and distance < pairs.get((compound, modifier), (FAR, head))[0]
                        and not self._parted(head, modifier, heads, parts)
                    ):
                        pairs[compound, modifier] = (distance, head)
        for (compound, modifier), (_, head) in pairs.items():
            first, last = min(head.first, modifier.first), max(head.last, modifier.last)
            if not any(first <= m.first and m.last <= last for m in said.get(compound.label, ())):
                yield Match(compound.label, first, last)

    @staticmethod
    def _parted(head: Match, modifier: Match, heads: Sequence[Match], parts: Sequence[Match]) -> bool:
        """Whether another finding with its own place stands between: "lung nodule and liver mass".

        A second name for the head does not part them: "hilar mass or adenopathy".
        """
        low, high = min(head.last, modifier.last), max(head.first, modifier.first)
        for other in heads:
            if low < other.first and other.last < high:
                near = (other.last, head.last) if head.first > other.last else (head.first, other.first)
                if any(near[0] < part.first and part.last < near[1] for part in parts):
                    return True
        return False


def _is_stage(tokens: Sequence[Token], at: int) -> bool:
    """Whether "T2" is a stage or a weighting, no vertebra: "T2 N1", "T1 and T2 weighted"."""
    after = at + 1
    while after < len(tokens) and tokens[after].word in JOINS:  # "low T1 and high T2 signal"
        coming = [token.word in STAGES for token in tokens[after + 1 : after + 3]]
        if not any(coming):
            break
        after += coming.index(True) + 2
    following = [token.word for token in tokens[after : after + 2]]
    return (
        (at > 0 and tokens[at - 1].word in STAGED)
        or not WEIGHTED.isdisjoint(following)
        or bool(following and NODES.fullmatch(following[0]))
    )


def _within_its_like(match: Match, others: Iterable[Match]) -> bool:
    """Whether a longer match of the same label holds a match: "lymph" in "lymph node"."""
    return any(
        other.label == match.label
        and other.first <= match.first
        and match.last <= other.last
        and other.last - other.first > match.last - match.first
        for other in others
    )
