"""Keep decoders' own chatter off standard error: what matters of it comes as an exception."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.RLock()


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Send what C and C++ libraries print to standard error nowhere, while one frame is decoded.

    libjpeg and MetaIO write there directly, whatever Python does with ``sys.stderr``.
    Does nothing where the process has no standard error (a windowed Python).
    """
    with _lock:
        try:
            kept = os.dup(2)
        except OSError:
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
