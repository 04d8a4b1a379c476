"""``lesionscope review``."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lesionscope.commands.output import print_json, say
from lesionscope.errors import InputError, UsageError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.session.agreement import agreement, readers, to_adjudicate, together
from lesionscope.session.opening import check_ours
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    return {"import": take_in, "export": export, "kappa": kappa}[arguments.review_command](arguments)


def take_in(arguments: argparse.Namespace) -> int:
    """Take lesions with mined labels into a project."""
    from lesionscope.session.importing import from_deeplesion, from_table
    from lesionscope.session.mixing import import_warnings

    if (arguments.source is None) == (arguments.list is None):
        raise UsageError("Give --from DIR, a folder in DeepLesion's layout, or --list FILE.")
    graph = load_labels()
    if arguments.list is not None:
        imported = from_table(arguments.list, graph)
    else:
        imported = from_deeplesion(
            arguments.source,
            graph,
            labels=arguments.labels,
            sentences=arguments.sentences,
            splits=tuple(arguments.split),
            limit=arguments.limit,
        )
    for sentence in imported.left_out:
        say(sentence)
    with Session.open(arguments.project) as session:
        for sentence in (*session.notices, *import_warnings(session.state, imported.command)):
            say(sentence)
        before = len(session.state.mined)
        after = len(session.apply(imported.command).mined)
    print(f"{after - before} lesions imported, {after} in {arguments.project}")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write the labels for training, and the decisions beside them."""
    from lesionscope.session.exporting import export as write

    written = write(
        _state(arguments.project), arguments.out, load_labels(), adjudicator=arguments.adjudicator
    )
    print(f"{written.lesions} lesions, {written.changed} of them changed by review: {written.labels}")
    print(f"every decision: {written.decisions}")
    return 0


def kappa(arguments: argparse.Namespace) -> int:
    """Print how two readers agree, and what they don't agree on."""
    state = together([_state(path) for path in arguments.projects])
    named = tuple(arguments.readers.split(",")) if arguments.readers else readers(state)
    if len(named) != 2:
        who = ", ".join(readers(state)) or "nobody"
        raise UsageError(f"Name two readers, --readers A,B: {who} decided here.")
    for name in named:
        if name not in readers(state):
            raise InputError(f"{name} decided nothing here: {', '.join(readers(state)) or 'nobody'} did.")
    found = agreement(state, named[0], named[1], load_labels())
    open_ones = found.disagreements
    if arguments.adjudicator:
        open_ones = to_adjudicate(state, open_ones, arguments.adjudicator)
    print_json(
        {
            "readers": list(found.readers),
            "lesions": found.lesions,
            "labels": [_label(asdict(one)) for one in found.labels],
            "to_adjudicate": [
                {
                    "lesion_id": one.lesion_id,
                    "row": state.mined[one.lesion_id].row if one.lesion_id in state.mined else None,
                    "label": one.label,
                    "ratings": dict(one.ratings),
                }
                for one in open_ones
            ],
        }
    )
    return 0


def _label(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"kappa": values["kappa"] if math.isfinite(values["kappa"]) else None}


def _state(path: Path) -> SessionState:
    check_ours(path)
    if not path.is_file():
        raise InputError(f"There is no project {path}: `lesionscope review import` makes one.")
    with Session.open(path, read_only=True) as session:
        return session.state
