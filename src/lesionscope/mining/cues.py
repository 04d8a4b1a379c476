"""The words that turn what a sentence says: denials, doubts, the past, landmarks; and how far each reaches.

A rule system in the manner of NegEx (Chapman 2001) and ConText (Harkema 2009): a cue
turns the mentions after it, or before it, up to the end of its clause or a word that
ends its reach; some words only look like a cue ("no interval change").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from .asides import STUDIES, exam_regions
from .bookmarks import MARK
from .tokens import Token, tokenise


class Turn(Enum):
    """What a cue does to the mentions in its reach."""

    NOTHING = "words that only look like a cue"
    DENIED = "said to be absent"
    DOUBTED = "said to be possible"
    PAST = "history, or what was done"
    LANDMARK = "a place beside the lesion"
    FORMER = "how the lesion was; where it is has not changed"


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue at tokens ``first`` to ``last`` (both included); ``back``: it reaches what stands before it."""

    turn: Turn
    first: int
    last: int
    back: bool


DIRECTIONS = (
    "anterior anteriorly posterior posteriorly medial medially lateral laterally superior superiorly "
    "inferior inferiorly cephalad cranial caudal caudad anterolateral anteromedial posterolateral "
    "posteromedial superomedial superolateral inferomedial inferolateral distal proximal superficial "
    "deep dorsal ventral adjacent next close"
).split()
"""With "to" after them they name a landmark, not the lesion's own place."""

