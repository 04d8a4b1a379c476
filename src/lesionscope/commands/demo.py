"""``lesionscope demo``."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Any

from lesionscope.errors import LesionscopeError


def has_screen() -> bool:
    """Whether a window can be shown at all, on a real or a virtual screen."""
    if sys.platform != "linux":
        return True
    return bool(
        os.environ.get("DISPLAY")
        or os.environ.get("WAYLAND_DISPLAY")
        or os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal", "vnc"))
    )


def on_virtual_screen() -> bool:
    """Whether the screen is one that xvfb-run made: nobody would close the window there."""
    return "xvfb-run" in os.environ.get("XAUTHORITY", "")


def run(arguments: argparse.Namespace) -> int:
    """Open the demonstration window; it stays on a real screen, and closes when done on a virtual one."""
    if not has_screen():
        raise LesionscopeError(
            "There is no screen to open a window on: run it as 'xvfb-run -a lesionscope demo --out demo', "
            "or with 'make demo'."
        )
    demo: Any = import_module("lesionscope.viewer.demo")
    stay = not on_virtual_screen() if arguments.stay is None else arguments.stay
    return int(demo.run(arguments.out, stay))
