"""The review dock in a real window: 50 lesions by key events, a kill, a second sitting, an export."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_clinic import Reviewer, review_window, write_clinic

from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.blocks import BlockBody

pytestmark = pytest.mark.window
LESIONS, BEFORE_THE_KILL, UNDONE = 50, 24, 12


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty phantom lesions with reports."""
    return write_clinic(tmp_path_factory.mktemp("clinic") / "deeplesion", LESIONS, BlockBody)


def killed_half_way(project: Path, clinic: Path) -> list[str]:
    """Have another process review until it has shown so many lesions as decided, and kill it."""
    script = Path(__file__).with_name("review_until_killed.py")
    command = [sys.executable, str(script), str(project), str(clinic)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            if line.startswith("decided "):
                lines.append(line)
            if len(lines) == BEFORE_THE_KILL:
                os.kill(process.pid, signal.SIGKILL)
    return lines


def log_says(project: Path) -> dict[str, dict[str, str]]:
    """Replay the log from raw rows: lesion → label → the verdict in force; undo goes step by step."""
    with sqlite3.connect(project) as raw:
        edits = raw.execute("select seq, kind from edits order by seq").fetchall()
        columns = [row[1] for row in raw.execute("pragma table_info(decisions)")]
        rows = [
            dict(zip(columns, row, strict=True))
            for row in raw.execute("select * from decisions order by seq")
        ]
    raw.close()
    of_step: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        of_step.setdefault(row["step"], []).append(row)
    done: list[int] = []
    undone: list[int] = []
    for seq, kind in edits:
        if kind == "undo":
            undone.append(done.pop())
        elif kind == "redo":
            done.append(undone.pop())
        else:
            done.append(seq)
            undone.clear()
    said: dict[str, dict[str, str]] = {}
    for seq in done:
        for row in of_step.get(seq, []):
            said.setdefault(row["lesion_id"], {})[row["label"]] = row["verdict"]
    return said


def implied(labels: set[str]) -> set[str]:
    """Follow the ontology's parents by hand."""
    known = load_labels().by_name
    found = set(labels)
    waiting = list(labels)
    while waiting:
        for parent in known[waiting.pop()].parents:
            if parent in known and parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


def labels_of(file: Path) -> dict[int, dict[str, set[str]]]:
    """Read an exported label file: row → relation → labels."""
    content = json.loads(file.read_text(encoding="utf-8"))
    terms = content["term_list"]
    return {
        row: {
            relation: {terms[place] for place in content[f"{split}_{relation}_labels"][number]}
            for relation in ("relevant", "uncertain", "irrelevant")
        }
        for split in ("train", "val", "test")
        for number, row in enumerate(content[f"{split}_lesion_idxs"])
    }


def test_fifty_lesions_a_kill_a_second_sitting_undo_and_an_export_that_the_log_bears_out(
    clinic: Path, tmp_path: Path, make_viewer: Callable[[], Any]
) -> None:
    project = tmp_path / "review.sqlite"
    shown = killed_half_way(project, clinic)
    assert len(shown) >= BEFORE_THE_KILL
    reviewed = [line.split()[1] for line in shown]
    with review_window() as reviewer:
        reviewer.review.open_project(project)
        reviewer.begin("Ann")
        state = reviewer.state
        assert not state.read_only and len(state.project.mined) == LESIONS
        assert len(state.project.decisions) >= int(shown[-1].split()[2])
        assert list(state.project.mined)[: len(reviewed)] == reviewed
        # The first that isn't finished is in sight: the one that was at work when it was killed.
        assert state.place in (len(reviewed) + 1, len(reviewed) + 2)
        while state.place < LESIONS or not state.all_decided:
            if not state.all_decided:
                reviewer.read_lesion()
            reviewer.press("N")
            reviewer.wait_for_images()
            state = reviewer.state
        before = reviewer.state.project
        assert reviewer.state.progress.finished == LESIONS
        taken_back(reviewer, before)
        out = tmp_path / "reviewed.json"
        reviewer.review.export(out)
        reviewer.wait(lambda: "written" in reviewer.state.notice)
        mined = dict(reviewer.state.project.mined)
    said = log_says(project)
    assert {verdict for labels in said.values() for verdict in labels.values()} == {
        "accepted", "rejected", "uncertain", "added",
    }  # fmt: skip
    exported, core = labels_of(out), set(load_labels().core)
    assert len(exported) == LESIONS
    for lesion in mined.values():
        verdicts = said.get(lesion.id, {})
        if not set(lesion.labels) <= verdicts.keys():
            continue
        yes = implied({one for one, verdict in verdicts.items() if verdict in ("accepted", "added")})
        unsure = {one for one, verdict in verdicts.items() if verdict == "uncertain"} - yes
        no = {one for one, verdict in verdicts.items() if verdict == "rejected"} - yes - unsure
        found = exported[lesion.row]
        assert found["relevant"] == yes & core
        assert found["uncertain"] == unsure & core
        assert found["irrelevant"] >= no & core & set(lesion.labels)
    whole = [one for one in mined.values() if set(one.labels) <= said.get(one.id, {}).keys()]
    assert len(whole) >= LESIONS - UNDONE


def taken_back(reviewer: Reviewer, before: Any) -> None:
    """Undo some steps, those of the first sitting's end among them or not, and redo half of them."""
    counts = []
    for _ in range(UNDONE):
        reviewer.press("Ctrl+Z")
        counts.append(len(reviewer.state.project.decisions))
    assert counts == sorted(counts, reverse=True) and counts[0] < len(before.decisions)
    reviewer.wait_for_images()
    for _ in range(UNDONE // 2):
        reviewer.press("Ctrl+Y")
    after = reviewer.state.project.decisions
    assert counts[-1] < len(after) < len(before.decisions)
    assert after == before.decisions[: len(after)]
    reviewer.wait_for_images()
