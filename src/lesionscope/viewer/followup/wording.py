"""Every sentence and label of the follow-up window, and rows and responses in words."""

from __future__ import annotations

from typing import Final

from lesionscope.followup.comparison import Comparison, Row, diameters
from lesionscope.followup.growth import days_between
from lesionscope.followup.pairing import Verdict
from lesionscope.followup.response import Outcome, Seen
from lesionscope.lesions.lesion import Lesion
from lesionscope.viewer.banner import date

TITLE: Final = "Follow-up"
BASELINE: Final = "BASELINE"
FOLLOW_UP: Final = "FOLLOW-UP"
NO_STUDY: Final = "Open a CT first: a comparison needs two studies."
CHOOSE: Final = "Choose the other study of this patient"
OPENING: Final = "Opening the other study…"
ALIGNING_STOPPED: Final = "The studies are not aligned because you stopped it: each scrolls for itself."
NOT_COMPARED: Final = (
    "These studies are not compared",
    "Nothing is decided or written of them, and no response follows.",
)
NOT_ALIGNED: Final = "The studies are not aligned, so they can't scroll together."
LINK_ANYWAY: Final = "Link them all the same"
ALIGN_AGAIN: Final = "Align again"
ALIGNING: Final = "Aligning the two studies…"
UNDO_MARK: Final = "Undo the last mark of this study"
SELECT_BOTH: Final = "Select a lesion in either study first, then pair them."
SELECT_BASELINE: Final = "Select a lesion of the baseline first."
SELECT_UNPAIRED: Final = "Select a lesion that only the follow-up has, or a node that was normal, first."
ONLY_NON_TARGETS: Final = (
    "Only non-targets are called progressed: targets and normal nodes progress by their measurement."
)
NO_PAIR: Final = "The selected lesion has no pair to decide on."
STILL_OPEN: Final = "A report holds no response that is still open: decide on {count} more first."
WRITING: Final = "Writing the report…"
WRITTEN: Final = "Written to {folder}: {names}."
NOT_WRITTEN: Final = (
    "The report was not written when its window closed: compare the studies again and write it once more."
)
BEYOND: Final = "the other study's place lies beyond this scan"
COLUMNS: Final = (
    "Lesion",
    "Place",
    "Baseline, mm",
    "Follow-up, mm",
    "Change",
    "Volume doubles in",
    "Counts as",
    "What became of it",
)
KEYS: Final = {
    "Return": "Same lesion: confirm",
    "U": "Not the same lesion",
    "J": "Pair the two selected lesions",
    "G": "Gone",
    "A": "New lesion",
    "H": "Not new: overlooked before",
    "B": "Too small to measure",
    "E": "Not evaluable",
    "W": "Non-target worse, unequivocally",
    "T": "Target or not",
    "K": "Lymph node or not",
    "F": "Scroll together or apart",
    "N": "Next lesion",
    "P": "Previous lesion",
    "Ctrl+Z": "Undo the decision",
    "Ctrl+Shift+Z": "Redo the decision",
    "Ctrl+S": "Write the follow-up's report with the response",
}
BUTTONS: Final = {
    "Return": "Same",
    "U": "Not the same",
    "J": "Pair",
    "G": "Gone",
    "A": "New",
    "H": "Overlooked",
    "B": "Too small",
    "E": "Not evaluable",
    "W": "Worse",
    "T": "Target",
    "K": "Node",
    "F": "Linked",
    "Ctrl+S": "Report",
}
"""Keys that have a button, and what it says."""


def role_line(role: str, digits: str, other: str = "") -> str:
    """Say which visit a canvas shows: ``FOLLOW-UP · 2026-04-06 · 91 days after baseline``."""
    days = days_between(other, digits) if other else None
    later = "" if days is None else f"{days} days after baseline"
    return "  ·  ".join(part for part in (role, date(digits) or "date unknown", later) if part)


def size_words(lesion: Lesion | None) -> str:
    """Write a lesion's diameters: ``27.2 × 22.1``."""
    if lesion is None:
        return ""
    drawn = [f"{length:.1f}" for length in diameters(lesion) if length is not None]
    return " × ".join(drawn) if drawn else "not measured"


