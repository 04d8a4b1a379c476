"""Whether a mention is relevant to a bookmark, uncertain, or irrelevant (LesaNet §3.2), by rules.

A mention that is denied, past, or a landmark is irrelevant; a doubted one, or one of
two joined by "or", uncertain. Each bookmark takes the finding it stands in or next to;
what a later finding leaves unsaid it takes from the one before: "nodules in the right
upper lobe BOOKMARK and left lower lobe OTHER_BMK".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .bookmarks import MARK
from .cues import OUTSIDE, STOPS, VERBS, Turn, opens
from .matching import ARTICLES, HEAD, LOOK, PLACE, Match
from .tokens import Token

RELEVANT, UNCERTAIN, IRRELEVANT = "relevant", "uncertain", "irrelevant"
RELATIONS = (RELEVANT, UNCERTAIN, IRRELEVANT)
ENDS_FINDING = frozenset(("and", ",", ";", ".")) | STOPS
ALTERNATIVES = frozenset(("or", "versus", "vs", "/"))
NEW = frozenset(
    "a an another other additional no second third one two three few several multiple there as plus "
    "together".split()
)
"""Words that open a finding of its own."""
GENERIC = frozenset(
    "lesion lesions focus foci area areas abnormality abnormalities finding findings structure "
    "collection".split()
)
"""Heads that are no label: with one of them a finding says what it is."""
EQUALS = frozenset(("consistent", "compatible", "keeping"))
"""With "with" they say what a finding is, not what accompanies it."""
SPREADS = frozenset("extension infiltration invasion involvement encasement".split())
"""With "with" they say where a finding goes to."""
EXAMPLES = frozenset(
    ("including", "eg", "namely", ("for", "example"), ("for", "instance"), ("such", "as"), ("e", "g"))
)
"""They begin an example of the finding before, which has all that is said of it."""
ALL = frozenset(("both", "all", "each"))
WEIGHED = frozenset("less more likely probably possibly".split())
"""Words that weigh one of two against the other."""
NEAR = 4
"""Most words between an "or" and what it joins."""


def certainty(
    tokens: Sequence[Token],
    turned: Sequence[Sequence[tuple[Turn, int]]],
    matches: Sequence[Match],
    roles: Mapping[str, int],
) -> list[str]:
    """Return what the sentence says of each match, whatever bookmarks there are.

    A place is doubted only where nothing else is: "possible cyst in the liver" is in the liver.

    Parameters
    ----------
    tokens, turned
        The sentence, and what turns each token (:func:`~.cues.turns`). A cue that is
        part of the mention turns nothing: "not calcified" is a label of its own.
    matches, roles
        What was matched, and the roles of each label.
    """
    relations = []
    reached = [
        {
            (turn, at)
            for index in range(match.first, match.last + 1)
            for turn, at in turned[index]
            if not match.first <= at <= match.last
        }
        for match in matches
    ]
    doubted = {
        cue
        for match, cues in zip(matches, reached, strict=True)
        for cue in cues
        if roles[match.label] != PLACE and cue[0] is Turn.DOUBTED
    }
    for match, cues in zip(matches, reached, strict=True):
        is_part = roles[match.label] == PLACE
        over = {turn for turn, at in cues if not (is_part and (turn, at) in doubted)}
        over.discard(Turn.FORMER if is_part else Turn.LANDMARK)
        if over & {Turn.DENIED, Turn.FORMER, Turn.PAST, Turn.LANDMARK}:
            relations.append(IRRELEVANT)
        else:
            relations.append(UNCERTAIN if Turn.DOUBTED in over else RELEVANT)
    for index, token in enumerate(tokens):
        if token.word in ALTERNATIVES:
            for i in _alternatives(index, tokens, matches, roles):
                if relations[i] == RELEVANT:
                    relations[i] = UNCERTAIN
    return relations


def _alternatives(
    at: int, tokens: Sequence[Token], matches: Sequence[Match], roles: Mapping[str, int]
) -> list[int]:
    """Return the matches that an "or" joins: the nearest of one kind on either side."""
    end = at
    if not WEIGHED.isdisjoint(token.word for token in tokens[at + 1 : at + NEAR]):
        while end + 1 < len(tokens) and tokens[end + 1].word in WEIGHED | {","}:  # "or, less likely, scar"
            end += 1
    before = [i for i, m in enumerate(matches) if m.last < at <= m.last + NEAR]
    after = [i for i, m in enumerate(matches) if m.first - NEAR <= end < m.first]
    joined = []
    for role in (HEAD, LOOK, PLACE):
        left = [i for i in before if roles[matches[i].label] & role]
        right = [i for i in after if roles[matches[i].label] & role]
        if left and right:
            near_left = max(matches[i].last for i in left)
            near_right = min(matches[i].first for i in right)
            between = {token.word for token in (*tokens[near_left + 1 : at], *tokens[end + 1 : near_right])}
            headed = role == PLACE and any(  # "liver cyst or scar in the spleen"
                end < m.first and m.last < near_right and roles[m.label] & HEAD for m in matches
            )
            if not between & (ENDS_FINDING | {MARK}) and not headed:
                joined += [i for i in left if matches[i].last == near_left]
                joined += [i for i in right if matches[i].first == near_right]
    return joined


def findings(
    tokens: Sequence[Token],
    clause: Sequence[int],
    places: Sequence[int],
    matches: Sequence[Match],
    roles: Mapping[str, int],
    others: Sequence[range],
) -> list[frozenset[int]]:
    """Return for each bookmark the matches (by index) of the finding it points at.

    Parameters
    ----------
    tokens, clause
        The sentence, its bookmarks folded into one token each, and each token's clause.
    places
        Where the bookmarks' tokens stand, ascending.
    matches, roles
        What was matched, and the roles of each label.
    others
        What is compared with (:func:`~lesionscope.mining.asides.comparands`): no finding of theirs.
    """
    clause = _with_ellipses(tokens, clause, matches)
    owned: list[set[int]] = [set() for _ in places]
    heads = [m for m in matches if roles[m.label] & HEAD]
    parts = [m for m in matches if roles[m.label] & PLACE]
    for i, match in enumerate(matches):
        if any(match.first in other and match.last in other for other in others):
            continue
        owner = _owner(match, tokens, clause, places, heads, parts)
        if owner is not None:
            owned[owner].add(i)
    opening = _opening(tokens, places)
    header = {i for i, m in enumerate(matches) if m.last < opening and clause[m.last] == clause[opening]}
    for number, place in enumerate(places):
        if "." not in (token.word for token in tokens[opening:place]):
            owned[number] |= header
    shared = [
        i for i in range(1, len(tokens)) if tokens[i].word in ALL and tokens[i - 1].word in ENDS_FINDING
    ]
    if shared and places and shared[-1] > places[-1]:  # "…; both solid"
        for group in owned:
            group |= {i for i, match in enumerate(matches) if match.first > shared[-1]}
    for number in range(1, len(places)):
        low, high = places[number - 1], places[number]
        if clause[low] != clause[high]:
            continue
        if not any(low < m.first and m.last < high for m in matches):  # "nodes BOOKMARK, BOOKMARK"
            owned[number] = owned[number - 1] = owned[number] | owned[number - 1]
        elif not any(tokens[i].word in GENERIC for i in range(low, high)):
            owned[number] |= _unsaid(owned[number], owned[number - 1], matches, roles)
    for number in range(len(places) - 2, -1, -1):  # "RUL BOOKMARK and LLL BOOKMARK nodules"
        low, high = places[number], places[number + 1]
        headless = not any(roles[matches[i].label] & HEAD for i in owned[number])
        if clause[low] == clause[high] and headless and not any(t.word in GENERIC for t in tokens[:low]):
            owned[number] |= {i for i in owned[number + 1] if roles[matches[i].label] != PLACE}
    return [frozenset(group) for group in owned]


def _with_ellipses(tokens: Sequence[Token], clause: Sequence[int], matches: Sequence[Match]) -> list[int]:
    """Return clauses in which one without a subject is part of that before: "… but is likely a cyst"."""
    numbers, joined = [], 0
    for index, token in enumerate(tokens):
        if token.word == "but":
            same = [i for i in range(index + 1, len(tokens)) if clause[i] == clause[index]]
            verb = next((i for i in same if tokens[i].word in VERBS), len(tokens))
            named = any(index < match.first and match.last < verb < len(tokens) for match in matches)
            pointed = any(tokens[i].word == MARK for i in same)
            if same and not (named or pointed) and tokens[same[0]].word not in NEW | ARTICLES:
                joined += 1
        numbers.append(clause[index] - joined)
    return numbers


def _opening(tokens: Sequence[Token], places: Sequence[int]) -> int:
    """Return where the findings of a list begin: after "Nodules:", or "nodules, one in … and one in …"."""
    words = [token.word for token in tokens]
    before = words[: places[0]] if places else []
    if ":" in before:
        return len(before) - 1 - before[::-1].index(":")
    return before.index("one") if "one" in before and words.count("one") > 1 else 0


def _owner(
    match: Match,
    tokens: Sequence[Token],
    clause: Sequence[int],
    places: Sequence[int],
    heads: Sequence[Match],
    parts: Sequence[Match],
) -> int | None:
    """Return which bookmark's finding a match belongs to."""
    same = [n for n, place in enumerate(places) if clause[place] == clause[match.last]]
    following = next((n for n in same if places[n] > match.first), None)
    preceding = next((n for n in reversed(same) if places[n] < match.first), None)
    if preceding is not None:
        gap = _ends_between(tokens, places[preceding], match.first)
        continues = tokens[places[preceding] + 1].word in OUTSIDE | {"of"}
        if following is None:
            if _accompanied(match, tokens, places[preceding], heads, parts):
                return None
            # "BOOKMARK is a mass in the liver, and there is a cyst …": its head may follow it.
            anew = gap and tokens[gap[-1]].word == "and" and tokens[gap[-1] + 1].word in NEW
            spoken = any(head.last < (gap[-1] if anew else places[preceding]) for head in heads)
            return None if gap and spoken and _another(match, gap, tokens, heads, parts) else preceding
        if not gap and (continues or _ends_between(tokens, match.last, places[following])):
            return preceding
    if following is not None and not _complete(match, places[following], tokens, heads, parts):
        return following
    return None


