"""Only the viewer may need Qt and napari; only networks may need torch; the command line starts light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lesionscope

ROOT = Path(lesionscope.__file__).parent
HEAVY = tuple("torch pydicom SimpleITK imagecodecs pandas onnxruntime scipy numpy napari qtpy".split())

BLOCK = """
import importlib, importlib.abc, sys
BLOCKED = {"qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "napari", "vispy", "superqt"}
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")
        return None
sys.meta_path.insert(0, Blocked())
"""


def modules() -> list[str]:
    """Every module outside the viewer, the training ones and the samples included."""
    names = []
    for package in ("lesionscope", "lesionscope.training", "lesionscope.sample_data"):
        folder = {
            "lesionscope": ROOT,
            "lesionscope.training": ROOT.parents[1] / "training",
            "lesionscope.sample_data": ROOT.parents[1] / "sample_data",
        }[package]
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[0] == "viewer" and package == "lesionscope":
                continue
            names.append(".".join([package, *(part for part in parts if part != "__init__")]))
    return names


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_module_outside_the_viewer_imports_without_qt_and_napari() -> None:
    names = modules()
    assert {
        "lesionscope.cli",
        "lesionscope.ct.lungs",
        "lesionscope.training",
        "lesionscope.sample_data",
    } <= set(names)
    program = BLOCK + (
        "failed = []\n"
        "for name in sys.argv[1:]:\n"
        "    try: importlib.import_module(name)\n"
        "    except ImportError as error: failed.append(f'{name}: {error}')\n"
        "print('\\n'.join(failed))\n"
    )
    assert run(program, *names).strip() == ""


def test_the_blockade_blocks() -> None:
    program = BLOCK + ("try: import qtpy\nexcept ImportError: print('blocked')\n")
    assert run(program).strip() == "blocked"


def loaded_by(program: str) -> set[str]:
    tops = run(
        program + "\nimport sys; print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    return set(tops.rsplit("LOADED", 1)[1].split())


def test_help_loads_no_layer() -> None:
    program = (
        "from lesionscope.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
    )
    assert not loaded_by(program) & set(HEAVY)


@pytest.mark.parametrize(
    "module",
    [
        "lesionscope.ct.scan",
        "lesionscope.ct.crops",
        "lesionscope.ct.lungs",
        "lesionscope.lesions.marking",
        "lesionscope.inference.predictor",
        "lesionscope.models.registry",
        "lesionscope.models.package",
        "lesionscope.session.store",
        "lesionscope.report.document",
        "lesionscope.commands.read",
        "lesionscope.phantom.chest_series",
        "lesionscope.sample_data",
        "lesionscope.training",
    ],
)
def test_torch_and_pandas_are_loaded_only_when_needed(module: str) -> None:
    assert not loaded_by(f"import {module}") & {"torch", "pandas", "onnxruntime", "SimpleITK"}


def test_torch_stays_where_networks_are() -> None:
    """No module outside models/, inference/ and training/ names torch at all."""
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).parts[0]
        text = path.read_text(encoding="utf-8")
        if part in ("models", "inference"):
            continue
        assert "import torch" not in text, path
        assert "from torch" not in text, path


def test_nothing_below_the_command_line_imports_the_viewer_or_training() -> None:
    for path in ROOT.rglob("*.py"):
        part = path.relative_to(ROOT).parts[0]
        text = path.read_text(encoding="utf-8")
        if part not in ("viewer", "commands", "cli.py", "napari.py"):
            assert "lesionscope.viewer" not in text, path
        if part not in ("commands", "cli.py"):
            assert "lesionscope.training" not in text, path
