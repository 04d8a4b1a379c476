"""Rows through processes: in order, a few in flight, and a clear end whatever happens to a process."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import row_fakes as fakes

from lesionscope.errors import LesionscopeError, UsageError
from lesionscope.mining.pool import AHEAD, CHUNK_ROWS, FEW, Failed, ordered, worker_count
from lesionscope.mining.rows import Row

MANY = FEW + 10 * CHUNK_ROWS


def left_over() -> list[object]:
    return [process for process in multiprocessing.active_children() if process.is_alive()]


@pytest.mark.parametrize("count", [0, 1, FEW, FEW + 1, FEW + CHUNK_ROWS, FEW + CHUNK_ROWS + 1, MANY])
def test_order_is_kept(count: int) -> None:
    rows = list(fakes.some_rows(count))
    assert list(ordered(iter(rows), fakes.shout, 2)) == [(row, row.text.upper()) for row in rows]
    assert not left_over()


def test_few_rows_stay_here_and_many_use_the_workers() -> None:
    done = [pid for _, (pid, _) in ordered(fakes.some_rows(MANY), fakes.process, 2)]
    assert set(done[:FEW]) == {os.getpid()}
    assert os.getpid() not in done[FEW:]
    assert 1 <= len(set(done[FEW:])) <= 2
    alone = ordered(fakes.some_rows(MANY), fakes.process, 1)
    assert {pid for _, (pid, _) in alone} == {os.getpid()}


def test_how_many_workers() -> None:
    assert worker_count(3) == 3
    assert 1 <= worker_count(0) <= (os.cpu_count() or 1)
    with pytest.raises(UsageError, match="--workers"):
        worker_count(-1)


def test_a_row_that_raises_is_told_and_the_rest_done() -> None:
    bad = ("r5", f"r{FEW + 7}", f"r{MANY - 1}")
    results = list(ordered(fakes.some_rows(MANY), fakes.stumble_at(*bad), 2))
    failed = {row.id: result for row, result in results if isinstance(result, Failed)}
    assert set(failed) == set(bad)
    for failure in failed.values():
        assert failure.error == "ValueError"
        assert failure.where.startswith("row_fakes.py:")
        assert "sentence" not in str(failure)
    assert [result for row, result in results if row.id not in bad] == [
        f"r{n}" for n in range(MANY) if f"r{n}" not in bad
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
def test_a_process_that_dies_ends_it_with_a_sentence() -> None:
    seen = []
    with pytest.raises(LesionscopeError, match=r"process ended unexpectedly near lines .* --workers 1"):
        for row, _ in ordered(fakes.some_rows(MANY), fakes.die_at(FEW + 3 * CHUNK_ROWS), 2):
            seen.append(row.line)
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= FEW
    assert not left_over()


def test_closing_it_ends_the_processes_at_once() -> None:
    results = ordered(fakes.some_rows(MANY), fakes.process, 2)
    for _ in range(FEW + 1):
        next(results)
    assert left_over()
    results.close()
    assert not left_over()


def test_only_a_window_of_rows_is_read_ahead() -> None:
    taken = 0

    def rows() -> Iterator[Row]:
        nonlocal taken
        for row in fakes.some_rows(FEW + 60 * CHUNK_ROWS):
            taken += 1
            yield row

    for done, _ in enumerate(ordered(rows(), fakes.shout, 2), start=1):
        assert taken - done <= (2 * AHEAD + 2) * CHUNK_ROWS


def test_long_rows_travel_in_smaller_chunks() -> None:
    rows = [Row(n, n, "x" * 200_000) for n in range(FEW + 30)]
    taken = 0

    def feed() -> Iterator[Row]:
        nonlocal taken
        for row in rows:
            taken += 1
            yield row

    for done, _ in enumerate(ordered(feed(), fakes.process, 2), start=1):
        assert taken - done <= 2 * (2 * AHEAD + 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_does_not_grow_with_the_rows(workers: int) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            for _ in ordered(fakes.some_rows(count), fakes.grow, workers):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(4_000)
    few, many = peak(4_000), peak(40_000)
    assert many < 1.5 * few + 500_000, (few, many)


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import row_fakes as fakes
from lesionscope.mining.pool import ordered
if __name__ == "__main__":
    try:
        for row, result in ordered(fakes.some_rows(20_000), fakes.dawdle, 2):
            if row.line == 1000:
                print("here", flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def started(tmp_path: Path) -> subprocess.Popen[str]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.format(tests=str(Path(fakes.__file__).parent)))
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


def members(group: int) -> list[int]:
    """Processes of a group, zombies left out, as Linux lists them."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if entry.name.isdigit() and int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def comes_true(condition: Callable[[], bool]) -> bool:
    """Wait for it, for as long as a slow machine may need."""
    end = time.monotonic() + 60
    while not (true := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return true


def all_gone(group: int) -> bool:
    """Python's own helper process ends a little after its parent."""
    return comes_true(lambda: not members(group))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("wait", [0.0, 0.15, 2.5])
def test_ctrl_c_ends_quietly_while_processes_start_and_while_they_work(tmp_path: Path, wait: float) -> None:
    process = started(tmp_path)
    time.sleep(wait)
    os.killpg(process.pid, 2)
    out, err = process.communicate(timeout=60)  # what is in flight takes an hour
    assert (out, err) == ("stopped\n", "")
    assert all_gone(process.pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    process = started(tmp_path)
    assert comes_true(lambda: len(members(process.pid)) >= 3)
    process.kill()
    process.wait()
    assert all_gone(process.pid)
    process.communicate()
