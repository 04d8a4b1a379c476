"""A process that changes a session and tells what it shows, until it is killed."""

from __future__ import annotations

import itertools
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

from lesionscope.followup.choices import Choices, Visit, choices_to_dict
from lesionscope.followup.response import Seen
from lesionscope.lesions.marking import lesion_from_click, moved
from lesionscope.session.commands import AddLesion, AddMined, Compare, Decide, ReplaceLesion
from lesionscope.session.decisions import Decision, now
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session


def write_until_killed(path: Path, told: Connection) -> None:
    """Mark, import, decide, compare, undo and redo; every state that listeners are shown is told."""
    session = Session.open(path)

    def show(state: SessionState) -> None:
        told.send(shown(state))

    session.subscribe(show)
    for n in itertools.count():
        lesion = lesion_from_click((n, 0, 0))
        state = session.apply(AddLesion(lesion))
        session.apply(ReplaceLesion(moved(state.lesions[-1], (n, 1, 0))))
        mined = MinedLesion(lesion_from_click((n, 5, 5)), f"s{n}", "1", "train", n, sentence="a nodule")
        session.apply(AddMined((Study(f"s{n}", "1", "/data"),), (mined,)))
        many = tuple(
            Decision(mined.id, label, "accepted", "Ann", now(), "mined", seconds=1.0, bulk=True)
            for label in ("nodule", "lung", "chest")
        )
        session.apply(Decide(many))
        session.apply(
            Decide((Decision(lesion.id, "nodule", "rejected", "Bob", now(), "reader", seconds=1.0),))
        )
        session.apply(Compare(Visit("1.2.3", "20260406", Choices().with_fate(lesion.id, Seen.GONE))))
        if n % 3 == 2:
            session.undo()
            session.undo()
            session.redo()


def shown(state: SessionState) -> tuple[int, str]:
    """Return a state's revision, and a digest of what it shows."""
    visits = [(visit.series_uid, choices_to_dict(visit.choices)) for visit in state.visits.values()]
    content = (state.lesions, tuple(state.mined.values()), state.decisions, visits)
    return state.revision, sha256(repr(content).encode()).hexdigest()