def _ends_between(tokens: Sequence[Token], low: int, high: int) -> list[int]:
    return [i for i in range(low + 1, high) if tokens[i].word in ENDS_FINDING]


def _another(
    match: Match, gap: Sequence[int], tokens: Sequence[Token], heads: Sequence[Match], parts: Sequence[Match]
) -> bool:
    """Whether what follows a bookmark speaks of something else: "…, with a cyst in the liver"."""
    if tokens[gap[-1]].word == "but" or any(token.word in EQUALS for token in tokens[gap[-1] : match.first]):
        return False
    opening = tokens[gap[-1] + 1].word
    says_head = any(
        gap[-1] < head.first <= match.last or gap[-1] < match.first <= head.first for head in heads
    )
    says_part = any(gap[-1] < part.first <= match.last for part in parts)
    if tokens[gap[-1]].word == ",":
        another = opening in NEW or (says_head and opening in OUTSIDE)
    else:
        another = opening in NEW or says_head or (says_part and opening not in OUTSIDE)
    return another and not _alternative(gap, tokens)


def _alternative(gap: Sequence[int], tokens: Sequence[Token]) -> bool:
    """Whether what follows a bookmark says what else it may be: "differential includes cyst and scar"."""
    aside = {token.word for token in tokens[gap[-2] + 1 : gap[-1]]} if len(gap) > 1 else set()
    if tokens[gap[-1] + 1].word in WEIGHED or (aside and aside <= WEIGHED):  # "cyst and, less likely, a scar"
        return True
    listed = next((i for i in range(gap[-1]) if tokens[i].word == "differential"), -1)
    return listed >= 0 and not opens(tokens, gap[-1], listed)


