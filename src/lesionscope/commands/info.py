"""``lesionscope info``."""

from __future__ import annotations

import argparse

from lesionscope.commands.output import print_json, terminal_progress
from lesionscope.ct.info import info


def run(arguments: argparse.Namespace) -> int:
    """Print what a path holds; no series at all is bad input."""
    print_json(info(arguments.path, progress=terminal_progress()))
    return 0
