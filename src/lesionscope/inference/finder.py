"""Lesions looked for on a slice or through a volume: boxes slice by slice, linked to candidates.

A candidate is a proposal for a person to take or refuse: its score is the detector's on the slice where
that is surest, its diameters are the sides of its box there less the padding that the detector was taught.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import Cancelled, InputError, UsageError
from lesionscope.inference.axial_slices import AxialSlices, Box
from lesionscope.inference.linking import Chain, SliceBoxes, link
from lesionscope.inference.scope import UNREADABLE
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.progress import CancelToken, Progress, silent

NEAR_MM = 2.0
"""The middles of a small lesion, of two searches or of a click, may lie so far apart."""
SHORTEST_PX = 2.0
"""A box that is hardly wider than its padding is taken to hold a lesion of so many pixels."""


class Detector(Protocol):
    """What finds boxes on a slice: :class:`~lesionscope.inference.detector.OnnxDetector`, or a test's."""

    model: str
    """Name and version."""
    demonstration: bool
    categories: tuple[str, ...]
    least: float
    """Score that a candidate needs where nobody asks for another."""

    def slices_away(self, step_mm: float) -> int:
        """Return how many slices away from a slice the neighbours that it is shown with lie."""

    def find(
        self, hu: NDArray[Any], pixel_mm: tuple[float, float], least: float, cancel: CancelToken
    ) -> SliceBoxes:
        """Find boxes on a slice.

        Parameters
        ----------
        hu
            ``(3, rows, columns)``: the neighbour above, the slice, the neighbour below.
        pixel_mm
            Step between its rows and between its columns.
        least
            Score that a box needs.
        """


