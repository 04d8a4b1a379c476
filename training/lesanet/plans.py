"""Which cells each table of paper 002 has: rows, and seeds or re-splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .published import TABLE_3, TITLES

FIRST = "lesanet-paper"
"""The row that all others are compared with."""
FREQUENT = "lesanet-frequent"
ABOVE = (30, 150, 300)
"""Figure 5's subsets: labels of more than so many of 6,000 training lesions, as the paper's of 19,213."""


@dataclass(frozen=True)
class Plan:
    """A table: its rows with their titles, the seeds of its cells, and whether a seed deals patients anew."""

    name: str
    rows: Mapping[str, str]
    seeds: tuple[int, ...]
    resplit: bool = False


PLANS = {
    plan.name: plan
    for plan in (
        Plan("table1", TITLES, (1, 2, 3)),
        Plan("table3", {row: TITLES[row] for row in TABLE_3}, tuple(range(1, 11)), resplit=True),
        Plan(
            "figure5", {f"{FREQUENT}-{count}": f"labels of more than {count}" for count in ABOVE}, (1, 2, 3)
        ),
    )
}
"""Figure 5's last point, all labels, is Table 1's :data:`FIRST` row."""


def recipe_of(row: str) -> tuple[str, dict[str, Any]]:
    """Return the recipe that a row trains, and what the row changes in it."""
    if row.startswith(f"{FREQUENT}-"):
        return FREQUENT, {"labels.above": int(row.removeprefix(f"{FREQUENT}-"))}
    return row, {}


def searched_as(row: str) -> str:
    """Return the row whose search a row takes part in: subsets of labels take that of all labels."""
    return FIRST if recipe_of(row)[0] == FREQUENT else row
