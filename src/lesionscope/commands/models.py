"""``lesionscope models``."""

from __future__ import annotations

import argparse
import sys

from lesionscope.commands.output import print_json
from lesionscope.models import registry


def run(arguments: argparse.Namespace) -> int:
    """List packages as a table, or print the card of one."""
    if arguments.models_command == "show":
        package = registry.find(arguments.name)
        package.verify()
        print_json({**package.card.as_dict(), "folder": str(package.folder)})
        return 0
    survey = registry.survey()
    rows = [
        (package.name, package.card.version, package.card.task, package.card.title, str(package.folder))
        for package in survey.packages
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in survey.problems:
        print(f"not usable: {problem}", file=sys.stderr)
    return 0
