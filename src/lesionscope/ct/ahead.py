"""Decoding a series' slices in order, a few ahead of the one that is wanted."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.decode import BadFrame, FrameDecoder
from lesionscope.ct.quick_pixels import to_hu
from lesionscope.ct.series import Slice
from lesionscope.ct.sources import FileReader
from lesionscope.errors import InputError

_MOST_THREADS = 4

Stored = NDArray[Any] | BadFrame | None


def decoded(
    reader: FileReader, slices: Sequence[Slice], wanted: Sequence[int], hu: NDArray[Any]
) -> Generator[tuple[int, Stored], None, None]:
    """Decode slices, several at a time where they are compressed and lie in no archive.

    Parameters
    ----------
    reader
        Reads the files; used by other threads until the iterator is closed.
    slices, wanted
        The series, and the indices of those to decode.
    hu
        ``(slices, rows, columns)``. Where it is int16, ordinary slices are put there as HU.

    Yields
    ------
    tuple
        Each index, in the order wanted, with ``None`` where the slice is in its place as HU, else with
        its stored values ``(rows, columns)`` or why there are none. Twice as many slices as threads
        are held at most.
    """
    # An archive is kept open, and so is what was inflated: one thread at a time.
    apart = all(slices[k].header.pixels.encapsulated and not slices[k].header.file.member for k in wanted)
    cores = min(os.cpu_count() or 1, _MOST_THREADS)
    threads = min(cores, len(wanted)) if apart else 1
    free: SimpleQueue[FrameDecoder] = SimpleQueue()

    def decode(k: int) -> Stored:
        decoder, item = free.get(), slices[k]
        place = hu[k] if hu.dtype == np.int16 else None
        try:
            stored = decoder.stored(item.header, item.frame.index, place)
            if place is None or not np.may_share_memory(stored, place):
                return stored
            return None if to_hu(place, item) else stored.copy()
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
            free.put(stack.enter_context(FrameDecoder(reader, cores // threads)))
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        waiting: deque[tuple[int, Future[Stored]]] = deque()
        for k in wanted:
            waiting.append((k, pool.submit(decode, k)))
            if len(waiting) == 2 * threads:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
