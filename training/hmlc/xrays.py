"""Real chest X-rays: a CSV table of labels, and the images that it names.

=============== =====================================================================================
``image``       path of an image (PNG, TIFF, JPEG; 8 or 16 bits), relative to the recipe's folder
``patient``     whose it is
``split``       optional: train, validation or test, the same for all images of a patient
a leaf's tag    0 or 1, one column for each leaf of the tree; an empty cell is a 0
=============== =====================================================================================

Cells are separated by commas, semicolons or tabs, and names may be in capitals; other columns are not read.
Without ``split`` patients are dealt 70 : 10 : 20 (paper 003, §3) by a digest of their names. Images must be
bright where the beam was held back.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionscope.csv_files import read_csv
from lesionscope.errors import InputError, unreadable
from lesionscope.models.hmlc.forest import Forest
from lesionscope.ontology.tree import PathologyTree
from lesionscope.phantom.stored import write_array
from lesionscope.progress import Progress

from ..kept import states
from .dataset import SPLITS, Images
from .recipe import Data

SHARES = (("train", 0.7), ("validation", 0.8), ("test", 1.0))
"""Where each split ends."""
GREY = ("L", "I;16", "I;16B", "I", "F")
"""Pillow's names of grey images, read as they are."""


@dataclass(frozen=True)
class Line:
    """One image of the table: its file, its patient, its split, and the leaves that it shows."""

    image: str
    patient: str
    split: str
    leaves: tuple[bool, ...]


def read_xrays(data: Data, tree: PathologyTree, split: str, progress: Progress) -> Images:
    """Read one split of a table.

    Images are brought to ``data.side`` squared, their shorter side padded with its border, as uint16; with
    ``data.cache`` they are kept there and mapped from disk until a file changes.

    Raises
    ------
    InputError
        The table or an image can't be used; the sentence names the line or the file.
    """
    table = read_table(Path(data.table), tree)
    lines = [line for line in table if line.split == split]
    if not lines:
        raise InputError(f"{data.table} has no image of the split '{split}'.")
    tags = [node.tag for node in tree.nodes]
    labels = np.zeros((len(lines), len(tags)), bool)
    labels[:, [tags.index(leaf) for leaf in tree.leaves]] = [line.leaves for line in lines]
    numbers = {patient: number for number, patient in enumerate(sorted({line.patient for line in lines}))}
    patients = np.array([numbers[line.patient] for line in lines], dtype=np.int64)
    names = [line.image for line in lines]
    kept = states(Path(data.folder), names)
    state = hashlib.sha256(b"".join(repr(one).encode() for one in kept)).digest()
    closed = Forest.of_tree(tree).closed(labels)
    digest = hashlib.sha256(b"".join((state, closed.tobytes(), patients.tobytes()))).digest()
    paths = [Path(data.folder) / name for name in names]
    return Images(_pixels(paths, state, data, split, progress), closed, patients, digest)


def read_table(path: Path, tree: PathologyTree) -> tuple[Line, ...]:
    """Read a table of labels.

    Raises
    ------
    InputError
        It can't be read, lacks a column or has one twice, holds another value than 0 or 1, or a patient is in
        two splits.
    """
    what = "a table of X-rays (CSV)"
    reader = read_csv(path, what)
    columns, wanted = reader.fieldnames or (), ("image", "patient", *tree.leaves)
    missing = [name for name in wanted if name.casefold() not in columns]
    if missing:
        raise InputError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if twice := [name for name in (*wanted, "split") if list(columns).count(name.casefold()) > 1]:
        raise InputError(f"{path} has the column '{twice[0]}' twice: keep one of them.")
    try:
        lines = tuple(_line(row, tree, f"{path}, line {reader.line_num}") for row in reader)
    except csv.Error as error:
        raise unreadable(path, what, error) from error
    if not lines:
        raise InputError(f"{path} holds no image.")
    split_of: dict[str, str] = {}
    for line in lines:
        if split_of.setdefault(line.patient, line.split) != line.split:
            raise InputError(
                f"{path}: images of one patient are in two splits ({line.image} is one of them)."
            )
    return lines


def _line(row: dict[str, str | None], tree: PathologyTree, where: str) -> Line:
    image, patient = ((row[name] or "").strip() for name in ("image", "patient"))
    if not image or not patient:
        raise InputError(f"{where}: 'image' and 'patient' must not be empty.")
    values = [(row[leaf.casefold()] or "").strip() for leaf in tree.leaves]
    for leaf, value in zip(tree.leaves, values, strict=True):
        if value not in ("", "0", "1"):
            raise InputError(f"{where}: '{leaf}' must be 0 or 1, not '{value}'.")
    split = (row.get("split") or "").strip() or _dealt(patient)
    if split not in SPLITS:
        raise InputError(f"{where}: 'split' must be {', '.join(SPLITS)}, not '{split}'.")
    return Line(image, patient, split, tuple(value == "1" for value in values))


def _dealt(patient: str) -> str:
    """Return a patient's split, which follows from the name alone."""
    share = int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8]) / 2**64
    return next(split for split, end in SHARES if share < end)


def _pixels(
    paths: Sequence[Path], state: bytes, data: Data, split: str, progress: Progress
) -> NDArray[np.uint16]:
    shape = (len(paths), data.side, data.side)

    def fill(pixels: NDArray[np.uint16]) -> None:
        for number, path in enumerate(paths):
            pixels[number] = read_image(path, data.side)
            progress(number + 1, len(paths), f"Reading X-rays ({split})")

    if not data.cache:
        pixels = np.empty(shape, dtype=np.uint16)
        fill(pixels)
        return pixels
    key = hashlib.sha256("\n".join([str(data.side), state.hex(), *map(str, paths)]).encode()).hexdigest()[:12]
    stored = Path(data.cache) / f"xrays-{split}-{key}.npy"
    if not stored.exists():
        write_array(stored, shape, np.uint16, fill, private=True)
    try:
        kept: NDArray[np.uint16] = np.load(stored, mmap_mode="r")
        if kept.shape != shape:
            raise ValueError("sizes differ")
    except (OSError, ValueError) as error:
        raise InputError(f"The cached images {stored} can't be used ({error}): delete them.") from error
    return kept


def read_image(path: Path, side: int) -> NDArray[np.uint16]:
    """Read one image as uint16 ``(side, side)``, padded to a square; colours become grey.

    Raises
    ------
    InputError
        It is missing or no image.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            pixels = np.asarray(opened if opened.mode in GREY else opened.convert("L"), dtype=np.float32)
    except (OSError, ValueError, SyntaxError) as error:
        raise unreadable(path, "an image", error) from error
    missing = max(pixels.shape) - np.array(pixels.shape)
    pixels = np.pad(pixels, [(m // 2, m - m // 2) for m in missing], mode="edge")
    small = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)
    return np.asarray(np.clip(np.rint(np.asarray(small)), 0, 2**16 - 1), dtype=np.uint16)
