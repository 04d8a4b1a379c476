from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lesionscope import config, doctor
from lesionscope.commands.doctor import run
from lesionscope.models import registry

PROBED = '{"api": "PyQt5", "qt": "5.15", "fonts": 9, "platform": "xcb", "opengl": [4, 5]}\n'


@pytest.fixture(autouse=True)
def healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that lacks nothing, whatever this one lacks."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    answers(monkeypatch, PROBED)


def answers(monkeypatch: pytest.MonkeyPatch, out: str = "", err: str = "") -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=out, stderr=err))


def failed() -> list[doctor.Check]:
    return [check for check in doctor.examine() if not check.ok]


def test_a_healthy_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SimpleNamespace(dataset=None)) == 0  # type: ignore[arg-type]
    text = capsys.readouterr().out
    assert "FAIL" not in text
    for name in ("Python", "Qt", "OpenGL", "fonts", "decoders", "napari", "device", "model", "data folder"):
        assert f"{name}" in text


@pytest.mark.parametrize(
    ("out", "err", "name", "remedy"),
    [
        ("", "qt.qpa.xcb: could not connect to display :7\nAborted", "Qt", "xvfb-run"),
        ("", "ImportError: libGL.so.1: cannot open shared object file", "Qt", "libgl1"),
        ("", "", "Qt", "pip install"),
        (PROBED.replace("[4, 5]", "null"), "", "OpenGL", "libgl1"),
        (PROBED.replace("[4, 5]", "[1, 4]"), "", "OpenGL", "libgl1"),
        (PROBED.replace('"fonts": 9', '"fonts": 0'), "", "fonts", "fonts-dejavu"),
    ],
)
def test_each_failure_names_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, out: str, err: str, name: str, remedy: str
) -> None:
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr("sys.platform", "linux")
    answers(monkeypatch, out, err)
    (check,) = failed()
    assert check.name == name
    assert remedy in check.remedy


def test_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)
    answers(monkeypatch, "", "qt.qpa.plugin: Could not load the Qt platform plugin")
    (check,) = failed()
    assert "no screen" in check.found


def test_no_qt_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "QT_BINDINGS", ("NoSuchQt",))
    (check,) = failed()
    assert "pip install" in check.remedy


def test_bad_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("colour = 3")
    monkeypatch.setenv("LESIONSCOPE_CONFIG", str(path))
    assert next(check.name for check in failed()) == "settings"


def test_a_data_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "file" / "inside"))
    (check,) = failed()
    assert check.name == "data folder"
    assert "LESIONSCOPE_DATA" in check.remedy


def test_damaged_and_missing_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = registry.find()
    wrong = replace(package, card=replace(package.card, sha256=dict.fromkeys(package.card.sha256, "0" * 64)))
    monkeypatch.setattr(registry, "survey", lambda *_, **__: registry.Survey((wrong,), ("x can't be read.",)))
    assert [check.name for check in failed()] == ["model", "model radpath-demo"]
    monkeypatch.setenv("LESIONSCOPE_PATHOLOGY_MODEL", "none")
    assert "none" in failed()[-1].found


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DEVICE", "cuda:9")
    (check,) = failed()
    assert check.name == "device"


def test_a_decoder_that_decodes_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "_round_trip", lambda sitk, name: name == "JPEG")
    (check,) = failed()
    assert "JPEG 2000 is decoded wrong" in check.found
    assert run(SimpleNamespace(dataset=None)) == 1  # type: ignore[arg-type]
    assert "mend it with" in capsys.readouterr().out


def test_settings_are_not_needed_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[Any] = list(doctor._models(config.Config(pathology_model="none")))
    assert not checks[-1].ok
