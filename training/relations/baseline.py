"""What the relation model is measured against: negation by negspacy, and the nearest bookmark.

A blank spaCy pipeline takes the mentions as entities. NegEx (negspacy) with its clinical
terms says which are denied, and a second NegEx with words of doubt which are uncertain;
a mention that neither reaches is relevant to the bookmark fewest tokens away, and
irrelevant to all others. spaCy and negspacy are the extra ``bench``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import LesionscopeError
from lesionscope.mining.relations import IRRELEVANT, RELATIONS, RELEVANT, UNCERTAIN

from .dataset import Prepared

DOUBTS = {
    "pseudo_negations": ["likely represents no", "no likely"],
    "preceding_negations": (
        "possible,possibly,probable,probably,likely,may,might,could,suspicious for,suspicion of,suspected,"
        "concerning for,worrisome for,question of,questionable,cannot exclude,rule out,suggestive of,"
        "presumed,presumably,perhaps,favored to be,versus,vs,or,differential includes"
    ).split(","),
    "following_negations": (
        "not excluded,cannot be excluded,is possible,is suspected,or,versus,vs,in the differential"
    ).split(","),
    "termination": "but,however,although,while,whereas,bookmark,other_bmk,with,which,.,;".split(","),
}
"""Words of doubt in the form of a NegEx term set."""


class Baseline:
    """spaCy, negspacy and the nearest bookmark."""

    def __init__(self) -> None:
        try:
            import negspacy.negation
            import spacy
            from negspacy.termsets import termset
        except ImportError as error:
            raise LesionscopeError(
                "The baseline needs spaCy and negspacy; install the extra 'bench'."
            ) from error
        del negspacy
        self._nlp: Any = spacy.blank("en")
        self._nlp.add_pipe("sentencizer")
        self._nlp.add_pipe(
            "negex",
            "denied",
            config={"neg_termset": termset("en_clinical").get_patterns(), "extension_name": "denied"},
        )
        self._nlp.add_pipe("negex", "doubted", config={"neg_termset": DOUBTS, "extension_name": "doubted"})

    def answers(self, sentence: Prepared) -> NDArray[np.int64]:
        """Return the relation of each mention (row) to each bookmark (column)."""
        parsed, text = sentence.parsed, sentence.source.text
        spans = [
            (parsed.tokens[match.first].start, parsed.tokens[match.last].end) for match in parsed.matches
        ]
        states = self._states(text, spans)
        whole = np.full((len(spans), len(parsed.places)), RELATIONS.index(IRRELEVANT), dtype=np.int64)
        for row, (match, state) in enumerate(zip(parsed.matches, states, strict=True)):
            gaps = [max(match.first - place, place - match.last) for place in parsed.places]
            if state != IRRELEVANT:
                whole[row, int(np.argmin(gaps))] = RELATIONS.index(state)
        return whole

    def _states(self, text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
        from spacy.tokens import Span

        doc = self._nlp.make_doc(text)
        found = [doc.char_span(start, end, alignment_mode="expand") for start, end in spans]
        states = [RELEVANT] * len(spans)
        # Entities of a document can't overlap, so mentions that do take turns.
        waiting = list(range(len(spans)))
        while waiting:
            chosen: list[int] = []
            taken: set[int] = set()
            for i in waiting:
                words = set(range(found[i].start, found[i].end))
                if not words & taken:
                    chosen.append(i)
                    taken |= words
            fresh = self._nlp.make_doc(text)
            fresh.ents = [Span(fresh, found[i].start, found[i].end, label="LABEL") for i in chosen]
            for _, pipe in self._nlp.pipeline:
                fresh = pipe(fresh)
            by_place = {(entity.start, entity.end): entity for entity in fresh.ents}
            for i in chosen:
                entity = by_place.get((found[i].start, found[i].end))
                if entity is not None and entity._.denied:
                    states[i] = IRRELEVANT
                elif entity is not None and entity._.doubted:
                    states[i] = UNCERTAIN
            waiting = [i for i in waiting if i not in chosen]
        return states