def signed(value: float, form: str, unit: str) -> str:
    """Write a change with its sign, a real minus."""
    return f"{value:+{form}} {unit}".replace("-", "−")


def row_words(row: Row) -> tuple[str, ...]:
    """Put one lesion in the words of :data:`COLUMNS`."""
    numbers = [str(one.number) for one in (row.baseline, row.followup) if one is not None]
    name = " → ".join(numbers) if row.baseline is not None else f"– → {numbers[0]}"
    place = row.site.organ or "unknown"
    change = ""
    doubling = ""
    if row.growth is not None:
        share = "" if row.growth.share is None else f" ({signed(100 * row.growth.share, '.0f', '%')})"
        axis = "short axis " if row.site.node else ""
        change = f"{axis}{signed(row.growth.change_mm, '.1f', 'mm')}{share}"
        doubling = "" if row.growth.doubling_days is None else f"{row.growth.doubling_days:.0f} days"
    role = "" if row.role is None else str(row.role)
    if row.baseline is not None and row.role is None:
        role = "none: a normal node before" if row.outgrown else "none: a normal node"
    return (
        name,
        place,
        size_words(row.baseline),
        size_words(row.followup),
        change,
        doubling,
        role,
        fate_words(row),
    )


def fate_words(row: Row) -> str:
    """Say what became of a lesion, or what is to be decided."""
    if row.fate is not None:
        return str(row.fate)
    if row.baseline is None:
        return {True: "new", False: "overlooked before", None: "new? A new, H overlooked, J pairs it"}[
            row.new
        ]
    if row.pair is None:
        return "no pair: G gone, J pairs it"
    if row.outgrown:
        undecided = "no longer a normal node: A new disease, H not yet"
        return {True: "new disease", False: "not yet disease", None: undecided}[row.new]
    if row.pair.verdict is Verdict.CONFIRMED:
        return "same lesion"
    return f"same lesion? {row.pair.distance_mm:.0f} mm apart, fit {row.pair.confidence:.0%}: Enter yes, U no"


def response_words(comparison: Comparison) -> tuple[str, str]:
    """Write the response: overall in one line, and how it comes about in another."""
    before, *between, now = comparison.response.visits
    if not comparison.rows:
        return (
            "No lesion is marked yet",
            "Mark and measure lesions in both studies (C click, L long, S short).",
        )
    overall = now.overall or Outcome.NE
    left = len(comparison.open_rows)
    so_far = f" so far ({left} lesion{'s' if left > 1 else ''} to decide on)" if left else ""
    headline = f"RECIST 1.1{so_far}: {overall} – {overall.words}"
    sums = [f"{before.sum_mm:.1f}"]
    sums += [f"{one.sum_mm:.1f} ({date(one.date)}{'' if one.complete else ', not all'})" for one in between]
    sums.append(f"{now.sum_mm:.1f} mm" + ("" if now.complete else " so far"))
    parts = [f"Sum of targets {' → '.join(sums)}"] if comparison.targets else []
    if now.from_baseline is not None:
        parts.append(f"{signed(100 * now.from_baseline, '.0f', '%')} from baseline")
    if now.from_nadir is not None and now.from_nadir_mm is not None:
        percent, length = signed(100 * now.from_nadir, ".0f", "%"), signed(now.from_nadir_mm, ".1f", "mm")
        parts.append(f"{percent}, {length} from nadir {now.nadir_mm:.1f} mm")
    parts.append(f"targets {now.target or 'none'}")
    parts.append(f"non-targets {now.non_target or 'none'}")
    parts.append(f"new lesion {'yes' if now.new else 'no'}")
    overruled = (f"{one.concern} ({date(one.date) or 'date unknown'})" for one in between if one.concern)
    return headline, "  ·  ".join((*parts, *overruled, *comparison.against_targets))


FATE_KEYS: Final = {"G": Seen.GONE, "B": Seen.TOO_SMALL, "E": Seen.NOT_EVALUABLE, "W": Seen.PROGRESSED}
