"""How Sphinx builds the documentation: ``make docs``. Nothing is fetched, then or by a reader's browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lesionscope import __version__

sys.path.insert(0, str(Path(__file__).parent))

import reference

project = "Lesionscope"
author = "Lesionscope's contributors"
version = release = __version__
extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns: list[str] = []
highlight_language = "none"
smartquotes = False  # they make a dash of the two hyphens of an option

html_theme = "furo"
html_title = f"Lesionscope {__version__}"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False


def put_in(app: Any, name: str, source: list[str]) -> None:
    """Replace a page's marks by what is made from the code."""
    source[0] = reference.filled(source[0])


def setup(app: Any) -> None:
    """Have Sphinx call us with each page that it reads."""
    app.connect("source-read", put_in)
