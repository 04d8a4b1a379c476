"""Run two implementations in turn, and keep one row of ``results.json`` for them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results.json"
QUIET_DROP = 0.15
"""A run in which a matrix product slowed by more than this was not quiet."""


@dataclass(frozen=True)
class Row:
    """Ours beside a peer: medians in ms, their ratio (peer / ours), and the ratio aimed at."""

    row: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    target: float
    met: bool
    quiet: bool


def gemm_gflops() -> float:
    """Speed of a float32 matrix product now: the best of five."""
    a = np.ones((1024, 1024), np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times) / 1e9


def interleaved(
    row: str,
    ours: Callable[[], object],
    peer_name: str,
    peer: Callable[[], object],
    *,
    target: float,
    rounds: int,
) -> Row:
    """Time both in turn, medians over ``rounds``; the first round of each warms up and is not counted."""
    before = gemm_gflops()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for mine, work in zip(times, (ours, peer), strict=True):
            start = time.perf_counter()
            work()
            if number:
                mine.append((time.perf_counter() - start) * 1e3)
    quiet = abs(gemm_gflops() / before - 1) < QUIET_DROP
    ours_ms, peer_ms = map(statistics.median, times)
    ratio = peer_ms / ours_ms
    return Row(
        row, round(ours_ms, 3), peer_name, round(peer_ms, 3), round(ratio, 2), target, ratio >= target, quiet
    )


def record(row: Row) -> None:
    """Print a row and put it in ``results.json``, in place of an older one of its name."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    rows = [other for other in rows if other["row"] != row.row] + [asdict(row)]
    RESULTS.write_text(json.dumps(sorted(rows, key=lambda r: r["row"]), indent=1) + "\n")
    print("| row | ours | peer | peer's | ratio | aim | met | quiet |\n|---|---|---|---|---|---|---|---|")
    print(
        f"| {row.row} | {row.ours_ms:.1f} ms | {row.peer} | {row.peer_ms:.1f} ms | {row.ratio:.1f}× "
        f"| {row.target}× | {'yes' if row.met else 'no'} | {'yes' if row.quiet else 'no'} |"
    )
