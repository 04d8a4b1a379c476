"""Lists of cases: nothing lost, one failure costs one case, tables say what the journal holds."""

from __future__ import annotations

import csv
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest

from lesionscope.errors import InputError, LesionscopeError
from lesionscope.lesions.cases import Case
from lesionscope.report.case_journal import CaseJournal, Outcome
from lesionscope.report.case_list import digest, read_cases_into
from lesionscope.report.case_tables import READING_COLUMNS, STATUS_COLUMNS, write_tables

MODELS = {"pathology": "ab" * 32, "labels": None}
SCORE = {"label": "lung", "class": "body part", "probability": 0.9, "threshold": 0.5, "predicted": True}
KEEPER = Path(__file__).with_name("journal_forever.py")


@pytest.fixture(autouse=True)
def _logs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))


def cases(count: int) -> list[Case]:
    return [
        Case(number + 2, f"c{number}", Path(f"/scans/DOE^JOHN/{number}"), marks={"click": (1.0, 2.0, number)})
        for number in range(count)
    ]


def answer(case: Case) -> dict[str, Any]:
    """A report as the command line makes it, with both models' parts."""
    return {
        "notice": "A demonstration.",
        "study": {"series_uid": f"1.2.{case.id}"},
        "lesions": [
            {
                "centroid_lps_mm": [1.0, 2.0, 3.5],
                "long_mm": 12.25,
                "short_mm": None,
                "pathology": {
                    "model": "tree 1",
                    "nodes": [
                        {"tag": "H1a", "name": "A", "parent": None, "conditional": 0.75, "probability": 0.75},
                        {
                            "tag": "H2a",
                            "name": "B",
                            "parent": "H1a",
                            "conditional": 0.5,
                            "probability": 0.4,
                        },
                    ],
                    "leak": {"H2": 0.125},
                    "familiarity": 0.25,
                },
                "labels": {
                    "model": "labels 1",
                    "scores": [SCORE],
                    "familiarity": None,
                },
                "neighbours": [{"id": "=k1", "distance": 0.5}],
                "timings_ms": {"total": 1.0},
            }
        ],
    }


def refusal(case: Case) -> dict[str, Any]:
    content = answer(case)
    content["lesions"][0] |= {
        "pathology": {"model": "tree 1", "refused": "This is air."},
        "labels": {"model": "labels 1", "refused": "This is air."},
    }
    del content["lesions"][0]["neighbours"]
    return content


