"""What a reader decides of two studies that are compared, frozen, and as plain JSON values and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar

from lesionscope.followup.pairing import Pair, Pairing, Verdict
from lesionscope.followup.response import Seen
from lesionscope.followup.sites import Site

FATES = (Seen.GONE, Seen.TOO_SMALL, Seen.NOT_EVALUABLE, Seen.PROGRESSED)
"""What a reader may say of a baseline lesion at follow-up besides its measurement."""
ABSENT = (Seen.GONE, Seen.NOT_EVALUABLE)
"""Those after which no lesion of the follow-up is it."""
V = TypeVar("V")
_NO_SITES: Mapping[str, Site] = MappingProxyType({})
_NO_FATES: Mapping[str, Seen] = MappingProxyType({})


@dataclass(frozen=True)
class Choices:
    """What the reader decided; all that is kept of a comparison.

    Parameters
    ----------
    pairing
        Which lesion is which.
    targets
        Ids of the baseline's targets; ``None`` = as proposed.
    sites
        Lesion id → where it lies, where the reader said so; goes before what labels say.
    fates
        Baseline lesion id → one of :data:`FATES`.
    news
        Follow-up lesion id → whether it is new; ``False`` = only overlooked before.
    overruled
        Whether the reader linked the studies although their files name different patients; ``None`` = kept
        by a session that didn't ask yet.
    """

    pairing: Pairing = field(default_factory=Pairing)
    targets: tuple[str, ...] | None = None
    sites: Mapping[str, Site] = field(default_factory=lambda: _NO_SITES)
    fates: Mapping[str, Seen] = field(default_factory=lambda: _NO_FATES)
    news: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    overruled: bool | None = False

    def with_fate(self, lesion_id: str, fate: Seen | None) -> Choices:
        """Return the choices with another fate of a baseline lesion; ``None`` takes it back."""
        return replace(self, fates=_changed(self.fates, lesion_id, fate))

    def with_pair(self, baseline: str, pairing: Pairing) -> Choices:
        """Return the choices with a baseline lesion paired: it is there, whatever was said before."""
        known = self.with_fate(baseline, None) if baseline in self.absent else self
        return replace(known, pairing=pairing)

    def with_news(self, lesion_id: str, new: bool | None) -> Choices:
        """Return the choices with a follow-up lesion called new, overlooked, or neither."""
        return replace(self, news=_changed(self.news, lesion_id, new))

    def with_site(self, lesion_id: str, site: Site | None) -> Choices:
        """Return the choices with another place of a lesion; ``None`` takes it back."""
        return replace(self, sites=_changed(self.sites, lesion_id, site))

    @property
    def absent(self) -> frozenset[str]:
        """Baseline lesions of which the reader says that the follow-up shows none."""
        return frozenset(id for id, fate in self.fates.items() if fate in ABSENT)

    @property
    def decided(self) -> Choices:
        """The choices without pairs that are only proposed."""
        pairs = (pair for pair in self.pairing.pairs if pair.verdict is not Verdict.PROPOSED)
        return replace(self, pairing=Pairing(tuple(pairs)))

    @property
    def for_another_visit(self) -> Choices:
        """What holds at every visit, to begin the next one with: targets, and where lesions lie."""
        return Choices(targets=self.targets, sites=self.sites)


@dataclass(frozen=True)
class Visit:
    """A later study that was compared with this one, the baseline, and what was decided.

    Parameters
    ----------
    series_uid
        Of the later study's series.
    date
        Of the later study, as DICOM writes it; may be empty.
    choices
        What the reader decided.
    """

    series_uid: str
    date: str
    choices: Choices


def choices_to_dict(choices: Choices) -> dict[str, Any]:
    """Return choices as JSON values."""
    return {
        "pairs": [
            {
                "baseline": pair.baseline,
                "followup": pair.followup,
                "distance_mm": pair.distance_mm if math.isfinite(pair.distance_mm) else None,
                "confidence": pair.confidence,
                "verdict": str(pair.verdict),
            }
            for pair in choices.pairing.pairs
        ],
        "targets": None if choices.targets is None else list(choices.targets),
        "sites": {id: [site.organ, site.node] for id, site in choices.sites.items()},
        "fates": {id: str(fate) for id, fate in choices.fates.items()},
        "news": dict(choices.news),
        "overruled": choices.overruled,
    }


def choices_from_dict(data: Any) -> Choices:
    """Return the choices that :func:`choices_to_dict` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        The values are no choices.
    """
    pairs = tuple(
        Pair(
            str(one["baseline"]),
            str(one["followup"]),
            math.inf if one["distance_mm"] is None else float(one["distance_mm"]),
            float(one["confidence"]),
            Verdict(one["verdict"]),
        )
        for one in data["pairs"]
    )
    return Choices(
        Pairing(pairs),
        None if data["targets"] is None else tuple(map(str, data["targets"])),
        {str(id): Site(str(organ), bool(node)) for id, (organ, node) in data["sites"].items()},
        {str(id): Seen(fate) for id, fate in data["fates"].items()},
        {str(id): bool(new) for id, new in data["news"].items()},
        None if data.get("overruled") is None else bool(data["overruled"]),
    )


def _changed(known: Mapping[str, V], key: str, value: V | None) -> Mapping[str, V]:
    rest = {one: kept for one, kept in known.items() if one != key}
    return MappingProxyType(rest if value is None else {**rest, key: value})
