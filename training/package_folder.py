"""Making a model package: its folder, whole or not at all, and what every package's folder holds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lesionscope.errors import LesionscopeError
from lesionscope.models.card_form import ModelCard
from lesionscope.models.familiarity import Bank
from lesionscope.models.package import CARD, FILES, sha256_of

if TYPE_CHECKING:
    from torch import Tensor


@contextmanager
def new_package(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to fill, and move it to ``folder`` at the end.

    A package that stood there before is replaced; where anything fails, it stays. Who may read the new
    one follows from the user's umask.

    Raises
    ------
    LesionscopeError
        It can't be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".package-", dir=folder.parent))
    except OSError as error:
        raise LesionscopeError(
            f"{folder} could not be made ({error.strerror}); choose another folder."
        ) from error
    try:
        work = aside / "new"
        work.mkdir()
        yield work
        _replace(work, folder)
    except OSError as error:
        raise LesionscopeError(
            f"{folder} could not be written ({error.strerror or error}); nothing was changed there: "
            "free some space or choose another folder, and try again."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def save_weights(work: Path, state: Mapping[str, Tensor]) -> None:
    """Write a network's tensors."""
    from safetensors.torch import save  # its save_file makes files that only their owner may read

    own = {name: tensor.contiguous().cpu() for name, tensor in state.items()}
    (work / FILES["weights"]).write_bytes(save(own, metadata={"format": "pt"}))


def save_bank(work: Path, bank: Bank) -> None:
    """Write the embeddings that familiarity is measured from."""
    from safetensors.numpy import save

    (work / FILES["bank"]).write_bytes(save(bank.arrays()))


def save_card(work: Path, files: Mapping[str, str], card: Callable[[dict[str, str]], ModelCard]) -> None:
    """Write the card, last of all files.

    Parameters
    ----------
    work
        The package's folder.
    files
        Names of the files that lie there, by key.
    card
        Makes the card from the SHA-256 of these.
    """
    digests = {key: sha256_of(work / name) for key, name in files.items()}
    (work / CARD).write_text(card(digests).as_json(), encoding="utf-8")


def _replace(work: Path, folder: Path) -> None:
    """Move ``work`` to ``folder``; an older folder comes back where the new one can't stand there."""
    older = work.with_name("older")
    if folder.exists():
        folder.replace(older)
    try:
        work.replace(folder)
    except OSError:
        if older.exists():
            older.replace(folder)
        raise
