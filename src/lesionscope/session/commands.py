"""What a person (or a finished worker) asks of a session; frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from lesionscope.inference.reading import Reading
from lesionscope.lesions.lesion import Lesion


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


LesionCommand = AddLesion | ReplaceLesion | RemoveLesion
Command = LesionCommand | AddReading
