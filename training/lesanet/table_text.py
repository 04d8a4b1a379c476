"""The table as text: the paper's rows beside ours, and what became of its claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.claims import Cell, as_table
from .claims import judge
from .published import ACG_AT_5, TABLE_1, TITLES
from .scoring import COMPLETE, MINED, NAMES

HEAD = "| row | " + " | ".join(f"{name} (paper)" for name in (*NAMES, "ACG@5")) + " | seeds |"


def report(cells: Sequence[Cell]) -> str:
    """Return both test sets' tables and the claims, in Markdown."""
    parts = [_table(cells, test_set) for test_set in (MINED, COMPLETE)]
    return "\n\n".join([*parts, as_table(judge(cells))])


def _table(cells: Sequence[Cell], test_set: str) -> str:
    lines = [
        f"**{test_set.capitalize()} test set**: ours as mean ± deviation over seeds",
        "",
        HEAD,
        "|" + "---|" * 7,
    ]
    for row, title in TITLES.items():
        own = [cell["draws"][test_set]["all"] for cell in cells if cell["row"] == row]
        if not own:
            continue
        published: dict[str, Any] = dict(TABLE_1[row][test_set]) if row in TABLE_1 else {}
        if test_set == MINED and row in ACG_AT_5:
            published["ACG@5"] = ACG_AT_5[row]
        values = []
        for name in (*NAMES, "ACG@5"):
            found = np.array([figures[name][0] for figures in own])
            paper = f" ({published[name]:.4g})" if name in published else ""
            values.append(f"{found.mean():.4f} ± {found.std():.4f}{paper}")
        lines.append(f"| {title} | " + " | ".join(values) + f" | {len(own)} |")
    return "\n".join(lines)
