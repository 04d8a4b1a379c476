"""``lesionscope info``."""

from __future__ import annotations

import argparse

from lesionscope.commands.output import print_json, terminal_progress
from lesionscope.ct.info import info


def run(arguments: argparse.Namespace) -> int:
    """Print what a path holds; 3 where that is no series at all."""
    content = info(arguments.path, progress=terminal_progress())
    print_json(content)
    return 0 if content["series"] else 3
