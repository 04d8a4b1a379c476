"""``lesionscope harvest``."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from lesionscope.commands.output import say, terminal_progress
from lesionscope.errors import InputError


def run(arguments: argparse.Namespace) -> int:
    """Harvest an archive; what can't be used is listed and no error, but an archive without any lesion is."""
    mining: Any = import_module("lesionscope.training.deeplesion.harvest.harvest")
    result = mining.harvest(
        arguments.archive,
        arguments.out,
        around_mm=arguments.around,
        regions=mining.LESIONS if arguments.regions is None else arguments.regions,
        progress=terminal_progress(),
    )
    if result.problems:
        say(f"{len(result.problems)} things were left out: {result.table_of_problems} says which, and why.")
    if not result.lesions:
        raise InputError(
            f"No lesion was found in {arguments.archive}: it must hold reports (TID 1500) or structure sets "
            "beside the images that they refer to."
        )
    print(f"{result.lesions} lesions of {result.patients} patients in {result.folder}")
    return 0
