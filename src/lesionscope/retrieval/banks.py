"""Banks of one model package, asked together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from lesionscope.errors import InputError
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.known import KnownLesion, Neighbour


class Banks:
    """Open banks of one package that answer as one.

    Where there are several, a lesion's id begins with its bank's name and "/", for two banks may have
    given the same id to two lesions.

    Parameters
    ----------
    banks
        At least one; no two of one name.
    """

    def __init__(self, banks: Sequence[Bank]) -> None:
        self.banks = tuple(banks)
        self.names = tuple(bank.folder.name for bank in banks)
        self.dimension = banks[0].dimension

    def query(
        self, embedding: ArrayLike, k: int = 10, *, exclude_patient: str | Sequence[str] | None = None
    ) -> tuple[Neighbour, ...]:
        """Return the ``k`` known lesions most like one, nearest first; see :meth:`.Bank.query`."""
        if len(self.banks) == 1:
            return self.banks[0].query(embedding, k, exclude_patient=exclude_patient)
        found = [
            replace(one, id=f"{name}/{one.id}")
            for name, bank in zip(self.names, self.banks, strict=True)
            for one in bank.query(embedding, k, exclude_patient=exclude_patient)
        ]
        return tuple(sorted(found, key=lambda one: one.distance)[:k])

    def lesion(self, identifier: str) -> KnownLesion:
        """Return all that is known of one lesion, by the id that :meth:`query` gave it.

        Raises
        ------
        InputError
            None has it, or its picture is damaged.
        """
        name, _, own = identifier.partition("/")
        if name in self.names:
            return self.banks[self.names.index(name)].lesion(own)
        # An id that was given when there was one bank only.
        known = [bank for bank in self.banks if bank.knows(identifier)]
        if len(known) != 1:
            many = "No" if not known else "More than one"
            raise InputError(f"{many} bank of {', '.join(self.names)} knows a lesion '{identifier}'.")
        return known[0].lesion(identifier)

    def digest(self) -> str:
        """Return a digest of all that they hold."""
        whole = hashlib.sha256()
        for name, bank in zip(self.names, self.banks, strict=True):
            whole.update(f"{name}\0{bank.digest()}\0".encode())
        return whole.hexdigest()

    def close(self) -> None:
        """Let go of the files; safe more than once."""
        for bank in self.banks:
            bank.close()
