"""What a person (or a finished worker) asks of a session; frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.followup.choices import Visit
from lesionscope.inference.reading import Reading
from lesionscope.lesions.lesion import Lesion
from lesionscope.session.decisions import Decision
from lesionscope.session.mined import MinedLesion, Study
from lesionscope.session.outline import KeptOutline
from lesionscope.session.report_notes import ReportNote


@dataclass(frozen=True)
class AddLesion:
    """Mark a lesion; the session gives it the next number, whatever number it carries."""

    lesion: Lesion


@dataclass(frozen=True)
class ReplaceLesion:
    """Change a lesion that is there, known by its id; its number stays."""

    lesion: Lesion


@dataclass(frozen=True)
class RemoveLesion:
    """Take a lesion away; its readings stay on disk and return with an undo."""

    lesion_id: str


@dataclass(frozen=True)
class AddReading:
    """Keep a model's answer. Not an undo step; dropped where the lesion has gone."""

    reading: Reading


@dataclass(frozen=True)
class Decide:
    """Decide on labels: one undo step, however many decisions it holds."""

    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class AddMined:
    """Take lesions with mined labels into the project, and the studies that they lie in: one undo step."""

    studies: tuple[Study, ...]
    lesions: tuple[MinedLesion, ...]


@dataclass(frozen=True)
class Compare:
    """Keep what was decided of this study and a later one, in place of what was before: one undo step."""

    visit: Visit


@dataclass(frozen=True)
class NoteForReport:
    """Keep what a person chose for a lesion's part of the report, in place of what was: one undo step."""

    note: ReportNote


@dataclass(frozen=True)
class KeepOutline:
    """Keep the outline that a click proposed. Not an undo step; dropped where the lesion has gone."""

    outline: KeptOutline


LesionCommand = AddLesion | ReplaceLesion | RemoveLesion
StepCommand = LesionCommand | Decide | AddMined | Compare | NoteForReport
"""What undo takes back."""
Command = StepCommand | AddReading | KeepOutline