@contextmanager
def limited(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, in bytes."""
    resource = pytest.importorskip("resource")
    before, heard = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


def test_each_case_is_read_once(tmp_path: Path) -> None:
    read: list[str] = []

    def reader(case: Case) -> dict[str, Any]:
        read.append(case.id)
        if case.id == "c1":
            raise InputError(f"{case.path}/IM1 is no CT: open another one.")
        return answer(case)

    with CaseJournal(tmp_path / "journal.jsonl", MODELS) as journal:
        outcomes = read_cases_into(journal, cases(3), reader)
    assert [outcome.status for outcome in outcomes] == ["ok", "error", "ok"]
    assert outcomes[1].message == "its CT/IM1 is no CT: open another one."
    with CaseJournal(tmp_path / "journal.jsonl", MODELS) as journal:
        again = read_cases_into(journal, cases(4), answer)
    assert [outcome.status for outcome in again] == ["ok"] * 4
    assert again[0] == outcomes[0]
    assert read == ["c0", "c1", "c2"]
    assert b"DOE" not in (tmp_path / "journal.jsonl").read_bytes()


def test_what_was_changed_in_the_list_is_read_again(tmp_path: Path) -> None:
    first = cases(3)
    changed = [first[0], replace(first[1], marks={"click": (9.0, 9.0, 9.0)}), first[2]]
    read: list[str] = []
    with CaseJournal(tmp_path / "journal.jsonl", MODELS) as journal:
        read_cases_into(journal, first, answer)
        read_cases_into(journal, changed, lambda case: read.append(case.id) or answer(case))
        assert read == ["c1"]
        read_cases_into(journal, changed, lambda case: read.append(case.id) or answer(case), how="other")
        assert read == ["c1", "c0", "c1", "c2"]
    assert digest(first[1]) != digest(changed[1])


def test_an_error_of_ours_costs_one_case(tmp_path: Path) -> None:
    said: list[str] = []

    def broken(case: Case) -> dict[str, Any]:
        return answer(case) if case.id != "c0" else {}["DOE^JOHN"]

    listed = [*cases(2), Case(9, "c9", Path("x"), problem="it names no path")]
    with CaseJournal(tmp_path / "journal.jsonl", MODELS) as journal:
        outcomes = read_cases_into(journal, listed, broken, say=said.append)
    assert [outcome.status for outcome in outcomes] == ["error", "ok", "error"]
    assert "an error of ours (KeyError)" in said[0]
    assert said[1] == "line 9 (c9): it names no path."
    assert "DOE" not in "".join(said)


def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    with CaseJournal(tmp_path / "journal.jsonl", MODELS) as journal:
        (outcome,) = read_cases_into(journal, cases(1), refusal)
    assert (outcome.status, outcome.message) == ("refused", "This is air.")


def test_tables_are_tidy(tmp_path: Path) -> None:
    def reader(case: Case) -> dict[str, Any]:
        if case.id == "c2":
            raise InputError("No CT.")
        return refusal(case) if case.id == "c1" else answer(case)

    with CaseJournal(tmp_path / "journal.jsonl", MODELS) as journal:
        outcomes = read_cases_into(journal, cases(3), reader)
    readings, status = write_tables(outcomes, tmp_path)
    frame = pandas.read_csv(readings)
    assert tuple(frame.columns) == READING_COLUMNS
    assert frame.case.tolist() == ["c0"] * 4
    assert frame.task.tolist() == ["pathology"] * 3 + ["labels"]
    assert frame.kind.tolist() == ["node", "node", "none of these", "body part"]
    assert frame["name"].tolist() == ["A", "B", "none of these", "lung"]
    assert frame.tag.tolist()[:3] == ["H1a", "H2a", "H2"]
    assert frame.probability.tolist() == [0.75, 0.4, 0.125, 0.9]
    assert frame.conditional.tolist()[:2] == [0.75, 0.5]
    assert (frame.threshold[3], frame.predicted[3], frame.parent[1]) == (0.5, "yes", "H1a")
    with status.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == STATUS_COLUMNS
    assert [row["status"] for row in rows] == ["ok", "refused", "error"]
    assert [row["message"] for row in rows] == ["", "This is air.", "No CT."]
    assert rows[0]["series_uid"] == "1.2.c0"
    assert rows[0]["similar_lesions"].startswith("'=k1")  # never a formula


@pytest.mark.parametrize("tail", [b'{"case": "c9", "li', b"\xff\x00"])
def test_half_a_line_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    with CaseJournal(path, MODELS) as journal:
        read_cases_into(journal, cases(2), answer)
    with path.open("ab") as stream:
        stream.write(tail)
    with CaseJournal(path, MODELS) as journal:
        assert set(journal.outcomes) == {"c0", "c1"}
        read_cases_into(journal, cases(3), answer)
    with CaseJournal(path, MODELS) as journal:
        assert set(journal.outcomes) == {"c0", "c1", "c2"}


def test_a_full_disk_is_a_sentence_and_the_list_goes_on_later(tmp_path: Path) -> None:
    """What SQLite's lock and the file itself see: the limit on a file's size stands for the disk's."""
    path = tmp_path / "journal.jsonl"
    with limited(900), pytest.raises(LesionscopeError, match=r"free some space and run the same"):  # noqa: SIM117
        with CaseJournal(path, MODELS) as journal:
            read_cases_into(journal, cases(20), refusal)
    kept = len(journal.outcomes)
    assert 0 < kept < 20
    with CaseJournal(path, MODELS) as again:  # the lock is free
        assert set(again.outcomes) == set(journal.outcomes)
        read_cases_into(again, cases(20), refusal)
    with CaseJournal(path, MODELS) as again:
        assert len(again.outcomes) == 20


def test_a_kill_at_any_moment_loses_no_case(tmp_path: Path) -> None:
    path, moments, said = tmp_path / "journal.jsonl", random.Random(2), 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, KEEPER, path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            threading.Timer(moments.uniform(0, 0.1), process.send_signal, [signal.SIGKILL]).start()
            acknowledged = process.stdout.read().split()
        said = int(acknowledged[-1]) if acknowledged else said
        with CaseJournal(path, {"pathology": "ab"}) as journal:
            held = len(journal.outcomes)
            assert said <= held <= said + 1
            assert set(journal.outcomes) == {str(number) for number in range(held)}
            said = held
    assert said > 0


def test_other_models_another_writer_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with CaseJournal(path, MODELS), pytest.raises(LesionscopeError, match="Another process"):
        CaseJournal(path, MODELS)
    with pytest.raises(InputError, match="begun with other models"):
        CaseJournal(path, MODELS | {"labels": "cd"})
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(InputError, match="newer Lesionscope"):
        CaseJournal(path, MODELS)
    path.write_text('{"anything": 1}\n')
    with pytest.raises(InputError, match="is damaged"):
        CaseJournal(path, MODELS)
    CaseJournal(tmp_path / "other.jsonl", MODELS).close()


def test_an_outcome_survives_the_journal(tmp_path: Path) -> None:
    outcome = Outcome("ä\ud800", 3, "asked", "error", "Grüße\u2028", 1.5, "1.2", "n", {"a": [1, None]})
    with CaseJournal(tmp_path / "j.jsonl", MODELS) as journal:
        journal.add(outcome)
    with CaseJournal(tmp_path / "j.jsonl", MODELS) as journal:
        assert journal.outcomes == {outcome.case: outcome}
