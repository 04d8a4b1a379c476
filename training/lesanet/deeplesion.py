"""DeepLesion and LesaNet's released labels as :class:`~.dataset.Lesions`: real, or phantoms written so.

A patch is cut from the few slices around a lesion's key slice by ``lesionscope.ct.patches``, as in
reading. Patches are cached, because cutting 23,000 of them takes long.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.patches import OFFSETS_MM, SIZE, lesion_patch
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError
from lesionscope.files import write_atomically
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, read_dl_info, read_slice
from lesionscope.ontology.label_graph import LabelGraph
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.phantom.pool import ordered
from lesionscope.progress import CancelToken, Progress, silent

from .dataset import Lesions, locations
from .labels import listed, reviewed
from .recipe import Data

VERSION = 1
"""Part of the cache's key: raise it whenever the same slice gives another patch."""


@dataclass(frozen=True)
class _Box:
    box_lps_mm: tuple[float, float, float, float, float, float]


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


def cut(root: Path, row: DeepLesionRow) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Cut the patch of one lesion: HU ``(3, 120, 120)`` and its box in patch pixels.

    Slices are numbered from the head, so the next one lies lower. Where slice distances aren't known,
    or a neighbour isn't given, the nearest slice that is stands in.
    """
    across, down, step = row.spacing_mm
    reach = math.ceil(max(OFFSETS_MM) / step) if step > 0 else 0
    first, last = (
        min(max(row.key_slice + k, row.slice_range[0]), row.slice_range[1]) for k in (reach, -reach)
    )
    numbers = [
        n for n in range(first, last - 1, -1) if n == row.key_slice or row.slice_path(root, n).is_file()
    ]
    hu = np.stack([read_slice(row.slice_path(root, number)) for number in numbers])
    heights = [(row.key_slice - number) * step for number in numbers]
    even = len(numbers) == first - last + 1 and len(numbers) > 1
    geometry = Geometry(
        (hu.shape[2], hu.shape[1], len(numbers)),
        (across, down, step if even else None),
        (0.0, 0.0, heights[0]),
        offsets_mm=None if even else tuple(height - heights[0] for height in heights),
        slice_thickness_mm=step if step > 0 else None,
    )
    x0, y0, x1, y1 = ((value - 1) * side for value, side in zip(row.box, (across, down) * 2, strict=True))
    seen = lesion_patch(CTVolume(hu, geometry, Source(row.folder)), _Box((x0, y0, 0.0, x1, y1, 0.0)))
    return np.rint(np.clip(seen.hu, -1024, 3071)).astype(np.int16), seen.box


def _cut(job: tuple[Path, DeepLesionRow]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    return cut(*job)


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
    write_atomically(stored, buffer.getbuffer().tobytes())
    return hu, boxes
