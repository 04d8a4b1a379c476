"""Text from outside (headers, names, free text) made fit to be shown, and to stand in a spreadsheet."""

from __future__ import annotations

import math
import re

_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_STARTS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_SPLITS_CELL = re.compile(r"([;\t])")
"""Where the spreadsheet of another language, or one told to, begins a new cell."""


def showable(text: object) -> str:
    """Return a text without control characters, which no form can carry; line breaks and tabs stay."""
    plain = str(text).replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", _UNSHOWABLE.sub("", plain))


def date(value: str) -> str:
    """Return a DICOM date ``YYYYMMDD`` as ``YYYY-MM-DD``; anything else as it is."""
    found = re.fullmatch(r"(\d{4})(\d{2})(\d{2})", value.strip())
    return "-".join(found.groups()) if found else showable(value)


def cell(value: object) -> str:
    """Return the text of a cell in a CSV: numbers as they are, text that can't act as a formula.

    What would is defused with an apostrophe (OWASP, "CSV Injection"), also behind a semicolon or a tab;
    numbers stay numbers, negative ones included.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.9g}" if math.isfinite(value) else ""
    raw = str(value)
    if _is_number(raw):
        return raw
    first, *rest = _SPLITS_CELL.split(showable(raw))
    plain = first + "".join(_defused(part) for part in rest)
    # Leading blanks don't reassure a spreadsheet that trims what it imports.
    return f"'{plain}" if raw.startswith(_STARTS_FORMULA) or _may_run(plain) else plain


def _defused(part: str) -> str:
    return f"'{part}" if _may_run(part) and not _is_number(part.strip()) else part


def _may_run(text: str) -> bool:
    return text.lstrip().startswith(_STARTS_FORMULA)


def _is_number(value: str) -> bool:
    if not value.isascii() or value != value.strip() or "_" in value:
        return False
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False
