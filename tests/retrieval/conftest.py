"""A tiny label package, and a folder of its own for what is kept between runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_label_package import make_label_package

from lesionscope.models.label_package import LabelPackage, open_label_package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> LabelPackage:
    return open_label_package(make_label_package(tmp_path_factory.mktemp("labels") / "tiny-labels"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, this test's alone."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"
