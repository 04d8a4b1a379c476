"""How long something takes, for slow tests that print it: no test fails for being slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Waits:
    """Waits of one kind: by the clock, and the processor's time of all threads, in ms."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock: list[float] = []
        self.processor: list[float] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Time what is done inside."""
        clock, processor = time.perf_counter(), time.process_time()
        yield
        self.clock.append(1000 * (time.perf_counter() - clock))
        self.processor.append(1000 * (time.process_time() - processor))

    def __str__(self) -> str:
        rows = [(np.median(times), np.percentile(times, 95)) for times in (self.clock, self.processor)]
        (clock, clock95), (processor, processor95) = rows
        return (
            f"{self.name:<46} clock {clock:6.1f} ms (95 % {clock95:6.1f}), "
            f"processor {processor:6.1f} ms (95 % {processor95:6.1f}), n = {len(self.clock)}"
        )
