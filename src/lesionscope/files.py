"""Writing files so that a crash or a full disk never leaves half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lesionscope.errors import LesionscopeError


def write_atomically(path: str | Path, content: bytes | str) -> Path:
    """Write ``content`` to ``path``: a temporary file beside it, then a rename.

    Parameters
    ----------
    path
        The file to make or replace. Its folder is made where it is missing.
    content
        Bytes, or text that is written as UTF-8.

    Raises
    ------
    LesionscopeError
        The disk is full, the folder is read-only…: the sentence names the file,
        and whatever stood at ``path`` before still stands there whole.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise LesionscopeError(
            f"{path} could not be written ({error.strerror or error}); nothing was changed there: "
            "free some space or choose another folder, and try again."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return path
