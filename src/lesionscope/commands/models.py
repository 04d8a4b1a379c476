"""``lesionscope models``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from lesionscope.commands.output import print_json
from lesionscope.models import registry
from lesionscope.models.relation_package import relation_packages


def run(arguments: argparse.Namespace) -> int:
    """List packages as a table, or print the card of one."""
    if arguments.models_command == "show":
        relation = next((p for p in relation_packages() if p.name == arguments.name), None)
        if relation is not None:
            relation.verify()
            print_json({**asdict(relation.card), "folder": str(relation.folder)})
            return 0
        package = registry.find(arguments.name)
        package.verify()
        print_json({**package.card.as_dict(), "folder": str(package.folder)})
        return 0
    survey = registry.survey()
    rows = [(p.name, p.card.version, p.card.task, p.card.title, str(p.folder)) for p in survey.packages]
    rows += [(p.name, p.card.version, p.card.task, p.card.title, str(p.folder)) for p in relation_packages()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in survey.problems:
        print(f"not usable: {problem}", file=sys.stderr)
    return 0
