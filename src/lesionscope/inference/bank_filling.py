"""Filling a bank of known lesions: each is read by the bank's model, and goes in with what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.patches import preprocess
from lesionscope.inference.runner import Runner
from lesionscope.models.label_package import LabelPackage
from lesionscope.models.lesanet.spec import LesaNetSpec
from lesionscope.progress import CancelToken, Progress, silent
from lesionscope.retrieval.bank import TABLES, Bank
from lesionscope.retrieval.known import KnownLesion, UnreadLesion
from lesionscope.retrieval.schema import BankPackage
from lesionscope.retrieval.thumbnails import thumbnail

BATCH = 32
"""Lesions that are read and appended together: what a kill costs at most."""


def open_to_fill(folder: Path, package: LabelPackage) -> Bank:
    """Open a bank for appending, checked; or make it, where the folder is new.

    Raises
    ------
    InputError
        It is damaged, or another package's; or the folder holds something else.
    LesionscopeError
        Another process appends to it, or it can't be written.
    """
    if not (folder / TABLES).is_file():
        card = package.card
        owner = BankPackage(card.name, card.version, package.embedding_sha256)
        return Bank.create(folder, owner, LesaNetSpec.from_dict(card.network).embedding_length)
    bank = Bank.open(folder, package.embedding_sha256, writable=True)
    try:
        bank.verify()
    except BaseException:
        bank.close()
        raise
    return bank


def fill(
    bank: Bank,
    package: LabelPackage,
    unread: Iterable[UnreadLesion],
    *,
    total: int = 0,
    device: str = "auto",
    threads: int = 2,
    cancel: CancelToken | None = None,
    progress: Progress = silent,
) -> int:
    """Read lesions and append them, those left out that the bank has already.

    Parameters
    ----------
    bank
        Open for appending.
    package
        The bank's.
    unread
        Lesions in any number; taken as they are needed.
    total
        How many they are, for ``progress``; 0 for not known.
    device, threads
        See :class:`~lesionscope.inference.runner.Runner`.
    cancel
        Stops between batches; what was appended stays.
    progress
        Told after each batch.

    Returns
    -------
    int
        How many were appended.
    """
    token = CancelToken() if cancel is None else cancel
    runner = Runner(package, device=device, threads=threads)
    network = runner.ready()
    there = bank.ids()
    missing = (lesion for lesion in unread if lesion.id not in there)
    added = 0
    for batch in _batches(missing):
        token.check()
        patches = np.stack([preprocess(lesion.hu) for lesion in batch])
        boxes = np.stack([lesion.patch_box for lesion in batch]).astype(np.float32)
        outputs, network = runner.run(network, (patches, boxes), token)
        bank.append([_known(*pair) for pair in zip(batch, outputs["embedding"], strict=True)])
        added += len(batch)
        progress(len(there) + added, max(total, len(there) + added), "Filling the bank")
    return added


def _batches(unread: Iterator[UnreadLesion]) -> Iterator[list[UnreadLesion]]:
    while batch := list(islice(unread, BATCH)):
        yield batch


def _known(lesion: UnreadLesion, embedding: NDArray[np.float32]) -> KnownLesion:
    picture, box = thumbnail(lesion.hu, lesion.patch_box)
    return KnownLesion(
        lesion.id,
        embedding,
        lesion.labels,
        lesion.sentence,
        picture,
        box,
        lesion.patient_key,
        lesion.study_key,
        lesion.origin,
        lesion.long_mm,
        lesion.short_mm,
    )
