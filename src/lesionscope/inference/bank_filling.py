"""Filling a bank of known lesions: each is read by the bank's model, and goes in with what is known of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
from lesionscope.retrieval.known import KnownLesion, Origin, UnreadLesion
from lesionscope.retrieval.schema import BankPackage
from lesionscope.retrieval.thumbnails import thumbnail

BATCH = 32
"""Lesions that are read and appended together: what a kill costs at most."""
SAME_PLACE_MM = 0.5
"""A lesion's middle may move so far, as when its box is proposed anew."""

_Told = tuple[Origin, frozenset[str], str]
"""What is told of a lesion: where it can be seen, its labels, its sentence."""


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


@contextmanager
def filled(folder: Path, package: LabelPackage) -> Iterator[Bank]:
    """Open a bank for appending as :func:`open_to_fill`; of a new one that stays empty nothing is left."""
    new, was_there = not (folder / TABLES).is_file(), folder.is_dir()
    bank = open_to_fill(folder, package)
    try:
        yield bank
    finally:
        empty = new and not len(bank)
        bank.close()
        if empty:
            for path in folder.iterdir():
                path.unlink()
            if not was_there:
                folder.rmdir()


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
    say: Callable[[str], None] | None = None,
) -> int:
    """Read lesions and append them, those left out that the bank has already.

    What a bank has stays as it is; ``say`` is told where something else was given under its id.

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
    say
        Told of each lesion that was left out though the bank's of that id is another or is known
        otherwise, and at the end how many they were.

    Returns
    -------
    int
        How many were appended.
    """
    token = CancelToken() if cancel is None else cancel
    runner = Runner(package, device=device, threads=threads)
    network = runner.ready()
    before = len(bank)
    added = 0
    chosen = _Missing(bank, say or (lambda _: None))
    for batch in _batches(chosen.of(unread)):
        token.check()
        patches = np.stack([preprocess(lesion.hu) for lesion in batch])
        boxes = np.stack([lesion.patch_box for lesion in batch]).astype(np.float32)
        outputs, network = runner.run(network, (patches, boxes), token)
        known = [_known(*pair) for pair in zip(batch, outputs["embedding"], strict=True)]
        bank.append(known, {lesion.given for lesion in batch} - {""})
        added += len(batch)
        progress(before + added, max(total, before + added), "Filling the bank")
    chosen.conclude()
    return added


class _Missing:
    """Picks the lesions that a bank doesn't have, and tells of those that it has otherwise."""

    def __init__(self, bank: Bank, say: Callable[[str], None]) -> None:
        self._bank, self._say = bank, say
        self._there = bank.ids()
        self._given: dict[str, _Told] = {}
        self._otherwise = 0

    def of(self, unread: Iterable[UnreadLesion]) -> Iterator[UnreadLesion]:
        """Yield those that are missing, each id once."""
        for lesion in unread:
            told, known = _told(lesion), self._given.get(lesion.id)
            if known is None and lesion.id in self._there:
                known = _told(self._bank.lesion(lesion.id))
            if known is None:
                self._given[lesion.id] = told
                yield lesion
            elif what := _difference(known, told):
                self._otherwise += 1
                self._say(f"'{lesion.id}' is left out, for the bank has one of that id already, {what}.")

    def conclude(self) -> None:
        """Say how many were left out."""
        if self._otherwise:
            self._say(
                f"{self._otherwise} in all: give another lesion another id, and put what was corrected into "
                "a new bank."
            )


def _told(lesion: KnownLesion | UnreadLesion) -> _Told:
    return lesion.origin, frozenset(lesion.labels), lesion.sentence


def _difference(known: _Told, given: _Told) -> str:
    """Say what of a lesion is not as it was known, or ""."""
    if known[0].reference != given[0].reference:
        return f"which it calls {known[0].reference}"
    if not _same_place(known[0], given[0]):
        return "from another scan or another place in it"
    if known[1] != given[1]:
        return "with other labels"
    return "" if known[2] == given[2] else "with another sentence"


def _same_place(one: Origin, other: Origin) -> bool:
    if one.series_uid != other.series_uid:
        return False
    if one.centroid_lps_mm is None or other.centroid_lps_mm is None:
        return one.centroid_lps_mm is other.centroid_lps_mm
    return math.dist(one.centroid_lps_mm, other.centroid_lps_mm) <= SAME_PLACE_MM


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
