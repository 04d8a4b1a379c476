"""Where sessions are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lesionscope.config import data_folder


def default_path(series_uid: str) -> Path:
    """Return the session file of a series: named by a digest, so that the name tells nothing.

    It lies in the configured data folder (``LESIONSCOPE_DATA`` names another one).
    """
    digest = hashlib.sha256(series_uid.encode("utf-8", "surrogatepass")).hexdigest()
    return data_folder() / "sessions" / f"{digest[:32]}.sqlite"
