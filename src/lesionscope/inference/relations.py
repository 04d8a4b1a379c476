"""Relating mentions to bookmarks with a relation model's ONNX graph, for the miner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.inference.onnx_graph import session_options
from lesionscope.inference.relation_inputs import FEATURES, SIZES, encode
from lesionscope.mining.parsed import Parsed
from lesionscope.mining.relations import RELATIONS
from lesionscope.models.relation_package import RelationPackage, find_relation_package


class Relater:
    """A relation model as the function that :class:`~lesionscope.mining.miner.Miner` takes.

    The graph is loaded at the first sentence, and again where the object was sent to another process.

    Parameters
    ----------
    package
        The model.
    threads
        CPU threads of one inference; mining runs a process a core, so 1.

    Raises
    ------
    InputError
        The package was made for other features or relations.
    """

    def __init__(self, package: RelationPackage, threads: int = 1) -> None:
        card = package.card
        if card.features != FEATURES or card.sizes != SIZES or set(card.relations) != set(RELATIONS):
            raise InputError(
                f"{package.folder} was made for another version: its features or relations are not those "
                "of this one. Train it again, or use another package."
            )
        self.package = package
        self.threads = threads

    def __call__(self, parsed: Parsed) -> Sequence[Sequence[str]]:
        """Say what each match (row) is to each bookmark (column)."""
        if not parsed.matches:
            return []
        best = self.logits(encode(parsed)).argmax(axis=1).reshape(len(parsed.matches), -1)
        names = self.package.card.relations
        return [[names[i] for i in row] for row in best.tolist()]

    def logits(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return raw logits ``(n, relations)`` of encoded pairs, relations in the card's order."""
        card = self.package.card
        (answer,) = self._session.run([card.onnx["outputs"][0]], {card.onnx["input"]: rows})
        return np.asarray(answer, dtype=np.float32)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        path = self.package.onnx_path
        try:
            return onnxruntime.InferenceSession(
                path.read_bytes(), session_options(path, self.threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises its own types, which share no base
            raise InputError(f"{path} can't be loaded ({error}); install the model package again.") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"package": self.package, "threads": self.threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def load_relater(name_or_path: str | Path | None = None) -> Relater:
    """Return the relater of a package: by name, by path, or the bundled one."""
    package = find_relation_package(name_or_path)
    package.verify()
    return Relater(package)
