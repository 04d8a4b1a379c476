"""The command line as scripts use it: exit status, stdout, one line on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lesionscope import cli
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.ontology.tree import load_tree

NODULE = "-57.44,131.23,-520.36"


class Result:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def one_line(self) -> str:
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("lesionscope: ")
        assert "Traceback" not in self.err
        return self.err


@pytest.fixture
def lesionscope(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))

    def run(*arguments: str | Path) -> Result:
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


def check_tree(pathology: dict[str, Any]) -> None:
    """The contract: a head's conditionals sum to 1, the leak apart, no child above its parent."""
    tree = load_tree()
    nodes = {node["tag"]: node for node in pathology["nodes"]}
    assert set(nodes) == set(tree.by_tag)
    for head in tree.heads:
        assert sum(nodes[tag]["conditional"] for tag in head.nodes) == pytest.approx(1.0, abs=1e-9)
    for node in nodes.values():
        above = 1.0 if node["parent"] is None else nodes[node["parent"]]["probability"]
        assert 0 <= node["probability"] <= above + 1e-12
    assert set(pathology["leak"]) == {head.name for head in tree.heads if head.leaky}
    assert 0 < pathology["familiarity"] <= 1


def test_reading_the_nodule(lesionscope: Any, shared_data: Path) -> None:
    result = lesionscope(
        "read", shared_data / "ct/01_chest_lidc0314", f"--click={NODULE}", "--format", "json", "--out", "-"
    )
    assert (result.status, result.err) == (0, "")
    content = result.json
    assert "not for clinical use" in content["notice"].lower()
    (lesion,) = content["lesions"]
    assert lesion["centroid_lps_mm"] == [-57.44, 131.23, -520.36]
    x0, y0, z0, x1, y1, z1 = lesion["box_lps_mm"]
    assert x0 < -57.44 < x1 and y0 < 131.23 < y1 and z0 < -520.36 < z1
    check_tree(lesion["pathology"])
    assert {"crop", "network", "total"} <= set(lesion["timings_ms"])
    assert "LIDC" not in result.out.replace("lidc0314", ""), "no patient on stdout"


def test_what_is_printed_can_be_without_identities(lesionscope: Any, shared_data: Path) -> None:
    read = ("read", shared_data / "ct/01_chest_lidc0314", f"--click={NODULE}", "--out", "-")
    plain, clean = lesionscope(*read), lesionscope(*read, "--deidentify")
    assert (clean.status, clean.err) == (0, "")
    study, lesion = plain.json["study"], plain.json["lesions"][0]
    for secret in (study["series_uid"], study["study_uid"], lesion["tracking_uid"], plain.json["created"]):
        assert secret and secret not in clean.out
    assert clean.json["study"]["study_date"] == "" and clean.json["deidentified"] is True
    assert clean.json["lesions"][0]["pathology"] == lesion["pathology"]


def test_several_lesions_and_how_negative_numbers_are_written(lesionscope: Any, shared_data: Path) -> None:
    result = lesionscope(
        "read",
        shared_data / "ct/01_chest_lidc0314",
        *("--click", NODULE),
        *("--long", "-65,131,-520.8,-50,131,-520.8", "--short=-57,126,-520.8,-57,136,-520.8"),
        *("--long", "-60,131,-520.8,-50,131,-520.8"),
        *("--click", "0,130,-520"),
        *("--click", "0,0,0"),
        *("--out", "-"),
    )
    assert (result.status, result.err) == (0, "")
    first, second, third, fourth = result.json["lesions"]
    assert (first["long_mm"], first["short_mm"]) == (15.0, 10.0)
    assert first["centroid_lps_mm"] == [-57.44, 131.23, -520.36]
    assert (second["long_mm"], second["short_mm"]) == (10.0, None)
    assert second["centroid_lps_mm"][0] == pytest.approx(-55.0)
    for lesion in (first, second):
        check_tree(lesion["pathology"])
    for lesion in (third, fourth):
        assert set(lesion["pathology"]) == {"model", "refused"}
    assert "outside the scan" in fourth["pathology"]["refused"]


@pytest.mark.parametrize(
    ("item", "click"),
    [
        ("03_sts019_mass/CT_image.nii.gz", "-21.8,-78.9,-154.7"),
        ("04_sts025_nrrd_mha/ct.mha", "-51.7,105.9,436"),
    ],
)
def test_what_is_not_lung_is_refused_and_flagged_when_overridden(
    lesionscope: Any, shared_data: Path, item: str, click: str
) -> None:
    read = ("read", shared_data / "ct" / item, f"--click={click}", "--out", "-")
    refused = lesionscope(*read)
    assert refused.status == 0
    assert "lung" in refused.json["lesions"][0]["pathology"]["refused"]
    answered = lesionscope(*read, "--override-scope")
    pathology = answered.json["lesions"][0]["pathology"]
    check_tree(pathology)
    assert pathology["unfamiliar"] is True


