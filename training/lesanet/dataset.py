"""Lesions as arrays: patches, boxes, what their reports say, who and how they were scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionscope import config
from lesionscope.ct.patches import preprocess
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.progress import CancelToken, Progress, silent

from .labels import Said, mine
from .recipe import Data

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Lesions:
    """Lesions of one split.

    Parameters
    ----------
    hu
        int16 ``(n, 3, 120, 120)``, see ``lesionscope.ct.patches``.
    boxes
        x0, y0, x1, y1 in patch pixels, float32 ``(n, 4)``.
    said
        Labels that reports say, mined and unexpanded.
    truth
        Complete labels, bool ``(n, C)``; ``None`` where nobody knows them.
    patients
        Whose they are, int64 ``(n,)``.
    columns
        ``long_mm``, ``short_mm``, ``slice_step_mm`` and ``location_x``, ``_y``, ``_z`` (centre as a share of
        the body's extent), float64 ``(n,)``, and ``kernel``, texts; NaN and "" where not known.
    left_out
        What is wrong with lesions that could not be used, a sentence each.
    """

    hu: NDArray[np.int16]
    boxes: NDArray[np.float32]
    said: tuple[Said, ...]
    truth: NDArray[np.bool_] | None
    patients: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: NDArray[Any]) -> Lesions:
        """Return some of them; ``rows`` is a mask or numbers."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Lesions(
            self.hu[chosen],
            self.boxes[chosen],
            tuple(self.said[i] for i in chosen),
            None if self.truth is None else self.truth[chosen],
            self.patients[chosen],
            {name: column[chosen] for name, column in self.columns.items()},
            self.left_out,
        )

    def inputs(self, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return a batch on a device: preprocessed patches ``(b, 3, 120, 120)``, boxes ``(b, 4)``."""
        patches = torch.from_numpy(preprocess(self.hu[rows])).to(device)
        boxes = torch.from_numpy(self.boxes[rows]).to(device)
        return patches.to(memory_format=torch.channels_last), boxes


def load_split(
    data: Data,
    graph: LabelGraph,
    split: str,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Lesions:
    """Make or read one split of a recipe's data.

    Raises
    ------
    InputError
        A file can't be used.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    if data.resplit and split != "test":
        return _dealt_anew(data, graph, split, progress, cancel)
    return _read(data, graph, split, progress, cancel)


def cache_folder(data: Data) -> Path:
    """Return where patches are kept: the recipe's folder, else the user's cache."""
    if data.cache:
        return Path(data.cache).expanduser()
    return config.cache_folder() / "clinic"


def _read(
    data: Data, graph: LabelGraph, split: str, progress: Progress, cancel: CancelToken | None
) -> Lesions:
    if data.source == "phantom":
        return _phantom(data, graph, split, progress, cancel)
    from .deeplesion import read_deeplesion

    return read_deeplesion(data, graph, split, cache_folder(data), progress=progress, cancel=cancel)


def _phantom(
    data: Data, graph: LabelGraph, split: Any, progress: Progress, cancel: CancelToken | None
) -> Lesions:
    from lesionscope.phantom.clinic.cohort import cohort

    def watched(done: int, total: int, label: str) -> None:
        if cancel is not None:
            cancel.check()
        progress(done, total, label)

    made = cohort(
        split, getattr(data, split), workers=data.workers, cache=cache_folder(data), progress=watched
    )
    rows = made.rows
    columns = {
        name: np.array([row[name] for row in rows])
        for name in ("long_mm", "short_mm", "slice_step_mm", "kernel")
    }
    columns |= locations(np.array([row["location"] for row in rows]))
    return Lesions(
        # Read once: batches then come from memory, in whatever order.
        np.ascontiguousarray(made.hu),
        made.boxes,
        mine((row["sentence"] for row in rows), graph),
        made.labels,
        np.array([row["patient"] for row in rows]),
        columns,
    )


def locations(shares: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Name the columns of relative locations ``(n, 3)``."""
    return {f"location_{axis}": shares[:, number] for number, axis in enumerate("xyz")}


def _dealt_anew(
    data: Data, graph: LabelGraph, split: str, progress: Progress, cancel: CancelToken | None
) -> Lesions:
    """Deal the patients of training and validation anew (Table 3), as many lesions to each as before."""
    parts = [_read(data, graph, name, progress, cancel) for name in ("train", "validation")]
    # A phantom's patients are numbered from 0 in each split.
    offset = int(parts[0].patients.max()) + 1 if data.source == "phantom" else 0
    whole = joined(parts[0], parts[1], offset)
    patients = np.random.default_rng([data.resplit, 3]).permutation(np.unique(whole.patients))
    counts = dict(zip(*np.unique(whole.patients, return_counts=True), strict=True))
    filled = np.cumsum([counts[patient] for patient in patients])
    validating = patients[filled <= len(parts[1])]
    return whole[np.isin(whole.patients, validating) == (split == "validation")]


def joined(one: Lesions, other: Lesions, offset: int = 0) -> Lesions:
    """Put two sets of lesions together; ``offset`` is added to the other's patients."""
    truth = None
    if one.truth is not None and other.truth is not None:
        truth = np.concatenate([one.truth, other.truth])
    return Lesions(
        np.concatenate([one.hu, other.hu]),
        np.concatenate([one.boxes, other.boxes]),
        one.said + other.said,
        truth,
        np.concatenate([one.patients, other.patients + offset]),
        {name: np.concatenate([one.columns[name], other.columns[name]]) for name in one.columns},
        tuple(dict.fromkeys((*one.left_out, *other.left_out))),
    )
