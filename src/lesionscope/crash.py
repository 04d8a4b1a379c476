"""A log of an error of ours that tells where it happened, and nothing about a patient.

Messages of exceptions are left out: they quote values (a name from a header, a
path with a name in it). Frames of the code and types of exceptions remain.
"""

from __future__ import annotations

import platform
import sys
import traceback
from datetime import UTC, datetime

from lesionscope import __version__, config
from lesionscope.errors import LesionscopeError
from lesionscope.files import write_atomically


def describe(error: BaseException) -> str:
    """Return the log's text: version, platform, and the chain of exceptions without their messages."""
    lines = [f"lesionscope {__version__}, Python {sys.version.split()[0]}, {platform.platform()}"]
    seen: BaseException | None = error
    while seen is not None:
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}")
        lines += [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(seen.__traceback__)
        ]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        if seen is not None:
            lines.append("caused by")
    return "\n".join(lines) + "\n"


def write_log(error: BaseException) -> str:
    """Write the log of an error and return a sentence that says where it is."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    try:
        path = write_atomically(config.data_folder() / "logs" / f"error-{stamp}.log", describe(error))
    except LesionscopeError:
        return "no log of it could be written."
    return f"where it happened is in {path}, without patient data; please report it."
