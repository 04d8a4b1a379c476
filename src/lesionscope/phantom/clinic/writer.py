"""Writing one sentence of a report: a main clause about one lesion or two, and what stands around it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from .commonplaces import FINDINGS, LACKED, LANDMARKS, SUSPECTED
from .contents import (
    IN_PASSING,
    OF_INTEREST,
    Reported,
    Slices,
    alternative,
    bookmark_text,
    choose,
    is_node,
    made_up,
    size_text,
)
from .passages import Mark, Passage, cut, filled, joined, lowered, misspelt, tidy, without_article
from .phrases import Content, Phrases, fill_one
from .wording import SLOT, Split, slots, wording

TARGET, OTHER = "BOOKMARK", "OTHER_BMK"
SHARES = {
    "measured": 0.12,  # bookmarks are sizes and slice numbers, not the prepared words
    "two": 0.34,
    "before": 0.06,
    "extra": 0.12,
    "denial": 0.15,
    "history": 0.07,
    "doubt": 0.1,
    "doubtful": 0.06,
    "either": 0.08,
    "denied": 0.05,
    "landmark": 0.08,
    "stable": 0.15,
    "previous": 0.12,
    "first_denial": 0.04,
    "certain": 0.06,
    "looks": 0.12,
    "prefix": 0.05,
    "twice": 0.04,  # a bookmark of an earlier image of the same lesion beside it
    "misspelt": 0.03,
    "no stop": 0.1,
}
"""How often a sentence holds what; see ``wording_*.txt`` for each."""
BEFORE_NOUN = re.compile(
    r"\{bm\d?\}:? (?:\{(?:bare|head|many|size)|and \{bm)|[Tt]he \{bm|^\{bm|at \{bm|; \{bm"
)
"""A bookmark that stands where only the prepared words can."""
CHANGE = re.compile(
    r"stable|chang|enlarg|creas|grow|progress|shrunk|larger|smaller|similar|new\b|regress|persist|reduct|develop",
    re.IGNORECASE,
)
"""What already says how a lesion has changed."""
BEGINNING = re.compile(r"(?:^|(?<=\. ))[a-z]")
SAFE_BEFORE_SIZE = ("previously", "formerly", " (was", ", from", " (previously")
"""Earlier sizes that can't be taken for the bookmark where bookmarks are sizes."""


