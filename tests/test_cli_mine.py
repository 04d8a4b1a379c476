"""``lesionscope mine`` as scripts use it: exit status, lines on stdout, sentences on stderr."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lesionscope import cli
from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import read_label_file

COMMAND = [sys.executable, "-m", "lesionscope.cli", "mine"]
SENTENCE = "5 mm nodule in the right lower lobe of the lung"


class Result:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


@pytest.fixture
def mine(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))

    def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            status = cli.main(["mine", *(str(argument) for argument in arguments)])
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


def test_a_table_gives_a_line_a_row(mine: Any, tmp_path: Path) -> None:
    path = tmp_path / "sentences.csv"
    path.write_text(f'id,text\na,{SENTENCE}\nb,"Nothing, to say."\n')
    result = mine(path)
    assert result.status == 0
    assert result.err == f"lesionscope: {path}: 2 rows mined.\n"
    first, second = result.rows
    assert (first["id"], first["text"]) == ("a", SENTENCE)
    assert {"nodule", "lung", "chest"} <= set(first["labels"])
    for mention in first["mentions"]:
        assert {"start", "end", "text", "label", "relation", "bookmark"} <= set(mention)
        assert SENTENCE[mention["start"] : mention["end"]] == mention["text"]
        assert mention["relation"] in ("relevant", "uncertain", "irrelevant")
    assert second == {"id": "b", "text": "Nothing, to say.", "labels": [], "mentions": [], "bookmarks": []}


def test_stdin_is_a_sentence_a_line_or_json(mine: Any) -> None:
    assert [row["id"] for row in mine("-", stdin=b"lung\n\nnodule\n").rows] == [1, 3]
    assert [row["id"] for row in mine("-", stdin=b'{"id": 7, "text": "lung"}\n').rows] == [7]


def test_bad_rows_are_said_by_line_and_never_quoted(mine: Any, tmp_path: Path) -> None:
    path = tmp_path / "sentences.jsonl"
    path.write_text(
        '{"id": 1, "text": "lung"}\n{"text": 5, "name": "Doe"}\nDoe\n{"id": 4, "text": "nodule"}\n'
    )
    result = mine(path)
    assert result.status == 0
    assert [row["id"] for row in result.rows] == [1, 4]
    assert result.err.splitlines() == [
        f"lesionscope: {path}, line 2: its text is a number, not a string; left out.",
        f"lesionscope: {path}, line 3: it is not JSON; left out.",
        f"lesionscope: {path}: 2 rows mined, 2 left out.",
    ]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"", "holds no rows"),
        ("a.txt", b"\n \n", "holds no rows"),
        ("a.csv", b"id,text\n", "holds no rows"),
        ("a.csv", b"id,note\n1,lung\n", "its columns are id, note"),
        ("a.csv", b"id,text\n1,\n2,\n", "none of its 2 rows could be mined"),
        ("a.txt.gz", b"\x1f\x8bnonsense", "compression is damaged"),
        ("a.csv", b"PK\x03\x04", "Excel"),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "lesanet"])
def test_nothing_to_mine_is_bad_input(
    mine: Any, tmp_path: Path, name: str, content: bytes, sentence: str, form: str
) -> None:
    path, out = tmp_path / name, tmp_path / "out.json"
    path.write_bytes(content)
    out.write_text("earlier")
    result = mine(path, "--format", form, "--out", out)
    assert (result.status, result.out) == (3, "")
    assert sentence in result.err.splitlines()[-1]
    assert result.err.startswith("lesionscope: ") and "Traceback" not in result.err
    assert out.read_text() == "earlier"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "out.json"])


def test_places_that_cannot_be(mine: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("lung\n")
    assert mine(tmp_path / "none.csv").status == 3
    assert mine(tmp_path).status == 3
    missing = mine(path, "--out", tmp_path / "no" / "out.jsonl")
    assert missing.status == 3 and "There is no folder" in missing.err
    assert mine(path, "--labels", tmp_path / "none.tsv").status == 3
    itself = mine(path, "--out", path)
    assert itself.status == 2 and "is the file to read" in itself.err
    assert path.read_text() == "lung\n"


@pytest.mark.parametrize(
    "options",
    [["--workers", "-1"], ["--workers", "x"], ["--format", "xml"], ["--text-column", "a"], ["--text", "a"]],
)
def test_wrong_usage(mine: Any, tmp_path: Path, options: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("lung\n")
    result = mine(path, *options)
    assert (result.status, result.out) == (2, "")
    assert "Traceback" not in result.err


def test_any_text_goes_through_to_a_file(mine: Any, tmp_path: Path) -> None:
    texts = [
        "كتلة \u202e lung",
        "\U0001fac1 lung",
        "half \ud800 lung",
        "a\x85b\u2028 lung",
        "lung\x00",
        "l\x0bung",
    ]
    path, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps({"id": text, "text": text}) + "\n" for text in texts))
    result = mine(path, "--out", out)
    assert (result.status, result.out) == (0, "")
    lines = out.read_bytes().decode("utf-8").splitlines()
    assert [(row["id"], row["text"]) for row in map(json.loads, lines)] == [(text, text) for text in texts]
    for row in map(json.loads, lines):
        assert all(row["text"][m["start"] : m["end"]] == m["text"] for m in row["mentions"])


def test_many_rows_keep_their_order_in_processes(mine: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "a.tsv.gz", tmp_path / "out.jsonl"
    rows = "".join(f"r{n}\tnodule {n} of the lung\n" if n % 500 else f"r{n}\n" for n in range(4000))
    path.write_bytes(gzip.compress(f"id\ttext\n{rows}".encode()))
    result = mine(path, "--workers", "2", "--out", out)
    assert result.status == 0
    kept = [f"r{n}" for n in range(4000) if n % 500]
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == kept
    assert result.err.count("left out") == 8 + 1
    alone = tmp_path / "alone.jsonl"
    assert mine(path, "--workers", "1", "--out", alone).status == 0
    assert alone.read_bytes() == out.read_bytes()


def test_the_label_file_of_lesanet(mine: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "a.csv", tmp_path / "labels.json"
    path.write_text(
        "lesion_idx,split,text\n"
        "12,train,lung nodule\n"
        "3,test,liver mass\n"
        "12,train,no cyst\n"
        "12,test,cyst\n"
        ",train,cyst\n"
        "4,later,cyst\n"
    )
    result = mine(path, "--format", "lesanet", "--out", out)
    assert result.status == 0
    assert [line.split(":")[1] for line in result.err.splitlines()[:-1]] == [
        line.split(":")[1]
        for line in (
            f"lesionscope: {path}, line 5: ",
            f"lesionscope: {path}, line 6: ",
            f"lesionscope: {path}, line 7: ",
        )
    ]
    content = json.loads(out.read_text())
    terms = content["term_list"]
    assert len(terms) == 171
    assert (content["train_lesion_idxs"], content["val_lesion_idxs"], content["test_lesion_idxs"]) == (
        [12],
        [],
        [3],
    )
    relevant = {terms[n] for n in content["train_relevant_labels"][0]}
    assert {"lung nodule", "nodule", "lung", "chest"} <= relevant
    assert terms.index("cyst") in content["train_irrelevant_labels"][0]
    assert terms.index("liver mass") in content["test_relevant_labels"][0]


def test_the_label_file_is_read_back_as_the_released_one_is(mine: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "a.jsonl", tmp_path / "labels.json"
    texts = ["lung nodule", "liver mass, possibly a cyst", "no lymph node", "nothing", "right kidney"]
    rows = [(n, split, texts[n % 5]) for n, split in enumerate(["train", "val", "test"] * 5)]
    path.write_text(
        "".join(json.dumps({"lesion_idx": n, "split": split, "text": text}) + "\n" for n, split, text in rows)
    )
    assert mine(path, "--format", "lesanet", "--out", out).status == 0
    read = read_label_file(out)
    graph = load_labels()
    miner = Miner(graph)
    assert read.terms == graph.core
    for name, split in read.splits.items():
        own = [(n, text) for n, of, text in rows if of == name]
        assert split.lesions == tuple(n for n, _ in own)
        for place, (_, text) in enumerate(own):
            mined = miner.mine(text)
            for relation in ("relevant", "uncertain", "irrelevant")[: 3 if name == "train" else 2]:
                numbers = getattr(split, relation)[place]
                assert {read.terms[n] for n in numbers} == set(mined.by_relation(relation)) & set(graph.core)
                assert list(numbers) == sorted(set(numbers))


def test_a_reader_that_goes_away_early(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("nodule of the lung\n" * 5000)
    process = subprocess.Popen([*COMMAND, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["id"] == 1
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), complaint) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_stdout(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("nodule of the lung\n")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, path], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("lesionscope: The standard output could not be written")
    assert done.stderr.count("\n") == 1


def started(path: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    """Start mining so much that it is still at it when its unfinished file has something in it."""
    command: Sequence[str | Path] = [*COMMAND, path, "--out", out, *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 120
    while not any(part.stat().st_size for part in out.parent.glob(".*.part")) and time.monotonic() < end:
        time.sleep(0.02)
    assert process.poll() is None
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_stopped_half_way_it_leaves_no_half_file(tmp_path: Path, number: signal.Signals) -> None:
    path, out = tmp_path / "a.txt", tmp_path / "out.jsonl"
    path.write_text("nodule of the lung, 5 mm, and no cyst\n" * 200_000)
    process = started(path, out, "--workers", "2")
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.kill()
    _, err = process.communicate(timeout=60)
    assert not out.exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert err == "lesionscope: stopped; nothing was left half-written.\n"
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_it_loads_no_network_and_no_table_library(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("lung\n")
    program = (
        "import sys\n"
        "from lesionscope.cli import main\n"
        f"main(['mine', {str(path)!r}])\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"torch", "pandas", "napari", "qtpy", "SimpleITK", "numpy", "pydicom", "openpyxl"}
