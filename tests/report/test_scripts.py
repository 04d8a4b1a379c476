"""Right-to-left text as it is drawn: known names by hand, and any text at all keeps its letters."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionscope.report.pdf_form import drawable
from lesionscope.report.scripts import drawn_order, joined


@pytest.mark.parametrize(
    ("read", "drawn"),
    [
        ("Doe, Jane (12.5 mm)", "Doe, Jane (12.5 mm)"),
        ("שלום", "םולש"),
        ("שלום (12) abc", "abc (12) םולש"),
        ("abc שלום עולם def", "abc םלוע םולש def"),
        # meem initial, hah medial, meem medial, dal final: مـحـمـد
        ("محمد", "\ufeaa\ufee4\ufea4\ufee3"),
        # alef does not reach out: the letter after it begins anew
        ("باب", "\ufe8f\ufe8e\ufe91"),
        # lam and alef are one sign
        ("سلام", "\ufee1\ufefc\ufeb3"),
    ],
)
def test_lines_are_drawn_as_they_are_written(read: str, drawn: str) -> None:
    assert drawn_order(read) == drawn


@given(st.text())
def test_no_text_loses_a_letter(text: str) -> None:
    line = " ".join(drawable(text).split())
    back = unicodedata.normalize("NFKC", drawn_order(line))
    assert len(joined(line)) <= len(line)
    if not any(c in line for c in "()[]{}<>«»"):
        assert sorted(back) == sorted(unicodedata.normalize("NFKC", joined(line)))
