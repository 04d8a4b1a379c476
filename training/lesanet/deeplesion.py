"""DeepLesion and LesaNet's released labels as :class:`~.dataset.Lesions`: real, or phantoms written so.

A patch is cut from the few slices around a lesion's key slice by ``lesionscope.lesions.deeplesion_volume``,
as in reading. Patches are cached, because cutting 23,000 of them takes long.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.patches import OFFSETS_MM, SIZE
from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, read_dl_info
from lesionscope.lesions.deeplesion_volume import cut_patch
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.phantom.pool import ordered
from lesionscope.progress import CancelToken, Progress, silent

from .dataset import Lesions, locations
from .labels import listed, reviewed
from .recipe import Data

VERSION = 1
"""Part of the cache's key: raise it whenever the same slice gives another patch."""


def read_deeplesion(
    data: Data,
    graph: LabelGraph,
    split: str,
    cache: Path,
    *,
    progress: Progress = silent,
    cancel: CancelToken | None = None,
) -> Lesions:
    """Read one split; lesions that DeepLesion flags as possibly noisy are left out.

    Raises
    ------
    InputError
        A file is missing or can't be used, or labels and table don't fit each other.
    """
    root = Path(data.folder)
    table = read_dl_info(root / TABLE)
    said = listed(data.labels, split, graph)
    if beyond := [number for number in said if number >= len(table)]:
        raise InputError(f"{data.labels} speaks of lesion {beyond[0]}, but {root / TABLE} has {len(table)}.")
    if data.reviewed and split != "test":
        corrected = reviewed(data.reviewed, table, split, graph)
        said |= {number: corrected[number] for number in said.keys() & corrected.keys()}
    numbers = [number for number in said if not table[number].possibly_noisy]
    rows = [table[number] for number in numbers]
    hu, boxes = _patches(root, rows, numbers, cache, data.workers, progress, cancel)
    spacing = np.array([row.spacing_mm for row in rows])
    columns = {
        "long_mm": np.array([row.diameters_px[0] for row in rows]) * spacing[:, 0],
        "short_mm": np.array([row.diameters_px[1] for row in rows]) * spacing[:, 0],
        "slice_step_mm": np.where(spacing[:, 2] > 0, spacing[:, 2], np.nan),
        "kernel": np.full(len(rows), ""),
        **locations(np.array([row.location for row in rows])),
    }
    patients = np.array([row.patient for row in rows])
    return Lesions(
        hu, boxes, tuple(said[n] for n in numbers), _truth(data, graph, split, numbers), patients, columns
    )


def _truth(data: Data, graph: LabelGraph, split: str, numbers: Sequence[int]) -> NDArray[np.bool_] | None:
    """Complete labels of test lesions, nothing for lesions that nobody labelled by hand."""
    if split != "test" or not data.hand_labels:
        return None
    labels = read_label_file(data.hand_labels)
    listed = labels.splits["test"]
    by_number = dict(zip(listed.lesions, listed.relevant, strict=True))
    truth = np.zeros((len(numbers), len(graph.core)), dtype=np.bool_)
    for row, number in enumerate(numbers):
        names = graph.expand(labels.terms[n] for n in by_number.get(number, ()))
        truth[row, [place for place, name in enumerate(graph.core) if name in names]] = True
    return truth


def _cut(job: tuple[Path, DeepLesionRow]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    return cut_patch(*job)


def _patches(
    root: Path,
    rows: Sequence[DeepLesionRow],
    numbers: Sequence[int],
    cache: Path,
    workers: int,
    progress: Progress,
    cancel: CancelToken | None,
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Cut all patches, or read them from the cache."""
    table = hashlib.sha256((root / TABLE).read_bytes()).hexdigest()
    key = hashlib.sha256(repr((VERSION, table, str(root.resolve()), list(numbers))).encode()).hexdigest()[:12]
    stored = cache / f"deeplesion-{len(rows)}-{key}.npz"
    if stored.is_file():
        with np.load(stored) as arrays:
            return arrays["hu"], arrays["boxes"]
    hu = np.empty((len(rows), len(OFFSETS_MM), SIZE, SIZE), dtype=np.int16)
    boxes = np.empty((len(rows), 4), dtype=np.float32)
    for place, (pixels, box) in enumerate(ordered(_cut, [(root, row) for row in rows], workers)):
        if cancel is not None:
            cancel.check()
        hu[place], boxes[place] = pixels, box
        progress(place + 1, len(rows), "Cutting patches")
    buffer = io.BytesIO()
    np.savez(buffer, hu=hu, boxes=boxes)
    write_atomically(stored, buffer.getbuffer().tobytes(), private=True)
    return hu, boxes