PHRASES: dict[tuple[Turn, bool], str] = {
    (Turn.NOTHING, False): """
        no change, no interval change, no significant change, no significant interval change, no
        definite change, no other change, no appreciable change, without change, without interval
        change, without significant change, no increase, no interval increase, no significant increase,
        no decrease, no significant decrease, no significant interval increase, no growth, no interval
        growth, no progression, not changed, not significantly, not appreciably, not increased, not
        decreased, not grown, not only, not necessarily, no doubt, no evidence that, likely represents
        no, previously seen, previously described, previously noted, previously identified, previously
        reported, previously demonstrated, previously visualized, previously mentioned, previously
        measured, previously measuring, previously characterized, previously biopsied, previously
        present, no resolution, without resolution, partial resolution, incomplete resolution, near
        resolution, near complete resolution, nearly complete resolution, almost complete resolution,
        near total resolution, not resolved, not completely resolved, not fully resolved, not entirely
        resolved, partially resolved, partly resolved, incompletely resolved, nearly resolved, almost
        resolved, nearly completely resolved, almost completely resolved, near completely resolved, post
        contrast, post gadolinium, post gad, post iv, post intravenous, post injection, post processed,
        post processing, post void, post obstructive, post inflammatory, post infectious, post traumatic,
        post surgical, post operative""",
    (Turn.DENIED, False): """
        no, without, not, negative for, absence of, no evidence of, free of, denies, rather than,
        instead of, lack of, lacks, lacking, sparing, spares, never, neither, nor, no longer, devoid of,
        fails to, failed to, unlikely, resolution of, disappearance of, non visualization of,
        nonvisualization of""",
    (Turn.FORMER, False): "formerly, previously, what was, what was formerly, what was previously",
    (Turn.DENIED, True): """
        ruled out, not seen, no longer seen, no longer visualized, no longer present, no longer
        identified, no longer visible, no longer evident, not identified, not visualized, not present,
        not evident, not demonstrated, resolved, absent, excluded, is gone, are gone, disappeared, is
        normal, are normal, itself normal, appears normal, appear normal, unremarkable, normal, patent,
        is clear, are clear""",
    (Turn.DOUBTED, False): """
        possible, possibly, probable, probably, likely, may, might, could, suspicious for, suspicion of,
        suspicion for, suspected, suspect, concerning for, concern for, worrisome for, question of,
        questionable, questionably, cannot exclude, can not exclude, cannot rule out, can not rule out,
        not exclude, r/o, rule out, versus, vs, suggestive of, suggesting, suggests, suggest, presumed,
        presumably, presumptive, differential, perhaps, potentially, potential, favor, favored, favors,
        query, equivocal, doubtful, raises, raising, either, questioned, apparent, apparently, ?""",
    (Turn.DOUBTED, True): """
        not excluded, cannot be excluded, can not be excluded, not be ruled out, cannot be ruled out,
        must be ruled out, must be excluded, should be ruled out, should be excluded, needs to be ruled
        out, needs to be excluded, has to be ruled out, has to be excluded, is possible, are possible,
        is suspected, are suspected, being less likely, is less likely, are less likely, considered less
        likely, is questioned, in the differential, not be excluded, is likely, is favored, favored over""",
    (Turn.PAST, False): """
        history of, h/o, hx of, status post, s/p, site of prior, site of previous, post, previously
        resected, previous resection of""",
    (Turn.LANDMARK, False): ", ".join(
        [
            "abutting, abuts, contacting, contacts, inseparable from, separate from, at the level of, "
            "along the surface of, unlike, above, below, beneath, behind, beside, between, surrounding, "
            "overlying, underlying, displacing, displaces, compressing, compresses, effacing, effaces, "
            "away from, cm from, mm from, cm of, mm of"
        ]
        + [f"{direction} to" for direction in DIRECTIONS]
    ),
    (Turn.LANDMARK, True): """
        is displaced, are displaced, displaced by, shifted by, shifted to, deviated by, deviated to, is
        compressed, are compressed, compressed by""",
}
STOPS = frozenset("but however although though while whereas except aside apart nevertheless yet".split())
"""Words that begin a new clause."""
ENDS = frozenset(";.!")
JOINS = frozenset(("and", "or", "nor", "&"))
"""Words that close a list."""
OUTSIDE = frozenset(
    "in within at along involving invading infiltrating extending encasing arising measuring measures is "
    "are was were which that seen with".split()
)
"""Words that end a noun phrase."""
WITHIN = frozenset(("in", "within", "at", "along"))
VERBS = frozenset(
    "is are was were has have had shows show demonstrates demonstrate contains contain exhibits exhibit "
    "appears appear reveals reveal presents".split()
)
"""With one of them after "neither", it is what they say that is denied: "neither shows fat" …"""
EXISTS = frozenset(
    "present seen identified noted found evident visible visualized demonstrated detected".split()
)
"""… but "neither fat nor calcium is seen"."""
UNITS = frozenset(("cm", "mm"))
NOW = frozenset(("now", "currently", "presently"))
PRESENT = NOW | {"is", "are", ","}
"""Words that end what a finding was."""
OPENS = {
    word: word
    for word in "another one two three several multiple there new stable unchanged interval".split()
}
OPENS |= dict.fromkeys(("a", "an"), "a") | dict.fromkeys(("the", "this", "that"), "the")
"""Words that open what is said next, by kind: "no ascites and a cyst". Where one of its kind stands in
the list already it goes on: "spares the liver and the spleen"."""
BEFORE_RESOLVED = frozenset(("the", "a", "an", "interval", ":", ",")) | ENDS
"""After one of them, or first of all, "resolved" is an adjective: "resolved effusion" …"""
AFTER_RESOLVED = OUTSIDE | JOINS | STOPS | frozenset("since from on by after compared today".split())
"""… but before one of these it is said of what stands before."""
ASIDE = frozenset("which that has have had been is are was were now since completely fully entirely".split())
"""What a comma may part from its subject: "the effusion, which has now resolved"."""
GONE = frozenset("resolved resolution disappearance non nonvisualization".split())
"""What is gone is so with its place, not with what is there now: "resolution of the abscess with a scar"."""
LISTS = frozenset("includes include is are would comprises contains :".split())
"""They begin what a differential diagnosis holds."""
LEFT = frozenset(("resolved", "disappeared", "no", "is", "are"))
"""First words of the cues that say after a comma too that something is gone: "no longer seen", "is gone"."""
LAST = frozenset(("normal", "patent", "unremarkable"))
"""They deny what stands before them only where they end what is said."""


def _table() -> dict[tuple[str, ...], tuple[Turn, bool]]:
    return {
        tuple(token.word for token in tokenise(phrase)): key
        for key, phrases in PHRASES.items()
        for phrase in phrases.split(",")
    }


TABLE = _table()
LONGEST = {phrase[0]: len(phrase) for phrase in sorted(TABLE, key=len)}
"""The length of the longest cue that a word begins."""


