"""The benchmarks' own arithmetic: rows, fits, pictures; not the figures, which no test can hold fast."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as everything
from benchmarks import growth, rows
from benchmarks.chart import Curve, chart

CONTRACT = {"row", "ours_ms", "peer", "peer_ms", "ratio", "target", "met", "quiet"}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "results.json"
    monkeypatch.setattr(rows, "RESULTS", path)
    return path


def a_row(name: str = "work", **changes: object) -> rows.Row:
    facts = {"ours_ms": 2.0, "peer": "peer", "peer_ms": 9.0, "ratio": 4.5, "target": 6.0}
    return rows.Row(name, **{**facts, "met": False, "quiet": True, **changes})


def test_work_is_run_in_turn_and_the_first_round_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock = processor = 0.0
    monkeypatch.setattr(rows, "time", SimpleNamespace(perf_counter=lambda: clock))
    monkeypatch.setattr(rows, "_processor_seconds", lambda: processor)

    def work(name: str, seconds: float) -> None:
        nonlocal clock, processor
        # The first time is far slower, as where something loads.
        clock += seconds if name in order else 0.2
        processor += seconds / 4
        order.append(name)

    fast, slow = rows.in_turn(3, lambda: work("fast", 0.001), lambda: work("slow", 0.02))
    assert order == ["fast", "slow"] * 4
    assert (fast.ms, fast.cpu_ms, slow.ms, slow.cpu_ms) == pytest.approx((1, 0.25, 20, 5))


def test_met_is_about_the_good_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        rows, "in_turn", lambda _, *works: [rows.Took(2.0, 1.0), rows.Took(9.0, 3.0)][: len(works)]
    )
    monkeypatch.setattr(rows, "others_busy", lambda: 0.0)
    row = rows.interleaved("work", lambda: 0, "peer", lambda: 0, target=6, good=4, rounds=1)
    assert (row.ratio, row.cpu_ratio) == (4.5, 3.0) and row.met
    assert not rows.interleaved("work", lambda: 0, "peer", lambda: 0, target=6, rounds=1).met
    absent = rows.interleaved("work", lambda: 0, "peer", None, target=1, rounds=1, note="not installed")
    assert absent.peer_ms is None and absent.ratio is None and not absent.met


def test_a_busy_machine_is_not_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "gemm_gflops", iter([100, 99, 100, 80, 100, 99]).__next__)
    monkeypatch.setattr(rows, "others_busy", iter([0.0, 0.1, 0.0, 0.1, 0.0, 1.5]).__next__)
    seen = []
    for _ in range(3):
        with rows.Quiet() as watch:
            pass
        seen.append((watch.quiet, watch.load))
    assert seen == [(True, 0.1), (False, 0.1), (False, 1.5)]


def test_rows_replace_their_own_name_and_stay_in_order(results: Path) -> None:
    for row in (a_row("b"), a_row("z", number=3), a_row("a", number=11), a_row("b", ours_ms=1.0)):
        rows.record(row)
    kept = json.loads(results.read_text())
    assert [row["row"] for row in kept] == ["z", "a", "b"] and kept[2]["ours_ms"] == 1.0
    assert all(set(row) >= CONTRACT for row in kept)


def test_the_table_says_what_could_not_be_had() -> None:
    absent = rows.asdict(a_row("gone", peer_ms=None, ratio=None, note="faiss isn't installed"))
    memory = rows.asdict(a_row("memory", unit="volumes", target=1.05))
    page = everything.table([absent, memory])
    assert "| gone | 2 ms | peer | – | – | – | – | 6× |  | no | yes |" in page
    assert "≤ 1.05 volumes" in page and "- gone: faiss isn't installed." in page


def test_every_benchmark_that_is_run_exists() -> None:
    folder = Path(everything.__file__).parent
    assert all((folder / f"{name}.py").is_file() for name in everything.BENCHMARKS)


def test_committed_figures_keep_the_contract() -> None:
    kept = json.loads((Path(everything.__file__).parent / "results.json").read_text())
    assert kept and all(set(row) >= CONTRACT for row in kept)


def test_the_exponent_is_that_of_the_larger_sizes() -> None:
    sizes = [10, 100, 1_000, 10_000]
    assert growth.exponent(sizes, [5 + 0.01 * n for n in sizes]) == round(np.log10(105 / 15), 2)
    assert growth.exponent(sizes[1:], [n**2 / 7 for n in sizes[1:]]) == pytest.approx(2)


def test_the_picture_is_svg_with_both_curves() -> None:
    curves = [
        Curve("a & b", who, [10, 100], times, 1.0, quiet, "one & two")
        for who, times, quiet in (("ours", [1.0, 10.0], True), ("peer", [2.0, 30.0], False))
    ]
    root = ElementTree.fromstring(chart(curves))
    name = "{http://www.w3.org/2000/svg}"
    lines = [
        np.array([point.split(",") for point in line.get("points").split()], float)
        for line in root.iter(f"{name}polyline")
    ]
    assert len(lines) == 2 and all(line[1, 1] < line[0, 1] for line in lines)
    assert "peer: size^1 (not quiet)" in [text.text for text in root.iter(f"{name}text")]
