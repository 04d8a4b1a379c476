"""Table 2 of Pulmonary-RadPath, cell by cell and resumable.

``python -m lesionscope.training.radpath.tables run --cache DIR`` makes the cells that are missing, one
seed of every system before the next seed; ``… print`` shows the paper's tables beside ours and judges its
claims.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from lesionscope.errors import UsageError
from lesionscope.files import write_atomically

from .. import wait_without_spinning

FOLDER = Path(__file__).parents[1] / "tables"


def main(argv: Sequence[str] | None = None) -> int:
    """Make cells or print the table."""
    wait_without_spinning()
    # These load torch, which heeds that setting only once.
    from .cells import RECIPE, Settings, Table, read_cells
    from .published import COLUMNS, TITLES
    from .table_text import report

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "print"))
    parser.add_argument("--recipe", default=RECIPE, help=f"{RECIPE}, or {RECIPE}-full where there is a GPU")
    parser.add_argument("--folder", type=Path, help="of the cells; default: one beside the code")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="of the cell that is being made")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="changes the recipe")
    parser.add_argument("--rows", nargs="+", default=list(TITLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--cache", default="", help="where the lesions' cubes lie")
    parser.add_argument(
        "--out", type=Path, help="print: write there instead, docs/tables/radpath-table2.md say"
    )
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.rows) - set(TITLES)):
        raise UsageError(f"There is no row {unknown[0]}: choose from {', '.join(TITLES)}.")
    folder = arguments.folder or FOLDER / arguments.recipe
    if arguments.what == "print":
        text = report(read_cells(folder))
        if arguments.out is None:
            print(text, end="")
        else:
            write_atomically(arguments.out, text)
        return 0
    settings = Settings(arguments.recipe, arguments.cache, tuple(arguments.set))
    table = Table(folder, arguments.runs / arguments.recipe, settings)
    for seed in arguments.seeds:
        for row in arguments.rows:
            made = table.cell(row, seed)
            figures = ", ".join(f"{c} {made['draws']['weighted'][c][0]:.4f}" for c in COLUMNS)
            print(f"{row}, seed {seed}: {figures}; {made['seconds']:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
