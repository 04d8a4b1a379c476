"""The ten nearest of 32,000 known lesions: a bank's query beside NumPy's own product and argpartition.

``python -m benchmarks.retrieval [--lesions N]``. Embeddings are normal, 256 long, and the bank's are mapped
from disk as they always are; the ten found are compared with brute force in double precision first.
Recorded twice: the search alone, and the whole query with its rows read from the tables.

A scan of bytes before the exact look, tried on 32,000 × 256 (two cores of a Xeon with VNNI and AMX, both
busy; best of 15 rounds of 20 queries, ms a query on one thread; the products of bytes checked to be exact,
the ten found to be the same): NumPy float32 7.4; torch ``_int_mm`` 3.1 (6.9 as a row times a matrix),
bfloat16 4.0, float16 13; ONNX Runtime ``MatMulInteger`` 2.0 where the bank is a constant of the graph, 4.7
where it is an input. With the exact look at the 95 (at most 130) candidates that rounding leaves, 2.6
against 8.1 for the peer: 3.1 times. Not taken up: torch takes seconds to import; a graph that holds the
bank must be written anew, by a library that only training needs, whenever the bank grows, holds a second
copy of it in memory, and without VNNI has to keep queries to 7 bits lest sums of two products saturate. All
that would win 5 ms of a reading's 200.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.rows import interleaved, record
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.known import KnownLesion, Origin
from lesionscope.retrieval.nearest import nearest, unit
from lesionscope.retrieval.schema import BankPackage

DIMENSION, K = 256, 10
QUERIES = 20
CHUNK = 4000


def filled(folder: Path, vectors: np.ndarray) -> Bank:
    """Make a bank of embeddings and little else."""
    bank = Bank.create(folder, BankPackage("benchmark", "1", "00" * 32), vectors.shape[1])
    picture = np.zeros((2, 2), dtype=np.int16)
    for start in range(0, len(vectors), CHUNK):
        bank.append(
            [
                KnownLesion(
                    str(start + i), vector, ("lung",), "", picture, (0, 0, 1, 1), f"p{i}", "s", Origin("")
                )
                for i, vector in enumerate(vectors[start : start + CHUNK])
            ]
        )
    return bank


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lesions", type=int, default=32_000)
    parser.add_argument("--rounds", type=int, default=31)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(arguments.lesions, DIMENSION)), DIMENSION)
    queries = unit(rng.normal(size=(QUERIES, DIMENSION)), DIMENSION)

    def peer(query: np.ndarray) -> np.ndarray:
        products = vectors @ query
        best = np.argpartition(products, -K)[-K:]
        return best[np.argsort(-products[best])]

    with tempfile.TemporaryDirectory() as folder, filled(Path(folder) / "bank", vectors) as bank:
        mapped = np.memmap(bank.folder / "embeddings.f32", np.float32, "r").reshape(-1, DIMENSION)
        for query in queries:
            apart = np.linalg.norm(vectors.astype(float) - query.astype(float), axis=1)
            wanted = np.argsort(apart, kind="stable")[:K]
            rows, distances = nearest(mapped, query, K)
            assert rows.tolist() == wanted.tolist() == peer(query).tolist()
            assert np.allclose(distances, apart[wanted], atol=1e-9)
            assert [int(one.id) for one in bank.query(query, K)] == wanted.tolist()
        size = f"top-{K} of {arguments.lesions:,} × {DIMENSION}"
        for name, ours in (
            (f"{size}, search", lambda: [nearest(mapped, query, K) for query in queries]),
            (f"{size}, whole query", lambda: [bank.query(query, K) for query in queries]),
        ):
            record(
                interleaved(
                    f"{name}, {QUERIES} queries",
                    ours,
                    "NumPy product + argpartition",
                    lambda: [peer(query) for query in queries],
                    target=6.0,
                    good=3.4,
                    rounds=arguments.rounds,
                    limit="9×",
                    number=9,
                )
            )


if __name__ == "__main__":
    main()
