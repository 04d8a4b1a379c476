"""Where sessions are kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

DATA_VARIABLE = "LESIONSCOPE_DATA"
"""Environment variable that names another folder for everything kept between runs."""


def data_folder() -> Path:
    """Return the folder for what is kept between runs; not made here."""
    chosen = os.environ.get(DATA_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("lesionscope", appauthor=False))


def default_path(series_uid: str) -> Path:
    """Return the session file of a series: named by a digest, so that the name tells nothing."""
    digest = hashlib.sha256(series_uid.encode("utf-8", "surrogatepass")).hexdigest()
    return data_folder() / "sessions" / f"{digest[:32]}.sqlite"
