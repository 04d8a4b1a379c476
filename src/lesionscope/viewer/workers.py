"""One background thread a room, with progress, cancel, and an end that can be waited for.

A plain Python thread, because napari only *flags* its own workers when a window
closes and a network that blocks never looks at the flag. Here every piece of
work gets our :class:`~lesionscope.progress.CancelToken`; :meth:`Worker.close`
raises it and joins the thread. Results cross to the window's thread through one
queued Qt signal, so that callbacks may touch widgets.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from lesionscope.errors import Cancelled, LesionscopeError
from lesionscope.progress import CancelToken, Progress
from lesionscope.viewer import wording

_log = logging.getLogger(__name__)
_PROGRESS_EVERY_S = 0.1
NICENESS = 10
"""Of a worker's thread above the window's own: whoever scrolls while a model reads waits for no network."""
Task = Callable[[CancelToken, Progress], Any]


def _ignore(*_: object) -> None:
    """Do nothing."""


def _step_back() -> None:
    """Leave the processor to the window's thread where both want it; so do threads made by this one.

    Only Linux has a niceness for each thread, and hands it on to the threads that ONNX Runtime makes here.
    """
    if sys.platform == "linux":
        this = os.PRIO_PROCESS, threading.get_native_id()
        with suppress(OSError):
            os.setpriority(*this, os.getpriority(*this) + NICENESS)


class Job:
    """One piece of work that was handed in: its token and what to call when it ends."""

    def __init__(
        self,
        task: Task,
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        cancelled: Callable[[], None],
        progress: Progress,
        started: Callable[[], None],
    ) -> None:
        self.task, self.done, self.failed = task, done, failed
        self.cancelled, self.progress, self.started = cancelled, progress, started
        self.token = CancelToken()

    def cancel(self) -> None:
        """Ask it to stop; ``cancelled`` is called when it has."""
        self.token.cancel()


class Worker(QObject):
    """Runs jobs one after the other on its own thread; callbacks run where it was made."""

    _deliver = Signal(object)

    def __init__(self, name: str = "lesionscope") -> None:
        super().__init__()
        self._name = name
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._jobs: set[Job] = set()
        self._closed = False
        self._deliver.connect(self._receive, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether any job is waiting or running."""
        return bool(self._jobs)

    def submit(
        self,
        task: Task,
        *,
        done: Callable[[Any], None] = _ignore,
        failed: Callable[[str], None] = _ignore,
        cancelled: Callable[[], None] = _ignore,
        progress: Progress = _ignore,
        started: Callable[[], None] = _ignore,
    ) -> Job:
        """Queue ``task(cancel, progress)``.

        Parameters
        ----------
        task
            Runs on the worker's thread; must not touch a widget.
        done, failed, cancelled
            Exactly one of them is called, in the thread that made the worker,
            with the result, a sentence for the person, or nothing.
        progress, started
            Called there as well; progress at most ten times a second.

        Raises
        ------
        LesionscopeError
            The worker was closed.
        """
        if self._closed:
            raise LesionscopeError("This window is closed: open the study again.")
        job = Job(task, done, failed, cancelled, progress, started)
        self._jobs.add(job)
        if self._thread is None:
            # A daemon: work that can't be interrupted must not keep a closed program alive.
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._queue.put(job)
        return job

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for job in tuple(self._jobs):
            job.cancel()

    def close(self, timeout_s: float = 10.0) -> bool:
        """Cancel everything and wait for the thread; no callback runs after this.

        Returns
        -------
        bool
            Whether the thread ended in time.
        """
        self._closed = True
        self.cancel_all()
        self._jobs.clear()
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        _step_back()
        while (job := self._queue.get()) is not None:
            self._work(job)
            # Not kept while waiting for the next one: it knows a volume.
            del job

    def _work(self, job: Job) -> None:
        try:
            job.token.check()
            self._post(None, job.started)
            result = job.task(job.token, self._throttled(job))
            job.token.check()
        except Cancelled:
            self._post(job, job.cancelled)
        except LesionscopeError as error:
            self._post(job, job.failed, str(error))
        except Exception as error:
            # The boundary of the thread: what reaches here is our fault and must be told.
            _log.exception("a background job failed")
            self._post(job, job.failed, wording.UNEXPECTED.format(kind=type(error).__name__, error=error))
        else:
            self._post(job, job.done, result)

    def _throttled(self, job: Job) -> Progress:
        last = 0.0

        def progress(done: int, total: int, label: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_EVERY_S or (total and done >= total):
                last = now
                self._post(None, job.progress, done, total, label)

        return progress

    def _post(self, finished: Job | None, callback: Callable[..., None], *arguments: object) -> None:
        if not self._closed:
            self._deliver.emit((finished, callback, arguments))

    def _receive(self, parcel: tuple[Job | None, Callable[..., None], tuple[object, ...]]) -> None:
        job, callback, arguments = parcel
        if job is not None:
            self._jobs.discard(job)
        if not self._closed:
            callback(*arguments)