def test_every_item_has_a_clear_end(lesionscope: Any, shared_data: Path) -> None:
    """Whatever lies there: info and read end with a status of the contract and never a traceback."""
    for item in sorted((shared_data / "ct").glob("[01]*")):
        info = lesionscope("info", item)
        listed = info.json["series"]
        assert info.status == (0 if listed else 3), item.name
        read = lesionscope("read", item, "--click=0,0,0", "--out", "-")
        assert "Traceback" not in read.err
        if any(series["usable"] for series in listed):
            assert read.status == 0, (item.name, read.err)
            assert "refused" in read.json["lesions"][0]["pathology"] or read.json["lesions"][0]["pathology"]
        else:
            assert read.status == 3
            read.one_line()


def test_reports_are_written_in_every_form(lesionscope: Any, shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports"
    result = lesionscope(
        "read",
        shared_data / "ct/01_chest_lidc0314",
        f"--click={NODULE}",
        *("--format", "json,html,csv", "--out", out),
    )
    assert (result.status, result.err) == (0, "")
    written = sorted(path.name for path in out.iterdir())
    assert written == ["report.csv", "report.html", "report.json"]
    assert sorted(result.out.split()) == [str(out / name) for name in written]
    check_tree(json.loads((out / "report.json").read_text())["lesions"][0]["pathology"])
    assert "<img" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["read"],
        ["read", "x"],
        ["read", "x", "--click=1,2", "--out", "-"],
        ["read", "x", "--click=1,2,nan", "--out", "-"],
        ["read", "x", "--click=1,2,inf", "--out", "-"],
        ["read", "x", "--click=a,b,c", "--out", "-"],
        ["read", "x", "--long=1,2,3", "--out", "-"],
        ["read", "x", "--out", "-"],
        ["read", "x", "--short=1,2,3,4,5,6", "--out", "-"],
        ["read", "x", "--click=1,2,3", "--format", "docx", "--out", "d"],
        ["read", "x", "--click=1,2,3", "--format", "html", "--out", "-"],
        ["read", "x", "--click=1,2,3", "--format", ",", "--out", "-"],
        ["read", "x", "--click=1,2,3", "--device", "tpu", "--out", "-"],
        ["read", "x", "--cl=1,2,3", "--out", "-"],
        ["models"],
        ["train", "radpath-demo"],
        ["evaluate", "radpath-demo"],
        ["phantom", "radpath", "--count", "0", "--out", "d"],
        ["find", "x", "--slices", "9:3"],
        ["find", "x", "--min-score", "2"],
        ["mine"],
    ],
)
def test_wrong_usage(lesionscope: Any, shared_data: Path, arguments: list[str]) -> None:
    places = {"x": str(shared_data / "ct/01_chest_lidc0314")}
    result = lesionscope(*(places.get(word, word) for word in arguments))
    assert result.status == 2
    assert result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_bad_input(lesionscope: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.txt").write_text("Dear colleague")
    for path in (tmp_path / "none", tmp_path / "empty", tmp_path / "letter.txt"):
        info = lesionscope("info", path)
        assert info.status == 3
        info.one_line()
        read = lesionscope("read", path, "--click=1,2,3", "--out", "-")
        assert read.status == 3
        assert str(path.name) in read.one_line()


def test_a_name_that_is_too_long_is_bad_input(lesionscope: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nodule of the lung\n")
    name = tmp_path / ("n" * 300)
    commands = (
        ["info", name], ["mine", name], ["mine", tmp_path / "a.txt", "--out", name],
        ["harvest", name, "--out", tmp_path / "out"],
        ["review", "export", name, "--out", tmp_path / "x.json"],
    )  # fmt: skip
    for command in commands:
        result = lesionscope(*command)
        assert result.status == 3
        assert "n" * 300 in result.one_line()


def test_unknown_names(lesionscope: Any, shared_data: Path, tmp_path: Path) -> None:
    item = shared_data / "ct/01_chest_lidc0314"
    read = ("read", item, "--click=1,2,3", "--out", "-")
    assert lesionscope(*read, "--series", "1.2.3").status == 3
    assert lesionscope(*read, "--pathology-model", "none").status == 3
    assert lesionscope("models", "show", "none").status == 3
    assert "radpath-demo" in lesionscope("models", "show", "none").one_line()
    assert lesionscope("train", "none", "--out", tmp_path).status == 3
    assert lesionscope("evaluate", "radpath-demo", "--checkpoint", tmp_path / "none").status == 3


def test_a_report_that_cannot_be_written(lesionscope: Any, shared_data: Path, tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("mine")
    read = ("read", shared_data / "ct/01_chest_lidc0314", f"--click={NODULE}", "--out")
    result = lesionscope(*read, occupied / "report")
    assert result.status == 1
    assert "could not be written" in result.one_line()
    assert occupied.read_text() == "mine"


def test_settings_reach_the_reading(
    lesionscope: Any, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ("read", shared_data / "ct/01_chest_lidc0314", f"--click={NODULE}", "--out", "-")
    monkeypatch.setenv("LESIONSCOPE_UNFAMILIAR_BELOW", "0")
    assert lesionscope(*read).json["lesions"][0]["pathology"]["unfamiliar"] is False
    monkeypatch.setenv("LESIONSCOPE_DEVICE", "quantum")
    assert lesionscope(*read).status == 3
    monkeypatch.setenv("LESIONSCOPE_DEVICE", "cpu")
    monkeypatch.setenv("LESIONSCOPE_PATHOLOGY_MODEL", "none")
    assert "none" in lesionscope(*read).one_line()


def test_models(lesionscope: Any) -> None:
    listed = lesionscope("models", "list")
    assert listed.status == 0
    assert "radpath-demo" in listed.out
    card = lesionscope("models", "show", "radpath-demo").json
    assert {"scope", "intended_use", "limits", "sha256", "metrics", "folder"} <= set(card)


@pytest.mark.parametrize(
    ("given", "joined"),
    [
        (["--click", "-1,2,3"], ["--click=-1,2,3"]),
        (["--click", "1,2,3"], ["--click", "1,2,3"]),
        (["--click=-1,2,3", "-x"], ["--click=-1,2,3", "-x"]),
        (["--long", "-.5,0,0,1,1,1", "--short", "-x"], ["--long=-.5,0,0,1,1,1", "--short", "-x"]),
        (["--out", "-"], ["--out", "-"]),
        (["--click"], ["--click"]),
    ],
)
def test_joining_negative_numbers(given: list[str], joined: list[str]) -> None:
    assert cli.join_negative(given) == joined


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Sequence[str]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("lesionscope.commands.models.run", fail)
    return ("models", "list")


@pytest.mark.parametrize(
    ("error", "status"),
    [(InputError("Bad\nfile."), 3), (LesionscopeError("Disk full."), 1), (KeyboardInterrupt(), 130)],
)
def test_how_errors_end(
    lesionscope: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    result = lesionscope(*failing(monkeypatch, error))
    assert result.status == status
    result.one_line()


def test_an_error_of_ours_leaves_a_log_without_the_patient(
    lesionscope: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    try:
        raise ValueError("could not parse 'Doe^Jane'")
    except ValueError as cause:
        error = RuntimeError("Doe^Jane in /scans/Doe^Jane")
        error.__cause__ = cause
    command = failing(monkeypatch, error)
    result = lesionscope(*command)
    assert result.status == 1
    assert "RuntimeError" in result.one_line()
    (log,) = (tmp_path / "data" / "logs").iterdir()
    assert log.name in result.err
    text = log.read_text()
    assert "Doe" not in text + result.err
    assert "RuntimeError" in text and "ValueError" in text and "cli.py" in text
    with pytest.raises(RuntimeError):
        cli.main([*command, "--debug"])


def test_a_log_that_cannot_be_written_is_no_second_error(
    lesionscope: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "occupied"))
    result = lesionscope(*failing(monkeypatch, RuntimeError("x")))
    assert result.status == 1
    assert "no log" in result.one_line()


def test_version_and_help(lesionscope: Any) -> None:
    assert lesionscope("--version").out.startswith("lesionscope ")
    text = lesionscope("--help").out
    for command in ("info", "read", "mine", "models", "train", "evaluate", "phantom", "demo", "doctor"):
        assert command in text
    assert "not for clinical use" in " ".join(text.split())


def test_a_reader_that_goes_away_early(shared_data: Path) -> None:
    command = [sys.executable, "-m", "lesionscope.cli", "models", "show", "radpath-demo"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert complaint == b""


def test_what_a_terminal_cannot_spell_is_said_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ö_患者.txt"
    path.write_text("nodule of the lung\n", encoding="utf-8")
    for more in (
        ["phantom", "radpath", "--help"],
        ["review", "import", str(tmp_path / "ö.sqlite"), "--list"],
    ):
        if "--list" in more:
            path.write_text('path,click,patient,labels\nct,"1,2,3",p,nodule\n', encoding="utf-8")
            more = [*more, str(path)]
        done = subprocess.run(
            [sys.executable, "-m", "lesionscope.cli", *more],
            env={**os.environ, "PYTHONIOENCODING": "ascii", "LESIONSCOPE_DATA": str(tmp_path / "data")},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert "1 lesions imported" in done.stdout and r"\xf6.sqlite" in done.stdout


def test_a_demo_needs_a_screen(lesionscope: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere there is always a screen")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    result = lesionscope("demo")
    assert result.status == 1
    assert "xvfb-run" in result.one_line()


def test_a_cold_read_loads_only_what_it_needs(shared_data: Path) -> None:
    program = (
        "import sys\n"
        "from lesionscope.cli import main\n"
        f"main(['read', {str(shared_data / 'ct/01_chest_lidc0314')!r}, '--click={NODULE}', '--out', '-'])\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert not set(done.stderr.split()) & {"torch", "pandas", "napari", "qtpy", "SimpleITK", "jinja2"}