@dataclass(frozen=True)
class Candidate:
    """A place that may be a lesion.

    Parameters
    ----------
    id
        A UUID that follows from the series and the place.
    score
        0…1.
    category
        What kind of lesion it may be, as the detector calls it.
    box_lps_mm
        ``(x0, y0, z0, x1, y1, z1)``, lower corner first, LPS mm, with the detector's padding.
    centroid_lps_mm
        Middle of its box on the key slice, LPS mm.
    key_slice
        Where the detector is surest, numbered as stored.
    slices
        First and last slice that it was found on.
    long, short
        Diameters proposed from the box: along its longer and its shorter side.
    """

    id: str
    score: float
    category: str
    box_lps_mm: Box
    centroid_lps_mm: Point
    key_slice: int
    slices: tuple[int, int]
    long: Diameter
    short: Diameter

    @property
    def extent_lps_mm(self) -> Box:
        """Its box without the detector's padding, LPS mm."""
        ends = [
            point
            for diameter in (self.long, self.short)
            for point in (diameter.start_lps_mm, diameter.end_lps_mm)
        ]
        x0, y0, z0 = (min(values) for values in zip(*ends, strict=True))
        x1, y1, z1 = (max(values) for values in zip(*ends, strict=True))
        return x0, y0, min(z0, self.box_lps_mm[2]), x1, y1, max(z1, self.box_lps_mm[5])

    def lesion(self, volume: CTVolume) -> Lesion:
        """Return the lesion that it becomes where a person takes it: new, with these diameters."""
        return lesion_from_diameters(
            self.long, self.short, geometry=volume.geometry, click=self.centroid_lps_mm
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, mm rounded to thousandths."""

        def ends(diameter: Diameter) -> list[float]:
            return [round(value, 3) for value in (*diameter.start_lps_mm, *diameter.end_lps_mm)]

        return {
            "score": round(self.score, 4),
            "category": self.category,
            "box_lps_mm": [round(value, 3) for value in self.box_lps_mm],
            "centroid_lps_mm": [round(value, 3) for value in self.centroid_lps_mm],
            "key_slice": self.key_slice,
            "slices": list(self.slices),
            "long_mm": round(self.long.length_mm, 1),
            "short_mm": round(self.short.length_mm, 1),
            "long_lps_mm": ends(self.long),
            "short_lps_mm": ends(self.short),
        }


@dataclass(frozen=True)
class Search:
    """What a search found.

    Parameters
    ----------
    candidates
        The best first.
    slices
        First and last slice that were searched; ``None`` where it was stopped before.
    stopped
        Whether a person stopped it before it was through.
    seconds
        How long it took.
    """

    candidates: tuple[Candidate, ...] = ()
    slices: tuple[int, int] | None = None
    stopped: bool = False
    seconds: float = 0.0


def search(
    volume: CTVolume,
    detector: Detector,
    *,
    slices: tuple[int, int] | None = None,
    least: float | None = None,
    cancel: CancelToken | None = None,
    progress: Progress = silent,
) -> Search:
    """Look for lesions.

    Parameters
    ----------
    volume
        Any volume in HU: axis-aligned, oblique, tilted or uneven.
    detector
        What finds boxes on a slice.
    slices
        First and last slice, numbered as stored from 0; all by default.
    least
        Score that a candidate needs; the detector's own by default.
    cancel
        Stops the search; what was found by then is returned.

    Raises
    ------
    InputError
        The volume isn't in HU or doesn't say where it lies, or holds values that are no numbers.
    UsageError
        The slices are none of this volume's.
    """
    token = cancel or CancelToken()
    began = time.perf_counter()
    stack = AxialSlices(volume)
    first, last = _asked(volume, stack, slices)
    wanted = detector.least if least is None else least
    away = detector.slices_away(stack.spacing_mm[0])
    found: dict[int, SliceBoxes] = {}
    try:
        for done, number in enumerate(range(first, last + 1)):
            progress(done, last + 1 - first, "Searching slice")
            token.check()
            hu = stack.around(number, away)
            if not np.isfinite(hu).all():
                raise InputError(
                    f"Slice {number + 1} or one beside it holds values that are not numbers: "
                    "export the series again from where it came."
                )
            found[number] = detector.find(hu, stack.spacing_mm[1:], wanted, token)
    except Cancelled:
        # What is there is of use: a person who stops has seen enough, not too much.
        pass
    candidates = tuple(_candidate(stack, detector, found, chain) for chain in link(found))
    progress(last + 1 - first, last + 1 - first, "")
    return Search(
        candidates,
        (first, first + len(found) - 1) if found else None,
        len(found) < last + 1 - first,
        round(time.perf_counter() - began, 3),
    )


def _asked(volume: CTVolume, stack: AxialSlices, slices: tuple[int, int] | None) -> tuple[int, int]:
    """Return the slices to search, or say why that can't be."""
    why = next((UNREADABLE[one.code] for one in volume.findings if one.code in UNREADABLE), None)
    if why is not None:
        raise InputError(why)
    first, last = slices if slices is not None else (0, stack.count - 1)
    if not 0 <= first <= last < stack.count:
        raise UsageError(
            f"The slices {first} to {last} can't be searched: this series has {stack.count}, "
            f"numbered 0 to {stack.count - 1}."
        )
    return first, last


def _candidate(
    stack: AxialSlices, detector: Detector, found: dict[int, SliceBoxes], chain: Chain
) -> Candidate:
    """Put a chain of boxes into the patient."""
    number, place = chain.key
    boxes = found[number]
    box = boxes.boxes[place]
    lps = stack.box_lps(chain.first, chain.last, box)
    middle = stack.to_lps((number, (box[1] + box[3]) / 2, (box[0] + box[2]) / 2)).tolist()
    long, short = proposed_diameters(stack, number, box, boxes.padding)
    name = f"{stack.volume.source.uid}/{number}/{','.join(f'{value:.1f}' for value in box)}"
    return Candidate(
        str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        float(boxes.scores[place]),
        detector.categories[int(boxes.categories[place])],
        lps,
        (middle[0], middle[1], middle[2]),
        number,
        (chain.first, chain.last),
        long,
        short,
    )


def proposed_diameters(
    stack: AxialSlices, number: int, box: NDArray[np.float64], padding: tuple[float, float]
) -> tuple[Diameter, Diameter]:
    """Return the longer and the shorter way through a box's middle, the padding left out.

    Parameters
    ----------
    stack, number
        The slice that the box lies on.
    box
        x0, y0, x1, y1 in pixels.
    padding
        Pixels across and down that it has around the lesion on each side.
    """
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    across, down = (max(box[axis + 2] - box[axis] - 2 * padding[axis], SHORTEST_PX) / 2 for axis in (0, 1))

    def way(from_x: float, from_y: float) -> Diameter:
        ends = stack.to_lps([(number, y - from_y, x - from_x), (number, y + from_y, x + from_x)]).tolist()
        return Diameter((ends[0][0], ends[0][1], ends[0][2]), (ends[1][0], ends[1][1], ends[1][2]))

    both = sorted((way(across, 0.0), way(0.0, down)), key=lambda diameter: -diameter.length_mm)
    return both[0], both[1]


def same_place(one: Candidate, other: Candidate | Lesion) -> bool:
    """Whether a candidate is where another one, or a lesion, is: the middle of either lies in the other.

    The cube around a click that nobody measured says nothing.
    """
    if _holds(one.extent_lps_mm, other.centroid_lps_mm):
        return True
    if isinstance(other, Candidate):
        return _holds(other.extent_lps_mm, one.centroid_lps_mm)
    return not other.box_declared and _holds(other.box_lps_mm, one.centroid_lps_mm)


def _holds(box: Box, point: Point) -> bool:
    return all(box[axis] - NEAR_MM <= point[axis] <= box[axis + 3] + NEAR_MM for axis in range(3))
