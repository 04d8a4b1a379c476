"""``lesionscope models``."""

from __future__ import annotations

import argparse
import json
import sys

from lesionscope.commands.output import print_json
from lesionscope.models import registry
from lesionscope.models.label_package import LabelPackage, label_packages, survey_labels
from lesionscope.models.package import ModelPackage
from lesionscope.models.relation_package import RelationPackage, relation_packages


def run(arguments: argparse.Namespace) -> int:
    """List packages as a table, or print the card of one."""
    if arguments.models_command == "show":
        others: tuple[LabelPackage | RelationPackage, ...] = (*label_packages(), *relation_packages())
        for other in others:
            if arguments.name in (other.name, str(other.folder)):
                other.verify()
                print_json({**json.loads(other.card.as_json()), "folder": str(other.folder)})
                return 0
        package = registry.find(arguments.name)
        package.verify()
        print_json({**package.card.as_dict(), "folder": str(package.folder)})
        return 0
    survey, labels = registry.survey(), survey_labels()
    packages: tuple[ModelPackage | LabelPackage | RelationPackage, ...]
    packages = (*survey.packages, *labels.packages, *relation_packages())
    rows = [(p.name, p.card.version, p.card.task, p.card.title, str(p.folder)) for p in packages]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for problem in dict.fromkeys((*survey.problems, *labels.problems)):
        print(f"not usable: {problem}", file=sys.stderr)
    return 0
