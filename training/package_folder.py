"""Making a model package's folder: whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lesionscope.errors import LesionscopeError


@contextmanager
def new_package(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to fill, and move it to ``folder`` at the end.

    A package that stood there before is replaced; where anything fails, it stays.

    Raises
    ------
    LesionscopeError
        It can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".package-", dir=folder.parent))
    except OSError as error:
        raise LesionscopeError(
            f"{folder} could not be made ({error.strerror}); choose another folder."
        ) from error
    try:
        work.chmod(0o755)
        yield work
        for file in work.iterdir():
            file.chmod(0o644)
        _replace(work, folder)
    except OSError as error:
        raise LesionscopeError(
            f"{folder} could not be written ({error.strerror or error}); nothing was changed there: "
            "free some space or choose another folder, and try again."
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _replace(work: Path, folder: Path) -> None:
    """Move ``work`` to ``folder``; an older folder goes only once the new one stands."""
    if not folder.exists():
        work.replace(folder)
        return
    older = Path(tempfile.mkdtemp(prefix=".older-", dir=folder.parent))
    folder.replace(older / folder.name)
    try:
        work.replace(folder)
    except OSError:
        (older / folder.name).replace(folder)
        raise
    finally:
        shutil.rmtree(older, ignore_errors=True)
