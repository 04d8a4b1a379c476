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
    from .published import TITLES
    from .scoring import MINED
    from .table_text import report

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "print"))
    parser.add_argument("--folder", type=Path, help="of the cells; default: one beside the code")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="of the cell that is being made")
    parser.add_argument("--width", type=float, default=0.125)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", nargs="+", default=list(TITLES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--cache", default="")
    arguments = parser.parse_args(argv)
    if unknown := sorted(set(arguments.rows) - set(TITLES)):
        raise UsageError(f"There is no row {unknown[0]}: choose from {', '.join(TITLES)}.")
    name = "table1" if arguments.width == Settings.width else f"table1-width-{arguments.width:g}"
    folder = arguments.folder or FOLDER / name
    if arguments.what == "print":
        print(report(read_cells(folder)))
        return 0
    precision = BFLOAT16 if has_bfloat16(pick_device("auto")) else FLOAT32
    settings = Settings(
        width=arguments.width, cache=arguments.cache, threads=arguments.threads, precision=precision
    )
    table = Table(folder, arguments.runs / name, settings)
    # The row that all claims compare with comes first: each is judged as soon as its other row is made.
    rows = sorted(arguments.rows, key=lambda row: row != "lesanet-paper")
    for seed in arguments.seeds:
        for row in rows:
            own = table.cell(row, seed)["draws"][MINED]["all"]
            print(
                f"{row}, seed {seed}: " + ", ".join(f"{name} {own[name][0]:.4f}" for name in own), flush=True
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
