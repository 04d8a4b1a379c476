"""What readers decided about labels: frozen entries that are superseded, never overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Verdict = Literal["accepted", "rejected", "uncertain", "added"]
Origin = Literal["mined", "predicted", "reader"]


@dataclass(frozen=True)
class Decision:
    """One reader's verdict on one label of one lesion.

    Parameters
    ----------
    lesion_id, label
        What was decided on; the label is a name of the ontology.
    verdict
        ``"added"`` is a label that nothing had proposed.
    reader
        Who decided: the name that the reader gave, never guessed.
    at
        When, ISO 8601 in UTC with milliseconds.
    origin
        Where the label came from.
    replaces
        The label that this one was put in place of, if any.
    seen
        Labels that were in sight when it was decided; empty for a reader who worked blinded
        with nothing shown.
    seconds
        Time from the lesion's coming into view to the decision; ``nan`` where unknown.
    bulk
        Whether it was one of many accepted by one key.
    """

    lesion_id: str
    label: str
    verdict: Verdict
    reader: str
    at: str
    origin: Origin
    replaces: str | None = None
    seen: tuple[str, ...] = ()
    seconds: float = float("nan")
    bulk: bool = False

    def __eq__(self, other: object) -> bool:
        """Compare as dictionaries do: one NaN equals itself, which since Python 3.13 a field's doesn't."""
        return vars(self) == vars(other) if isinstance(other, Decision) else NotImplemented

    @property
    def holds(self) -> bool:
        """Whether the label stands after it: accepted or added."""
        return self.verdict in ("accepted", "added")


def standing(decisions: Iterable[Decision]) -> dict[tuple[str, str, str], Decision]:
    """Return the last decision for each (lesion id, label, reader), oldest first."""
    latest: dict[tuple[str, str, str], Decision] = {}
    for decision in decisions:
        key = (decision.lesion_id, decision.label, decision.reader)
        latest.pop(key, None)
        latest[key] = decision
    return latest


def now() -> str:
    """Return the time as the log keeps it: ISO 8601, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
