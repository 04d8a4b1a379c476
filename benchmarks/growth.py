"""How time grows with size, ours and a peer's: ``python -m benchmarks.growth [--small] [--only NAMES]``.

Slices of a series, lesions in a bank, sentences to mine, lesions in a session. The exponent is the slope
of a straight line through the logarithms of the larger half of the sizes, where what is the same at any
size weighs least. Figures go into ``growth.json``, the picture to ``docs/growth.svg``. A small run takes a
minute or two; a whole one an hour, four gigabytes of memory and one of disk. ``--sizes NAME=N,N,N`` sets
them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.chart import Curve, chart
from benchmarks.rows import Quiet, in_turn

RESULTS = Path(__file__).with_suffix(".json")
FIGURE = Path(__file__).parents[1] / "docs" / "growth.svg"
K = 10

Works = tuple[Callable[[], object], Callable[[], object]]
"""Ours and the peer's, at one size."""


@contextmanager
def slices(count: int) -> Iterator[Works]:
    """Open a series of ``count`` slices."""
    from benchmarks.series import simpleitk, written
    from lesionscope.ct.scan import open_ct

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        written(folder, count)
        yield lambda: open_ct(folder), lambda: simpleitk(folder)


@contextmanager
def bank(count: int) -> Iterator[Works]:
    """Ask a bank of ``count`` lesions for the ten nearest."""
    from benchmarks.retrieval import DIMENSION, filled
    from lesionscope.retrieval.nearest import unit

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, DIMENSION), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = unit(rng.normal(size=DIMENSION), DIMENSION)
    with tempfile.TemporaryDirectory() as place, filled(Path(place) / "bank", vectors) as known:
        assert int(known.query(query, 1)[0].id) == int(np.argmax(vectors @ query))
        yield lambda: known.query(query, K), lambda: np.argpartition(vectors @ query, -K)[-K:]


@contextmanager
def sentences(count: int) -> Iterator[Works]:
    """Mine ``count`` sentences, in one process."""
    from benchmarks.mining import sentences as made
    from benchmarks.mining import spacy_pipeline
    from lesionscope.mining.miner import Miner
    from lesionscope.ontology.label_graph import load_labels

    graph = load_labels()
    miner, nlp, texts = Miner(graph), spacy_pipeline(graph), made(graph, count)
    yield (
        lambda: [len(miner.mine(text).labels) for text in texts],
        lambda: [len(doc.ents) for doc in nlp.pipe(texts, batch_size=500)],
    )


@contextmanager
def edits(count: int) -> Iterator[Works]:
    """Change one of ``count`` lesions, on disk before it returns; the peer writes its one JSON file anew."""
    from lesionscope.files import write_atomically
    from lesionscope.lesions.marking import moved
    from lesionscope.session.commands import AddLesion, ReplaceLesion
    from lesionscope.session.store import Session

    marked = _lesions(count)
    with (
        tempfile.TemporaryDirectory() as place,
        Session.open(Path(place) / "s.sqlite", series_uid="1.2") as one,
    ):
        for lesion in marked:
            one.apply(AddLesion(lesion))
        turn = iter(range(1, 1 << 30))

        def ours() -> None:
            one.apply(ReplaceLesion(moved(one.state.lesions[0], (float(next(turn)), 0.0, 0.0))))

        def peer() -> None:
            content = [asdict(lesion) for lesion in one.state.lesions]
            write_atomically(Path(place) / "s.json", json.dumps(content))

        yield ours, peer


@contextmanager
def reopening(count: int) -> Iterator[Works]:
    """Open a session of ``count`` lesions; the peer reads its JSON file."""
    from lesionscope.session.commands import AddLesion
    from lesionscope.session.store import Session

    marked = _lesions(count)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "s.sqlite"
        with Session.open(path, series_uid="1.2") as one:
            for lesion in marked:
                one.apply(AddLesion(lesion))
        text = Path(place) / "s.json"
        text.write_text(json.dumps([asdict(lesion) for lesion in marked]))

        def ours() -> None:
            with Session.open(path, series_uid="1.2") as again:
                assert len(again.state.lesions) == count

        yield ours, lambda: json.loads(text.read_text())


def _lesions(count: int) -> list:
    from lesionscope.lesions.marking import lesion_from_click

    places = np.random.default_rng(0).uniform(-150, 150, (count, 3))
    return [lesion_from_click(place) for place in places.tolist()]


TITLES = {
    "slices": "open a series of N slices",
    "bank": "ask a bank of N lesions",
    "sentences": "mine N sentences, one process",
    "edits": "one edit in a session of N lesions",
    "reopening": "open a session of N lesions",
}
CURVES = {
    "slices": (slices, "SimpleITK", (50, 100, 200, 400, 1000), (10, 20, 40)),
    "bank": (bank, "NumPy argpartition", (1_000, 10_000, 100_000, 1_000_000), (1_000, 4_000, 16_000)),
    "sentences": (sentences, "spaCy + negspacy", (1_000, 10_000, 100_000, 1_000_000), (100, 400, 1_600)),
    "edits": (edits, "one JSON file", (10, 100, 1_000, 5_000), (10, 40, 160)),
    "reopening": (reopening, "one JSON file", (10, 100, 1_000, 5_000), (10, 40, 160)),
}
"""What grows: how it is measured, the peer, the sizes of a whole run and of a small one."""


def exponent(sizes: list[int], times: list[float]) -> float:
    """Return the slope of log time over log size, of the larger half of the sizes."""
    from_ = len(sizes) // 2 if len(sizes) > 3 else 0
    return round(float(np.polyfit(np.log(sizes[from_:]), np.log(times[from_:]), 1)[0]), 2)


def measure(name: str, sizes: list[int], rounds: int) -> list[dict]:
    """Return both curves of one kind of growth."""
    work, peer, *_ = CURVES[name]
    times: tuple[list[float], list[float]] = ([], [])
    with Quiet() as watch:
        for size in sizes:
            with work(size) as both:
                for mine, took in zip(times, in_turn(rounds, *both), strict=True):
                    mine.append(round(took.ms, 3))
            print(f"{name} {size:,}: {times[0][-1]:,.1f} ms, {peer} {times[1][-1]:,.1f} ms", flush=True)
    return [
        {
            "curve": name,
            "who": who,
            "sizes": sizes,
            "ms": mine,
            "exponent": exponent(sizes, mine),
            "quiet": watch.quiet,
            "title": TITLES[name],
        }
        for who, mine in zip(("ours", peer), times, strict=True)
    ]


def main() -> None:
    """Measure, fit, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(CURVES), default=list(CURVES))
    parser.add_argument("--sizes", nargs="*", default=[], metavar="NAME=N,N,N")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    given = {
        name: [int(n) for n in sizes.split(",")] for name, sizes in (s.split("=") for s in arguments.sizes)
    }
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name in arguments.only:
        sizes = given.get(name) or list(CURVES[name][3 if arguments.small else 2])
        kept = [one for one in kept if one["curve"] != name] + measure(name, sizes, arguments.rounds)
        RESULTS.write_text(
            json.dumps(sorted(kept, key=lambda one: list(CURVES).index(one["curve"])), indent=1) + "\n"
        )
    kept = json.loads(RESULTS.read_text())
    FIGURE.write_text(chart([Curve(**one) for one in kept]))
    for one in kept:
        print(f"{one['curve']:10} {one['who']:20} exponent {one['exponent']}, quiet: {one['quiet']}")


if __name__ == "__main__":
    main()
