"""Qt's flags as whole numbers, which PyQt5 makes of them by itself and PyQt6 doesn't."""

from __future__ import annotations

from typing import Any


def as_int(flag: Any) -> int:
    """Return the number behind a Qt flag or enumeration."""
    return int(getattr(flag, "value", flag))
