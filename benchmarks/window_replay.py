"""Two hours of reading, replayed at speed in real windows: ``python -m benchmarks.window --only replay``.

A study every three minutes, 38 or so acts a study: what a reader does, without the time for looking. The same
seed does the same. What a study's acts were is checked against its session on disk when all is over.
"""

from __future__ import annotations

import os
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.window_acts import Acts
from benchmarks.window_book import Book
from benchmarks.window_hand import Reader, reader
from benchmarks.window_studies import Study, study
from benchmarks.window_visits import compare, review
from benchmarks.window_watch import (
    OWN_THREADS,
    Slope,
    open_files,
    own_temporary,
    resident_mib,
    slope,
    threads,
    watched,
)
from lesionscope.ct.volume import CTVolume

MINUTES_A_STUDY = 3
WINDOW_STUDIES = 10
"""After so many studies the window is closed and another one opened."""
REPORT_EVERY, FIND_EVERY, COMPARE_EVERY, REVIEW_EVERY = 3, 3, 8, 10
WARM_STUDIES = 5
"""Memory is looked at after these: models, banks and fonts are loaded by then."""


@dataclass
class Replayed:
    """What a replay did, and what it left."""

    studies: int
    acts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    resident_mib: list[float] = field(default_factory=list)

    @property
    def growth(self) -> Slope | None:
        """Memory after each study by its number, MiB; ``None`` where there are too few."""
        later = self.resident_mib[WARM_STUDIES:]
        return slope(later) if len(later) > 2 else None


def replay(
    studies: int, place: Path, *, first: int = 0, seed: int = 0, short: bool = False, told: bool = False
) -> Replayed:
    """Read studies below an empty folder, where sessions, reports and temporary files lie.

    Parameters
    ----------
    studies, first
        How many, and the number of the first: what is done in a study follows from its number and the seed.
    place
        The folder.
    short
        Whether a study is looked at for a moment only: one lesion is drawn and one clicked, nothing is
        compared or reviewed.
    told
        Whether memory is printed after each.
    """
    done = Replayed(studies)
    books: dict[Path, Book] = {}
    with ExitStack() as stack:
        stack.enter_context(_data_in(place / "data"))
        temporary = stack.enter_context(own_temporary(place))
        watch = stack.enter_context(watched())
        before, files = threads(), open_files(place)
        last = first + studies
        for begin in range(first, last, WINDOW_STUDIES):
            with reader() as person:
                for number in range(begin, min(begin + WINDOW_STUDIES, last)):
                    with study(place, number) as found:
                        try:
                            _read(
                                person,
                                number,
                                found,
                                place,
                                books,
                                done,
                                random.Random(f"{seed} {number}"),
                                short,
                            )
                        except Exception:  # a fault; the next study is read all the same
                            watch.say(f"study {number}", traceback.format_exc())
                    done.resident_mib.append(resident_mib())
                    if told:
                        print(f"study {number}: {done.resident_mib[-1]:.0f} MiB", flush=True)
        done.faults += watch.faults
        done.faults += [
            f"a thread is left: {thread.name}"
            for thread in threads() - before
            if thread.name.startswith(OWN_THREADS) or not thread.daemon
        ]
        done.faults += [f"a file is left open: {name}" for name in open_files(place) - files]
        done.faults += [f"a temporary file is left: {path.name}" for path in temporary.iterdir()]
    for path, book in books.items():
        done.faults += book.differences(path)
    return done


@contextmanager
def _data_in(folder: Path) -> Iterator[None]:
    """Keep sessions and settings apart from the user's own."""
    folder.mkdir(parents=True)
    settings = folder / "config.toml"
    settings.touch()
    with patch.dict(os.environ, LESIONSCOPE_DATA=str(folder), LESIONSCOPE_CONFIG=str(settings)):
        yield


def _read(
    person: Reader,
    number: int,
    found: Study,
    place: Path,
    books: dict[Path, Book],
    done: Replayed,
    rng: random.Random,
    short: bool,
) -> None:
    from lesionscope.session.paths import default_path

    person.open(found.folder)
    done.acts["open"] += 1
    volume: CTVolume = person.state.volume
    uid = volume.source.uid
    book = books[default_path(uid)] = Book(uid)
    acts = Acts(person, book, rng, done.acts)
    for act in rng.choices((acts.scroll, acts.look), (3, 1), k=2 if short else rng.randint(8, 12)):
        act()
    acts.whole()
    lesions = rng.sample(found.diameters, 2 if short else rng.randint(2, 3))
    for turn, diameters in enumerate(lesions):
        acts.scroll()
        middle = tuple(np.mean(diameters[0], axis=0).tolist())
        ways = partial(acts.draw, diameters), partial(acts.click, middle)
        (ways[turn] if short else rng.choice(ways))()
        between = (acts.scroll, acts.scroll, acts.look, acts.measure, acts.step)
        for act in rng.sample(between, 0 if short else 2):
            act()
    acts.whole()
    some = [acts.move_end, acts.turn, acts.turn, acts.delete, acts.read_again, acts.step, acts.scroll]
    for act in rng.sample(some, 5):
        act()
    acts.wait_for_answers()
    acts.tabs()
    if number % FIND_EVERY == 1:
        acts.find(tuple(np.mean(lesions[0][0], axis=0).tolist()))
        acts.wait_for_answers()
    if number % REPORT_EVERY == 0:
        acts.report(place / f"report-{number}")
    if not short and number % COMPARE_EVERY == 1:
        compare(person, number, place, books, book, done.acts)
    if not short and number % REVIEW_EVERY == 1:
        review(person, number, place, books, done.acts)
    elif rng.random() < 0.5:
        person.leave()
    elif rng.random() < 0.5:
        acts.read_again()  # and away while the models are at it
        person.leave()
    done.acts["close"] += 1
