"""Sentence → labels: the whole way from text to mentions, relations and expanded labels (LesaNet §3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lesionscope.ontology.label_graph import LabelGraph

from .asides import comparands
from .bookmarks import Bookmark, find_bookmarks, fold
from .cues import Turn, clauses, turns
from .lexicon import Lexicon
from .matching import Match, Matcher
from .parsed import Parsed, Relate
from .relations import IRRELEVANT, RELEVANT, UNCERTAIN, certainty, findings
from .tokens import tokenise


@dataclass(frozen=True, slots=True)
class Mention:
    """A label said at ``text[start:end]``, and what that is to one bookmark (``None``: to the sentence).

    ``relation`` is ``relevant``, ``uncertain`` or ``irrelevant``.
    """

    start: int
    end: int
    text: str
    label: str
    relation: str
    bookmark: int | None


@dataclass(frozen=True)
class MinedSentence:
    """A sentence, its bookmarks, and every mention–bookmark pair in the order of the text."""

    text: str
    bookmarks: tuple[Bookmark, ...]
    mentions: tuple[Mention, ...]
    graph: LabelGraph

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels relevant or uncertain to the bookmarks of interest, expanded, in the graph's order."""
        return self._expanded(self._said(RELEVANT, UNCERTAIN))

    def by_relation(self, relation: str, bookmark: int | None = None) -> tuple[str, ...]:
        """Return the labels with one relation, in the graph's order; the relevant ones expanded.

        A label that is relevant by one mention is not also uncertain or irrelevant by
        another. ``bookmark`` asks for one bookmark; without it, for all of interest.
        """
        names = self._said(relation, bookmark=bookmark)
        if relation == RELEVANT:
            return self._expanded(names)
        stronger = self.graph.expand(self._said(RELEVANT, bookmark=bookmark))
        if relation == IRRELEVANT:
            stronger |= self.graph.expand(self._said(UNCERTAIN, bookmark=bookmark))
        return self._ordered(names - stronger)

    def _said(self, *relations: str, bookmark: int | None = None) -> frozenset[str]:
        wanted = (
            {n for n, mark in enumerate(self.bookmarks) if mark.target} if bookmark is None else {bookmark}
        )
        return frozenset(
            mention.label
            for mention in self.mentions
            if mention.relation in relations and (mention.bookmark is None or mention.bookmark in wanted)
        )

    def _expanded(self, names: frozenset[str]) -> tuple[str, ...]:
        return self._ordered(self.graph.expand(names))

    def _ordered(self, names: frozenset[str]) -> tuple[str, ...]:
        return tuple(label.name for label in self.graph.labels if label.name in names)


class Miner:
    """Mines sentences with one label graph. Without state between sentences: safe to share.

    Parameters
    ----------
    graph
        The labels to look for.
    relate
        Says what mentions are to bookmarks in place of the rules, such as a model of relations.
        Without a bookmark the rules speak in any case.
    """

    def __init__(self, graph: LabelGraph, relate: Relate | None = None) -> None:
        self.graph = graph
        self._relate = relate
        self._matcher = Matcher(Lexicon(graph))

    def mine(self, text: str) -> MinedSentence:
        """Find the labels of a sentence, and what they are to each of its bookmarks."""
        bookmarks = find_bookmarks(text)
        tokens, places = fold(tokenise(text), bookmarks)
        clause = clauses(tokens)
        turned = turns(tokens, clause)
        linked = [
            next((-1 - at for turn, at in over if turn in (Turn.LANDMARK, Turn.DENIED)), number)
            if over
            else number
            for number, over in zip(clause, turned, strict=True)
        ]
        others = list(comparands(tokens))
        for other in others:
            for index in other:
                linked[index] = -1 - len(tokens) - other.start
        roles = self._matcher.roles
        matches = self._matcher.match(tokens, linked)
        relations = certainty(tokens, turned, matches, roles)
        pairs: list[tuple[Match, str, int | None]]
        if bookmarks and self._relate is not None:
            related = self._relate(Parsed(tokens, turned, clause, places, matches, roles))
            pairs = [
                (match, relation, number)
                for match, row in zip(matches, related, strict=True)
                for number, relation in enumerate(row)
            ]
        elif bookmarks:
            groups = findings(tokens, clause, places, matches, roles, others)
            pairs = [
                (match, relation if i in group else IRRELEVANT, number)
                for i, (match, relation) in enumerate(zip(matches, relations, strict=True))
                for number, group in enumerate(groups)
            ]
        else:
            pairs = [(match, relation, None) for match, relation in zip(matches, relations, strict=True)]
        mentions = tuple(
            Mention(start, end, text[start:end], match.label, relation, number)
            for match, relation, number in pairs
            for start, end in [(tokens[match.first].start, tokens[match.last].end)]
        )
        return MinedSentence(text, bookmarks, mentions, self.graph)
