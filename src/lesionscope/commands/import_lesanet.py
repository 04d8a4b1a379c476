"""``lesionscope models import-lesanet``."""

from __future__ import annotations

import argparse
from importlib import import_module


def run(arguments: argparse.Namespace) -> int:
    """Make a package of the checkpoint that LesaNet's authors published."""
    importer = import_module("lesionscope.training.lesanet.import_checkpoint")
    package = importer.import_checkpoint(arguments.checkpoint, arguments.labels, arguments.name)
    print(f"{package.name}: {len(package.card.labels)} labels, in {package.folder}")
    return 0
