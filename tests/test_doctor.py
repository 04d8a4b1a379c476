from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lesionscope import config, doctor
from lesionscope.commands.doctor import run
from lesionscope.inference import devices
from lesionscope.models import registry
from lesionscope.retrieval.bank import EMBEDDINGS, TABLES, Bank
from lesionscope.retrieval.registry import BUNDLED
from lesionscope.retrieval.schema import BankPackage

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
    assert "FAIL" not in text and "mend it" not in text
    looked_at = {line[6:].partition(":")[0] for line in text.splitlines() if line.startswith("ok ")}
    assert looked_at >= {
        *("Python", "libraries", "settings", "Qt", "OpenGL", "fonts", "decoders", "napari", "device"),
        *(
            "networks",
            "model radpath-demo",
            "model lesanet-demo",
            "model detector-demo",
            "model relation-demo",
            "bank lesanet-demo",
        ),
        *("report font", "data folder", "cache folder"),
    }


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
    (check,) = failed()
    assert check.name == "settings" and check.remedy == f"mv '{path}' '{path}.old'  (or mend the file)"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LESIONSCOPE_STUDIES", "rel"), ("LESIONSCOPE_CONFIG", "zz.toml"), ("LESIONSCOPE_CONFIG", ".")],
)
def test_a_variable_at_fault_is_what_is_mended(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    (check,) = failed()
    assert check.name == "settings" and variable in check.found and check.remedy == f"unset {variable}"


def test_a_data_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "file" / "inside"))
    (check,) = failed()
    assert check.name == "data folder"
    assert "LESIONSCOPE_DATA" in check.remedy


def test_damaged_and_missing_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = Path(shutil.copytree(registry.find().folder, tmp_path / "packages" / "radpath-demo"))
    monkeypatch.setattr(registry, "BUNDLED", package.parent)
    (package / "bank.safetensors").write_bytes(b"damaged")
    damaged, labels = failed()
    assert damaged.name == "model radpath-demo" and "bank.safetensors was changed" in damaged.found
    assert "no label model named 'lesanet-demo'" in labels.found
    assert damaged.remedy == labels.remedy == doctor.REINSTALL
    monkeypatch.setenv("LESIONSCOPE_PATHOLOGY_MODEL", "none")
    assert "none" in failed()[-2].found


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DEVICE", "cuda:9")
    (check,) = failed()
    assert check.name == "device"


def test_a_missing_library_is_named_and_the_rest_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.metadata.version

    def version(name: str) -> str:
        if name == "onnxruntime":
            raise doctor.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    found = {check.name: check for check in failed()}
    assert found["libraries"].found == "not installed: onnxruntime"
    assert found["libraries"].remedy.endswith("-m pip install onnxruntime")
    assert found["decoders"].remedy.endswith("install --force-reinstall SimpleITK")
    assert found["networks"].found == "onnxruntime can't be loaded"
    assert "data folder" in [check.name for check in doctor.examine()]


def test_a_misspelt_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DEVISE", "cpu")
    (check,) = failed()
    assert "LESIONSCOPE_DEVISE" in check.found and check.remedy == "unset LESIONSCOPE_DEVISE"


def gpu(monkeypatch: pytest.MonkeyPatch, count: int, cuda_build: bool) -> doctor.Check:
    monkeypatch.setattr(devices, "cuda_device_count", lambda: count)
    monkeypatch.setattr(devices, "torch_has_cuda", lambda: cuda_build)
    return doctor._processor(config.load())


