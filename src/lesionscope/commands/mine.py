"""``lesionscope mine``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lesionscope.commands.output import terminal_progress
from lesionscope.mining.job import mine_file
from lesionscope.progress import silent


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
        say=_say,
        progress=silent if out is None else terminal_progress(),
    )
    return 0


def _say(sentence: str) -> None:
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{start}lesionscope: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
