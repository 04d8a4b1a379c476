"""``lesionscope find``."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path
from typing import Any

from lesionscope import config
from lesionscope.commands.output import terminal_progress
from lesionscope.ct.scan import open_ct
from lesionscope.errors import UsageError
from lesionscope.inference.axial_slices import AxialSlices
from lesionscope.inference.detector import open_detector
from lesionscope.inference.finder import Detector, Search, search
from lesionscope.progress import CancelToken
from lesionscope.report import json_form, wording

STDOUT, FILE = "-", "candidates.json"
STOPPED = 130


def run(arguments: argparse.Namespace) -> int:
    """Search, and print or write the candidates; Ctrl+C ends the search and leaves those found so far."""
    detector = open_detector(arguments.model, threads=config.load().threads)
    progress = terminal_progress()
    volume = open_ct(arguments.path, arguments.series, progress=progress)
    slices = parsed(arguments.slices, AxialSlices(volume).count)
    token = CancelToken()
    before = signal.signal(signal.SIGINT, lambda *_: token.cancel())
    try:
        found = search(
            volume, detector, slices=slices, least=arguments.min_score, cancel=token, progress=progress
        )
    finally:
        signal.signal(signal.SIGINT, before)
    content = content_of(found, detector, volume.source.uid)
    if arguments.out == STDOUT:
        sys.stdout.write(json_form.text(content))
    else:
        print(json_form.write(content, Path(arguments.out) / FILE))
    return STOPPED if found.stopped else 0


def content_of(found: Search, detector: Detector, series_uid: str) -> dict[str, Any]:
    """Return what is written of a search."""
    return {
        "notice": wording.NOTICE if detector.demonstration else wording.RESEARCH_NOTICE,
        "model": detector.model,
        "series_uid": series_uid,
        "slices": None if found.slices is None else list(found.slices),
        "stopped": found.stopped,
        "seconds": found.seconds,
        "candidates": [one.as_dict() for one in found.candidates],
    }


def parsed(text: str | None, count: int) -> tuple[int, int] | None:
    """Return the first and the last slice that ``A:B`` asks for of so many, either end left out or not.

    Raises
    ------
    UsageError
        It isn't of that form, or asks for none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d*):(\d*)", text)
    if match is None:
        raise UsageError(f"--slices takes A:B, two whole numbers from 0, such as 40:60, not '{text}'.")
    start, stop = (int(part) if part else rest for part, rest in zip(match.groups(), (0, count), strict=True))
    if start >= stop:
        raise UsageError(f"--slices {text} holds no slice: B must be above A.")
    return start, stop - 1