@pytest.mark.parametrize(
    ("setting", "count", "cuda_build", "ok", "command"),
    [
        ("auto", 1, True, True, ""),
        ("auto", 1, False, True, "--force-reinstall torch"),
        ("cpu", 1, False, True, ""),
        ("cuda", 1, False, False, "--force-reinstall torch"),
        ("cuda:1", 1, False, False, "LESIONSCOPE_DEVICE=auto"),
        ("cuda:0", 0, True, False, "LESIONSCOPE_DEVICE=auto"),
    ],
)
def test_what_becomes_of_a_gpu(
    monkeypatch: pytest.MonkeyPatch, setting: str, count: int, cuda_build: bool, ok: bool, command: str
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DEVICE", setting)
    check = gpu(monkeypatch, count, cuda_build)
    assert check.ok is ok
    said = check.better if ok else check.remedy
    assert command in said and bool(said) is bool(command)


def test_a_card_without_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "PCI", tmp_path)
    for name, vendor, kind in (("a", "0x8086", "0x030000"), ("b", "0x10de", "0x040300")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    assert "driver" not in gpu(monkeypatch, 0, True).found  # another maker's card; NVIDIA's sound device
    (tmp_path / "b" / "class").write_text("0x030200\n")
    check = gpu(monkeypatch, 0, True)
    assert check.ok and "driver isn't loaded" in check.found
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert gpu(monkeypatch, 0, True).better == "sudo apt-get install -y nvidia-driver"


def test_a_font_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lesionscope.report.pdf_form.FONTS", tmp_path)
    (check,) = failed()
    assert check.name == "report font" and "--force-reinstall napari-lesionscope" in check.remedy


def test_every_bank_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    banks = tmp_path / "data" / "banks"
    for name in ("cut short", "changed", "strange", "ward"):
        shutil.copytree(BUNDLED / "lesanet-demo", banks / name)
    os.truncate(banks / "cut short" / EMBEDDINGS, 100)
    with (banks / "changed" / EMBEDDINGS).open("r+b") as stream:
        stream.write(b"\x01")
    Bank.create(banks / "empty", BankPackage("no such", "1", "ab" * 32), 8).close()
    with closing(sqlite3.connect(banks / "strange" / TABLES)) as tables, tables:
        tables.execute("UPDATE meta SET value = 'abc' WHERE key = 'package_sha256'")
    found = {check.name: check for check in doctor._banks(config.load())}
    assert {name for name, check in found.items() if not check.ok} == {
        "bank cut short", "bank changed", "bank empty"
    }  # fmt: skip
    aside = tmp_path / "data" / "changed.damaged"
    assert found["bank changed"].remedy == f"mv '{banks / 'changed'}' '{aside}'"
    assert "holds no lesion" in found["bank empty"].found
    assert "2000 lesions of lesanet-demo" in found["bank ward"].found
    assert "no label model here asks it" in found["bank strange"].found
    assert "no label model" not in found["bank lesanet-demo"].found


def test_models_that_were_set_but_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_LABEL_MODEL", "none")
    (check,) = failed()
    assert "'none'" in check.found and check.remedy == "export LESIONSCOPE_LABEL_MODEL=lesanet-demo"


def test_a_better_way_is_said_where_there_is_one_and_only_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = (doctor.Check("a", True, "fine", "never said"), doctor.Check("b", True, "slow", better="faster"))
    monkeypatch.setattr("lesionscope.commands.doctor.examine", lambda: checks)
    assert run(SimpleNamespace(dataset=None)) == 0  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == [
        "ok    a: fine",
        "ok    b: slow",
        "      better with:  faster",
        "All is well.",
    ]


def test_nothing_of_a_patient_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A session and a folder of scans with a name in them leave no trace in what doctor says."""
    from lesionscope.session.store import Session

    scans = tmp_path / "Doe^Jane"
    scans.mkdir()
    monkeypatch.setenv("LESIONSCOPE_STUDIES", str(scans))
    Session.open(tmp_path / "data" / "sessions" / "jane-doe.sqlite", series_uid="1.2.3").close()
    assert run(SimpleNamespace(dataset=None)) == 0  # type: ignore[arg-type]
    said = capsys.readouterr().out.lower()
    assert "doe" not in said and "1.2.3" not in said


def test_a_decoder_that_decodes_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "_round_trip", lambda sitk, name, pixels: name == "JPEG")
    (check,) = failed()
    assert "JPEG 2000 is decoded wrong" in check.found and "imagecodecs" in check.remedy
    assert run(SimpleNamespace(dataset=None)) == 1  # type: ignore[arg-type]
    assert "mend it with" in capsys.readouterr().out


def test_a_codec_that_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def left_out(*_: object) -> None:
        raise ImportError("jpegls")

    monkeypatch.setattr("imagecodecs.jpegls_decode", left_out)
    (check,) = failed()
    assert check.name == "decoders" and check.remedy.endswith("imagecodecs")


def test_settings_are_not_needed_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[Any] = list(doctor._models(config.Config(pathology_model="none")))
    assert not checks[-1].ok
