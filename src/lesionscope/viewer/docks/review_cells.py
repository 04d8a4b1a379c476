"""From a review's state to the cells and words that its dock shows, without Qt."""

from __future__ import annotations

import math

from lesionscope.session.agreement import Rating
from lesionscope.session.decisions import Decision
from lesionscope.session.mined import Relation
from lesionscope.viewer.docks.review_list import Cell
from lesionscope.viewer.review import words
from lesionscope.viewer.review.rows import Found, LabelRow
from lesionscope.viewer.review.state import Adjudication, ReviewState
from lesionscope.viewer.wording import percent, size_text

HUES: dict[Relation, str] = {"relevant": "#56b4e9", "uncertain": "#e69f00", "irrelevant": "#a8a8a8"}
"""Sky blue, orange and grey of Okabe and Ito's palette (2008): apart for every kind of colour vision."""
RATINGS: dict[Rating, str] = {
    rating: " ".join(words.VERDICTS[verdict])
    for rating, verdict in (("yes", "accepted"), ("uncertain", "uncertain"), ("no", "rejected"))
}


def title(state: ReviewState) -> str:
    """Name the lesion, its size, and its place in the queue."""
    mined = state.mined
    if mined is None or state.project is None:
        return ""
    number = list(state.project.mined).index(mined.id) + 1
    size = size_text(mined.lesion, unit=True)
    return words.TITLE.format(number=number) + (f"  {size}" if size else "")


def place(state: ReviewState) -> str:
    """Say where in the queue the reader is, in which order it is, and that the images are the last one's."""
    order = f"“{state.label}”" if state.order == "label" else words.ORDERS[state.order]
    where = words.PLACE.format(place=state.place, count=len(state.queue))
    following = f"; {state.images}" if state.images == words.LOADING else ""
    return f"{where}, {words.QUEUED_BY.format(order=order)}{following}"


def reader(state: ReviewState) -> str:
    """Name the reader, and say so where blinded."""
    text = words.READER_BLINDED if state.blinded else words.READER
    return text.format(reader=state.reader)


def label_cells(row: LabelRow) -> tuple[Cell, ...]:
    """Lay out one label: own decision, name, mined, model, others."""
    sign = "·" if row.own is None else words.VERDICTS[row.own.verdict][0]
    name = f"≠ {row.label}" if row.differs else row.label
    letter, meaning = ("–", "") if row.mined is None else words.RELATIONS[row.mined]
    model, tip = "", words.UNREAD
    if row.score is not None:
        model = f"{'●' if row.score.predicted else '○'} {percent(row.score.probability)} %"
        tip = f"threshold {percent(row.score.threshold)} %"
    return (
        Cell(sign, _told(row.own) if row.own else "", bold=True),
        Cell(name, row.label, bold=row.differs or row.own is None),
        Cell(letter, meaning, HUES[row.mined] if row.mined else "", bold=True),
        Cell(model or "–", tip),
        Cell(
            " ".join(words.VERDICTS[one.verdict][0] for one in row.others),
            "\n".join(f"{one.reader}: {_told(one)}" for one in row.others),
        ),
    )


def _told(decision: Decision) -> str:
    told = words.VERDICTS[decision.verdict][1]
    if decision.replaces:
        told += f", in place of {decision.replaces}"
    return told + (", with all shown" if decision.bulk else "")


def found_cells(found: Found) -> tuple[Cell, ...]:
    """Lay out one label that a search found."""
    notes = [words.SHOWN_ALREADY] if found.shown else []
    if found.excludes:
        notes.append("⚠ " + words.EXCLUDES.format(labels=", ".join(found.excludes)))
    return Cell(found.label), Cell("; ".join(notes) or found.kind)


def open_cells(list_: Adjudication, state: ReviewState) -> tuple[tuple[Cell, ...], ...]:
    """Lay out the disagreements that are open: lesion, label, what either reader said."""
    numbers = {one: n for n, one in enumerate(state.project.mined, 1)} if state.project else {}
    return tuple(
        (
            Cell(str(numbers.get(one.lesion_id, "?"))),
            Cell(one.label),
            *(Cell(RATINGS[rating]) for _, rating in one.ratings),
        )
        for one in list_.open
    )


def kappa_cells(list_: Adjudication) -> tuple[tuple[Cell, ...], ...]:
    """Lay out the readers' agreement on each label, the worst first."""
    ordered = sorted(
        list_.agreement.labels, key=lambda one: (not math.isfinite(one.kappa), one.kappa, one.label)
    )
    return tuple(
        (
            Cell(one.label),
            Cell(f"{one.kappa:.2f}" if math.isfinite(one.kappa) else words.NO_KAPPA),
            Cell(f"{one.agreed}/{one.lesions}"),
        )
        for one in ordered
    )


def adjudication(list_: Adjudication) -> str:
    """Say who is compared, and how much is open."""
    found = list_.agreement
    if not list_.open:
        return words.AGREED
    return words.ADJUDICATION.format(
        first=found.readers[0],
        second=found.readers[1],
        open=len(list_.open),
        count=len(found.disagreements),
        lesions=found.lesions,
    )
