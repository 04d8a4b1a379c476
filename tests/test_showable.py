"""Cells that no spreadsheet takes for a formula, wherever it cuts them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.showable import cell


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('CT;=HYPERLINK("http://x")', 'CT;\'=HYPERLINK("http://x")'),
        ("a\t@SUM(1);  +cmd", "a\t'@SUM(1);'  +cmd"),
        ("=1;=2", "'=1;'=2"),
        ("a;\t\n＝1", "a;\t'\n＝1"),
        ("mass; -1.5; 2", "mass; -1.5; 2"),
        ("a = b; c-d", "a = b; c-d"),
        ("-1.5", "-1.5"),
    ],
)
def test_a_formula_is_defused_where_a_spreadsheet_may_cut(text: str, written: str) -> None:
    assert cell(text) == written


@given(st.text(st.sampled_from("=+-@;\t\r\n '\"1a＝")))
def test_no_part_of_a_cell_is_a_formula(text: str) -> None:
    for part in re.split("[;\t]", cell(text)):
        if part.lstrip()[:1] in tuple("=+-@＝"):
            float(part)
