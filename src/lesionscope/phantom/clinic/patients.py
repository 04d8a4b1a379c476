"""Patients of the phantom clinic: a body, its lesions, and what a radiologist marked of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path

import numpy as np

from lesionscope.errors import UsageError
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.clinic.frequencies import Draw, Frequencies, load_frequencies
from lesionscope.phantom.clinic.growing import Body, Grown, grow, sayable, settled, site, suits
from lesionscope.phantom.clinic.lesions import ClinicLesion
from lesionscope.phantom.clinic.marks import Mark, drawn
from lesionscope.phantom.clinic.painting import paint as paint_lesion
from lesionscope.phantom.clinic.painting import reach_mm
from lesionscope.phantom.scanner import Scanner

VERSION = 2
"""Part of every cache's key: raise it whenever the same seed gives another patient or picture."""
SPLITS = {"train": 0, "validation": 100_000_000, "test": 200_000_000}
"""First seed of each split; a patient is a seed, so splits never share one."""
SPLIT_SIZE = 100_000_000

LESIONS = (0.12, 0.18, 0.18, 0.15, 0.12, 0.09, 0.07, 0.05, 0.04)
"""Chance of 1, 2, 3 … lesions a patient."""
BOOKMARKED = 0.8
SERIES = 1
"""Number of a patient's only series."""
SAME_SLICE = 0.3
"""Share of lesions that are put on an earlier one's slice where their place allows it."""
APART_MM = 4.0
TRIES = 12
PROTOCOLS = ((1.0, 1.0), (1.25, 1.25), (1.0, 2.0), (2.0, 2.0), (2.5, 2.5), (3.0, 3.0), (5.0, 5.0))
"""Slice step and thickness, mm."""
PROTOCOL_CHANCES = (0.26, 0.12, 0.08, 0.12, 0.12, 0.08, 0.22)


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw the protocol of one scan: 1…5 mm between slices."""
    step, thickness = PROTOCOLS[int(rng.choice(len(PROTOCOLS), p=PROTOCOL_CHANCES))]
    kernel = ("soft", "standard", "lung")[int(rng.choice(3, p=(0.35, 0.5, 0.15)))]
    noise = float(rng.uniform(7, 16)) * {"soft": 0.8, "standard": 1.0, "lung": 1.4}[kernel]
    return Scanner(float(rng.uniform(0.62, 0.93)), step, thickness, kernel, noise)


def whole_body(seed: int) -> Body:
    """Make the body of a patient."""
    # Loaded by name: a cohort of plain blocks needs no anatomy.
    made: Body = import_module("lesionscope.phantom.body").Body(seed)
    return made


class ClinicPatient:
    """One patient, deterministic by seed and split.

    Parameters
    ----------
    seed
        From 0 within the split.
    split
        'train', 'validation' or 'test': their patients are never the same.
    frequencies
        Which labels go together how often: a loaded distribution, or a file (see
        :func:`~lesionscope.phantom.clinic.frequencies.load_frequencies`).
    body_of
        Makes the body of a seed.
    draws
        Labels of the patient's lesions in place of drawn ones.

    Raises
    ------
    UsageError
        There is no such split or seed.
    """

    def __init__(
        self,
        seed: int,
        split: str = "train",
        *,
        frequencies: Frequencies | str | Path | None = None,
        body_of: Callable[[int], Body] = whole_body,
        draws: tuple[Draw, ...] | None = None,
    ) -> None:
        if split not in SPLITS:
            raise UsageError(f"There is no split named {split!r}: choose one of {', '.join(SPLITS)}.")
        if not 0 <= seed < SPLIT_SIZE:
            raise UsageError(f"A split has patients 0…{SPLIT_SIZE - 1}, not {seed}.")
        self.seed = seed
        self.split = split
        self.number = SPLITS[split] + seed
        """The patient among all splits."""
        self.frequencies = (
            frequencies if isinstance(frequencies, Frequencies) else load_frequencies(frequencies)
        )
        self.body = body_of(self.number)
        self.scanner = draw_scanner(np.random.default_rng([self.number, 20]))
        self._draws = draws

    @cached_property
    def first_slice_mm(self) -> float:
        """Where the scan's lowest slice lies, mm."""
        return float(self.body.bounds[0][2])

    @cached_property
    def _grown(self) -> tuple[tuple[Grown, ...], tuple[Mark, ...]]:
        rng = np.random.default_rng([self.number, 21])
        count = 1 + int(rng.choice(len(LESIONS), p=LESIONS))
        wanted = self._draws if self._draws is not None else (None,) * count
        grown: list[Grown] = []
        for index, draw in enumerate(wanted):
            one = self._one(draw, index, grown)
            if one is not None:
                grown.append(one)
        hand = np.random.default_rng([self.number, 22])
        said = hand.random(len(grown)) < BOOKMARKED
        if not said.any() and len(grown):
            said[0] = True
        marks = []
        for one, bookmarked in zip(grown, said, strict=True):
            long, short = drawn(one.exact, one.slice_mm, hand)
            marks.append(Mark(one.lesion.id, one.slice_mm, long, short, bool(bookmarked)))
        return tuple(grown), tuple(marks)

    @property
    def lesions(self) -> tuple[ClinicLesion, ...]:
        """The patient's lesions, each with its whole truth; ``lesions[i].id`` is ``i``."""
        return tuple(one.lesion for one in self._grown[0])

    @property
    def marks(self) -> tuple[Mark, ...]:
        """One mark a lesion, in their order."""
        return self._grown[1]

    def _one(self, draw: Draw | None, index: int, others: list[Grown]) -> Grown | None:
        """Grow a lesion clear of the others; another draw where the body leaves it no room."""
        possible = self.frequencies.possible
        grid = (self.first_slice_mm, self.scanner.slice_step_mm)
        for attempt in range(TRIES):
            seed = (self.number, 23, index, attempt)
            rng = np.random.default_rng(seed)
            # A drawn set keeps its chance however hard its place is to find.
            labels = draw or self.frequencies.sample(
                np.random.default_rng([self.number, 24, index, attempt // 3])
            )
            labels = sayable(labels, self.body.phase)
            if labels.place not in self.body.labels_here:
                continue
            found = site(self.body, labels, possible, rng)
            if found is None:
                continue
            point, parts = found
            if others and rng.random() < SAME_SLICE:
                moved = point.copy()
                moved[2] = others[int(rng.integers(len(others)))].lesion.centroid[2] + rng.uniform(-1, 1)
                there = self.body.body_parts_at(moved)
                if suits(labels, possible, there):
                    point, parts = moved, there
            if labels.family == "bone":
                moved = settled(self.body, point)
                there = self.body.body_parts_at(moved)
                if suits(labels, possible, there):
                    point, parts = moved, there
            one = grow(self.body, labels, possible, point, parts, len(others), seed, grid)
            if one is None:
                continue
            clear = all(
                np.linalg.norm(np.subtract(one.lesion.centroid, other.lesion.centroid))
                > reach_mm(one.lesion) + reach_mm(other.lesion) + APART_MM - 6.0
                for other in others
            )
            if clear:
                return one
        return None

    def slices(self, step_mm: float | None = None) -> tuple[float, float, int]:
        """Return z of the scan's lowest slice (mm), the step between slices (mm), and how many there are.

        ``step_mm`` is the patient's own protocol's unless given.
        """
        step = step_mm or self.scanner.slice_step_mm
        # A lesion at the edge of the body may be widest on a slice beyond it.
        marked = [mark.slice_mm for mark in self.marks]
        bottom = min([self.first_slice_mm, *marked])
        top = max([float(self.body.bounds[1][2]), *marked])
        return bottom, step, int(np.floor((top - bottom) / step + 1e-3)) + 1

    def key_slice(self, mark: Mark) -> int:
        """Return the number of a mark's slice, from 1 at the head as DeepLesion counts."""
        bottom, step, count = self.slices()
        return count - round((mark.slice_mm - bottom) / step)

    def relative_location(self, mark: Mark) -> tuple[float, float, float]:
        """Return a mark's centre as DeepLesion has it: 0…1 from the body's right, front and head."""
        low, high = map(np.array, self.body.bounds)
        x0, y0, x1, y1 = mark.box()
        place = np.array([(x0 + x1) / 2, (y0 + y1) / 2, mark.slice_mm])
        x, y, z = map(float, np.clip((place - low) / (high - low), 0.0, 1.0))
        return x, y, 1 - z

    def paint(self, canvas: Canvas) -> None:
        """Paint the body and every lesion that touches the canvas."""
        self.body.paint(canvas)
        for lesion in self.lesions:
            paint_lesion(canvas, lesion)
