"""Running one function over many jobs in several processes, results in order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FEW = 8
"""Fewer jobs than this are done in the calling process: starting others would take longer."""


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let child processes start with one numerical thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def ordered(function: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """Yield ``function(job)`` for each job in order.

    Processes are spawned, never forked, so that it works on every system and
    beside threads; a script that calls it with several workers needs a
    ``__main__`` guard.
    """
    if workers < 2 or len(jobs) < FEW:
        yield from map(function, jobs)
        return
    with _one_thread_each(), multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(function, jobs, chunksize=4)
