"""``lesionscope doctor``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

from lesionscope.commands.output import terminal_progress
from lesionscope.doctor import examine
from lesionscope.errors import UsageError


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each check, and the one command that mends each that fails; 1 where any fails."""
    if arguments.dataset is not None:
        return dataset(arguments.dataset, arguments.workers)
    failed = 0
    for check in examine():
        print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.found}", flush=True)
        if not check.ok:
            failed += 1
            print(f"      mend it with:  {check.remedy}")
        elif check.better:
            print(f"      better with:  {check.better}")
    print("All is well." if not failed else f"{failed} thing(s) to mend.")
    return 1 if failed else 0


def dataset(folder: Path, workers: int) -> int:
    """Print a line for each thing wrong with a dataset in DeepLesion's layout; 1 where rows are left out."""
    if workers < 1:
        raise UsageError("--workers must be 1 or more.")
    training: Any = import_module("lesionscope.training.deeplesion.dataset")
    slices, problems = training.read_dataset(folder, workers=workers, progress=terminal_progress())
    for problem in problems:
        print(f"{'out ' if problem.left_out else 'note'}  row {problem.row}, {problem.kind}: {problem.text}")
    left_out = {problem.row for problem in problems if problem.left_out}
    lesions = sum(len(one.rows) for one in slices)
    print(f"{lesions} lesions on {len(slices)} slices can be trained on, {len(left_out)} can't.")
    return 1 if left_out else 0
