"""The committed tables are what the committed cells print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from lesionscope.training.deeplesion import tables as deeplesion
from lesionscope.training.hmlc import tables as hmlc
from lesionscope.training.lesanet import tables as lesanet
from lesionscope.training.radpath import tables as radpath

DOCS = Path(__file__).parents[2] / "docs" / "tables"


@pytest.mark.parametrize(
    ("main", "name"),
    [
        (deeplesion.main, "deeplesion.md"),
        (hmlc.main, "hmlc.md"),
        (lesanet.main, "lesanet-table1.md"),
        (radpath.main, "radpath-table2.md"),
    ],
)
def test_a_committed_table_is_what_its_cells_print(
    main: Callable[[list[str]], int], name: str, tmp_path: Path
) -> None:
    main(["print", "--out", str(tmp_path / name)])
    assert (tmp_path / name).read_text(encoding="utf-8") == (DOCS / name).read_text(encoding="utf-8")
