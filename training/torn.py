"""No patient is both learnt from and tested on."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator


def torn(lesions: Iterable[tuple[Hashable, object]]) -> Iterator[tuple[int, int]]:
    """Yield whom parts tear apart, each once: places of the first lesion, and of the first in another part.

    Parameters
    ----------
    lesions
        Whose each is, and the part that it is in.
    """
    first: dict[Hashable, tuple[int, object]] = {}
    told: set[Hashable] = set()
    for place, (who, part) in enumerate(lesions):
        other, where = first.setdefault(who, (place, part))
        if where != part and who not in told:
            told.add(who)
            yield other, place
