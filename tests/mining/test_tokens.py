"""Tokens stand where they say, in any script."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lesionscope.mining.tokens import tokenise


def words(text: str) -> list[str]:
    return [token.word for token in tokenise(text)]


def test_hyphens_part_words_but_not_prefixes() -> None:
    assert words("Low-attenuation pre-tracheal node") == ["low", "attenuation", "pretracheal", "node"]
    assert words("non–calcified, L3-L4") == ["noncalcified", ",", "l3", "l4"]


def test_combining_forms_and_abbreviations() -> None:
    assert words("aorto-caval cyst vs. mass.") == ["aortocaval", "cyst", "vs", "mass", "."]


def test_numbers_and_signs() -> None:
    assert words("2.1 x 1.4 cm (4:12)?") == ["2.1", "x", "1.4", "cm", "(", "4", ":", "12", ")", "?"]


def test_a_number_may_begin_with_its_point() -> None:
    assert words("Cyst .8 x .9 cm. 2. Mass.8") == [
        "cyst",
        ".8",
        "x",
        ".9",
        "cm",
        ".",
        "2",
        ".",
        "mass",
        ".",
        "8",
    ]


def test_a_prefix_that_stands_alone_stays_a_word() -> None:
    assert words("pre and post contrast") == ["pre", "and", "post", "contrast"]


@given(st.text())
def test_spans_are_ordered_and_hold_their_words(text: str) -> None:
    tokens = tokenise(text)
    assert all(a.end <= b.start for a, b in pairwise(tokens))
    for token in tokens:
        bare = "".join(c for c in text[token.start : token.end].lower() if c not in "-‐‑–")
        assert token.word == bare or token.word == text[token.start : token.end].lower()


@given(st.text())
def test_nothing_but_space_hyphens_and_stops_of_abbreviations_is_left_out(text: str) -> None:
    inside = {i for token in tokenise(text) for i in range(token.start, token.end)}
    assert all(c.isspace() or c in "-‐‑–." for i, c in enumerate(text) if i not in inside)
