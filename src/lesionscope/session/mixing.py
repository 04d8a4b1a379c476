"""Warnings where patients are mixed up: sentences for the person, nothing is changed."""

from __future__ import annotations

from collections import defaultdict

from lesionscope.session.commands import AddMined
from lesionscope.session.mined import Study
from lesionscope.session.state import SessionState


def pair_warning(first: Study, second: Study) -> str | None:
    """Say so where two studies that are to be compared are of different patients."""
    if first.patient == second.patient:
        return None
    return (
        "These two studies are of different patients: check that you opened the right ones "
        "before you compare them."
    )


def import_warnings(state: SessionState, command: AddMined) -> tuple[str, ...]:
    """Say what is wrong with the patients of lesions that are to be taken into a project.

    Lesions that are said to be another patient's than their study, and patients in more than one split.
    """
    studies = {**state.studies, **{study.id: study for study in command.studies}}
    lesions = {**state.mined, **{lesion.id: lesion for lesion in command.lesions}}
    found = []
    strangers = [
        str(one.row)
        for one in lesions.values()
        if one.study in studies and studies[one.study].patient != one.patient
    ]
    if strangers:
        found.append(
            f"{len(strangers)} lesions are said to be of another patient than their images "
            f"(row {strangers[0]} is the first): check the table."
        )
    splits: dict[str, set[str]] = defaultdict(set)
    for lesion in lesions.values():
        if lesion.split:
            splits[lesion.patient].add(lesion.split)
    mixed = [names for names in splits.values() if len(names) > 1]
    if mixed:
        found.append(
            f"{len(mixed)} patients have lesions in more than one of "
            f"{', '.join(sorted(set().union(*mixed)))}: what is learnt from them would be tested on them."
        )
    return tuple(found)
