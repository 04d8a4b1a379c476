"""Warnings where patients are mixed up: sentences for the person, nothing is changed."""

from __future__ import annotations

from collections import defaultdict

from lesionscope.session.commands import AddMined
from lesionscope.session.state import SessionState


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
        count = "1 lesion is" if len(strangers) == 1 else f"{len(strangers)} lesions are"
        found.append(
            f"{count} said to be of another patient than the images (row {strangers[0]} is the first): "
            "check the table."
        )
    splits: dict[str, set[str]] = defaultdict(set)
    for lesion in lesions.values():
        if lesion.split:
            splits[lesion.patient].add(lesion.split)
    mixed = [names for names in splits.values() if len(names) > 1]
    if mixed:
        count = "1 patient has" if len(mixed) == 1 else f"{len(mixed)} patients have"
        found.append(
            f"{count} lesions in more than one of "
            f"{', '.join(sorted(set().union(*mixed)))}: what is learnt from them would be tested on them."
        )
    return tuple(found)
