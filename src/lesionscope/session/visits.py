"""Studies as follow-up compares them, from their sessions; those between two visits among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lesionscope.errors import LesionscopeError
from lesionscope.followup.comparison import Comparison, MarkedStudy
from lesionscope.followup.sites import site_of
from lesionscope.inference.reading import LabelAnswer
from lesionscope.session.state import SessionState
from lesionscope.session.store import Session, default_path
from lesionscope.showable import date as date_words

UNASKED = (
    "The visit of {date} is left out of the response: when it was decided, nobody asked whether its files "
    "name the baseline's patient. Compare it with the baseline and decide on a lesion again to take it in."
)


def labels_of(state: SessionState, lesion_id: str) -> tuple[str, ...]:
    """Return the labels that the label model predicted for a lesion."""
    reading = state.reading(lesion_id, "labels")
    answer = None if reading is None else reading.labels
    if not isinstance(answer, LabelAnswer):
        return ()
    return tuple(score.label for score in answer.scores if score.predicted)


def marked_study(state: SessionState, date: str, slice_mm: float = 0.0) -> MarkedStudy:
    """Return a study with its marks; lesions lie where the label model's answers say."""
    sites = {one.id: site_of(labels_of(state, one.id)) for one in state.lesions}
    return MarkedStudy(date, state.lesions, sites, slice_mm)


def earlier_visits(
    state: SessionState,
    baseline: MarkedStudy,
    date: str,
    *,
    path_of: Callable[[str], Path] = default_path,
) -> tuple[tuple[Comparison, ...], tuple[str, ...]]:
    """Return what was decided of a baseline and the visits between it and another one.

    Parameters
    ----------
    state
        The baseline's session, which holds what was decided.
    baseline
        The baseline as it is compared.
    date
        Of the visit that they come before; where it isn't known, none is said to.
    path_of
        From a series' UID to its session file: marks are read there.

    Returns
    -------
    tuple of Comparison, tuple of str
        Comparisons, oldest first, and a sentence for each visit that is left out: its marks can't be
        read, or nobody asked whose study it is when it was decided.
    """
    found, missing = [], []
    between = (one for one in state.visits.values() if one.date and one.date < date)
    for visit in sorted(between, key=lambda one: one.date):
        if visit.choices.overruled is None:
            missing.append(UNASKED.format(date=date_words(visit.date)))
            continue
        try:
            path = path_of(visit.series_uid)
            with Session.open(path, series_uid=visit.series_uid, read_only=True) as session:
                study = marked_study(session.state, visit.date)
        except LesionscopeError as error:
            missing.append(f"An earlier visit is left out of the response: {error}")
        else:
            found.append(Comparison(baseline, study, visit.choices))
    return tuple(found), tuple(missing)
