"""A session's process killed at any moment: nothing that it had shown may be missing."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from lesionscope.session.decisions import standing
from lesionscope.session.store import Session

KILLED = """
import itertools, sys
from lesionscope.lesions.marking import lesion_from_click, moved
from lesionscope.session.commands import AddLesion, AddMined, Decide, ReplaceLesion
from lesionscope.session.decisions import Decision, now
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.session.store import Session

session = Session.open(sys.argv[1])
def show(state):
    last = state.decisions[-1] if state.decisions else None
    counts = state.revision, len(state.lesions), len(state.mined), len(state.decisions)
    print(*counts, repr(last), ";", flush=True)
session.subscribe(show)
for n in itertools.count():
    lesion = lesion_from_click((n, 0, 0))
    state = session.apply(AddLesion(lesion))
    session.apply(ReplaceLesion(moved(state.lesions[-1], (n, 1, 0))))
    mined = MinedLesion(lesion_from_click((n, 5, 5)), f"s{n}", "1", "train", n, sentence="a nodule")
    session.apply(AddMined((Study(f"s{n}", "1", "/data"),), (mined,)))
    many = tuple(Decision(mined.id, label, "accepted", "Ann", now(), "mined", seconds=1.0, bulk=True)
                 for label in ("nodule", "lung", "chest"))
    session.apply(Decide(many))
    session.apply(Decide((Decision(lesion.id, "nodule", "rejected", "Bob", now(), "reader", seconds=1.0),)))
    if n % 3 == 2:
        session.undo()
        session.undo()
        session.redo()
"""


def kill_after(path: Path, reports: int, more: float) -> None:
    """Kill a reviewing process after so many of its reports and a moment more."""
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(reports)]
        try:
            process.wait(more)
        except subprocess.TimeoutExpired:
            process.kill()
        lines += process.stdout.read().splitlines()
    whole = [line for line in lines if line.rstrip().endswith(";")]  # the last may have been cut
    assert len(whole) >= reports
    revision, lesions, mined, decisions, last = whole[-1].rstrip("\n ;").split(" ", 4)
    with Session.open(path) as session:
        state = session.state
        assert not session.read_only and session.notices == ()
        assert state.revision >= int(revision)
        if state.revision == int(revision):
            counts = (len(state.lesions), len(state.mined), len(state.decisions))
            assert counts == (int(lesions), int(mined), int(decisions))
            assert repr(state.decisions[-1] if state.decisions else None) == last
        # A bulk decision is there as a whole or not at all.
        assert sum(one.bulk for one in state.decisions) % 3 == 0
        assert {key[0] for key in standing(state.decisions)} <= {
            *state.mined,
            *(one.id for one in state.lesions),
        }
        assert state.can_undo
        session.undo()
        again = session.redo()
        assert (again.decisions, again.lesions, again.mined) == (state.decisions, state.lesions, state.mined)


def kill_often(path: Path, times: int, seed: int) -> None:
    """Kill the same session again and again: each process goes on where the one before was killed."""
    rng = random.Random(seed)
    for _ in range(times):
        kill_after(path, rng.randint(1, 12), rng.uniform(0, 0.05))


def test_10_random_kills_lose_nothing_that_was_shown(tmp_path: Path) -> None:
    kill_often(tmp_path / "p.sqlite", 10, seed=7)


@pytest.mark.slow
def test_200_random_kills_lose_nothing_that_was_shown(tmp_path: Path) -> None:
    kill_often(tmp_path / "p.sqlite", 200, seed=8)
