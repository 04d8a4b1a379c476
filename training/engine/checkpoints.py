"""A run's checkpoint: written whole or not at all, and read back only by the run that it belongs to."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lesionscope.errors import InputError
from lesionscope.files import write_atomically

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
FORMAT = 1
_UNREADABLE = (OSError, EOFError, RuntimeError, pickle.UnpicklingError, LookupError, TypeError, ValueError)
"""What torch raises on a file that is no checkpoint of ours."""


def digest_of(fixing: Mapping[str, Any], *data: bytes) -> str:
    """Digest of all that fixes a run's weights: the recipe's part, and what it learns from."""
    content = json.dumps(fixing, sort_keys=True, default=str).encode()
    return hashlib.sha256(b"".join((content, *data))).hexdigest()


def save(out: Path, digest: str, epoch: int, history: list[dict[str, Any]], state: Mapping[str, Any]) -> None:
    """Write a run's checkpoint, then its log, each whole or not at all.

    Parameters
    ----------
    out
        The run's folder.
    digest
        From :func:`digest_of`.
    epoch, history
        Epochs that are done, and what each came to.
    state
        State dictionaries by name.
    """
    content = {"format": FORMAT, "recipe": digest, "epoch": epoch, "history": json.dumps(history), **state}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(out / CHECKPOINT, buffer.getvalue())
    write_atomically(out / LOG, "".join(json.dumps(entry) + "\n" for entry in history))


def load(out: Path, digest: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]] | None:
    """Read a run's checkpoint: epochs done, history, state; ``None`` where there is none.

    Raises
    ------
    InputError
        It was made by another recipe or other data, or it is damaged.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        found, epoch, history = content["recipe"], int(content["epoch"]), json.loads(content["history"])
    except _UNREADABLE as error:
        raise InputError(
            f"{path} can't be read as a checkpoint ({type(error).__name__}); delete it to start anew."
        ) from error
    if found != digest:
        raise InputError(
            f"{path} belongs to another recipe or other data; choose another --out folder, "
            "or delete it to start anew."
        )
    return epoch, history, content
