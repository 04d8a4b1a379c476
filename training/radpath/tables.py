"""Table 2 of Pulmonary-RadPath, cell by cell and resumable.

``python -m lesionscope.training.radpath.tables run --cache DIR`` makes the cells that are missing, one
seed of every system before the next seed; ``… print`` shows the paper's tables beside ours and judges its
claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import wait_without_spinning
from ..engine.cells import read_cells
from ..engine.tables import FOLDER, chosen_rows, parser_of, show

SEEDS = (1, 2, 3)


def main(argv: Sequence[str] | None = None) -> int:
    """Make cells or print the table."""
    wait_without_spinning()
    # These load torch, which heeds that setting only once.
    from .cells import RECIPE, Settings, Table
    from .published import COLUMNS, TITLES
    from .table_text import report

    parser = parser_of(__doc__, None, Path("runs"))
    parser.add_argument("--recipe", default=RECIPE, help=f"{RECIPE}, or {RECIPE}-full where there is a GPU")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="changes the recipe")
    arguments = parser.parse_args(argv)
    rows = chosen_rows(arguments.rows, TITLES)
    folder = arguments.folder or FOLDER / arguments.recipe
    if arguments.what == "print":
        show(report(read_cells(folder)), arguments.out)
        return 0
    settings = Settings(arguments.recipe, arguments.cache, tuple(arguments.set))
    table = Table(folder, arguments.runs / arguments.recipe, settings)
    for seed in arguments.seeds or SEEDS:
        for row in rows:
            made = table.cell(row, seed)
            figures = ", ".join(f"{c} {made['draws']['weighted'][c][0]:.4f}" for c in COLUMNS)
            print(f"{row}, seed {seed}: {figures}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
