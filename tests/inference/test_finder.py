"""A search with a detector that knows what to look for: where it puts its candidates in the patient."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Finding, Source
from lesionscope.errors import Cancelled, InputError, UsageError
from lesionscope.inference.axial_slices import AxialSlices
from lesionscope.inference.finder import same_place, search
from lesionscope.inference.linking import SliceBoxes
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.progress import CancelToken

BALLS = {(-30.0, -20.0, 12.0): 9.0, (25.0, 10.0, -20.0): 7.0}
"""Centre LPS mm → radius, apart in every projection."""
PADDING = 6.0
IDENTITY = np.eye(3)


class BrightFinder:
    """Boxes every bright spot of the middle channel, the larger the surer."""

    model, demonstration, categories = "bright 1.0", True, ("bright thing",)
    least = 0.2

    def __init__(self, stop_after: int | None = None) -> None:
        self.seen: list[np.ndarray] = []
        self.stop_after = stop_after

    def slices_away(self, step_mm: float) -> int:
        return max(1, round(3.0 / step_mm))

    def find(
        self, hu: np.ndarray, pixel_mm: tuple[float, float], least: float, cancel: CancelToken
    ) -> SliceBoxes:
        if self.stop_after is not None and len(self.seen) == self.stop_after:
            raise Cancelled("Stopped at your request.")
        self.seen.append(hu)
        spots = ndimage.find_objects(ndimage.label(hu[1] > 500)[0])
        rows = [
            (x.start - PADDING, y.start - PADDING, x.stop - 1 + PADDING, y.stop - 1 + PADDING)
            for y, x in spots
        ]
        boxes = np.array(rows, dtype=np.float64).reshape(-1, 4)
        sizes = np.sqrt((boxes[:, 2:] - boxes[:, :2] - 2 * PADDING).prod(axis=1))
        scores = 1 - np.exp(-sizes * pixel_mm[0] / 10)
        good = scores > least
        kinds = np.zeros(good.sum(), dtype=np.int64)
        return SliceBoxes(boxes[good], scores[good], kinds, (PADDING, PADDING))


def volume_of(
    direction: Any = IDENTITY,
    spacing: tuple[float, float, float] = (1.5, 1.5, 2.0),
    *,
    extent: float = 110.0,
    offsets: tuple[float, ...] | None = None,
    findings: tuple[Finding, ...] = (),
) -> CTVolume:
    """Balls in soft tissue on any grid around the origin."""
    size = tuple(round(extent / step) for step in spacing)
    if offsets is not None:
        size = (size[0], size[1], len(offsets))
    steps = (spacing[0], spacing[1], None if offsets is not None else spacing[2])
    flat = tuple(np.asarray(direction, dtype=float).ravel().tolist())
    at_origin = Geometry(size, steps, direction=flat, offsets_mm=offsets)
    x, y, z = (-at_origin.to_lps((np.array(size[::-1]) - 1) / 2)).tolist()
    geometry = Geometry(size, steps, (x, y, z), flat, offsets)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij"), axis=-1)
    lps = geometry.to_lps(kji)
    hu = np.full(size[::-1], 40, dtype=np.int16)
    for centre, radius in BALLS.items():
        hu[np.linalg.norm(lps - np.array(centre), axis=-1) < radius] = 1000
    return CTVolume(hu, geometry, Source("1.2.3"), findings)


def turned(degrees: float, axis: int) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    a, b = (n for n in range(3) if n != axis)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def tilted(degrees: float) -> np.ndarray:
    """Slices turned about x, the step between them still along z: a tilted gantry."""
    matrix = turned(degrees, 0)
    matrix[:, 2] = (0, 0, 1)
    return matrix


def orientations() -> list[np.ndarray]:
    made = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[order, range(3)] = signs
            made.append(matrix)
    return made


GRIDS = {
    "anisotropic": (np.eye(3), (0.8, 0.8, 5.0)),
    "oblique": (turned(20, 0) @ turned(-15, 1) @ turned(10, 2), (1.2, 1.2, 2.0)),
    "tilted": (tilted(20), (1.2, 1.2, 3.0)),
    "tilted, feet first": (tilted(-15) @ np.diag((1.0, 1, -1)), (1.2, 1.2, 3.0)),
}


def check(volume: CTVolume, coarse: float) -> None:
    """Both balls are found, each once, where they are and as large as they are."""
    found = search(volume, BrightFinder())
    assert len(found.candidates) == 2 and not found.stopped
    assert found.candidates[0].score > found.candidates[1].score
    for candidate, (centre, radius) in zip(found.candidates, BALLS.items(), strict=True):
        assert np.linalg.norm(np.subtract(candidate.centroid_lps_mm, centre)) < 1.5 * coarse
        low, high = np.array(candidate.box_lps_mm[:3]), np.array(candidate.box_lps_mm[3:])
        assert np.all(low <= np.array(centre) - radius + coarse)
        assert np.all(high >= np.array(centre) + radius - coarse)
        assert candidate.long.length_mm == pytest.approx(2 * radius, abs=2 * coarse)
        assert candidate.short.length_mm == pytest.approx(2 * radius, abs=2 * coarse)
        ends = np.array([candidate.long.start_lps_mm, candidate.short.end_lps_mm])
        off = volume.geometry.to_voxel(ends) - np.rint(volume.geometry.to_voxel(ends))
        assert np.abs(off).min(axis=1).max() < 1e-6  # both lie on one stored slice
        lesion = candidate.lesion(volume)
        assert lesion.long is not None and not lesion.box_declared
        assert lesion.centroid_lps_mm == pytest.approx(candidate.centroid_lps_mm)


@pytest.mark.parametrize("grid", GRIDS)
def test_candidates_lie_in_the_patient_whatever_the_grid(grid: str) -> None:
    direction, spacing = GRIDS[grid]
    check(volume_of(direction, spacing), coarse=max(spacing))


def test_candidates_lie_in_the_patient_in_all_48_orientations() -> None:
    for direction in orientations():
        check(volume_of(direction, (2.0, 2.5, 3.0)), coarse=3.0)


def test_uneven_slices_keep_their_places() -> None:
    offsets = tuple(np.concatenate([np.arange(0, 50, 2.0), np.arange(51, 110, 3.0)]).tolist())
    check(volume_of(np.eye(3), (1.5, 1.5, 2.0), offsets=offsets), coarse=3.0)


@pytest.mark.parametrize("direction", orientations()[:48:5], ids=str)
def test_a_slice_is_seen_from_the_feet_its_neighbour_at_the_head_first(direction: np.ndarray) -> None:
    volume = volume_of(direction, (3.0, 3.5, 4.0))
    stack = AxialSlices(volume)
    assert stack.spacing_mm == tuple(
        volume.geometry.spacing_mm[int(np.abs(direction[axis]).argmax())] for axis in (2, 1, 0)
    )
    number = stack.count // 2
    here = stack.to_lps((number, 4, 5))
    assert stack.nearest(here) == number
    rows, columns = (stack.to_lps((number, 4 + a, 5 + b)) - here for a, b in ((1, 0), (0, 1)))
    assert rows[1] > 2.9 and columns[0] > 2.9
    around = stack.around(number, 1)
    for channel, z in enumerate((4, 0, -4)):
        value = volume.hu_at(here + np.array([0, 0, np.sign(z) * stack.spacing_mm[0]]))
        assert around[channel, 4, 5] == value
    assert np.array_equal(around[1], stack.hu[number])
    top = 0 if stack.to_lps((0, 0, 0))[2] > stack.to_lps((1, 0, 0))[2] else stack.count - 1
    assert np.array_equal(stack.around(top, 1)[0], stack.hu[top])


def test_neighbours_lie_as_far_away_as_the_detector_asks() -> None:
    detector = BrightFinder()
    volume = volume_of(spacing=(2.0, 2.0, 1.0))
    search(volume, detector, slices=(40, 40))
    (seen,) = detector.seen
    assert np.array_equal(seen, volume.hu[[43, 40, 37]])


def test_a_range_of_slices_is_searched_and_no_other() -> None:
    volume, detector = volume_of(), BrightFinder()
    found = search(volume, detector, slices=(10, 25))
    assert len(detector.seen) == 16 and found.slices == (10, 25)
    (only,) = found.candidates
    assert only.slices[0] >= 10 and only.slices[1] <= 25
    surest = search(volume, detector, least=found.candidates[0].score + 0.01, slices=(10, 25))
    assert surest.candidates == ()
    for wrong in ((-1, 3), (5, 4), (0, 55)):
        with pytest.raises(UsageError, match="numbered 0 to 54"):
            search(volume, detector, slices=wrong)


def test_cancelling_leaves_the_candidates_found_so_far() -> None:
    volume, token = volume_of(), CancelToken()
    whole = search(volume, BrightFinder())
    lower = min(whole.candidates, key=lambda one: one.centroid_lps_mm[2])

    def progress(done: int, total: int, label: str) -> None:
        if done == 26:
            token.cancel()

    found = search(volume, BrightFinder(), cancel=token, progress=progress)
    assert found.stopped and found.slices == (0, 25)
    assert found.candidates == (lower,)
    early = search(volume, BrightFinder(stop_after=12))
    assert early.stopped and early.slices == (0, 11)
    assert search(volume, BrightFinder(stop_after=0)).slices is None


def test_progress_goes_up_to_its_total() -> None:
    told: list[tuple[int, int]] = []
    search(volume_of(), BrightFinder(), slices=(3, 6), progress=lambda d, t, _: told.append((d, t)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("code", ["not-hu", "no-geometry"])
def test_what_cannot_be_searched_is_refused_in_a_sentence(code: str) -> None:
    with pytest.raises(InputError, match=r"open the original CT series\."):
        search(volume_of(findings=(Finding(code, "…"),)), BrightFinder())


def test_values_that_are_no_numbers_are_refused_by_their_slice() -> None:
    volume = volume_of()
    hu = volume.hu.astype(np.float32)
    hu[20, 3, 3] = np.nan
    with pytest.raises(InputError, match=r"Slice 19 or one beside it holds values that are not numbers"):
        search(CTVolume(hu, volume.geometry, volume.source), BrightFinder())


def test_the_same_search_gives_the_same_identities() -> None:
    volume = volume_of()
    first, again = (search(volume, BrightFinder()).candidates for _ in range(2))
    assert first == again and len({one.id for one in first}) == 2
    assert first[0].lesion(volume).id != first[0].lesion(volume).id


def test_places_are_the_same_where_the_middle_of_either_lies_in_the_other() -> None:
    volume = volume_of()
    large, small = search(volume, BrightFinder()).candidates
    (part,) = search(volume, BrightFinder(), slices=(large.slices[0] + 1,) * 2).candidates
    assert same_place(large, part) and same_place(part, large) and same_place(large, large)
    assert not same_place(large, small)
    centre, radius = next(iter(BALLS.items()))
    inside, beside = (lesion_from_click(np.add(centre, (x, 0, 0))) for x in (radius - 1, radius + 5))
    assert same_place(large, inside) and not same_place(large, beside)  # whose cube reaches it
    assert same_place(large, large.lesion(volume)) and not same_place(small, large.lesion(volume))
