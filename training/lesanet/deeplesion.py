"""DeepLesion and LesaNet's released labels as :class:`~.dataset.Lesions`: real, or phantoms written so.

A patch is cut from the few slices around a lesion's key slice by ``lesionscope.lesions.deeplesion_volume``,
as in reading. Patches are cached until a slice changes, because cutting 23,000 of them takes long. What can't
be used is left out and listed, by the rules of ``lesionscope doctor --dataset``.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.patches import OFFSETS_MM, SIZE
from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow
from lesionscope.lesions.deeplesion_volume import cut_patch, slices_of_patch
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.phantom.pool import ordered
from lesionscope.progress import CancelToken, Progress, silent

from ..deeplesion.doctor import picture_problem
from ..deeplesion.table import Table, read_table
from ..kept import states
from ..torn import torn
from .dataset import Lesions, locations
from .labels import listed, reviewed
from .recipe import Data

VERSION = 2
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
    """Read one split; what can't be used is left out, and lesions that DeepLesion flags as possibly noisy.

    Raises
    ------
    InputError
        A file is missing or can't be used, labels and table don't fit each other, a patient is in two
        splits, or no lesion of the split can be used.
    """
    root = Path(data.folder)
    table = read_table(root / TABLE)
    said = listed(data.labels, split, graph)
    if beyond := [number for number in said if number >= len(table)]:
        raise InputError(f"{data.labels} speaks of lesion {beyond[0]}, but {root / TABLE} has {len(table)}.")
    _refuse_torn(data.labels, table)
    if data.reviewed and split != "test":
        corrected = reviewed(data.reviewed, table, split, graph)
        said |= {number: corrected[number] for number in said.keys() & corrected.keys()}
    usable = {number: table.rows[number] for number in said if number in table.rows}
    hu, boxes, lost = _patches(root, usable, cache, data.workers, progress, cancel)
    told = [problem.text for problem in table.problems if problem.left_out and problem.row in said]
    left_out = (*told, *lost.values())
    numbers = [number for number in usable if number not in lost]
    rows = [usable[number] for number in numbers]
    if not rows:
        why = f"; the first of what is wrong: {left_out[0]}" if left_out else "."
        raise InputError(f"No lesion that {data.labels} has in the split '{split}' can be used{why}")
    spacing = np.array([row.spacing_mm for row in rows])
    columns = {
        "long_mm": np.array([row.diameters_px[0] for row in rows]) * spacing[:, 0],
        "short_mm": np.array([row.diameters_px[1] for row in rows]) * spacing[:, 0],
        "slice_step_mm": np.where(spacing[:, 2] > 0, spacing[:, 2], np.nan),
        "kernel": np.full(len(rows), ""),
        **locations(np.array([row.location for row in rows])),
    }
    patients = np.array([row.patient for row in rows])
    truth = _truth(data, graph, split, numbers)
    return Lesions(hu, boxes, tuple(said[n] for n in numbers), truth, patients, columns, left_out)


def _refuse_torn(path: str, table: Table) -> None:
    """Refuse lesions of one patient in two splits (§5.1: each patient was assigned to one of them only)."""
    splits = read_label_file(path).splits
    listed = [(n, split) for split, here in splits.items() for n in here.lesions if n in table.rows]
    for first, second in torn((table.rows[number].patient, split) for number, split in listed):
        (lesion, one), (other, another) = listed[first], listed[second]
        both = f"lesions {lesion} and {other}, which are of one patient,"
        both = f"lesion {lesion}" if lesion == other else both
        raise InputError(
            f"{path} has {both} in the splits {one} and {another}: put a patient's lesions into one."
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


def _cut(job: tuple[Path, DeepLesionRow]) -> tuple[NDArray[np.int16], NDArray[np.float32]] | str:
    """Cut a patch, or say why it can't be; runs in a worker process."""
    root, row = job
    if found := picture_problem((row.slice_path(root), row.image_size)):
        return found[1]
    try:
        return cut_patch(root, row)
    except InputError as error:
        return str(error)


def _patches(
    root: Path,
    rows: Mapping[int, DeepLesionRow],
    cache: Path,
    workers: int,
    progress: Progress,
    cancel: CancelToken | None,
) -> tuple[NDArray[np.int16], NDArray[np.float32], dict[int, str]]:
    """Cut all patches, or read them from the cache; return with them why which of the rows have none."""
    table = hashlib.sha256((root / TABLE).read_bytes()).hexdigest()
    files = dict.fromkeys(name for row in rows.values() for name in _files_of_patch(row))
    known = (VERSION, table, str(root.resolve()), list(rows), states(root, files))
    key = hashlib.sha256(repr(known).encode()).hexdigest()[:12]
    stored = cache / f"deeplesion-{len(rows)}-{key}.npz"
    if stored.is_file():
        with np.load(stored) as arrays:
            told = zip(arrays["lost"].tolist(), arrays["why"].tolist(), strict=True)
            return arrays["hu"], arrays["boxes"], dict(told)
    hu = np.empty((len(rows), len(OFFSETS_MM), SIZE, SIZE), dtype=np.int16)
    boxes = np.empty((len(rows), 4), dtype=np.float32)
    lost: dict[int, str] = {}
    made = 0
    cuts = ordered(_cut, [(root, row) for row in rows.values()], workers)
    for done, (number, cut) in enumerate(zip(rows, cuts, strict=True), start=1):
        if cancel is not None:
            cancel.check()
        if isinstance(cut, str):
            lost[number] = cut
        else:
            hu[made], boxes[made] = cut
            made += 1
        progress(done, len(rows), "Cutting patches")
    hu, boxes = hu[:made], boxes[:made]
    buffer = io.BytesIO()
    why = np.array(list(lost.values()), dtype=np.str_)
    np.savez(buffer, hu=hu, boxes=boxes, lost=np.array(list(lost), dtype=np.int64), why=why)
    write_atomically(stored, buffer.getbuffer().tobytes(), private=True)
    return hu, boxes, lost


def _files_of_patch(row: DeepLesionRow) -> list[Path]:
    """Return which files below the folder a patch is cut from."""
    seen = slices_of_patch(row)
    return [row.slice_path("", number) for number in range(seen.first, seen.last + 1)]
