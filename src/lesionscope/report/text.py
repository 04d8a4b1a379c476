"""Text from outside (headers, descriptions) made fit to be shown; nothing else is changed."""

from __future__ import annotations

from datetime import UTC, datetime

from lesionscope.showable import date as date
from lesionscope.showable import showable

_TYPEWRITTEN = str.maketrans(
    {"×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "·": "-", "•": "-", "\u00a0": " "}
    | dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("‘’‚", "'")
)


def typewritten(text: str) -> str:
    """Return a text with its typographic signs in ASCII (``2.1 × 1.4`` → ``2.1 x 1.4``); letters stay."""
    return text.translate(_TYPEWRITTEN)


def person(name: str) -> str:
    """Return a DICOM person name (PS3.5 6.2.1.1) as people write it: ``Doe, Jane Ann = 山田, 花子``."""
    groups = []
    for group in showable(name).split("="):
        family, given, middle, prefix, suffix = (part.strip() for part in (*group.split("^"), *[""] * 5)[:5])
        first = " ".join(part for part in (prefix, given, middle) if part)
        written = ", ".join(part for part in (family, first, suffix) if part)
        if written:
            groups.append(written)
    return " = ".join(groups)


def moment(value: str) -> str:
    """Return an ISO 8601 time as ``YYYY-MM-DD HH:MM UTC``; anything else as it is."""
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return showable(value)
    return showable(value) if when.tzinfo is None else f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
