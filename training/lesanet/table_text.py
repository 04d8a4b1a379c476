"""A table as text: the paper's rows beside ours, how they learnt, and what became of the paper's claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.claims import HELD, MISSING, Cell, Claim, Quantity, Verdict, as_table
from ..engine.claims import judge as judge_on
from ..engine.markdown import head, line
from .claims import judge
from .plans import PLANS, Plan
from .published import ACG_AT_5, KIND_AUC, TABLE_1, TABLE_3, TITLES
from .scoring import COMPLETE, KINDS, MINED, NAMES

TITLE = {"table1": "LesaNet's Table 1, on phantoms", "table3": "LesaNet's Table 3, on phantoms"}
PUBLISHED = {"table1": TABLE_1, "table3": TABLE_3}
CURVE = (1, 2, 3, 5, 7, 9, 11, 13, 15)
"""Epochs that the learning curves show."""
BESIDE = (*(("all", name) for name in NAMES), ("rare", "recall"), ("all", "ACG@5"))
"""What else the two rows of a claim differ in, where it did not hold."""


def report(
    cells: Sequence[Cell], plan: Plan = PLANS["table1"], reasons: Mapping[str, str] | None = None
) -> str:
    """Return a table in Markdown.

    Parameters
    ----------
    cells
        Those that are made.
    plan
        Which there should be.
    reasons
        What was found about a claim that did not hold, by what it says.
    """
    parts = [f"# {TITLE[plan.name]}", made(cells), missing(cells, plan)]
    if cells:
        parts += [
            "Ours as mean ± deviation over "
            + ("re-splits of training and validation patients" if plan.resplit else "seeds")
            + ", the paper's in brackets.",
            *(_table(cells, test_set, plan) for test_set in (MINED, COMPLETE)),
        ]
        if plan.name == "table1":
            parts += ["## AUC by kind of label, LesaNet", _kinds(cells)]
        parts += [
            "## Learning curves",
            "F1 on validation lesions after each epoch, mean over cells; thresholds are tuned on the same.",
            _curves(cells, plan),
            "## The paper's claims",
            "Differences with 95 % intervals from paired resamples of the test patients, seeds averaged. An "
            "interval says how much other patients would change; how much another training would, each "
            "seed's difference shows.",
        ]
        verdicts = judge(cells)
        open_ones = dict.fromkeys(one.claim.said for one in verdicts if one.verdict == MISSING)
        parts += [
            as_table([one for one in verdicts if one.verdict != MISSING]),
            f"Not judged yet: {'; '.join(open_ones)}." if open_ones else "",
            _not_held(cells, verdicts, reasons or {}),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def made(cells: Sequence[Cell]) -> str:
    """Say how cells were made."""
    if not cells:
        return "No cells are made yet."
    one, minutes = cells[0]["settings"], np.mean([cell["seconds"] for cell in cells]) / 60
    return (
        f"{one['train']} training, {one['validation']} validation and {one['test']} test lesions (phantoms, "
        f"version {one['phantom']}), width {one['width']:g}, {one['epochs']} epochs, {one['precision']}. "
        f"{len(cells)} cells, {minutes:.0f} minutes each on {cells[0]['device']} "
        f"(CPU threads: {cells[0]['threads']})."
    )


def missing(cells: Sequence[Cell], plan: Plan) -> str:
    """Say which cells are not made yet."""
    there = {(cell["row"], cell["seed"]) for cell in cells}
    lacking = {row: [seed for seed in plan.seeds if (row, seed) not in there] for row in plan.rows}
    texts = [f"{row} ({', '.join(map(str, seeds))})" for row, seeds in lacking.items() if seeds]
    return f"Not made yet, by row (and seed): {', '.join(texts)}." if texts else ""


def spread(values: Sequence[float], paper: float | None = None) -> str:
    """Return mean ± deviation, and the paper's figure in brackets."""
    own = f"{np.mean(values):.4f}" + (f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else "")
    return own if paper is None else f"{own} ({paper:.4g})"


