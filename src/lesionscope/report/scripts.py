"""Right-to-left scripts on a page whose glyphs are drawn one after the other, from left to right.

Unicode's bidirectional algorithm (UAX #9, fpdf2's) puts characters into that order; Arabic letters take the
form that their neighbours ask for, from Unicode's presentation forms, which stand in a font by themselves.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Mapping
from functools import cache

RIGHT_TO_LEFT = frozenset(("R", "AL"))
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def drawn_order(line: str) -> str:
    """Return one line as it is drawn from left to right; without right-to-left letters it stays."""
    if line.isascii() or not any(unicodedata.bidirectional(c) in RIGHT_TO_LEFT for c in line):
        return line
    from fpdf.bidi import BidiParagraph

    characters = BidiParagraph(text=joined(line)).get_reordered_characters()
    return "".join(
        one.character.translate(_MIRRORED) if one.embedding_level % 2 else one.character for one in characters
    )


def joined(line: str) -> str:
    """Return a text, in the order in which it is read, with Arabic letters in the form that joins them."""
    forms = _forms()
    letters = [place for place, c in enumerate(line) if unicodedata.category(c) != "Mn"]
    shaped = list(line)
    before = False  # whether the letter before reaches out to this one
    for place, following in itertools.zip_longest(letters, letters[1:]):
        if not shaped[place]:
            continue  # the second half of a ligature
        word = line[place]
        if following == place + 1 and line[place : following + 1] in forms:
            word, shaped[following] = line[place : following + 1], ""
            following = next((other for other in letters if other > following), None)
        own = forms.get(word, {})
        after = "initial" in own and following is not None and "final" in forms.get(line[following], {})
        joins = before and "final" in own
        form = ("medial" if after else "final") if joins else ("initial" if after else "isolated")
        shaped[place] = own.get(form, word)
        before = after
    return "".join(shaped)


@cache
def _forms() -> Mapping[str, Mapping[str, str]]:
    """Letters, and lam with alef, to their forms (Unicode's Arabic Presentation Forms-B)."""
    found: dict[str, dict[str, str]] = {}
    for code in range(0xFE80, 0xFEFD):
        kind, *parts = unicodedata.decomposition(chr(code)).split()
        found.setdefault("".join(chr(int(part, 16)) for part in parts), {})[kind.strip("<>")] = chr(code)
    return found
