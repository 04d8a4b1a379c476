"""Table 1 and its neighbours, resumable.

``python -m lesionscope.training.lesanet.tables run`` makes the cells that are missing, and ``… print`` shows
the paper's rows beside ours and judges its claims.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from lesionscope.errors import UsageError

from .. import wait_without_spinning

FOLDER = Path(__file__).parents[1] / "tables"


def main(argv: Sequence[str] | None = None) -> int:
    """Make cells or print the table."""
    wait_without_spinning()
    # These load torch, which heeds that setting only once.
    from ..engine.devices import pick_device
    from ..engine.precision import BFLOAT16, FLOAT32, has_bfloat16
    from .cells import Settings, Table, read_cells
    from .plans import FIRST, PLANS
    from .scoring import MINED
    from .table_text import report

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "print"))
    parser.add_argument("--table", choices=tuple(PLANS), default="table1")
    parser.add_argument("--rows", nargs="+", help="default: all of the table")
    parser.add_argument("--seeds", nargs="+", type=int, help="default: all of the table")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the tables' cells")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="of the cell that is being made")
    parser.add_argument("--cache", default="", help="of the phantoms")
    parser.add_argument("--width", type=float, default=Settings.width)
    parser.add_argument("--threads", type=int, default=Settings.threads)
    arguments = parser.parse_args(argv)
    plan = PLANS[arguments.table]
    rows = arguments.rows or list(plan.rows)
    if unknown := sorted(set(rows) - set(plan.rows)):
        raise UsageError(f"There is no row {unknown[0]}: choose from {', '.join(plan.rows)}.")
    wide = "" if arguments.width == Settings.width else f"-width-{arguments.width:g}"
    folder = arguments.folder / f"{plan.name}{wide}"
    if arguments.what == "print":
        print(report(read_cells(folder)))
        return 0
    settings = Settings(
        width=arguments.width,
        resplit=plan.resplit,
        cache=arguments.cache,
        threads=arguments.threads,
        precision=BFLOAT16 if has_bfloat16(pick_device("auto")) else FLOAT32,
    )
    table = Table(folder, arguments.runs / folder.name, settings, arguments.folder / f"table1{wide}")
    # What the others are compared with comes first: a claim can be judged as soon as its other row is made.
    for seed in arguments.seeds or plan.seeds:
        for row in sorted(rows, key=lambda row: row != FIRST):
            own = table.cell(row, seed)["draws"][MINED]["all"]
            print(
                f"{row}, seed {seed}: " + ", ".join(f"{name} {own[name][0]:.4f}" for name in own), flush=True
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
