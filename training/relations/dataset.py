"""Annotated sentences for the relation model: the phantom clinic's, or one's own from JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.inference.relation_inputs import encode
from lesionscope.mining.bookmarks import Bookmark, find_bookmarks, fold
from lesionscope.mining.cues import clauses, turns
from lesionscope.mining.lexicon import Lexicon
from lesionscope.mining.matching import Match, Matcher
from lesionscope.mining.miner import Miner
from lesionscope.mining.parsed import Parsed
from lesionscope.mining.relations import IRRELEVANT, RELATIONS, RELEVANT, UNCERTAIN
from lesionscope.mining.tokens import Token, tokenise
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.phantom.clinic import label_sets
from lesionscope.phantom.clinic.reports import ReportSentence, write_sentence
from lesionscope.phantom.clinic.wording import SPLITS, Split

SEEDS = 0x5E47
"""Begins the seeds of sentences, so that they are no other draw's."""
FORM = (
    '{"text": "…", "bookmarks": [{"start": 12, "end": 20, "target": true}], "mentions": '
    '[{"start": 2, "end": 8, "label": "nodule", "bookmark": 0, "relation": "relevant"}]}'
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A mention at ``text[start:end]``, and its relation to one bookmark."""

    start: int
    end: int
    label: str
    bookmark: int
    relation: str


@dataclass(frozen=True)
class Annotated:
    """A sentence with the relations that hold; ``constructions`` says how it was made, if it was."""

    text: str
    bookmarks: tuple[Bookmark, ...]
    pairs: tuple[Pair, ...]
    constructions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A sentence as the model and the rules see it.

    ``answers`` holds the relation (its place in ``RELATIONS``) of each match (row) to each
    bookmark (column), −1 where none is annotated.
    """

    source: Annotated
    parsed: Parsed
    answers: NDArray[np.int64]

    def encoded(self) -> NDArray[np.int64]:
        """Return the token features of the annotated pairs, ``(pairs, length, features)``."""
        return encode(self.parsed)[self.answers.ravel() >= 0]

    def targets(self) -> NDArray[np.int64]:
        """Return the relations of the annotated pairs, in the same order."""
        flat = self.answers.ravel()
        return flat[flat >= 0]


def phantom_sentences(split: Split, count: int, seed: int, graph: LabelGraph) -> Iterator[Annotated]:
    """Write sentences about lesions of the phantom clinic that are sets of labels only."""
    for number in range(count):
        rng = np.random.default_rng([SEEDS, seed, SPLITS.index(split), number])
        target, *others = label_sets.patient(rng, graph)
        yield from_report(write_sentence(target, others, rng, split))


def from_report(sentence: ReportSentence) -> Annotated:
    """Take a phantom's sentence as what it is: its own annotation."""
    text = sentence.text
    return Annotated(
        text,
        tuple(Bookmark(start, end, text[start:end], target) for start, end, target in sentence.bookmarks),
        tuple(Pair(m.start, m.end, m.label, m.bookmark, m.relation) for m in sentence.mentions),
        sentence.constructions,
    )


def read_lines(path: str | Path, graph: LabelGraph) -> tuple[Annotated, ...]:
    """Read one's own annotated sentences, a JSON object a line.

    Raises
    ------
    InputError
        The file can't be read, holds no sentence, or a line isn't of the form; it is named.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read as UTF-8 text ({error}).") from error
    found = tuple(
        _read_line(line, f"{path}, line {number}", graph)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    if not found:
        raise InputError(f"{path} holds no sentence; it needs a line such as {FORM}.")
    return found


def _read_line(line: str, where: str, graph: LabelGraph) -> Annotated:
    try:
        content = json.loads(line)
        text = content["text"]
        bookmarks = tuple(
            Bookmark(b["start"], b["end"], text[b["start"] : b["end"]], b.get("target", True))
            for b in content["bookmarks"]
        )
        pairs = tuple(
            Pair(m["start"], m["end"], m["label"], m["bookmark"], m["relation"]) for m in content["mentions"]
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{where}: it is not of the form {FORM}.") from error
    places = [(b.start, b.end) for b in bookmarks] + [(p.start, p.end) for p in pairs]
    if any(not 0 <= start < end <= len(text) for start, end in places):
        raise InputError(f"{where}: a 'start' or 'end' lies outside the text.")
    if [b.start for b in bookmarks] != sorted(b.start for b in bookmarks):
        raise InputError(f"{where}: 'bookmarks' must stand in the order of the text.")
    for pair in pairs:
        if pair.label not in graph.by_name:
            raise InputError(f"{where}: there is no label '{pair.label}'.")
        if pair.relation not in RELATIONS:
            raise InputError(f"{where}: 'relation' must be {', '.join(RELATIONS)}, not '{pair.relation}'.")
        if not 0 <= pair.bookmark < len(bookmarks):
            raise InputError(f"{where}: there is no bookmark {pair.bookmark}.")
    return Annotated(text, bookmarks, pairs)


class Preparer:
    """Brings annotated sentences into the form that the model reads."""

    def __init__(self, graph: LabelGraph) -> None:
        self._roles = Matcher(Lexicon(graph)).roles
        self._graph = graph
        self._seen: list[Parsed] = []
        self._miner = Miner(graph, self._capture)

    def annotated(self, sentence: Annotated) -> Prepared:
        """Prepare a sentence with its own mentions."""
        tokens, places = fold(tokenise(sentence.text), sentence.bookmarks)
        clause = clauses(tokens)
        rows: dict[Match, int] = {}
        cells: dict[tuple[int, int], int] = {}
        for pair in sentence.pairs:
            match = _match(pair, tokens)
            row = rows.setdefault(match, len(rows))
            cells[row, pair.bookmark] = RELATIONS.index(pair.relation)
        answers = np.full((len(rows), len(places)), -1, dtype=np.int64)
        for (row, column), relation in cells.items():
            answers[row, column] = relation
        parsed = Parsed(tokens, turns(tokens, clause), clause, places, tuple(rows), self._roles)
        return Prepared(sentence, parsed, answers)

    def mined(self, sentence: Annotated) -> Prepared | None:
        """Prepare a sentence with the mentions that the miner finds, as the model will meet it.

        A mined mention takes its relations from the annotated ones that it overlaps and whose
        labels are its own, more or less special, or parts of its name; where they differ,
        the weakest holds. ``None`` where the miner finds other bookmarks.
        """
        if [(b.start, b.end) for b in find_bookmarks(sentence.text)] != [
            (b.start, b.end) for b in sentence.bookmarks
        ]:
            return None
        self._seen.clear()
        self._miner.mine(sentence.text)
        if not self._seen:
            return None
        parsed = self._seen[0]
        answers = np.full((len(parsed.matches), len(parsed.places)), -1, dtype=np.int64)
        for row, match in enumerate(parsed.matches):
            start, end = parsed.tokens[match.first].start, parsed.tokens[match.last].end
            family = self._graph.expand([match.label])
            for pair in sentence.pairs:
                kin = family & self._graph.expand([pair.label])
                if pair.start < end and start < pair.end and kin & {match.label, pair.label}:
                    relation = RELATIONS.index(pair.relation)
                    answers[row, pair.bookmark] = max(answers[row, pair.bookmark], WEAKNESS[relation])
        answers[answers >= 0] = STRENGTH[answers[answers >= 0]]
        return Prepared(sentence, parsed, answers)

    def _capture(self, parsed: Parsed) -> Sequence[Sequence[str]]:
        self._seen.append(parsed)
        return [[IRRELEVANT] * len(parsed.places) for _ in parsed.matches]


_BY_WEAKNESS = (RELEVANT, UNCERTAIN, IRRELEVANT)
STRENGTH = np.array([RELATIONS.index(name) for name in _BY_WEAKNESS])
WEAKNESS = np.argsort(STRENGTH)


def _match(pair: Pair, tokens: Sequence[Token]) -> Match:
    """Return an annotated mention by its tokens."""
    inside = [i for i, token in enumerate(tokens) if token.start < pair.end and pair.start < token.end]
    return Match(pair.label, inside[0], inside[-1])


def held_out(
    sentences: Iterable[Annotated], share: float, seed: int
) -> tuple[list[Annotated], list[Annotated]]:
    """Part sentences by construction: those with one that is held out are left for tuning.

    Sentences of one's own, which have no constructions, are parted at random.
    """
    sentences = list(sentences)
    known = sorted({c for s in sentences for c in s.constructions})
    rng = np.random.default_rng([SEEDS, seed])
    kept_back = {c for c in known if rng.random() < share}
    fit: list[Annotated] = []
    tune: list[Annotated] = []
    for sentence in sentences:
        if sentence.constructions:
            out = not kept_back.isdisjoint(sentence.constructions)
        else:
            out = bool(rng.random() < share)
        (tune if out else fit).append(sentence)
    return fit, tune
