"""``lesionscope models``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from lesionscope.commands.output import print_json
from lesionscope.models import registry
from lesionscope.models.detector_package import detector_packages
from lesionscope.models.label_package import label_packages, survey_labels
from lesionscope.models.package import OpenedPackage
from lesionscope.models.relation_package import relation_packages


def run(arguments: argparse.Namespace) -> int:
    """List packages as a table, or print the card of one."""
    if arguments.models_command == "show":
        for other in (*label_packages(), *_without_problems()):
            if arguments.name in (other.name, str(other.folder)):
                return _show(other)
        return _show(registry.find(arguments.name))
    survey, labels = registry.survey(), survey_labels()
    packages: tuple[OpenedPackage[Any], ...] = (*survey.packages, *labels.packages, *_without_problems())
    rows = [(p.name, p.card.version, p.card.task, p.card.title, str(p.folder)) for p in packages]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in dict.fromkeys((*survey.problems, *labels.problems)):
        print(f"not usable: {problem}", file=sys.stderr)
    return 0


def _without_problems() -> tuple[OpenedPackage[Any], ...]:
    """Return packages of tasks whose damaged ones are passed over in silence."""
    return (*relation_packages(), *detector_packages())


def _show(package: OpenedPackage[Any]) -> int:
    """Print the card of a package whose files are what it says."""
    package.verify()
    print_json({**package.card.as_dict(), "folder": str(package.folder)})
    return 0
