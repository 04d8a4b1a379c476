"""Decoding a series' slices in order, a few ahead of the one that is wanted."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

from numpy.typing import NDArray

from lesionscope.ct.decode import BadFrame, FrameDecoder
from lesionscope.ct.series import Slice
from lesionscope.ct.sources import FileReader
from lesionscope.errors import InputError

_MOST_THREADS = 4

Stored = NDArray[Any] | BadFrame


def decoded(
    reader: FileReader, slices: Sequence[Slice], wanted: Sequence[int]
) -> Generator[tuple[int, Stored], None, None]:
    """Decode slices, several at a time where each is a compressed file of its own.

    Parameters
    ----------
    reader
        Reads the files; used by other threads until the iterator is closed.
    slices, wanted
        The series, and the indices of those to decode.

    Yields
    ------
    tuple
        Each index, in the order wanted, with its stored values ``(rows, columns)`` or why there are
        none. Twice as many slices as threads are held at most.
    """
    # An archive, or a file of many frames, keeps what it has open: one thread at a time.
    apart = all(
        slices[k].header.pixels.encapsulated
        and slices[k].header.pixels.frames == 1
        and not slices[k].header.file.member
        for k in wanted
    )
    threads = min(os.cpu_count() or 1, _MOST_THREADS, len(wanted)) if apart else 1
    free: SimpleQueue[FrameDecoder] = SimpleQueue()

    def decode(item: Slice) -> Stored:
        decoder = free.get()
        try:
            return decoder.stored(item.header, item.frame.index)
        except BadFrame as error:
            return error
        except InputError as error:
            return BadFrame("undecodable", str(error).rstrip("."))
        finally:
            free.put(decoder)

    if not wanted:
        return
    with ExitStack() as stack:
        for _ in range(threads):
            free.put(stack.enter_context(FrameDecoder(reader)))
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        waiting: deque[tuple[int, Future[Stored]]] = deque()
        for k in wanted:
            waiting.append((k, pool.submit(decode, slices[k])))
            if len(waiting) == 2 * threads:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
