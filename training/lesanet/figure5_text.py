"""Figure 5 as text: what learning more labels costs the frequent ones."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.claims import Cell, Claim, Quantity, as_table, judge
from ..engine.markdown import head, line
from .plans import ABOVE, FIRST, FREQUENT, PLANS
from .scoring import COMPLETE, MINED
from .table_text import made, missing, spread

LEARNT = {**{f"{FREQUENT}-{count}": f"> {count}" for count in reversed(ABOVE)}, FIRST: "all"}
"""Rows from the fewest labels to all, by what they learn."""


def report(cells: Sequence[Cell]) -> str:
    """Return the figure in Markdown; ``cells`` are its own and those of Table 1's LesaNet row."""
    chosen = [cell for cell in cells if cell["row"] in LEARNT]
    parts = ["# LesaNet's Figure 5, on phantoms", made(chosen), missing(chosen, PLANS["figure5"])]
    if chosen:
        parts += [
            "F1 averaged over labels of more than so many training lesions (rows), by the labels that were "
            "learnt (columns); mean ± deviation over seeds. Learning all labels is Table 1's LesaNet.",
            *(_figure(chosen, test_set) for test_set in (MINED, COMPLETE)),
            "The paper finds that F1 on the same labels did not change significantly as more were learnt. "
            "Held where the interval of all labels less the subset alone lies within ±.01:",
            as_table(judge(chosen, _claims(), (MINED, COMPLETE))),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figure(cells: Sequence[Cell], test_set: str) -> str:
    lines = [f"## {test_set.capitalize()} test set", "", *head("tested on", *LEARNT.values())]
    for count in reversed(ABOVE):
        values = []
        for row in LEARNT:
            # Labels that were not learnt are not tested.
            tested = row == FIRST or int(row.rsplit("-", 1)[1]) <= count
            own = [cell["draws"][test_set][f"above {count}"]["f1"][0] for cell in cells if cell["row"] == row]
            values.append(spread(own) if own and tested else "")
        lines.append(line(f"> {count}", *values))
    own = [cell["draws"][test_set]["all"]["f1"][0] for cell in cells if cell["row"] == FIRST]
    lines.append(line("all", *[""] * len(ABOVE), spread(own) if own else ""))
    return "\n".join(lines)


def _claims() -> tuple[Claim, ...]:
    return tuple(
        Claim(
            f"learning all labels changes F1 of those above {count} little (§5.4)",
            Quantity(FIRST, "f1", f"above {count}"),
            Quantity(f"{FREQUENT}-{count}", "f1", f"above {count}"),
            little=True,
        )
        for count in ABOVE
    )
