"""Rows through a function on every core: results in order, and never more than a few rows in flight."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lesionscope.errors import LesionscopeError, UsageError
from lesionscope.mining.rows import Row

Result = TypeVar("Result")
Build = Callable[[], Callable[[Row], Result]]
"""Makes the function that is run on each row; called once in every process, so it must pickle."""

FEW = 1000
"""So many rows are done in this process before others are started, which takes half a second."""
CHUNK_ROWS = 128
CHUNK_CHARACTERS = 250_000
AHEAD = 3
"""Chunks in flight for each worker."""


class Failed(NamedTuple):
    """What stands for the result of a row on which the function raised."""

    error: str
    """The exception's type; its message may quote the row."""
    where: str
    """File and line of the code that raised."""


def worker_count(workers: int) -> int:
    """Return how many processes to use; 0 asks for one a core.

    Raises
    ------
    UsageError
        A negative number.
    """
    if workers < 0:
        raise UsageError("--workers must be 0 (every core) or more.")
    if workers:
        return workers
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return min(os.cpu_count() or 1, 61)


def ordered(
    rows: Iterable[Row], build: Build[Result], workers: int = 0
) -> Generator[tuple[Row, Result | Failed], None, None]:
    """Yield each row with its result, in order.

    The first rows are done here; where more follow, processes are spawned (never forked, so
    that it works on every system; a script needs a ``__main__`` guard). Closing the generator,
    or an interrupt, ends them.

    Raises
    ------
    LesionscopeError
        A process died: what was yielded before is right, the rest is missing.
    """
    rows = iter(rows)
    work = build()
    first: Iterable[Row] = rows if workers == 1 else islice(rows, FEW)
    for row in first:
        yield row, _attempt(work, row)
    following = next(rows, None)
    if following is not None:
        yield from _spread(_chunks(following, rows), build, worker_count(workers))


def _spread(
    chunks: Iterator[list[Row]], build: Build[Result], workers: int
) -> Generator[tuple[Row, Result | Failed], None, None]:
    pending: deque[tuple[list[Row], Future[list[Result | Failed]]]] = deque()
    executor = ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(build,)
    )
    try:
        chunk = next(chunks, None)
        while pending or chunk is not None:
            while chunk is not None and len(pending) < AHEAD * workers:
                with _uninterrupted():
                    pending.append((chunk, executor.submit(_work_through, chunk)))
                chunk = next(chunks, None)
            done, future = pending[0]
            results = future.result()
            pending.popleft()
            yield from zip(done, results, strict=True)
    except BrokenProcessPool as error:
        rows = pending[0][0] if pending else chunk or []
        where = f" near lines {rows[0].line} to {rows[-1].line}" if rows else ""
        raise LesionscopeError(
            f"A mining process ended unexpectedly{where} (killed, or out of memory): "
            "run it again, with --workers 1 if it happens again."
        ) from error
    except BaseException:
        # Whoever stops us doesn't want to wait for what is in flight.
        for process in list((getattr(executor, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _chunks(first: Row, rows: Iterator[Row]) -> Iterator[list[Row]]:
    chunk, characters = [first], len(first.text)
    for row in rows:
        if len(chunk) == CHUNK_ROWS or characters > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
        chunk.append(row)
        characters += len(row.text)
    yield chunk


def _attempt(work: Callable[[Row], Result], row: Row) -> Result | Failed:
    try:
        return work(row)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "?" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        return Failed(type(error).__name__, place)


# --- in a worker ---------------------------------------------------------------------------------

_work: Callable[[Row], Any] | None = None


def _begin(build: Build[Any]) -> None:
    """Build the function, leave Ctrl+C to the parent, and don't outlive it."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _work = build()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _work_through(rows: list[Row]) -> list[Any]:
    assert _work is not None
    return [_attempt(_work, row) for row in rows]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep Ctrl+C from processes that start meanwhile: they inherit what is blocked here."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
