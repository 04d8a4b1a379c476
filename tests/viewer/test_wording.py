"""The words of the window: one table, and never the word that only a physician may say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lesionscope.lesions.lesion import Diameter, Lesion
from lesionscope.viewer import wording

VIEWER = Path(wording.__file__).parent
SOURCES = sorted(VIEWER.rglob("*.py"))


def strings_of(path: Path) -> list[str]:
    """String constants of a module that people may get to see: its docstrings are not."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # A string that stands alone is a docstring, of a module, a function or the constant above it.
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(VIEWER)))
def test_no_string_of_the_window_says_diagnosis(path):
    assert not [text for text in strings_of(path) if "diagnos" in text.lower()]


def test_the_manifest_does_not_either():
    assert "diagnos" not in (VIEWER.parent / "napari.yaml").read_text(encoding="utf-8").lower()


def test_the_check_above_can_fail(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text('"""A diagnosis."""\nTITLE = "Likely diagnosis"\n', encoding="utf-8")
    assert strings_of(bad) == ["Likely diagnosis"]


def test_what_must_always_be_said_is_said():
    assert wording.SCORE == "Model score"
    assert "not for clinical use" in wording.DEMONSTRATION
    assert wording.UNFAMILIAR.startswith("Unfamiliar")
    assert wording.NONE_OF_THESE == "None of these"


def test_panels_take_their_words_from_the_table():
    """A sentence in a dock that isn't in the table would escape review."""
    for path in sorted((VIEWER / "docks").glob("*.py")):
        sentences = [text for text in strings_of(path) if " " in text.strip() and text.strip()[0].isupper()]
        assert sentences == [], path.name


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.001, "<1"), (0.0049, "<1"), (0.006, "1"), (0.5, "50"), (0.996, ">99"), (1.0, "100")],
)
def test_percent(value, text):
    assert wording.percent(value) == text


def test_sizes():
    lesion = Lesion("a", "2.25.1", (0, 0, 0), (-5, -5, -5, 5, 5, 5))
    assert wording.size_text(lesion) == wording.NO_SIZE
    long, short = Diameter((0, 0, 0), (15.51, 0, 0)), Diameter((0, 0, 0), (0, 9.96, 0))
    measured = Lesion("a", "2.25.1", (0, 0, 0), (-5, -5, -5, 5, 5, 5), long, short)
    assert wording.size_text(measured) == "15.5 × 10.0"
    assert wording.size_text(measured, unit=True) == "15.5 × 10.0 mm"
