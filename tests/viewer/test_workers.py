"""The worker: results arrive, cancel stops, closing leaves no thread, the window stays alive."""

from __future__ import annotations

import os
import sys
import threading
import time

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.viewer.workers import NICENESS, Worker

pytestmark = pytest.mark.window


@pytest.fixture
def worker(qtbot):
    made = Worker("test-worker")
    yield made
    assert made.close()


def alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "test-worker"]


def test_results_come_in_order_in_the_window_s_thread(worker, qtbot):
    got = []
    for number in range(5):
        worker.submit(
            lambda _c, _p, number=number: number * 10,
            done=lambda value: got.append((value, threading.current_thread() is threading.main_thread())),
        )
    qtbot.waitUntil(lambda: len(got) == 5)
    assert got == [(value, True) for value in (0, 10, 20, 30, 40)]
    assert not worker.busy


def test_progress_is_passed_on_and_throttled(worker, qtbot):
    seen, done = [], []

    def task(_cancel, progress):
        for step in range(2001):
            progress(step, 2000, "counting")

    worker.submit(task, done=done.append, progress=lambda *args: seen.append(args))
    qtbot.waitUntil(lambda: bool(done))
    assert seen[-1] == (2000, 2000, "counting")
    assert len(seen) < 200


def test_a_waiting_job_that_is_cancelled_never_runs(worker, qtbot):
    gate, ran, ended = threading.Event(), [], []
    worker.submit(lambda _c, _p: gate.wait(60))
    job = worker.submit(lambda _c, _p: ran.append(1), cancelled=lambda: ended.append("cancelled"))
    job.cancel()
    gate.set()
    qtbot.waitUntil(lambda: bool(ended))
    assert ran == [] and ended == ["cancelled"]


def test_errors_become_sentences(worker, qtbot):
    sentences = []

    def bad_input(_cancel, _progress):
        raise InputError("scan.dcm is truncated: copy it again.")

    def our_fault(_cancel, _progress):
        raise ValueError("axes don't match")

    worker.submit(bad_input, failed=sentences.append)
    worker.submit(our_fault, failed=sentences.append)
    qtbot.waitUntil(lambda: len(sentences) == 2)
    assert sentences[0] == "scan.dcm is truncated: copy it again."
    assert "ValueError" in sentences[1] and "axes don't match" in sentences[1]


def test_closing_midway_joins_the_thread_and_calls_nothing(qtbot):
    worker, calls, begun = Worker("test-worker"), [], threading.Event()

    def task(cancel, _progress):
        begun.set()
        while True:
            cancel.check()
            time.sleep(0.002)

    worker.submit(task, done=calls.append, failed=calls.append, cancelled=lambda: calls.append("cancelled"))
    assert begun.wait(60)
    assert alive()
    assert worker.close(timeout_s=60)
    qtbot.wait(50)
    assert calls == [] and alive() == []
    with pytest.raises(LesionscopeError):
        worker.submit(task)


def test_a_result_on_its_way_when_the_window_closes_is_dropped(qtbot):
    worker, calls = Worker("test-worker"), []
    job = worker.submit(lambda _c, _p: "late", done=calls.append)
    deadline = time.monotonic() + 60
    while not worker._queue.empty() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert worker.close()
    qtbot.wait(50)
    assert calls == [] and job.token.cancelled


def test_the_window_lives_while_a_model_works(worker, qtbot):
    """NumPy works on the worker's thread until the window's timer has ticked fifty times."""
    ticks, done = [], []

    def task(cancel, _progress):
        a = np.random.default_rng(0).standard_normal((256, 256))
        for _ in range(100_000):
            if len(ticks) >= 50:
                break
            cancel.check()
            a = np.tanh(a @ a / 256)
        return len(ticks)

    timer = QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start()
    worker.submit(task, done=done.append)
    qtbot.waitUntil(lambda: bool(done))
    timer.stop()
    assert done[0] >= 50


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a whole process has one niceness")
def test_its_thread_and_those_made_by_it_leave_the_processor_to_the_window(worker, qtbot):
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def task(_cancel, _progress):
        found = [niceness()]
        inner = threading.Thread(target=lambda: found.append(niceness()))
        inner.start()
        inner.join()
        return found

    before, got = niceness(), []
    worker.submit(task, done=got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert got == [[min(before + NICENESS, 19)] * 2]
    assert niceness() == before
