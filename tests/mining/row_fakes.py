"""A vocabulary of four labels, a miner that knows their words, and work that misbehaves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lesionscope.mining.journal import Journal
from lesionscope.mining.lines import open_source
from lesionscope.mining.rows import Row, read_rows


@dataclass(frozen=True)
class FakeLabel:
    name: str
    index: int | None


class FakeGraph:
    """chest ⊃ lung; nodule; "hilum" is of the wider vocabulary."""

    labels = (FakeLabel("chest", 0), FakeLabel("lung", 1), FakeLabel("nodule", 2), FakeLabel("hilum", None))
    core = ("chest", "lung", "nodule")

    @staticmethod
    def expand(names: Iterable[str]) -> frozenset[str]:
        names = frozenset(names)
        return names | ({"chest"} if names & {"lung", "hilum"} else set())


@dataclass(frozen=True)
class FakeBookmark:
    start: int
    end: int
    text: str
    target: bool


@dataclass(frozen=True)
class FakeMention:
    start: int
    end: int
    text: str
    label: str
    relation: str
    bookmark: int | None


@dataclass(frozen=True)
class FakeMined:
    text: str
    bookmarks: tuple[FakeBookmark, ...]
    mentions: tuple[FakeMention, ...]

    def by_relation(self, relation: str) -> tuple[str, ...]:
        names: Iterable[str] = {mention.label for mention in self.mentions if mention.relation == relation}
        if relation == "relevant":
            names = FakeGraph.expand(names)
        return tuple(label.name for label in FakeGraph.labels if label.name in names)

    @property
    def labels(self) -> tuple[str, ...]:
        names = {mention.label for mention in self.mentions if mention.relation != "irrelevant"}
        return tuple(label.name for label in FakeGraph.labels if label.name in FakeGraph.expand(names))


def fake_mine(text: str) -> FakeMined:
    """Find each label's name once; "no X" is irrelevant, "maybe X" uncertain."""
    mentions = []
    for label in FakeGraph.labels:
        start = text.find(label.name)
        if start < 0:
            continue
        before = text[:start].split()[-1:]
        relation = {"no": "irrelevant", "maybe": "uncertain"}.get("".join(before), "relevant")
        number = 0 if "BOOKMARK" in text else None
        mentions.append(FakeMention(start, start + len(label.name), label.name, label.name, relation, number))
    at = text.find("BOOKMARK")
    marks = (FakeBookmark(at, at + 8, "BOOKMARK", True),) if at >= 0 else ()
    return FakeMined(text, marks, tuple(mentions))


class Read:
    """What came of reading a file."""

    def __init__(self, path: str | Path, **columns: str | None) -> None:
        self.said: list[str] = []
        self.journal = Journal("reports", self.said.append)
        with open_source(path) as source:
            self.rows = list(read_rows(source, self.journal, **columns))
        self.texts = [row.text for row in self.rows]
        self.ids = [row.id for row in self.rows]
        self.lines = [row.line for row in self.rows]


def some_rows(count: int) -> Iterator[Row]:
    return (Row(n + 1, f"r{n}", f"sentence {n} of a report") for n in range(count))


# --- work for processes: each of these builds a function of a row ---------------------------------


def shout() -> Callable[[Row], str]:
    return lambda row: row.text.upper()


def process() -> Callable[[Row], tuple[int, str]]:
    return lambda row: (os.getpid(), str(row.id))


def stumble_at(*ids: str) -> Callable[[], Callable[[Row], str]]:
    return partial(_stumble, ids)


def _stumble(ids: tuple[str, ...]) -> Callable[[Row], str]:
    def work(row: Row) -> str:
        if row.id in ids:
            raise ValueError(f"could not mine {row.text!r}")
        return str(row.id)

    return work


def die_at(line: int) -> Callable[[], Callable[[Row], int]]:
    return partial(_die, line)


def _die(line: int) -> Callable[[Row], int]:
    def work(row: Row) -> int:
        if row.line == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return row.line

    return work


def grow() -> Callable[[Row], bytes]:
    return lambda row: row.text.encode() * 10


def dawdle() -> Callable[[Row], int]:
    def work(row: Row) -> int:
        if row.line > 1000:
            time.sleep(3600)
        return os.getpid()

    return work
