"""Paper 004's Table 1 and its pool4 ablation, cell by cell and resumable.

``python -m lesionscope.training.deeplesion.tables run --cache DIR`` makes the cells that are missing, one
seed of every row before the next seed; ``… print`` shows the paper's rows beside ours and judges its claims.
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
    from ..engine.devices import pick_device
    from ..engine.precision import BFLOAT16, FLOAT32, has_bfloat16
    from .cells import ROWS, Settings, Table
    from .detector_metrics import BOOKMARKS
    from .detector_scoring import ACCURACY
    from .published import ALL
    from .table_text import report

    arguments = parser_of(__doc__, FOLDER / "deeplesion", Path("runs/deeplesion-table")).parse_args(argv)
    rows = chosen_rows(arguments.rows, ROWS)
    if arguments.what == "print":
        show(report(read_cells(arguments.folder)), arguments.out)
        return 0
    precision = BFLOAT16 if has_bfloat16(pick_device("auto")) else FLOAT32
    settings = Settings(cache=arguments.cache, precision=precision)
    table = Table(arguments.folder, arguments.runs, settings)
    for seed in arguments.seeds or SEEDS:
        for row in rows:
            own = table.cell(row, seed)["draws"][BOOKMARKS][ALL]
            told = ", ".join(f"{name} {own[name][0]:.4f}" for name in (ACCURACY, "mean sensitivity"))
            print(f"{row}, seed {seed}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
