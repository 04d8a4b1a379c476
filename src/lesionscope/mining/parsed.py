"""A sentence read as far as relating goes: what another way to relate than by rules is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .cues import Turn
from .matching import Match
from .tokens import Token


@dataclass(frozen=True, slots=True)
class Parsed:
    """A sentence with its bookmarks folded into one token each.

    ``turned`` says what turns each token, ``clause`` the clause that it stands in, ``places``
    where the bookmarks' tokens are, ``roles`` what each label does in a sentence.
    """

    tokens: Sequence[Token]
    turned: Sequence[Sequence[tuple[Turn, int]]]
    clause: Sequence[int]
    places: Sequence[int]
    matches: Sequence[Match]
    roles: Mapping[str, int]


Relate = Callable[[Parsed], Sequence[Sequence[str]]]
"""Says what each match (a row) is to each bookmark (a column): a relation each. There is at least
one bookmark; no row where nothing was matched."""
