"""Tables 1 and 2 of paper 003 and its Figure 3, resumable.

``python -m lesionscope.training.hmlc.tables run`` makes the cells that are missing, and ``… print`` shows the
paper's rows beside ours and judges its claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import wait_without_spinning
from ..engine.cells import read_cells
from ..engine.tables import FOLDER, about, chosen_rows, parser_of, show

SEEDS = (1, 2, 3)


def main(argv: Sequence[str] | None = None) -> int:
    """Make cells or print the tables."""
    wait_without_spinning()
    # These load torch, which heeds that setting only once.
    from ..engine.precision import FLOAT32, PRECISIONS
    from .cells import COMPARED, Settings, Table
    from .metrics import LEAF
    from .published import TITLES
    from .table_text import report

    parser = parser_of(__doc__, FOLDER / "hmlc", Path("runs/hmlc-tables"))
    parser.add_argument("--precision", choices=PRECISIONS, default=FLOAT32)
    arguments = parser.parse_args(argv)
    rows = chosen_rows(arguments.rows, TITLES)
    if arguments.what == "print":
        figures = read_cells(arguments.folder, "figure3-*.json")
        show(about(arguments.folder) + report(read_cells(arguments.folder), figures), arguments.out)
        return 0
    settings = Settings(cache=arguments.cache, precision=arguments.precision)
    table = Table(arguments.folder, arguments.runs, settings)
    for seed in arguments.seeds or SEEDS:
        for row in rows:
            own = table.cell(row, seed)["draws"]["phantom"][LEAF]
            print(f"{row}, seed {seed}: " + ", ".join(f"{n} {own[n][0]:.4f}" for n in own), flush=True)
        if set(COMPARED) <= set(rows):
            table.figure_3(seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
