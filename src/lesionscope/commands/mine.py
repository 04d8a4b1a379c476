"""``lesionscope mine``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.commands.output import say, terminal_progress
from lesionscope.mining.job import Mine, mine_file, miner
from lesionscope.progress import silent

if TYPE_CHECKING:
    from lesionscope.ontology.label_graph import LabelGraph


def run(arguments: argparse.Namespace) -> int:
    """Mine a file; rows left out are said on stderr, and only a file without one usable row fails."""
    out = None if arguments.out == "-" else Path(arguments.out)
    mine_file(
        arguments.path,
        out,
        form=arguments.format,
        text_column=arguments.text_column,
        id_column=arguments.id_column,
        workers=arguments.workers,
        labels=arguments.labels,
        make_miner=_miner_for(arguments.relations),
        say=say,
        progress=silent if out is None else terminal_progress(),
    )
    return 0


def model_miner(package: str | None, graph: LabelGraph) -> Mine:
    """Return the function that mines a sentence and relates by a model; runs in every process."""
    from lesionscope.inference.relations import load_relater
    from lesionscope.mining.miner import Miner

    return Miner(graph, load_relater(package)).mine


def _miner_for(relations: str) -> Callable[[LabelGraph], Mine]:
    """Return what makes the miner that ``--relations`` asks for."""
    if relations == "rules":
        return miner
    name = None if relations == "model" else relations
    from lesionscope.models.relation_package import find_relation_package

    card = find_relation_package(name).card
    if card.demonstration:
        say(f"relations by the model {card.called}: a demonstration, not for clinical use.")
    return partial(model_miner, name)
