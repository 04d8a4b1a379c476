"""Tables 1 and 2 of paper 003 and its Figure 3, resumable.

``python -m lesionscope.training.hmlc.tables run`` makes the cells that are missing, and ``… print`` shows the
paper's rows beside ours and judges its claims.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from lesionscope.errors import UsageError

from .. import wait_without_spinning

FOLDER = Path(__file__).parents[1] / "tables" / "hmlc"


def main(argv: Sequence[str] | None = None) -> int:
    """Make cells or print the tables."""
    wait_without_spinning()
    # These load torch, which heeds that setting only once.
    from ..engine.precision import FLOAT32, PRECISIONS
    from .cells import COMPARED, Settings, Table, read_cells, read_figures
    from .metrics import LEAF
    from .published import TITLES
    from .table_text import report

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "print"))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--runs", type=Path, default=Path("runs/hmlc-tables"))
    parser.add_argument("--rows", nargs="+", default=list(TITLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--cache", default="")
    parser.add_argument("--precision", choices=PRECISIONS, default=FLOAT32)
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.rows) - set(TITLES)):
        raise UsageError(f"There is no row {unknown[0]}: choose from {', '.join(TITLES)}.")
    if arguments.what == "print":
        print(report(read_cells(arguments.folder), read_figures(arguments.folder)))
        return 0
    settings = Settings(cache=arguments.cache, precision=arguments.precision)
    table = Table(arguments.folder, arguments.runs, settings)
    for seed in arguments.seeds:
        for row in arguments.rows:
            own = table.cell(row, seed)["draws"]["phantom"][LEAF]
            print(f"{row}, seed {seed}: " + ", ".join(f"{n} {own[n][0]:.4f}" for n in own), flush=True)
        if set(COMPARED) <= set(arguments.rows):
            table.figure_3(seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