class Writer:
    """One sentence in the making."""

    def __init__(
        self,
        target: Reported,
        others: Sequence[Reported],
        rng: np.random.Generator,
        wording_of: Split,
        slices: Slices | None = None,
    ) -> None:
        self.phrases = Phrases(wording(wording_of), rng)
        self.rng = rng
        self.target = target
        self.others = [others[i] for i in rng.permutation(len(others))]
        self.measured = self._happens("measured")
        self.slices = made_up([target, *others], rng) if slices is None else slices
        self.lesions = [target]  # those with a bookmark
        self.true = frozenset().union(target.labels, *(other.labels for other in others))
        self._untrue = next((n for n in rng.permutation(LACKED).tolist() if n not in self.true), None)
        self._heads: set[str | None] = set()
        self._last = 0  # the finding written of last
        self._doubtable = True  # whether "likely …" after the main clause is surely said of it

    def _happens(self, what: str) -> bool:
        return self.phrases.chance(SHARES[what])

    def write(self) -> Passage:
        """Return the sentence with what it says; each bookmark's owner is a place in ``lesions``."""
        if self.others and self._happens("two"):
            self.lesions.append(self.others.pop())
            main = self._two(self.lesions)
        else:
            main = self._one(self._content(self.target, 0))
        return tidy(self._around(main))

    # --- what is said --------------------------------------------------------------------------

    def _content(self, lesion: Reported, index: int) -> Content:
        phrases = self.phrases
        content = choose(lesion, index, phrases, IN_PASSING if index else OF_INTEREST)
        self._heads.add(content.head)
        if content.head is not None:
            other = alternative(content.head, phrases)
            if other is not None and self._happens("either"):
                content = dataclasses.replace(content, alternative=other)
            elif not is_node(content.head or "") and self._happens("doubtful"):
                content = dataclasses.replace(content, doubtful=True)
        if self._happens("denied"):
            looks = [n for n in phrases.wording.of_kind("attribute") if n not in self.true]
            sayable = [
                n for n in looks if n in ("calcified", "cavitary", "enhancing", "fat-containing", "solid")
            ]
            if sayable:
                content = dataclasses.replace(content, denied=phrases.pick(sayable))
        if self._happens("landmark"):
            content = dataclasses.replace(content, landmark=self._part())
        return content

    def _part(self) -> str:
        """Return a body part near by that no lesion lies in."""
        regions = [name for name in LANDMARKS if name in self.true] or ["elsewhere"]
        among = [n for name in regions for n in LANDMARKS[name] if n not in self.true]
        return self.phrases.pick(among or LANDMARKS["elsewhere"])

    def _absent(self) -> Passage:
        """Say something that the patient doesn't have, or had."""
        phrases = self.phrases
        head = phrases.pick([n for n in FINDINGS if n not in self.true] or ["implant"])
        places = FINDINGS[head]
        before = [phrases.pick(places)] if places and phrases.chance(0.4) else []
        return phrases.bare_of([*before, head])

    # --- the main clause -----------------------------------------------------------------------

    def _mark(self, content: Content) -> Passage:
        """Return the bookmark of a lesion, sometimes two, sometimes in parentheses."""
        target = content.index == 0
        if self.measured:
            image = self.slices.images[self.lesions[content.index].id]
            text = bookmark_text(content.size, self.slices.series, image, self.phrases)
            start, end = 0, len(text)
            for opening in (", ", "measuring ", "on "):
                if text.startswith(opening):
                    start = len(opening)
            return Passage(text, (), (Mark(start, end, content.index, target),))
        word = TARGET if target else OTHER
        mark = Passage(word, (), (Mark(0, len(word), content.index, target),))
        if self._happens("twice"):
            mark = mark + ", " + Passage(OTHER, (), (Mark(0, len(OTHER), content.index, False),))
        return Passage("(") + mark + ")" if self.phrases.chance(0.08) else mark

    def _fits(self, contents: Sequence[Content]) -> dict[str, bool]:
        """Return what the slots of a construction may ask for."""
        return {"sized": not self.measured, "placed": all(c.place is not None for c in contents)}

    def _main_template(self, section: str, contents: Sequence[Content]) -> str:
        may = self._fits(contents)

        def fits(template: str) -> bool:
            names = slots(template)
            return (
                (
                    may["sized"]
                    or not (any(n.startswith("size") for n in names) or BEFORE_NOUN.search(template))
                )
                and (may["placed"] or not any(n.startswith("in") for n in names))
                and ("no" not in names or self._untrue is not None)
            )

        return self.phrases.template(section, fits)

    def _one(self, content: Content) -> Passage:
        terms = self.phrases.wording.terms
        look = next((name for name in content.looks if terms[name].adjectives), None)
        if look is not None and self._happens("looks"):
            template = self._main_template("looks", [content])
            rest = tuple(name for name in content.looks if name != look)
            said = self.phrases.adjective(look, frozenset((content.index,)))
            content = dataclasses.replace(content, looks=rest)
            return filled(
                template, lambda slot: said if slot == "look" else self._slot(slot, content, template)
            )
        template = self._main_template("one", [content])
        return filled(template, lambda slot: self._slot(slot, content, template))

    def _two(self, lesions: Sequence[Reported]) -> Passage:
        """Write of two lesions, the one of interest first or second."""
        target, other = (self._content(lesion, i) for i, lesion in enumerate(lesions))
        if target.head in lesions[1].labels and self.phrases.chance(0.6):
            other = self._placed(dataclasses.replace(other, head=target.head), lesions[1])
            target = self._placed(target, lesions[0])
        pair = [target, other] if self.phrases.chance(0.5) else [other, target]
        shared = self._shared(pair) if self.phrases.chance(0.7) else None
        if shared is not None:
            return shared
        template = self._main_template("two", pair)
        self._last = pair[1].index
        self._doubtable = "{bm1} and {size2} {bm2}" not in template
        return filled(template, lambda slot: self._slot(slot[:-1], pair[int(slot[-1]) - 1], template))

    def _placed(self, content: Content, lesion: Reported) -> Content:
        """Return the same with a place, mostly, and surely said."""
        terms = self.phrases.wording.terms
        places = [
            name
            for name in sorted(lesion.direct)
            if name in terms and terms[name].kind == "body part" and not is_node(name)
        ]
        place = self.phrases.pick(places) if places and self.phrases.chance(0.85) else content.place
        return dataclasses.replace(content, place=place, alternative=None, doubtful=False)

    def _shared(self, pair: Sequence[Content]) -> Passage | None:
        """Write of two lesions that share a head, each with its own place; ``None`` if they don't."""
        phrases = self.phrases
        first, second = pair
        if first.head is None or first.head != second.head:
            return None
        self._doubtable = False
        both = frozenset((0, 1))
        looks = tuple(look for look in first.looks if look in second.looks)
        content = Content(first.index, first.head, looks)
        one = dataclasses.replace(content, looks=())
        if first.place is None or second.place is None or first.place == second.place:
            if first.place == second.place:
                content = dataclasses.replace(content, place=first.place)
            template = self._main_template("twin", pair)
        else:
            template = self._main_template("shared", pair)

        def fill(slot: str) -> Passage:
            if slot == "many":
                head = phrases.head(content, both, plural=True)[0]
                return joined([head, phrases.inside(content, both)])
            if slot == "solo":
                return phrases.head(content, both)[0]
            if slot == "one":
                head, counted = phrases.head(one, both)
                return phrases.article(head) if counted else head
            which = pair[int(slot[-1]) - 1]
            if slot.startswith("in"):
                return phrases.inside(which)
            if slot.startswith("where"):
                return without_article(phrases.place(which))
            return self._slot(slot[:-1], which, template)

        return filled(template, fill)

    def _slot(self, slot: str, content: Content, template: str) -> Passage:
        phrases = self.phrases
        sized = "{size" not in template and not self.measured and phrases.chance(0.4)
        if slot == "np":
            return phrases.full(content, "a", sized)
        if slot == "the":
            return phrases.full(content, "the")
        if slot == "bare":
            return phrases.full(content, "", sized)
        if slot == "head":
            head, counted = phrases.head(content, sized=sized)
            begins = template.startswith(("{size", "A new")) or not counted
            return head if begins else phrases.article(head)
        if slot == "in":
            return phrases.inside(content)
        if slot == "old":
            return self._absent()
        if slot == "no":
            return phrases.lacked(self._untrue or LACKED[0])
        if slot == "in0":
            return phrases.place(content)
        if slot == "bm":
            mark = self._mark(content)
            inserted = template.endswith("{bm} {in}.") and len(SLOT.findall(template)) < 4
            return mark + self._doubt("inserted") if inserted and self.phrases.chance(0.2) else mark
        if slot == "size":
            return Passage(content.size)
        raise ValueError(f"unknown slot {slot!r} in {template!r}")

    # --- what stands around it -----------------------------------------------------------------

    def _around(self, main: Passage) -> Passage:
        phrases = self.phrases
        stop = main.text.endswith(".")
        if stop:
            main = cut(main)
        if self._doubtable and self._happens("doubt"):
            main = main + self._doubt("doubt")
        elif self._doubtable and self._happens("certain"):
            main = main + self._certain()
        if self._happens("stable") and not CHANGE.search(main.text):
            main = main + phrases.template("stable")
        if self._happens("previous"):
            main = main + self._previous()
        if self._happens("extra"):
            main = main + fill_one(phrases.template("extra"), self._aside())
        if self._happens("denial"):
            main = main + filled(phrases.template("denial"), lambda slot: self._absent())
        if self._happens("before"):
            main = fill_one(phrases.template("before"), self._aside()) + lowered(main)
        if self._happens("first_denial"):
            denial = filled(phrases.template("first_denial"), lambda slot: self._absent())
            main = denial + lowered(main)
        if self._happens("history"):
            template = phrases.template("history")
            history = fill_one(template, self._absent())
            if template.endswith(" "):
                main = history + (main if template.endswith(". ") else lowered(main))
            else:
                main = main + history
        if self._happens("prefix"):
            main = Passage(phrases.template("prefix")) + main
        return main + "." if stop else main

    def _certain(self) -> Passage:
        """Say what the lesion of interest surely is, if something is left to say."""
        terms = self.phrases.wording.terms
        true = [
            n for n in sorted(self.target.direct) if n in terms and terms[n].kind == "type" and terms[n].nouns
        ]
        true = [name for name in true if name not in self._heads]
        if self._last != 0 or not true:
            return Passage()
        name = self.phrases.pick(true)
        what = self.phrases.noun(name, frozenset((0,)))
        article = what.text in terms[name].counted and self.phrases.chance(0.7)
        return fill_one(self.phrases.template("certain"), self.phrases.article(what) if article else what)

    def _doubt(self, section: str) -> Passage:
        """Say what the lesion written of last may be: uncertain to it."""
        head = self.phrases.pick([name for name in SUSPECTED if name not in self._heads])
        true = sorted(
            name
            for name in self.target.direct
            if name in self.phrases.wording.terms
            and self.phrases.wording.terms[name].kind == "type"
            and self.phrases.wording.terms[name].nouns
        )
        true = [name for name in true if name not in self._heads]
        if true and self.phrases.chance(0.6):
            head = self.phrases.pick(true)
        what = self.phrases.noun(head, frozenset((self._last,)), "doubted")
        template = self.phrases.template(section)
        term = self.phrases.wording.terms[head]
        countable = what.text in term.counted and not template.startswith(". {x}")
        return fill_one(
            template, self.phrases.article(what) if countable and self.phrases.chance(0.7) else what
        )

    def _previous(self) -> Passage:
        own = self.phrases.wording.own["previous"]
        if self.measured and not any(t.startswith(SAFE_BEFORE_SIZE) for t in own):
            return Passage()
        template = self.phrases.template(
            "previous", lambda t: not self.measured or t.startswith(SAFE_BEFORE_SIZE)
        )
        long_mm = self.target.long_mm * float(self.rng.uniform(0.6, 1.4))
        size = size_text(long_mm, long_mm * self.target.short_mm / self.target.long_mm, self.phrases)
        return Passage(SLOT.sub(lambda match: size, template))

    def _aside(self) -> Passage:
        """Say another finding that has no bookmark: irrelevant to all."""
        phrases = self.phrases
        if self.others:
            content = choose(self.others[-1], 0, phrases, IN_PASSING)
        else:
            head = phrases.pick([n for n in FINDINGS if n not in self.true] or ["implant"])
            content = Content(0, head, place=self._part())
        said = phrases.full(content, "a")
        return Passage(
            said.text,
            tuple(dataclasses.replace(s, owners=frozenset(), certainty="other") for s in said.said),
        )

    # --- the end -------------------------------------------------------------------------------

    def finished(self, passage: Passage) -> Passage:
        """Return a sentence as it was typed: with a stop or without, perhaps with a slip."""
        text = passage.text
        if text.endswith(".") and self._happens("no stop"):
            passage = cut(passage)
            text = passage.text
        if self._happens("misspelt"):
            text = misspelt(text, self.rng)
        if self.phrases.chance(0.9):
            text = BEGINNING.sub(lambda match: match.group().upper(), text)
        return passage.with_text(text)
