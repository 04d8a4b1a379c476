"""Fixtures of the CT tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_ct import SeriesWriter


@pytest.fixture
def write_series(tmp_path: Path) -> SeriesWriter:
    return SeriesWriter(tmp_path)
