"""Reviewed labels as training reads them, with the decisions they rest on in a table beside."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from lesionscope.errors import InputError, UsageError
from lesionscope.files import write_atomically
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.lesanet_files import SPLITS
from lesionscope.session.agreement import readers
from lesionscope.session.importing import RELEASED
from lesionscope.session.mined import RELATIONS, MinedLesion
from lesionscope.session.opening import is_ours
from lesionscope.session.outcome import Outcome, outcome, settled
from lesionscope.session.state import SessionState
from lesionscope.showable import cell

COLUMNS = (
    "lesion_idx", "lesion_id", "patient", "split", "sentence_id", "label", "mined", "exported",
    "reader", "verdict", "origin", "replaces", "at", "seconds", "bulk", "seen",
)  # fmt: skip
"""Of the table of decisions: one line for each reader's last decision on each label."""


@dataclass(frozen=True)
class Exported:
    """What was written: lesions, and those whose labels review changed."""

    labels: Path
    decisions: Path
    lesions: int
    changed: int


def export(
    state: SessionState, path: str | Path, graph: LabelGraph, *, adjudicator: str | None = None
) -> Exported:
    """Write a project's labels in the form of LesaNet's label file, and its decisions as ``*.decisions.csv``.

    Labels that nobody decided on stay as they were mined; those on which readers differ become
    uncertain unless an adjudicator decided. The label file also says each lesion's patient
    (``train_patients``…), by which training keeps test patients apart, and who reviewed it (``review``).

    Raises
    ------
    UsageError
        The label file would be a folder, or either file would take the place of a project.
    InputError
        The project holds no lesion whose split is known, or two that share a row.
    LesionscopeError
        A file can't be written.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name the label file to write, such as reviewed.json.")
    beside = path.with_suffix(".decisions.csv")
    for target in (path, beside):
        if target.is_file() and is_ours(target):
            raise UsageError(f"{target} is a project, which must not be written over: choose another name.")
    chosen = sorted((one for one in state.mined.values() if one.split), key=lambda one: one.row)
    if not chosen:
        raise InputError(
            "The project holds no lesion that belongs to training, validation or test, so there is nothing "
            "to export: import lesions whose table has a column 'split'."
        )
    if twice := [one.row for one, other in pairwise(chosen) if one.row == other.row]:
        raise InputError(
            f"The project holds two lesions of row {twice[0]} of DeepLesion's table, which training couldn't "
            "tell apart: import each table into a project of its own."
        )
    outcomes = {one.id: outcome(one, settled(state, one.id, graph, adjudicator), graph) for one in chosen}
    place = {name: number for number, name in enumerate(graph.core)}
    content: dict[str, Any] = {"term_list": list(graph.core)}
    for theirs in SPLITS:
        here = [one for one in chosen if one.split == RELEASED[theirs]]
        content[f"{theirs}_lesion_idxs"] = [one.row for one in here]
        content[f"{theirs}_patients"] = [one.patient for one in here]
        for relation in RELATIONS:
            content[f"{theirs}_{relation}_labels"] = [
                [place[name] for name in getattr(outcomes[one.id], relation) if name in place] for one in here
            ]
    as_mined = {one.id: outcome(one, {}, graph) for one in chosen}
    changed = sum(as_mined[one.id] != outcomes[one.id] for one in chosen)
    content["review"] = {
        "readers": list(readers(state)),
        "adjudicator": adjudicator,
        "decisions": len(state.decisions),
        "changed_lesions": changed,
    }
    write_atomically(beside, _table(state, chosen, as_mined, outcomes))
    write_atomically(path, json.dumps(content) + "\n")
    return Exported(path, beside, len(chosen), changed)


def _table(
    state: SessionState,
    chosen: list[MinedLesion],
    as_mined: dict[str, Outcome],
    outcomes: dict[str, Outcome],
) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for mined in chosen:
        for one in state.standing(mined.id):
            row = (
                mined.row,
                mined.id,
                mined.patient,
                mined.split,
                mined.sentence_id,
                one.label,
                as_mined[mined.id].relation(one.label),
                outcomes[mined.id].relation(one.label),
                one.reader,
                one.verdict,
                one.origin,
                one.replaces or "",
                one.at,
                f"{one.seconds:.3f}" if math.isfinite(one.seconds) else "",
                int(one.bulk),
                "; ".join(one.seen),
            )
            table.writerow([cell(value) for value in row])
    return text.getvalue()
