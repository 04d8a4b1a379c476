"""A session's process killed at any moment: nothing that it had shown may be missing."""

from __future__ import annotations

import multiprocessing
import random
from pathlib import Path

import pytest
from writer_to_kill import shown, write_until_killed

from lesionscope.session.decisions import standing
from lesionscope.session.store import Session

# A process whose imports are made forks the ones to be killed: two hundred imports would take minutes.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["lesionscope.session.store", "lesionscope.followup.comparison"])


def kill_after(path: Path, reports: int, more: float) -> None:
    """Kill a writing process after so many of its reports and a moment more."""
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=write_until_killed, args=(path, there), daemon=True)
    process.start()
    there.close()
    told = [here.recv() for _ in range(reports) if here.poll(60)]
    assert len(told) == reports
    process.join(more)
    assert process.is_alive(), "it writes until it is killed"
    process.kill()
    process.join()
    with here:
        while True:
            try:
                told.append(here.recv())
            except (EOFError, OSError):  # the last may have been cut
                break
    revision, last = told[-1]
    with Session.open(path) as session:
        state = session.state
        assert not session.read_only and session.notices == ()
        assert state.revision >= revision
        if state.revision == revision:
            assert shown(state) == (revision, last)
        # A bulk decision is there as a whole or not at all.
        assert sum(one.bulk for one in state.decisions) % 3 == 0
        assert {key[0] for key in standing(state.decisions)} <= {
            *state.mined,
            *(one.id for one in state.lesions),
        }
        assert state.can_undo
        session.undo()
        again = session.redo()
        assert shown(again)[1] == shown(state)[1]


def kill_often(folder: Path, times: int, seed: int) -> None:
    """Kill ten processes a session: each goes on where the one before was killed."""
    rng = random.Random(seed)
    for number in range(times):
        kill_after(folder / f"{number // 10}.sqlite", rng.randint(1, 12), rng.uniform(0, 0.05))


def test_10_random_kills_lose_nothing_that_was_shown(tmp_path: Path) -> None:
    kill_often(tmp_path, 10, seed=7)


@pytest.mark.slow
def test_200_random_kills_lose_nothing_that_was_shown(tmp_path: Path) -> None:
    kill_often(tmp_path, 200, seed=8)