def find_cues(tokens: Sequence[Token]) -> list[Cue]:
    """Find the cues of a sentence; where two overlap, the longer one counts."""
    words = [token.word for token in tokens]
    cues: list[Cue] = []
    i = 0
    while i < len(words):
        if words[i] in LONGEST:
            for length in range(min(LONGEST[words[i]], len(words) - i), 0, -1):
                if entry := TABLE.get(tuple(words[i : i + length])):
                    following = words[i + length : i + length + 1]
                    if entry[0] is Turn.FORMER and following and following[0].lstrip(".")[:1].isdigit():
                        break  # "previously 1.2 cm"
                    if words[i] in LAST and following and following[0][0].isalnum():
                        break  # "normal liver"
                    if words[i] in UNITS and not _is_distance(words, i):
                        break  # "9 mm from 7 mm", "5 mm of thickening"
                    back = entry[1] or (words[i] == "?" and not any(w[0].isalpha() for w in words[i + 1 :]))
                    back = back and not (words[i] == "resolved" and _is_adjective(words, i))
                    cues.append(Cue(entry[0], i, i + length - 1, back))
                    i += length - 1
                    break
        i += 1
    return cues


def clauses(tokens: Sequence[Token]) -> list[int]:
    """Return for each token the number of its clause, from 0."""
    numbers, current = [], 0
    for token, following in pairwise([*tokens, Token(0, 0, "\0")]):
        excepts = token.word == "other" and following.word == "than"
        if token.word in ENDS or token.word in STOPS or excepts:
            current += 1
        numbers.append(current)
    return numbers


def turns(tokens: Sequence[Token], clause: Sequence[int]) -> list[list[tuple[Turn, int]]]:
    """Return for each token what turns it, and where the cue that does so begins."""
    turned: list[list[tuple[Turn, int]]] = [[] for _ in tokens]
    cues = find_cues(tokens)
    for cue in cues:
        if cue.turn is not Turn.NOTHING:
            for index in reach(cue, tokens, clause, cues):
                turned[index].append((cue.turn, cue.first))
    for examination, region in exam_regions(tokens):
        for index in region:
            turned[index].append((Turn.LANDMARK, examination))
    return turned


def reach(cue: Cue, tokens: Sequence[Token], clause: Sequence[int], cues: Sequence[Cue]) -> range:
    """Return the tokens that a cue turns."""
    if cue.back:
        start = _said_of(tokens, cue)
        opening = clause.index(clause[cue.first])
        while start > opening and tokens[start - 1].word != ",":
            if cue.turn is Turn.DENIED and opens(tokens, start - 1, opening):
                break
            start -= 1
        return range(start, cue.first)
    start = end = cue.last + 1
    if tokens[cue.first].word in ("neither", "nor"):
        same = (i for i in range(start, len(tokens)) if clause[i] == clause[cue.last])
        verb = next((i for i in same if tokens[i].word in VERBS), -1)
        if verb >= 0 and not any(token.word in EXISTS for token in tokens[verb + 1 : verb + 3]):
            start = end = verb + 1
    if cue.turn is Turn.DOUBTED and _is_aside(tokens, cue):
        start = end = start + 1
    if tokens[cue.first].word == "differential" and _names_its_lesion(tokens, cue.last):
        same = (i for i in range(start, len(tokens)) if clause[i] == clause[cue.last])
        start = end = next((i + 1 for i in same if tokens[i].word in LISTS), start)
    starts = {other.first for other in cues if other is not cue and other.turn is not Turn.NOTHING}
    while end < len(tokens) and clause[end] == clause[cue.last] and not _ends(cue, tokens, end):
        if end in starts and cue.turn is not Turn.DENIED:
            break
        end += 1
    return range(start, end)


def _is_aside(tokens: Sequence[Token], cue: Cue) -> bool:
    """Whether commas set a cue apart from what it is said of: "or, less likely, a scar"."""
    first = cue.first - (cue.first > 0 and tokens[cue.first - 1].word in ("less", "more", "most"))
    around = [
        token.word for token in (*tokens[max(first - 1, 0) : first], *tokens[cue.last + 1 : cue.last + 2])
    ]
    return around == [",", ","]


