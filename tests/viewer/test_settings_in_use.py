"""The window's models are made as the settings say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lesionscope.viewer import desk

MODELS = {
    "lesionscope.inference.predictor.Predictor": desk.default_reader,
    "lesionscope.inference.label_reader.LabelPredictor": desk.default_labels,
}


@pytest.mark.parametrize("model", MODELS)
def test_a_reader_has_the_device_threads_and_threshold_that_were_set(
    model: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text('device = "cpu"\nthreads = 3\nunfamiliar_below = 0.75\n', encoding="utf-8")
    monkeypatch.setenv("LESIONSCOPE_CONFIG", str(file))
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path))
    made: list[dict[str, Any]] = []

    def make(package: object, **how: Any) -> SimpleNamespace:
        made.append(how)
        return SimpleNamespace(package=package)

    monkeypatch.setattr(model, make)
    MODELS[model]()
    assert made == [{"device": "cpu", "threads": 3, "unfamiliar_below": 0.75}]
