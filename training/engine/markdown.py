"""Tables in Markdown."""

from __future__ import annotations


def line(*values: str) -> str:
    """Return a line of a table."""
    return "| " + " | ".join(values) + " |"


def head(*values: str) -> list[str]:
    """Return the first lines of a table."""
    return [line(*values), "|" + "---|" * len(values)]
