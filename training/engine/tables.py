"""The command of a paper's tables: ``run`` makes the cells that are missing, ``print`` shows the tables."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from lesionscope.errors import UsageError
from lesionscope.files import write_atomically

FOLDER = Path(__file__).parents[1] / "tables"
"""Where the cells of all tables lie."""


def parser_of(doc: str | None, folder: Path | None, runs: Path) -> argparse.ArgumentParser:
    """Return what every table's command takes; ``folder`` and ``runs`` are defaults."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("what", choices=("run", "print"))
    parser.add_argument("--rows", nargs="+", help="default: all of the table")
    parser.add_argument("--seeds", nargs="+", type=int, help="default: all of the table")
    parser.add_argument("--folder", type=Path, default=folder, help="of the cells; default: beside the code")
    parser.add_argument("--runs", type=Path, default=runs, help="of the cell that is being made")
    parser.add_argument("--out", type=Path, help="print: write there instead, docs/tables/NAME.md say")
    parser.add_argument("--cache", default="", help="of the phantoms")
    return parser


def chosen_rows(wanted: Sequence[str] | None, known: Iterable[str]) -> list[str]:
    """Return the rows that are asked for, by default all.

    Raises
    ------
    UsageError
        The table has no such row.
    """
    rows = list(known)
    if unknown := sorted(set(wanted or ()) - set(rows)):
        raise UsageError(f"There is no row {unknown[0]}: choose from {', '.join(rows)}.")
    return list(wanted or rows)


def about(folder: Path) -> str:
    """Return what a person has written on the cells of a folder, ``about.md``; it goes before the tables."""
    text = folder / "about.md"
    return text.read_text(encoding="utf-8") + "\n" if text.exists() else ""


def show(text: str, out: Path | None) -> None:
    """Print a table, or write it to a file."""
    if out is None:
        print(text, end="")
    else:
        write_atomically(out, text)
