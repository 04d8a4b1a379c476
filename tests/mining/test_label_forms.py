"""What mining writes: lines that hold any text, LesaNet's label file, and never half a file."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_fakes import FakeGraph, fake_mine

from lesionscope.errors import InputError, LesionscopeError, UsageError
from lesionscope.mining.forms import (
    JsonLines,
    LesaNetLabels,
    form_named,
    json_line,
    lesion_idx,
    split_name,
    writing,
)
from lesionscope.mining.rows import Row


def test_a_line_of_json_holds_the_contract() -> None:
    text = "BOOKMARK: nodule of the lung, no chest, maybe hilum"
    line = JsonLines(FakeGraph()).render(Row(1, "a7", text), fake_mine(text))
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    content = json.loads(line)
    assert list(content) == ["id", "text", "labels", "mentions", "bookmarks"]
    assert (content["id"], content["text"]) == ("a7", text)
    assert content["labels"] == ["chest", "lung", "nodule", "hilum"]
    for mention in content["mentions"]:
        assert set(mention) == {"start", "end", "text", "label", "relation", "bookmark"}
        assert text[mention["start"] : mention["end"]] == mention["text"]
    assert {mention["label"]: mention["relation"] for mention in content["mentions"]} == {
        "chest": "irrelevant",
        "lung": "relevant",
        "nodule": "relevant",
        "hilum": "uncertain",
    }
    assert content["bookmarks"] == [
        {
            "start": 0,
            "end": 8,
            "text": "BOOKMARK",
            "target": True,
            "labels": ["chest", "lung", "nodule", "hilum"],
            "uncertain": ["hilum"],
        }
    ]
    plain = json.loads(JsonLines(FakeGraph()).render(Row(1, 1, "nodule"), fake_mine("nodule")))
    assert plain["bookmarks"] == [] and plain["mentions"][0]["bookmark"] is None


@pytest.mark.parametrize(
    "text",
    [
        "Größe 肺 \U0001fac1",
        "كتلة \u202e\u200f",
        "half \ud800 pair \udfff",
        "\x00\x1f\x7f",
        "a\x85b\u2028c\u2029d\r\n",
    ],
)
def test_any_text_survives_on_one_line(text: str) -> None:
    line = json_line({"text": text, "id": text})
    assert json.loads(line) == {"text": text, "id": text}
    assert len(line.decode().splitlines()) == 1, "for readers that break lines at U+2028 and the like too"


@given(st.text(st.characters()) | st.text())
def test_any_text_comes_back(text: str) -> None:
    line = json_line(text)
    assert json.loads(line) == text
    assert len(line.decode("utf-8").splitlines()) == 1


def test_readable_text_is_left_readable() -> None:
    assert json_line("Größe 肺") == '"Größe 肺"\n'.encode()
    assert json_line("肺 \ud800") == b'"\\u80ba \\ud800"\n'


# --- LesaNet -------------------------------------------------------------------------------------


def lesanet(*rows: tuple[Any, Any, str]) -> dict[str, Any]:
    form = LesaNetLabels(FakeGraph())
    written: list[bytes] = []
    for line, (lesion, split, text) in enumerate(rows, start=1):
        row = Row(line, line, text, lesion, split)
        assert form.refuse(row) is None
        form.add(row, form.render(row, fake_mine(text)), written.append)
    assert not written
    form.finish(written.append)
    content: dict[str, Any] = json.loads(b"".join(written))
    return content


def test_sentences_of_one_lesion_are_merged() -> None:
    content = lesanet(
        (7, "train", "maybe lung"),
        ("3", "Train", "no nodule"),
        ("7.0", "1", "nodule of the lung"),
        (3, "train", "maybe nodule, no chest"),
        (5, "test", "hilum, no nodule"),
        (6, 2, "nothing"),
    )
    assert content == {
        "term_list": ["chest", "lung", "nodule"],
        "train_lesion_idxs": [7, 3],
        "train_relevant_labels": [[0, 1, 2], []],
        "train_uncertain_labels": [[], [2]],
        "train_irrelevant_labels": [[], [0]],
        "val_lesion_idxs": [6],
        "val_relevant_labels": [[]],
        "val_uncertain_labels": [[]],
        "test_lesion_idxs": [5],
        "test_relevant_labels": [[0]],
        "test_uncertain_labels": [[]],
    }


def test_the_file_has_the_released_shape(shared_data: Path) -> None:
    released = json.loads((shared_data / "lesanet/text_mined_labels_171_and_split.json").read_text())
    assert set(lesanet((1, "val", "lung"))) == set(released)
    empty = lesanet()
    assert {key: type(value) for key, value in empty.items()} == {
        key: type(value) for key, value in released.items()
    }


@pytest.mark.parametrize(("value", "number"), [(0, 0), ("12", 12), (" 7 ", 7), (3.0, 3), ("4.00", 4)])
def test_lesion_numbers(value: Any, number: int) -> None:
    assert lesion_idx(value) == number


@pytest.mark.parametrize(
    "value", [None, "", -1, "-1", "x", 1.5, "1.5", True, [1], float("nan"), "1e3", "٣", 10**12]
)
def test_what_is_no_lesion_number(value: Any) -> None:
    with pytest.raises(ValueError, match="lesion_idx"):
        lesion_idx(value)


def test_splits() -> None:
    assert [split_name(value) for value in ("train", " VAL ", "Validation", "testing", 1, "2", 3.0)] == [
        *("train", "val", "val", "test", "train", "val", "test")
    ]
    for value in (None, "", "x", 0, 4, True, ["train"]):
        with pytest.raises(ValueError, match="split"):
            split_name(value)


def test_rows_that_cannot_stand_in_the_file_are_refused() -> None:
    form = LesaNetLabels(FakeGraph())
    assert form.refuse(Row(1, 1, "a", 5, "train")) is None
    assert form.refuse(Row(2, 2, "b", 5, "train")) is None
    assert form.refuse(Row(3, 3, "c", 5, "test")) == (
        "its lesion 5 is in the train split by an earlier line, and in test here"
    )
    assert "no lesion_idx" in str(form.refuse(Row(4, 4, "d", None, "test")))
    assert "no split" in str(form.refuse(Row(5, 5, "e", 6)))
    with pytest.raises(UsageError, match="jsonl or lesanet"):
        form_named("xml")


# --- where it goes -------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "labels.jsonl"
    out.write_bytes(b"earlier")
    with writing(out) as write:
        write(b"one\n")
        assert out.read_bytes() == b"earlier"
        write(b"two\n")
    assert out.read_bytes() == b"one\ntwo\n"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError, BrokenPipeError])
def test_what_was_there_stays_when_it_ends_early(tmp_path: Path, error: type[BaseException]) -> None:
    out = tmp_path / "labels.jsonl"
    out.write_bytes(b"earlier")
    with pytest.raises(error), writing(out) as write:
        write(b"one\n")
        raise error
    assert out.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [out]


def test_places_that_cannot_be_written_get_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"There is no folder .*missing to write a.jsonl into"),
        writing(tmp_path / "missing" / "a.jsonl"),
    ):
        pass
    with pytest.raises(InputError, match="is a folder"), writing(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "labels.jsonl"
    out.write_bytes(b"earlier")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LesionscopeError, match="free some space") as failure, writing(out) as write:
        write(b"one\n")
    assert failure.value.exit_status == 1
    assert out.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_device_is_written_to_and_not_replaced(size: int) -> None:
    with (
        pytest.raises(LesionscopeError, match="/dev/full could not be written"),
        writing(Path("/dev/full")) as write,
    ):
        write(b"x" * size)
    assert Path("/dev/full").is_char_device()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True
    ).returncode:
        pytest.skip("a tmpfs can't be mounted here")
    try:
        out = disk / "labels.jsonl"
        out.write_bytes(b"earlier")
        with pytest.raises(LesionscopeError, match="free some space"), writing(out) as write:
            for _ in range(100):
                write(b"x" * 1000)
        assert out.read_bytes() == b"earlier"
        assert list(disk.iterdir()) == [out]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_link_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"earlier")
    try:
        link.symlink_to(real)
    except OSError:
        pytest.skip("no links here")
    with writing(link) as write:
        write(b"one")
    assert link.is_symlink()
    assert real.read_bytes() == b"one"


@pytest.mark.skipif(not hasattr(os, "kill") or sys.platform == "win32", reason="kills with a signal")
def test_a_kill_leaves_no_half_file(tmp_path: Path) -> None:
    out = tmp_path / "labels.jsonl"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from lesionscope.mining.forms import writing\n"
        "with writing(Path(sys.argv[1])) as write:\n"
        "    write(b'x' * 1_000_000)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, out], check=False)
    assert done.returncode == -9
    assert not out.exists()
