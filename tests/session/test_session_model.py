"""Random reading sessions, restarts included, against a model that keeps whole snapshots."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from lesionscope.inference.reading import Reading
from lesionscope.lesions.lesion import Lesion
from lesionscope.lesions.marking import lesion_from_click, moved
from lesionscope.session.commands import (
    AddLesion,
    AddMined,
    AddReading,
    Decide,
    RemoveLesion,
    ReplaceLesion,
)
from lesionscope.session.decisions import Decision
from lesionscope.session.mined import MinedLesion
from lesionscope.session.store import Session

SERIES = "1.2.826.0.1.3680043.8.498.1"
places = st.tuples(*[st.integers(-2, 2)] * 3)


class World(NamedTuple):
    """What a snapshot holds."""

    lesions: dict[str, Lesion]
    decisions: list[Decision]
    mined: list[MinedLesion]


class ReadingSession(RuleBasedStateMachine):
    """The model: a list of snapshots and a position in it, as a text editor would have."""

    marked = Bundle("marked")
    waiting = Bundle("waiting")

    def __init__(self, reading_of: Callable[[Lesion], Reading], mined_of: Callable[[int], AddMined]) -> None:
        super().__init__()
        self.reading_of, self.mined_of = reading_of, mined_of
        self.folder = Path(tempfile.mkdtemp())
        self.session = self.open()
        self.snapshots: list[World] = [World({}, [], [])]
        self.position = 0
        self.given = 0
        self.kept: list[Reading] = []

    def open(self) -> Session:
        return Session.open(self.folder / "s.sqlite", series_uid=SERIES)

    @property
    def now(self) -> dict[str, Lesion]:
        return self.world.lesions

    @property
    def world(self) -> World:
        return self.snapshots[self.position]

    def step(self, lesions: dict[str, Lesion] | None = None, **others: list[Any]) -> None:
        kept = {} if lesions is None else {"lesions": lesions}
        self.snapshots[self.position + 1 :] = [self.world._replace(**kept, **others)]
        self.position += 1

    @rule(target=marked, place=places)
    def mark(self, place: tuple[int, int, int]) -> str:
        lesion = lesion_from_click(place)
        self.session.apply(AddLesion(lesion))
        self.given += 1
        self.step({**self.now, lesion.id: replace(lesion, number=self.given)})
        return lesion.id

    @rule(lesion_id=marked, place=places)
    def move(self, lesion_id: str, place: tuple[int, int, int]) -> None:
        if lesion_id in self.now:
            before = self.now[lesion_id]
            after = moved(before, place)
            self.session.apply(ReplaceLesion(after))
            if after != before:
                self.step({**self.now, lesion_id: after})

    @rule(lesion_id=marked)
    def remove(self, lesion_id: str) -> None:
        if lesion_id in self.now:
            self.session.apply(RemoveLesion(lesion_id))
            self.step({key: lesion for key, lesion in self.now.items() if key != lesion_id})

    @rule(count=st.integers(1, 3))
    def take_in(self, count: int) -> None:
        start = max((int(one.id.partition("-")[2]) + 1 for one in self.world.mined), default=0)
        made = self.mined_of(start + count)
        self.session.apply(made)  # the first ones may be there already
        self.step(mined=list(made.lesions))

    @rule(
        choices=st.lists(
            st.tuples(
                st.integers(0, 9),
                st.sampled_from(["nodule", "mass", "lung"]),
                st.sampled_from(["accepted", "rejected", "uncertain", "added"]),
                st.sampled_from(["Ann", "Bob"]),
                st.sampled_from([float("nan"), 1.25]),
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda choice: choice[:2] + choice[3:4],
        )
    )
    def decide(self, choices: list[tuple[int, str, Any, str, float]]) -> None:
        there = [*self.now, *(one.id for one in self.world.mined)]
        if not there:
            return
        made = {}
        for n, label, verdict, reader, seconds in choices:
            at = f"2024-05-06T07:08:09.{len(self.world.decisions):03d}+00:00"
            one = Decision(
                there[n % len(there)], label, verdict, reader, at, "mined", seen=(label,), seconds=seconds
            )
            made[(one.lesion_id, label, reader)] = one
        self.session.apply(Decide(tuple(made.values())))
        standing = {(d.lesion_id, d.label, d.reader): d.verdict for d in self.world.decisions}
        news = [one for key, one in made.items() if standing.get(key) != one.verdict]
        if news:
            self.step(decisions=[*self.world.decisions, *news])

    @rule(target=waiting, lesion_id=marked)
    def start_reading(self, lesion_id: str) -> Reading | None:
        return self.reading_of(self.now[lesion_id]) if lesion_id in self.now else None

    @rule(reading=consumes(waiting))
    def finish_reading(self, reading: Reading | None) -> None:
        if reading is not None:
            self.session.apply(AddReading(reading))
            if reading.lesion_id in self.now:
                self.kept.append(reading)

    @rule()
    def undo(self) -> None:
        self.session.undo()
        self.position = max(self.position - 1, 0)

    @rule()
    def redo(self) -> None:
        self.session.redo()
        self.position = min(self.position + 1, len(self.snapshots) - 1)

    @rule()
    def restart(self) -> None:
        self.session.close()
        self.session = self.open()

    @invariant()
    def state_is_the_models(self) -> None:
        state = self.session.state
        assert {lesion.id: lesion for lesion in state.lesions} == self.now
        assert [lesion.number for lesion in state.lesions] == sorted(
            lesion.number for lesion in self.now.values()
        )
        world = self.world
        # As text: two NaN are the same then.
        assert list(map(repr, state.decisions)) == list(map(repr, world.decisions))
        assert [one for ones in state.decided.values() for one in ones] == sorted(
            state.decisions, key=lambda one: list(state.decided).index(one.lesion_id)
        )
        assert list(state.mined.values()) == world.mined
        assert {one.study for one in world.mined} == set(state.studies)
        assert state.can_undo == (self.position > 0)
        assert state.can_redo == (self.position < len(self.snapshots) - 1)
        for key, lesion in self.now.items():
            mine = [reading for reading in self.kept if reading.lesion_id == key]
            fresh = [reading for reading in mine if not reading.is_stale(lesion.fingerprint)]
            # Where one mark was read twice, its latest; else the latest made for any mark.
            expected = (fresh or mine or [None])[-1]
            assert state.reading(key) == expected
            assert state.is_stale(key) == (bool(mine) and not fresh)

    def teardown(self) -> None:
        self.session.close()
        shutil.rmtree(self.folder)


def test_random_reading_sessions(
    reading_of: Callable[[Lesion], Reading], mined_of: Callable[[int], AddMined]
) -> None:
    run_state_machine_as_test(
        lambda: ReadingSession(reading_of, mined_of),
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
