"""Run two implementations in turn, and keep one row of ``results.json`` for them."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results.json"
QUIET_DROP = 0.15
"""A run in which a matrix product slowed by more than this was not quiet."""
QUIET_CORES = 0.25
"""Nor is one in which others keep more than this share of a core busy."""


@dataclass(frozen=True)
class Row:
    """Ours beside a peer: medians in ms, their ratio (peer / ours), and the ratio aimed at.

    A peer that could not be run has no figures: ``note`` says why. ``good`` is the ratio of a good
    implementation, which is what ``met`` is about; ``target`` is the stretch, or the most that ours may be
    where ``unit``, that of ``ours_ms`` and ``peer_ms``, is not ms. ``number`` is the row's in the guide's
    table, 0 for others; ``limit`` is what hardware allows; ``file`` the benchmark that measured it; ``load``
    how many cores others kept busy; ``cpu_ratio`` the ratio of processor times, which others disturb less.
    """

    row: str
    ours_ms: float
    peer: str
    peer_ms: float | None
    ratio: float | None
    target: float
    met: bool
    quiet: bool
    good: float | None = None
    limit: str = ""
    note: str = ""
    number: int = 0
    unit: str = "ms"
    load: float | None = None
    file: str = ""
    cpu_ratio: float | None = None


def gemm_gflops() -> float:
    """Speed of a float32 matrix product now: the best of five."""
    a = np.ones((1024, 1024), np.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times) / 1e9


def others_busy(seconds: float = 0.3) -> float:
    """How many cores others keep busy while we sleep; by load averages where the system doesn't count."""
    try:
        before = _busy_seconds()
    except OSError:
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    own = time.process_time()  # threads of a matrix product spin on for a moment
    time.sleep(seconds)
    return max(_busy_seconds() - before - (time.process_time() - own), 0.0) / seconds


def _busy_seconds() -> float:
    """Seconds that all cores together have worked since the system started (Linux)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")


class Quiet:
    """Watches over a measurement: a context manager, whose ``quiet`` is known when it ends."""

    quiet = False
    load = 0.0
    """The most cores that others kept busy, before or after."""

    def __enter__(self) -> Quiet:
        self.load = others_busy()
        self._before = gemm_gflops()
        return self

    def __exit__(self, *_: object) -> None:
        after = gemm_gflops()
        self.load = round(max(self.load, others_busy()), 2)
        self.quiet = abs(after / self._before - 1) < QUIET_DROP and self.load < QUIET_CORES


@dataclass(frozen=True)
class Took:
    """Medians of what a piece of work took."""

    ms: float
    cpu_ms: float
    """Processor time, of all threads and of processes that ended."""


def in_turn(rounds: int, *works: Callable[[], object]) -> list[Took]:
    """Time each, run in turn; the first round warms up and is not counted."""
    times: list[list[tuple[float, float]]] = [[] for _ in works]
    for number in range(rounds + 1):
        for mine, work in zip(times, works, strict=True):
            start, cpu = time.perf_counter(), _processor_seconds()
            work()
            took = time.perf_counter() - start, _processor_seconds() - cpu
            if number:
                mine.append(took)
    return [Took(*(1e3 * statistics.median(part) for part in zip(*mine, strict=True))) for mine in times]


def _processor_seconds() -> float:
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def interleaved(
    row: str,
    ours: Callable[[], object],
    peer_name: str,
    peer: Callable[[], object] | None,
    *,
    target: float,
    rounds: int,
    good: float | None = None,
    limit: str = "",
    note: str = "",
    number: int = 0,
) -> Row:
    """Time both in turn; a peer that is ``None`` could not be had, and ``note`` says why."""
    with Quiet() as watch:
        mine, *rest = in_turn(rounds, ours, *([] if peer is None else [peer]))
    theirs = rest[0] if rest else None
    ratio = None if theirs is None else theirs.ms / mine.ms
    return Row(
        row,
        round(mine.ms, 3),
        peer_name,
        None if theirs is None else round(theirs.ms, 3),
        None if ratio is None else round(ratio, 2),
        target,
        ratio is not None and ratio >= (target if good is None else good),
        watch.quiet,
        good=good,
        limit=limit,
        note=note,
        number=number,
        load=watch.load,
        cpu_ratio=None if theirs is None or not mine.cpu_ms else round(theirs.cpu_ms / mine.cpu_ms, 2),
    )


def record(row: Row) -> None:
    """Print a row and put it in ``results.json``, in place of an older one of its name."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    row = replace(row, file=spec.name.removeprefix("benchmarks.") if spec else row.file)
    rows = [other for other in recorded() if other["row"] != row.row] + [asdict(row)]
    keep(rows)
    print(HEAD + "\n" + line(asdict(row)), flush=True)


def recorded() -> list[dict]:
    """Return the rows of ``results.json``."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def keep(rows: list[dict]) -> None:
    """Write ``results.json``, the guide's rows first."""
    rows = sorted(rows, key=lambda r: (r.get("number") or 99, r["row"]))
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


HEAD = (
    "| # | work | ours | peer | peer's | ratio | of processor time | good | target | limit | met | quiet |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(row: dict) -> str:
    """Return a row of the Markdown table."""
    unit = row.get("unit", "ms")

    def figure(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value / 1000:,.3g} s" if unit == "ms" and value >= 1000 else f"{value:.3g} {unit}"

    def times(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"

    cells = (
        str(row.get("number") or ""),
        row["row"],
        figure(row["ours_ms"]),
        row["peer"],
        figure(row["peer_ms"]),
        times(row["ratio"]),
        times(row.get("cpu_ratio")),
        times(row.get("good")),
        times(row["target"]) if unit == "ms" else f"≤ {row['target']:g} {unit}",
        row.get("limit", ""),
        "yes" if row["met"] else "no",
        "yes" if row["quiet"] else "no",
    )
    return "| " + " | ".join(cells) + " |"
