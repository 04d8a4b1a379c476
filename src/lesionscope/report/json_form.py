"""A report as JSON: the contract that scripts read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lesionscope.files import write_atomically
from lesionscope.report.document import Content


def text(content: Content) -> str:
    """Return the JSON, in ASCII so that any console and any encoding carries it.

    A number that isn't finite becomes ``null``: JSON has no word for it.
    """
    return json.dumps(_finite(content), indent=1, allow_nan=False) + "\n"


def write(content: Content, path: str | Path) -> Path:
    """Write the JSON. Raises as :func:`write_atomically`."""
    return write_atomically(path, text(content))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
