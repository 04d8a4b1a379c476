"""LesaNet's Table 1, Table 3 and Figure 5, cell by cell and resumable.

``python -m lesionscope.training.lesanet.tables run --cache DIR`` makes the cells that are missing, one seed
of every row before the next seed; ``… print`` shows the paper's rows beside ours and judges its claims.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import wait_without_spinning
from ..engine.cells import read_cells
from ..engine.tables import FOLDER, chosen_rows, parser_of, show

if TYPE_CHECKING:
    from .plans import Plan

REASONS = "reasons.json"
"""In a table's folder: what was found about claims that did not hold, in words, by what they say."""


def main(argv: Sequence[str] | None = None) -> int:
    """Make cells or print the table."""
    wait_without_spinning()
    # These load torch, which heeds that setting only once.
    from ..engine.devices import pick_device
    from ..engine.precision import BFLOAT16, FLOAT32, has_bfloat16
    from .cells import Settings, Table
    from .plans import FIRST, PLANS
    from .scoring import MINED

    parser = parser_of(__doc__, FOLDER, Path("runs"))
    parser.add_argument("--table", choices=tuple(PLANS), default="table1")
    parser.add_argument("--width", type=float, default=Settings.width)
    parser.add_argument("--threads", type=int, default=Settings.threads)
    arguments = parser.parse_args(argv)
    plan = PLANS[arguments.table]
    rows = chosen_rows(arguments.rows, plan.rows)
    wide = "" if arguments.width == Settings.width else f"-width-{arguments.width:g}"
    folder = arguments.folder / f"{plan.name}{wide}"
    if arguments.what == "print":
        show(printed(plan, arguments.folder, wide), arguments.out)
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


def printed(plan: Plan, folder: Path, wide: str = "") -> str:
    """Return a table as text, from the cells in a folder of tables; ``wide`` ends their folders' names."""
    from . import figure5_text, table_text

    cells = read_cells(folder / f"{plan.name}{wide}")
    if plan.name == "figure5":
        return figure5_text.report([*cells, *read_cells(folder / f"table1{wide}")])
    reasons = folder / f"{plan.name}{wide}" / REASONS
    known = json.loads(reasons.read_text(encoding="utf-8")) if reasons.exists() else {}
    return table_text.report(cells, plan, known)


if __name__ == "__main__":
    raise SystemExit(main())
