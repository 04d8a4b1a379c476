"""What a newcomer gets: one line that names the thing, what is wrong with it, and the way out."""

from __future__ import annotations

from pathlib import Path

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
