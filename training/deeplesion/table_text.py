"""The detector's table as text: the paper's figures beside ours, FROC, and the paper's claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.claims import MISSING, Cell, as_table, judge
from ..engine.markdown import head, line
from .categories.truth import KINDS
from .detector_metrics import BOOKMARKS, FP_RATES, TRUTH
from .detector_scoring import ACCURACY, TIGHT
from .published import ALL, CLAIMS, TABLE_1, TITLES

FROC = ("mean sensitivity", *(f"sensitivity at {rate:g}" for rate in FP_RATES))
AGAINST = {
    BOOKMARKS: "Held against bookmarks, as in the paper: whatever else is found counts as false",
    TRUTH: "Held against all that the slices show",
}


def report(cells: Sequence[Cell]) -> str:
    """Return the table in Markdown."""
    if not cells:
        return "No cells are made yet.\n"
    one, minutes = cells[0]["settings"], np.mean([cell["processor_seconds"] for cell in cells]) / 60
    parts = [
        "# The lesion detector of paper 004, on phantoms",
        f"{one['train']} training, {one['validation']} validation and {one['test']} test key slices "
        f"(phantoms, version {one['phantom']}), width {one['width']:g}, {one['epochs']} epochs, "
        f"{one['precision']}. {len(cells)} cells, {minutes:.0f} minutes of processor time each.",
        "Ours as mean ± deviation over seeds, the paper's (on DeepLesion) in brackets.",
    ]
    for truth, said in AGAINST.items():
        parts += [f"## {said}", _accuracy(cells, truth), _froc(cells, truth)]
    verdicts = judge(cells, CLAIMS, tuple(AGAINST))
    parts += [
        "## The paper's claims",
        "Differences with 95 % intervals from paired resamples of the test patients, seeds averaged.",
        as_table([one for one in verdicts if one.verdict != MISSING]),
    ]
    return "\n\n".join(parts) + "\n"


def _accuracy(cells: Sequence[Cell], truth: str) -> str:
    columns = [(ALL, ACCURACY), *((kind, ACCURACY) for kind in KINDS), (ALL, TIGHT)]
    heads = ["top-1 accuracy", *KINDS, "with 5 px boxes"]
    lines = head("row", *heads, "seeds")
    for row, title in TITLES.items():
        paper = TABLE_1[row] if truth == BOOKMARKS else {}
        told = [paper.get(group) if figure == ACCURACY else None for group, figure in columns]
        lines += _row(cells, truth, row, title, columns, told)
    return "\n".join(lines)


def _froc(cells: Sequence[Cell], truth: str) -> str:
    heads = ["mean sensitivity", *(f"at {rate:g} FP" for rate in FP_RATES)]
    lines = head("row", *heads, "seeds")
    for row, title in TITLES.items():
        lines += _row(cells, truth, row, title, [(ALL, name) for name in FROC], [None] * len(FROC))
    return "\n".join(lines)


def _row(
    cells: Sequence[Cell],
    truth: str,
    row: str,
    title: str,
    columns: Sequence[tuple[str, str]],
    told: Sequence[float | None],
) -> list[str]:
    """Return a row's line; none where it has no cells."""
    own = [cell["draws"][truth] for cell in cells if cell["row"] == row]
    if not own:
        return []
    values = []
    for (group, figure), paper in zip(columns, told, strict=True):
        found = np.array([draws[group][figure][0] for draws in own])
        said = "" if paper is None else f" ({paper:.4f})"
        values.append(f"{found.mean():.4f} ± {found.std():.4f}{said}")
    return [line(title, *values, str(len(own)))]
