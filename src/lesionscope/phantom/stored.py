"""Large arrays kept on disk: written whole or not at all, never held in memory beside their file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lesionscope.errors import LesionscopeError

Result = TypeVar("Result")


def write_array(
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    fill: Callable[[NDArray[Any]], Result],
    *,
    private: bool = False,
) -> Result:
    """Write an array (``.npy``) that ``fill`` fills in place, and return what that returns.

    What is ``private``, patients' pixels, only its owner may read.

    Raises
    ------
    LesionscopeError
        It can't be written; nothing was changed at ``path``.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=dtype, shape=shape)
        result = fill(array)
        array.flush()
        del array  # a mapped file can't be renamed everywhere
        if not private:
            temporary.chmod(0o644)
        temporary.replace(path)
        temporary = None
        return result
    except OSError as error:
        raise LesionscopeError(
            f"{path} could not be written ({error.strerror or error}): "
            "free some space or choose another cache folder."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def smallest_stored(folder: Path, stem: str, n: int) -> Path | None:
    """Return the smallest array ``<stem>-<count>.npy`` of ``n`` or more that has its table beside it."""
    sizes = {}
    for path in folder.glob(f"{stem}-*.npy"):
        size = path.stem.rpartition("-")[2]
        if size.isdigit() and int(size) >= n and path.with_suffix(".json").is_file():
            sizes[int(size)] = path
    return sizes[min(sizes)] if sizes else None