def _table(cells: Sequence[Cell], test_set: str, plan: Plan) -> str:
    lines = [f"## {test_set.capitalize()} test set", ""]
    lines += head("row", *(f"{name} (paper)" for name in (*NAMES, "ACG@5")), "cells")
    for row, title in plan.rows.items():
        own = [cell["draws"][test_set]["all"] for cell in cells if cell["row"] == row]
        if not own:
            continue
        published: dict[str, Any] = dict(PUBLISHED[plan.name].get(row, {}).get(test_set, {}))
        if test_set == MINED and plan.name == "table1" and row in ACG_AT_5:
            published["ACG@5"] = ACG_AT_5[row]
        values = [
            spread([figures[name][0] for figures in own], published.get(name)) for name in (*NAMES, "ACG@5")
        ]
        lines.append(line(title, *values, str(len(own))))
    return "\n".join(lines)


def _kinds(cells: Sequence[Cell]) -> str:
    own = [cell["draws"] for cell in cells if cell["row"] == "lesanet-paper"]
    if not own:
        return "No cells are made yet."
    lines = head("test set", *(f"{kind} (paper)" for kind in KINDS))
    for test_set in (MINED, COMPLETE):
        values = [
            spread(
                [draws[test_set][kind]["auc"][0] for draws in own],
                KIND_AUC[kind] if test_set == MINED else None,
            )
            for kind in KINDS
        ]
        lines.append(line(test_set, *values))
    return "\n".join(lines)


def _curves(cells: Sequence[Cell], plan: Plan) -> str:
    shown = [epoch for epoch in CURVE if epoch <= cells[0]["settings"]["epochs"]]
    lines = head("row", *map(str, shown), "best epoch", "rate")
    for row, title in plan.rows.items():
        own = [cell for cell in cells if cell["row"] == row]
        if own:
            curve = np.mean([[e["validation"]["f1"] for e in cell["epochs"]] for cell in own], axis=0)
            best = ", ".join(str(cell["best_epoch"]) for cell in own)
            lines.append(
                line(title, *(f"{curve[epoch - 1]:.3f}" for epoch in shown), best, f"{own[0]['rate']:g}")
            )
    return "\n".join(lines)


def _not_held(cells: Sequence[Cell], verdicts: Sequence[Verdict], reasons: Mapping[str, str]) -> str:
    """Say of each claim that did not hold what its rows differ in besides, and what was found about why."""
    texts = []
    for said in dict.fromkeys(one.claim.said for one in verdicts if one.verdict not in (HELD, MISSING)):
        own = [one for one in verdicts if one.claim.said == said]
        texts.append(f"**{said}**: " + "; ".join(f"{one.verdict} on {one.test_set}" for one in own) + ".")
        texts[-1] += f" {reasons[said]}" if said in reasons else ""
        claim = own[0].claim
        if claim.more.row != claim.less.row:
            texts.append(_beside(cells, claim.more.row, claim.less.row))
    return "\n\n".join(["## What did not hold", *texts]) if texts else ""


def _beside(cells: Sequence[Cell], row: str, other: str) -> str:
    """Return all differences of two rows, a line a test set."""
    lines = head(
        f"{TITLES[row]} less {TITLES[other]}", *(" ".join(one).removeprefix("all ") for one in BESIDE)
    )
    for test_set in (MINED, COMPLETE):
        values = []
        for labels, figure in BESIDE:
            claim = Claim("", Quantity(row, figure, labels), Quantity(other, figure, labels))
            (found,) = judge_on(cells, [claim], [test_set])
            ends = "" if found.interval is None else " ({:+.4f} … {:+.4f})".format(*found.interval)
            values.append(f"{found.difference:+.4f}{ends}")
        lines.append(line(test_set, *values))
    return "\n".join(lines)