def _accompanied(
    match: Match, tokens: Sequence[Token], bookmark: int, heads: Sequence[Match], parts: Sequence[Match]
) -> bool:
    """Whether a match is of a finding beside the bookmark's: "mass BOOKMARK … with thrombus in a vein"."""
    for index in range(bookmark + 1, match.first):
        if tokens[index].word == "with" and tokens[index - 1].word not in EQUALS:
            own = any(head.last < index for head in heads)
            other = any(index < head.first <= match.last for head in heads)
            placed = any(part.first > index for part in parts)
            spreads = any(token.word in SPREADS for token in tokens[index : match.first])
            return own and other and placed and not spreads
    return False


def _complete(
    match: Match, bookmark: int, tokens: Sequence[Token], heads: Sequence[Match], parts: Sequence[Match]
) -> bool:
    """Whether a match before a bookmark belongs to an earlier finding with a head and place of its own."""
    ends = _ends_between(tokens, match.last, bookmark)
    example = _example(tokens, match.last + 1, bookmark) if ends else bookmark
    for end in ends:
        if end >= example:
            break
        start = max((i for i in range(match.first) if tokens[i].word in {*ENDS_FINDING, MARK}), default=-1)
        own = [m for m in heads if start < m.first and m.last < end]
        verbs = (i for i in range(end + 1, bookmark) if tokens[i].word in VERBS)
        said = next((i for i in verbs if tokens[i - 1].word in ENDS_FINDING), bookmark)
        later = [m for m in heads if end < m.first and m.last < bookmark and m.first < said]
        placed = any(start < m.first and m.last < end for m in parts)
        if own and later and (placed or tokens[end + 1].word in NEW):
            return True
    return False


def _example(tokens: Sequence[Token], low: int, high: int) -> int:
    """Return where an example of what stands before begins: "nodules, such as …"; else ``high``."""
    for i in range(low, high):
        if tokens[i].word in EXAMPLES or (tokens[i].word, tokens[i + 1].word) in EXAMPLES:
            return i - (tokens[i - 1].word == ",")
    return high


def _unsaid(
    group: set[int], previous: set[int], matches: Sequence[Match], roles: Mapping[str, int]
) -> set[int]:
    """Return what a finding takes from the one before: all of it, or its head and looks."""
    said = 0
    for i in group:
        said |= roles[matches[i].label]
    if said & HEAD:
        return set()
    return {i for i in previous if not said & PLACE or not roles[matches[i].label] & PLACE}
