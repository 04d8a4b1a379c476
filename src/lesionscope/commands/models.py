"""``lesionscope models``."""

from __future__ import annotations

import argparse
import sys

from lesionscope.commands.output import print_json
from lesionscope.models import registry


def run(arguments: argparse.Namespace) -> int:
    """List packages as a table, or print the card of one whose files are what it says."""
    if arguments.models_command == "show":
        package = registry.find_any(arguments.name)
        package.verify()
        print_json({**package.card.as_dict(), "folder": str(package.folder)})
        return 0
    surveys = [kind.survey() for kind in registry.kinds()]
    packages = [package for survey in surveys for package in survey.packages]
    rows = [(p.name, p.card.version, p.card.task, p.card.title, str(p.folder)) for p in packages]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in dict.fromkeys(problem for survey in surveys for problem in survey.problems):
        print(f"not usable: {problem}", file=sys.stderr)
    return 0
