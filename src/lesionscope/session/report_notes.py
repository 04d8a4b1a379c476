"""What a person chose for a lesion's part of the report: its sentence, and how its key image is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lesionscope.ct.windows import Window


@dataclass(frozen=True)
class View:
    """How a person wants a lesion's picture: its window, and how wide it is in mm; ``None``: by itself."""

    window: Window | None = None
    field_mm: float | None = None


@dataclass(frozen=True)
class ReportNote:
    """A lesion's sentence as a person wrote it, and the view of its key image; ``None``: made by itself."""

    lesion_id: str
    sentence: str | None = None
    view: View | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the sentence and the view as JSON values."""
        return {"sentence": self.sentence, "view": None if self.view is None else asdict(self.view)}

    @classmethod
    def from_dict(cls, lesion_id: str, data: Mapping[str, Any]) -> ReportNote:
        """Return the note that :meth:`as_dict` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            The values are not a note.
        """
        sentence, view = data["sentence"], data["view"]
        if view is not None:
            window, field_mm = view["window"], view["field_mm"]
            view = View(
                None if window is None else Window(**window), None if field_mm is None else float(field_mm)
            )
        return cls(lesion_id, None if sentence is None else str(sentence), view)
