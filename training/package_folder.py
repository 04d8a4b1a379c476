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


def save_weights(work: Path, state: Mapping[str, Tensor]) -> None:
    """Write a network's tensors."""
    from safetensors.torch import save_file

    own = {name: tensor.contiguous().cpu() for name, tensor in state.items()}
    save_file(own, work / FILES["weights"], metadata={"format": "pt"})


def save_bank(work: Path, bank: Bank) -> None:
    """Write the embeddings that familiarity is measured from."""
    from safetensors.numpy import save_file

    save_file(bank.arrays(), work / FILES["bank"])


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