def _names_its_lesion(tokens: Sequence[Token], at: int) -> bool:
    """Whether "differential" is followed by what it is of: "differential diagnosis of this mass"."""
    return any(token.word in ("of", "for") for token in tokens[at + 1 : at + 3])


def _is_distance(words: Sequence[str], unit: int) -> bool:
    """Whether "mm from" or "mm of" says how far from a landmark, not from what size something grew."""
    after = unit + 2
    while after < len(words) and words[after] in OPENS:
        after += 1
    if after == len(words) or not words[after][0].isalpha() or words[after] in STUDIES:
        return False
    return words[unit + 1] == "from" or words[max(unit - 2, 0)] == "within"


def _is_adjective(words: Sequence[str], at: int) -> bool:
    """Whether "resolved" stands before what it is said of: "resolved effusion", not "effusion resolved"."""
    start = at
    while start > 0 and words[start - 1] in ASIDE:
        start -= 1
    leads = start == 0 or words[start - 1] in BEFORE_RESOLVED
    following = words[at + 1 : at + 2]
    return leads and bool(following) and following[0][0].isalpha() and following[0] not in AFTER_RESOLVED


def _said_of(tokens: Sequence[Token], cue: Cue) -> int:
    """Return where what a cue after it is said of ends: before ", which has" where it says what is gone.

    What is "not seen" may be so "on the prior", and what follows a comma there is an aside.
    """
    start = cue.first
    while start > 0 and tokens[start - 1].word in ASIDE:
        start -= 1
    gone = cue.turn is Turn.DENIED and tokens[cue.first].word in LEFT
    return start - 1 if gone and start > 0 and tokens[start - 1].word == "," else cue.first


def opens(tokens: Sequence[Token], at: int, start: int) -> bool:
    """Whether "and" or a comma at ``at`` opens something other than what a list from ``start`` on says."""
    if tokens[at].word not in ("and", "&", ",") or at + 1 == len(tokens):
        return False
    following = tokens[at + 1].word
    if following == "and" and at + 2 < len(tokens):
        following = tokens[at + 2].word
    kind = OPENS.get(following)
    closing = next((token.word for token in tokens[at:] if token.word in JOINS), "") if kind else ""
    if tokens[at].word == "," and kind not in ("the", "there") and closing in ("or", "nor"):
        return False  # "no mass, new nodule, or node"
    return kind is not None and all(OPENS.get(token.word) != kind for token in tokens[start:at])


def _ends(cue: Cue, tokens: Sequence[Token], at: int) -> bool:
    """Whether a forward cue's reach ends before the token at ``at``."""
    word = tokens[at].word
    if cue.turn is Turn.FORMER:
        # "The previously cavitary nodule" is one still.
        adjective = cue.first == cue.last and tokens[cue.last + 1].word not in ("a", "an", "the")
        return word in PRESENT or (adjective and at > cue.last + 1)
    if cue.turn in (Turn.DENIED, Turn.PAST) and opens(tokens, at, cue.last + 1):
        return True
    if word in ",()":
        return cue.turn is Turn.LANDMARK or not _listed(tokens, at)
    if cue.turn is Turn.LANDMARK:
        return word in OUTSIDE
    if cue.turn is Turn.PAST:
        return word in OUTSIDE or word in VERBS or word in NOW
    if cue.turn is Turn.DOUBTED:
        return word in WITHIN
    if cue.turn is Turn.DENIED:
        if word in (MARK, ":"):
            return True
        if tokens[cue.first].word in GONE:
            return word == "with"
        leads = cue.first == 0 or tokens[cue.first - 1].word in {",", ";", ".", "is", "are", "was", "were"}
        return word in OUTSIDE and not leads
    return False


def _listed(tokens: Sequence[Token], comma: int) -> bool:
    """Whether a comma parts the members of a list that "and" or "or" closes: "no nodule, mass, or node"."""
    if tokens[comma].word != ",":
        return False
    rest = [token.word for token in tokens[comma + 1 :]]
    for word, following in pairwise([*rest, ""]):
        if word in JOINS:
            return following != ""
        if word in ENDS or word in OUTSIDE or word in STOPS:
            return False
    return False
