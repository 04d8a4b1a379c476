"""The tables as text: the paper's figures beside ours, its claims, and Figure 3 node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.claims import Cell, as_table, judge
from ..engine.markdown import head, line
from .cells import SET
from .metrics import CONDITIONED, FIGURES, HIGH, LEAF
from .published import CLAIMS, PUBLISHED, TITLES

COLUMNS = [(group, figure) for group in (LEAF, HIGH, CONDITIONED) for figure in FIGURES]
SURE = 0.05


def report(cells: Sequence[Cell], figures: Sequence[dict[str, Any]]) -> str:
    """Return Tables 1 and 2, the claims and Figure 3, in Markdown."""
    parts = [_table(cells), as_table(judge(cells, CLAIMS, (SET,))), _figure(figures)]
    return "\n\n".join(parts) + "\n"


def _table(cells: Sequence[Cell]) -> str:
    lines = [
        "Ours on phantoms as mean ± deviation over seeds; in brackets the paper's, on PLCO.",
        "",
        *head("row", *(f"{group}: {figure.upper()}" for group, figure in COLUMNS), "seeds"),
    ]
    for row, title in TITLES.items():
        own = [cell["draws"][SET] for cell in cells if cell["row"] == row]
        if not own:
            continue
        values = []
        for group, figure in COLUMNS:
            if group not in own[0]:
                values.append("—")
                continue
            found = np.array([draws[group][figure][0] for draws in own])
            paper = PUBLISHED[row].get(f"{group} {figure}")
            said = "" if paper is None else f" ({paper:.3f})"
            values.append(f"{found.mean():.4f} ± {found.std():.4f}{said}")
        lines.append(line(title, *values, str(len(own))))
    return "\n".join(lines)


def _figure(figures: Sequence[dict[str, Any]]) -> str:
    if not figures:
        return "No seed has both rows of Figure 3 yet."
    lines = [
        "Figure 3: AUC of each node, means over seeds, and in how many seeds DeLong's test tells them apart "
        f"(p < {SURE}).",
        "",
        *head("node", "BR-all", "HLUP-finetune", "difference", "better / worse / neither"),
    ]
    for node in figures[0]["nodes"]:
        first, second, p = np.array([figure["nodes"][node] for figure in figures]).T
        sure, apart = p < SURE, second - first
        counts = (int((sure & (apart > 0)).sum()), int((sure & (apart < 0)).sum()), int((~sure).sum()))
        means = (f"{first.mean():.4f}", f"{second.mean():.4f}", f"{apart.mean():+.4f}")
        lines.append(line(node, *means, " / ".join(map(str, counts))))
    return "\n".join(lines)
