"""Writing files and folders so that a crash or a full disk never leaves half of one."""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path

from lesionscope.errors import InputError, LesionscopeError


def open_part(path: Path) -> tuple[Path, BufferedWriter]:
    """Make a hidden file beside ``path``, which is to take its place; its folder must be there.

    It is as private as what stands at ``path`` now; where nothing does, as the user's umask says.

    Raises
    ------
    OSError
        It can't be made.
    """
    part = _part(path)
    stream = part.open("xb")
    _keep_mode(path, part)
    return part, stream


def _part(path: Path) -> Path:
    return path.parent / f".{uuid.uuid4().hex}.part"


def _keep_mode(path: Path, part: Path) -> None:
    with suppress(OSError):  # nothing is there, or a disk without modes
        part.chmod(stat.S_IMODE(path.stat().st_mode))


def write_atomically(path: str | Path, content: bytes | str, *, private: bool = False) -> Path:
    """Write ``content`` to ``path``: a temporary file beside it, then a rename.

    Parameters
    ----------
    path
        The file to make or replace. Its folder is made where it is missing.
    content
        Bytes, or text that is written as UTF-8.
    private
        Whether only its owner may read it, whatever the umask says: patients' data that nobody asked to
        have written.

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
        temporary, opened = open_part(path)
        with opened as stream:
            if private:
                temporary.chmod(0o600)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
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


@contextmanager
def new_folder(target: str | Path) -> Iterator[Path]:
    """Give a hidden folder beside ``target`` to fill, which takes its place at the end.

    Where anything fails, nothing is left of it.

    Raises
    ------
    InputError
        There are files in ``target`` already, or it is one.
    LesionscopeError
        The disk is full, the folder is read-only…
    """
    target = Path(target)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target} exists and is not an empty folder: choose a new one.")
    place: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        place = _part(target)
        place.mkdir()
        yield place
        if target.is_dir():
            _keep_mode(target, place)
            target.rmdir()
        place.rename(target)
        place = None
    except OSError as error:
        raise LesionscopeError(
            f"{target} could not be written ({error.strerror or error}): free some space or choose "
            "another folder, and try again."
        ) from error
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
