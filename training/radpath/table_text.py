"""Tables 2 and 3 as text: the paper's figures beside ours, what became of its claims, rare classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.claims import Cell
from ..engine.markdown import head, line
from .claims import judge
from .metrics import interval
from .published import COLUMNS, LEAVES, NODES, TABLE_2, TABLE_3, TITLES

RARE = 0.01
"""A leaf with fewer of the test lesions than this is rare."""


def report(cells: Sequence[Cell]) -> str:
    """Return everything in Markdown."""
    parts = [
        "# Table 2 of Pulmonary-RadPath, on phantoms",
        _made(cells),
        "## Table 2: mean AUC within each head, and over the leaves",
        "Percent; mean ± deviation over seeds, the paper's figure in brackets. Means are weighted by the "
        "test lesions of each class, as the paper's.",
        _table_2(cells, "weighted"),
        "The same without weights, so that H2d's 4 lesions count like H4a's 416:",
        _table_2(cells, "unweighted"),
        "Scored over all lesions by path products, instead of within the head:",
        _all_scope(cells),
        "## Table 3: AUC of each node within its head",
        _table_3(cells),
        "## The paper's claims",
        "The difference is of the pair that decides, in points of AUC, with its 95 % interval from paired "
        "resamples of the test lesions (seeds averaged).",
        _claims(cells),
        _averaged(cells),
        "## What rare leaves are taken for",
        _rare(cells),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def best_by_validation(cells: Sequence[Cell]) -> str | None:
    """Return the row with the best mean mAUC@L on the validation subset."""
    rows = {row for row in TITLES if any(cell["row"] == row for cell in cells)}
    return max(rows, key=lambda row: _mean_validation(cells, row), default=None)


def _mean_validation(cells: Sequence[Cell], row: str) -> float:
    return float(np.mean([cell["validation"]["mAUC@L"]["weighted"] for cell in cells if cell["row"] == row]))


def _made(cells: Sequence[Cell]) -> str:
    if not cells:
        return "No cells are made yet."
    settings = cells[0]["settings"]
    # The first cells kept the clock's time only, and other work beside them.
    busy = [cell["processor_seconds"] for cell in cells if "processor_seconds" in cell]
    minutes = f", {np.mean(busy) / 60:.0f} minutes of processor time each" if busy else ""
    best = best_by_validation(cells)
    return (
        f"5,134 phantom lesions with Table 1's counts (phantom {settings['phantom']}): subsets 0–2 train, 3 "
        f"validates, 4 is held out. Recipe `{settings['recipe']}`: {settings['side']}³ voxels of "
        f"{settings['spacing_mm']:g} mm, stem `{settings['stem']}`, {settings['epochs']} epochs, "
        f"{settings['precision']}. {len(cells)} cells{minutes}. "
        f"Best by validation mAUC@L: {TITLES[best] if best else '—'}."
    )


def _shares(found: Sequence[float | None], paper: float | None) -> str:
    known = 100 * np.array([value for value in found if value is not None])
    own = f"{known.mean():.1f} ± {known.std():.1f}" if len(known) else "—"
    return own if paper is None else f"{own} ({paper:.1f})"


def _table_2(cells: Sequence[Cell], mean: str) -> str:
    lines = head("system", *(f"mAUC@{c}" for c in COLUMNS), "seeds")
    for row, title in TITLES.items():
        own = [cell["draws"][mean] for cell in cells if cell["row"] == row]
        if own:
            values = [
                _shares([draws[c][0] for draws in own], TABLE_2[row][c] if mean == "weighted" else None)
                for c in COLUMNS
            ]
            lines.append(line(title, *values, str(len(own))))
    return "\n".join(lines)


def _all_scope(cells: Sequence[Cell]) -> str:
    heads = COLUMNS[:-1]
    lines = head("system", *heads)
    for row, title in TITLES.items():
        own = [cell["test"]["mAUC@H"] for cell in cells if cell["row"] == row]
        if own:
            values = [_shares([one[head]["all"]["weighted"] for one in own], None) for head in heads]
            lines.append(line(title, *values))
    return "\n".join(lines)


def _table_3(cells: Sequence[Cell]) -> str:
    lines = head("system", *NODES)
    for row, title in TITLES.items():
        own = [cell["test"]["mAUC@H"] for cell in cells if cell["row"] == row]
        if own:
            values = [
                _shares([one[tag[:2]]["within-head"]["by_class"][tag] for one in own], TABLE_3[row].get(tag))
                for tag in NODES
            ]
            lines.append(line(title, *values))
    return "\n".join(lines)


def _claims(cells: Sequence[Cell]) -> str:
    lines = head("claim", "verdict", "deciding pair", "difference", "interval", "paper's", "unweighted")
    for own, plain in zip(judge(cells), judge(cells, "unweighted"), strict=True):
        cells_of = ["", "", "", ""]
        if own.pair and own.interval and own.difference is not None:
            low, high = own.interval
            cells_of = [
                f"{own.pair[0]} − {own.pair[1]}",
                f"{100 * own.difference:+.1f}",
                f"{100 * low:+.1f} … {100 * high:+.1f}",
                f"{own.paper:+.1f}",
            ]
        lines.append(line(own.claim.said, own.verdict, *cells_of, plain.verdict))
    return "\n".join(lines)


def _averaged(cells: Sequence[Cell]) -> str:
    """Say what the moving average of a run's weights changes, over all cells that kept one."""
    apart = [
        np.array(cell["averaged"][LEAVES]) - np.array(cell["draws"]["weighted"][LEAVES])
        for cell in cells
        if "averaged" in cell
    ]
    if not apart:
        return ""
    mean = 100 * np.mean(apart, axis=0)
    one = interval(float(mean[0]), mean[1:])
    return (
        f"Averaging weights over the last steps changes mAUC@L by {one.value:+.2f} points "
        f"({one.low:+.2f} … {one.high:+.2f}), mean of {len(apart)} cells; the tables are without it."
    )


def _rare(cells: Sequence[Cell]) -> str:
    best = best_by_validation(cells)
    if best is None:
        return ""
    tables = [cell["confusion"]["leaves"] for cell in cells if cell["row"] == best]
    tags: list[Any] = tables[0]["classes"]
    matrix = np.sum([table["counts"] for table in tables], axis=0)
    share = matrix.sum(axis=1) / matrix.sum()
    lines = [
        f"{TITLES[best]}, all seeds together (so each lesion {len(tables)} times): rows are true leaves.",
        "",
        *head("true leaf", *tags),
    ]
    lines += [line(tag, *(str(n) for n in matrix[i])) for i, tag in enumerate(tags) if 0 < share[i] < RARE]
    return "\n".join(lines)
