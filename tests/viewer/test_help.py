"""The help lists each key once, under its heading, as keyboards label it."""

from __future__ import annotations

from lesionscope.viewer.help import MOUSE, help_html, spelt
from lesionscope.viewer.keys import Key


def nothing() -> None:
    """Do nothing."""


def test_keys_that_do_the_same_share_a_line():
    html = help_html(
        [
            Key("Ctrl+Y", "Redo", "Edit", nothing),
            Key("Ctrl+Shift+Z", "Redo", "Edit", nothing),
            Key("[", "Thinner <slab>", "Slices", nothing),
        ]
    )
    assert html.count("Redo") == 1
    assert html.index("<h4>Mouse") < html.index("<h4>Edit") < html.index("<h4>Slices")
    assert "Thinner &lt;slab&gt;" in html
    assert all(title in html for _, title in MOUSE)


def test_keys_are_spelt_for_people():
    assert spelt("Up") == "↑"
    assert spelt("PageDown") == "Page ↓"
    assert spelt("]") == "]"
    assert spelt("F1") == "F1"
    assert "Z" in spelt("Ctrl+Shift+Z")
