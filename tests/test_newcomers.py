"""What a newcomer gets: one line that names the thing, what is wrong with it, and the way out."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lesionscope import cli
from lesionscope.commands import training


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command; its exit status, and what it said on standard error."""
    status = cli.main(words)
    return status, capsys.readouterr().err


def test_training_without_its_libraries_is_refused_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(training, "find_spec", lambda name: None if name == "onnx" else object())
    status, line = said(capsys, "train", "radpath-demo", "--out", str(tmp_path / "run"))
    assert status == 1 and "needs onnx," in line and "pip install 'napari-lesionscope[train]'" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "says"),
    [("device=gpu", "'gpu' is no device; choose auto"), ("device=cuda:99", "no GPU 'cuda:99'")],
)
def test_a_device_that_is_not_there_is_refused_before_the_data_are_made(
    setting: str, says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    begun = time.monotonic()
    status, line = said(capsys, "train", "radpath-demo", "--set", setting, "--out", str(tmp_path / "run"))
    assert status == 3 and says in line
    assert time.monotonic() - begun < 60, "phantoms for this recipe take ten minutes"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("read --list {0}/no.csv --out {0}/r", "no.csv could not be read as a table of lesions (there is no"),
        ("read --list {0}/latin.csv --out {0}/r", "a table of lesions (it is not text in UTF-8): save it as"),
        (
            "doctor --dataset {0}",
            "DL_info.csv could not be read as DeepLesion's table (there is no",
        ),
        (
            "train radpath-paper --set data.manifest={0} --out {0}/r",
            "a manifest (CSV) (it is a folder): name",
        ),
        ("mine {0}/latin.csv --labels {0}/no.tsv", "no.tsv could not be read as a table of labels (there"),
        ("phantom chest --seed -1 --out {0}/c", "--seed must be 0 or more, not -1."),
        ("phantom atlas --seed -1 --out {0}/c", "--seed must be 0 or more, not -1."),
    ],
)
def test_what_is_wrong_and_what_to_do(
    words: str, line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "latin.csv").write_bytes("path,click\nétude,\n".encode("latin-1"))
    status, told = said(capsys, *words.format(tmp_path).split())
    assert status in (2, 3) and line in told
    assert told.count("\n") == 1 and "Errno" not in told and "codec" not in told


@pytest.mark.parametrize(
    "words",
    [
        "read {0}/ct --click=1,2,3",
        "read --list {0}/cases.csv",
        "find {0}/ct",
        "train radpath-demo",
        "evaluate radpath-demo --checkpoint {0}/run",
        "harvest {0}",
        "bank build --list {0}/cases.csv",
        "phantom chest",
        "phantom patient",
        "phantom atlas",
        "phantom radpath",
        "phantom deeplesion --patients 1",
        "phantom cohort --count 1",
        "phantom lesions",
        "demo",
    ],
)
def test_a_file_where_a_folder_is_meant_is_refused_before_anything_begins(
    words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(SystemExit) as end:
        cli.main([*words.format(tmp_path).split(), "--out", str(notes)])
    assert end.value.code == 2
    assert f"argument --out: {notes} is a file: give a folder" in capsys.readouterr().err
    assert notes.read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_told_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text('path,click\nct,"1,2,3"\n')
    inside = str(tmp_path / "notes.txt" / "inside")
    commands = (
        ("read", "--list", str(tmp_path / "notes.txt")),
        ("harvest", str(tmp_path)),
        ("train", "radpath-demo"),
    )
    begun = time.monotonic()
    for words in commands:
        status, told = said(capsys, *words, "--out", inside)
        assert status == 1 and "can't be written (Not a directory): choose another folder" in told
        assert "Errno" not in told
    assert time.monotonic() - begun < 60, "phantoms for this recipe take ten minutes"


def test_of_several_processes_one_says_where_the_package_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    package = SimpleNamespace(folder=tmp_path / "package")
    made = SimpleNamespace(package=package, out=tmp_path, metrics={"left_out": ["012.png isn't there."]})
    monkeypatch.setattr(training, "_training", lambda: SimpleNamespace(run=lambda *_: made))
    for rank, told in (("0", f"{tmp_path / 'package'}\n"), ("1", "")):
        monkeypatch.setenv("RANK", rank)
        assert cli.main(["train", "radpath-demo", "--out", str(tmp_path)]) == 0
        printed = capsys.readouterr()
        assert printed.out == told
        where = f"1 lesions can't be trained on and were left out: {tmp_path / 'metrics.json'} says why."
        assert printed.err == (f"lesionscope: {where}\n" if told else "")
