"""Keep decoders' own chatter off standard error: what matters of it comes as an exception."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_kept: int | None = None


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Send what C and C++ libraries print to standard error nowhere, while frames are decoded.

    libjpeg and MetaIO write there directly, whatever Python does with ``sys.stderr``.
    Several threads may be inside: the last to leave opens it again. Does nothing where the
    process has no standard error (a windowed Python).
    """
    global _inside, _kept
    with _lock:
        if _inside == 0:
            _kept = _closed()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0 and _kept is not None:
                os.dup2(_kept, 2)
                os.close(_kept)
                _kept = None


def _closed() -> int | None:
    """Point standard error nowhere; return where it pointed."""
    try:
        kept = os.dup(2)
    except OSError:
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return kept
