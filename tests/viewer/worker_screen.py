"""A virtual screen for each further process of a parallel run: focus and clipboard belong to a screen."""

from __future__ import annotations

import os
import shutil
import subprocess

SCREEN = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24"]
# It stays until its reader's end of the pipe is closed, which a killed process does too.
HOLD = ["sh", "-c", 'echo "$DISPLAY" "$XAUTHORITY"; exec cat >/dev/null']


def screen_of_ones_own() -> subprocess.Popen[str] | None:
    """Move this process to a new virtual screen, if another one has the screen that is there.

    Returns
    -------
    Popen or None
        What holds the screen; it goes with this process. None where the screen stays as it is.
    """
    virtual = os.environ.get("QT_QPA_PLATFORM") == "xcb" and "DISPLAY" in os.environ
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0" or not virtual or not shutil.which(SCREEN[0]):
        return None
    holder = subprocess.Popen([*SCREEN, *HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    os.environ["DISPLAY"], os.environ["XAUTHORITY"] = holder.stdout.readline().split()
    return holder
