"""What must not happen or be left where windows are worked with: errors, threads, files, memory."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

HARMLESS = ("XDG_RUNTIME_DIR", "QStandardPaths", "propagateSizeHints")
"""Qt's warnings about a machine without a desktop."""
OWN_THREADS = "lesionscope-"


@dataclass
class Watch:
    """What went wrong, in words."""

    faults: list[str] = field(default_factory=list)

    def say(self, kind: str, error: object) -> None:
        """Keep a fault."""
        self.faults.append(f"{kind}: {error}")


class _Log(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.ERROR)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        self._watch.say(f"log of {record.name}", self.format(record))


@contextmanager
def watched() -> Iterator[Watch]:
    """Catch what nobody else catches: exceptions in slots and threads, Qt's complaints, errors in logs."""
    from napari.utils.notifications import NotificationSeverity, notification_manager
    from qtpy.QtCore import QtMsgType, qInstallMessageHandler

    watch = Watch()
    log = _Log(watch)

    def error(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
        import traceback

        watch.say("exception", "".join(traceback.format_exception(kind, value, trace)))

    def complaint(kind: QtMsgType, _context: object, text: str) -> None:
        quiet = kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)
        if not quiet and not any(word in text for word in HARMLESS):
            watch.say("Qt", text)

    def notified(notice: Any) -> None:
        if notice.severity >= NotificationSeverity.ERROR:
            watch.say("napari", notice.message)

    was = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = error
    threading.excepthook = lambda args: error(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: error(args.exc_type, args.exc_value, args.exc_traceback)
    before = qInstallMessageHandler(complaint)
    logging.getLogger().addHandler(log)
    notification_manager.notification_ready.connect(notified)
    try:
        yield watch
    finally:
        notification_manager.notification_ready.disconnect(notified)
        logging.getLogger().removeHandler(log)
        qInstallMessageHandler(before)
        sys.excepthook, threading.excepthook, sys.unraisablehook = was


@contextmanager
def own_temporary(place: Path) -> Iterator[Path]:
    """Have temporary files made in a folder of our own, where those that are left can be counted."""
    folder = place / "temporary"
    folder.mkdir(parents=True)
    was, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = was


def threads() -> set[threading.Thread]:
    """Return Python's threads that run now."""
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def open_files(below: Path) -> set[str]:
    """Return the files below a folder that this process has open (Linux; elsewhere none)."""
    found = set()
    handles = Path("/proc/self/fd")
    for handle in handles.iterdir() if handles.is_dir() else ():
        try:
            target = str(handle.readlink())
        except OSError:
            continue
        if target.startswith(str(below.resolve())):
            found.add(target)
    return found


def resident_mib() -> float:
    """Return this process' resident memory in MiB (Linux), garbage and free pages given back before."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Slope:
    """A straight line through values by their number: its slope, and the slope's standard error."""

    each: float
    error: float


def slope(values: Sequence[float]) -> Slope:
    """Fit by least squares; three values or more."""
    x = np.arange(len(values), dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    x -= x.mean()
    each = float(x @ (y - y.mean()) / (x @ x))
    rest = y - y.mean() - each * x
    return Slope(each, float(np.sqrt(rest @ rest / (len(values) - 2) / (x @ x))))
