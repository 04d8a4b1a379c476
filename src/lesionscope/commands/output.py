"""Text and JSON on stdout, and progress on a terminal's stderr."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from lesionscope.progress import Progress, silent


def print_json(content: Any) -> None:
    """Print JSON that any encoding can carry; NaN is refused, as JSON has no word for it."""
    print(json.dumps(content, indent=2, allow_nan=False))


def terminal_progress() -> Progress:
    """Return a progress that rewrites one line of stderr, or none where that is no terminal."""
    if not sys.stderr.isatty():
        return silent
    last = 0.0

    def show(done: int, total: int, label: str) -> None:
        nonlocal last
        now = time.monotonic()
        finished = bool(total) and done >= total
        if now - last < 0.1 and not finished:
            return
        last = now
        share = f" {done}/{total}" if total else ""
        print(f"\r\x1b[K{'' if finished else label + share}", end="", file=sys.stderr, flush=True)

    return show


def say(sentence: str) -> None:
    """Say one line on stderr, in place of a terminal's progress."""
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{start}lesionscope: {' '.join(sentence.split())}", file=sys.stderr, flush=True)
