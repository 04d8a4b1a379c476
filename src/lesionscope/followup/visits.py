"""Two studies and who they are of: which is the earlier one, and what speaks against comparing them."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.ct.volume import CTVolume, Source

OTHER_PATIENT = (
    "These studies belong to different patients by what their files say ({what} differs). "
    "They are not linked: open two studies of one patient, or link them if you know better."
)
NO_PATIENT = "The files don't say whose the studies are: make sure that both are of one patient."
SAME_SERIES = "Both studies are the same series: choose another one to compare with."
NO_DATE = "The files don't say when the studies were made: check which one came first."
SAME_DATE = "Both studies are of the same day: check which one came first."
LINKED_ANYWAY = (
    "By what the files say, this visit and the baseline are of different patients; "
    "the reader linked them all the same."
)


@dataclass(frozen=True)
class Concern:
    """What is odd about comparing two studies; a grave one must be overruled before they are linked.

    ``final``: nobody can know better, so there is no overruling it.
    """

    message: str
    grave: bool = False
    final: bool = False


def in_order(first: CTVolume, second: CTVolume) -> tuple[CTVolume, CTVolume]:
    """Return baseline and follow-up by their dates; as they came where these don't tell."""
    one, other = first.source.study_date, second.source.study_date
    return (second, first) if one and other and other < one else (first, second)


def concerns(baseline: Source, followup: Source) -> tuple[Concern, ...]:
    """Say what speaks against comparing two studies, grave things first.

    Patients are told apart by their number where both files have one; else by name. Birth date and
    sex, where both files have them, must be the same.
    """
    if baseline.uid == followup.uid:
        return (Concern(SAME_SERIES, grave=True, final=True),)
    found: list[Concern] = []
    differing = differences(baseline, followup)
    if differing:
        found.append(Concern(OTHER_PATIENT.format(what=differing[0]), grave=True))
    elif any(not (one.patient.patient_id or one.patient.name) for one in (baseline, followup)):
        found.append(Concern(NO_PATIENT))
    if not (baseline.study_date and followup.study_date):
        found.append(Concern(NO_DATE))
    elif baseline.study_date == followup.study_date:
        found.append(Concern(SAME_DATE))
    return tuple(found)


def differences(one: Source, other: Source) -> tuple[str, ...]:
    """Name what tells the two patients apart; never what it holds."""
    first, second = one.patient, other.patient
    if first.patient_id and second.patient_id:
        who = ("the patient's number", first.patient_id, second.patient_id)
    else:
        who = ("the name", first.plain_name, second.plain_name)
    rest = (
        ("the birth date", first.birth_date, second.birth_date),
        ("the sex", first.sex, second.sex),
    )
    return tuple(what for what, a, b in (who, *rest) if a and b and a != b)
