"""``lesionscope train`` and ``lesionscope evaluate``."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lesionscope.commands.output import say, terminal_progress
from lesionscope.errors import LesionscopeError

EXTRA = {"onnx": "onnx", "onnxscript": "onnxscript", "sklearn": "scikit-learn"}
"""Modules that only training needs, and what installs them: the extra ``train``."""


def _training() -> Any:
    """Load the training package, which lies outside this one's folder."""
    return import_module("lesionscope.training")


def train(arguments: argparse.Namespace) -> int:
    """Train a recipe; a run that was stopped goes on where it was."""
    # A package is written at the end: who lacks what that needs should hear of it before.
    missing = [distribution for module, distribution in EXTRA.items() if find_spec(module) is None]
    if missing:
        raise LesionscopeError(
            f"Training needs {', '.join(missing)}, which the plain installation leaves out: "
            "pip install 'napari-lesionscope[train]'"
        )
    result = _training().run(arguments.recipe, arguments.settings, arguments.out, terminal_progress())
    if os.environ.get("RANK", "0") != "0":
        return 0  # one of several processes, of which the first has said it
    if left_out := result.metrics.get("left_out"):
        told = result.out / "metrics.json"
        say(f"{len(left_out)} lesions can't be trained on and were left out: {told} says why.")
    # A search for categories makes a table, every other recipe a package.
    print(result.package.folder if hasattr(result, "package") else result.categories)
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a checkpoint; metrics.json lies beside it unless --out says otherwise."""
    checkpoint = arguments.checkpoint
    out = arguments.out or (checkpoint.parent if checkpoint.is_file() else checkpoint)
    _training().evaluate(arguments.recipe, checkpoint, out, arguments.settings, terminal_progress())
    print(out / "metrics.json")
    return 0
