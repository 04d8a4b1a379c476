"""Making one lesion: from drawn labels to a place, a shape, a measured outline and its whole truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.geometry import Geometry
from lesionscope.lesions.outlines import Diameters, diameters, main_part, outline
from lesionscope.phantom.canvas import Canvas, Field
from lesionscope.phantom.clinic.frequencies import Draw, Possible
from lesionscope.phantom.clinic.lesions import ClinicLesion, Point, complete
from lesionscope.phantom.clinic.looks import Looks, Setting
from lesionscope.phantom.clinic.marks import Segment
from lesionscope.phantom.clinic.painting import paint, reach_mm, room_in
from lesionscope.phantom.clinic.rules import looks_of

Points = NDArray[np.float64]
Rng = np.random.Generator

ORGANS = frozenset(
    "lung liver kidney adrenal pancreas spleen bone bowel biliary thyroid vessel airway breast".split()
)
"""Families that claim a place for themselves: no lesion of another family grows there."""
PLACE_TRIES = 12
BONE_REACH_MM = 12.0
LATTICE = 26
SLICES = 7
CONTRAST_HU = {"unenhanced": 0.0, "arterial": 55.0, "portal venous": 65.0, "delayed": 45.0}
"""HU that contrast medium adds to vascular tissue, by phase; none in a plain scan."""
TINY_MM, SUBCENTIMETER_MM = 4.5, 10.0


class Body(Protocol):
    """What a lesion needs of the patient's body (see :class:`lesionscope.phantom.body.Body`)."""

    sex: str
    phase: str

    @property
    def bounds(self) -> tuple[Point, Point]:
        """Corners of the body's box, LPS mm."""

    @property
    def labels_here(self) -> tuple[str, ...]:
        """Body parts that this patient has."""

    def paint(self, canvas: Canvas) -> object:
        """Paint the body."""

    def body_parts_at(self, point: Points) -> frozenset[str]:
        """Body parts that hold a point."""

    def place(self, label: str, rng: Rng) -> Points:
        """Draw a point in a body part."""


@dataclass(frozen=True)
class Grown:
    """A lesion, and the outline that marks are drawn by: its key slice (z, mm) and diameters there."""

    lesion: ClinicLesion
    slice_mm: float
    exact: Diameters

    @property
    def ends(self) -> tuple[Segment, Segment]:
        """Both diameters without wobble: end points LPS mm."""
        long, short = (
            tuple((float(x), float(y), self.slice_mm) for x, y in line)
            for line in (self.exact.long, self.exact.short)
        )
        return (long[0], long[1]), (short[0], short[1])


def contrast_of(phase: str) -> float:
    """HU that contrast medium adds to vascular tissue in a phase."""
    return CONTRAST_HU[phase]


def sayable(draw: Draw, phase: str) -> Draw:
    """Leave out of a draw what can't be seen in a phase: enhancement, without contrast medium."""
    if contrast_of(phase) > 0:
        return draw
    return replace(draw, direct=draw.direct - {"enhancing", "nonenhancing"})


def site(body: Body, draw: Draw, possible: Possible, rng: Rng) -> tuple[Points, frozenset[str]] | None:
    """Return a point in the place asked for that no other organ claims, and the body parts there.

    ``None`` where none was found.
    """
    for _ in range(PLACE_TRIES):
        point = np.asarray(body.place(draw.place, rng), dtype=np.float64).reshape(3)
        parts = body.body_parts_at(point)
        if suits(draw, possible, parts):
            return point, parts
    return None


def suits(draw: Draw, possible: Possible, parts: frozenset[str]) -> bool:
    """Whether a place with these body parts is one for the drawn lesion."""
    claims = {possible.family[part] for part in parts if part in possible.family} & ORGANS
    return draw.place in parts and claims <= {draw.family}


def settled(body: Body, point: Points) -> Points:
    """Return the middle of the bone around a point, in the axial plane.

    A lesion that its bone cuts off has its marks around the bone's middle. Where every lesion of
    bone starts there, one that breaks out of it is found at the same places.
    """
    side = 2 * int(BONE_REACH_MM) + 1
    low = point - (BONE_REACH_MM, BONE_REACH_MM, 0.0)
    canvas = Canvas(Geometry((side, side, 1), (1.0, 1.0, 1.0), (low[0], low[1], low[2])))
    body.paint(canvas)
    x, y, _ = canvas.coordinates()
    near = np.hypot(x - np.float32(point[0]), y - np.float32(point[1]))[0] <= BONE_REACH_MM
    bone = np.where(near, np.asarray(room_in("bone", canvas.hu))[0], 0).astype(np.float32)
    rows, columns = np.nonzero(main_part(bone) > 0.5)
    if len(rows) == 0:
        return point
    middle = [0.5 * (columns.min() + columns.max()), 0.5 * (rows.min() + rows.max()), 0.0]
    return np.asarray(low + middle)


def grow(
    body: Body,
    draw: Draw,
    possible: Possible,
    point: Points,
    parts: frozenset[str],
    number: int,
    seed: tuple[int, ...],
    grid: tuple[float, float],
) -> Grown | None:
    """Grow a lesion at a point.

    Parameters
    ----------
    body, draw, possible
        The patient, the labels to show, and what is possible.
    point, parts
        Where, LPS mm, and which body parts are there.
    number, seed
        The lesion's number in its patient, and its random numbers' seed.
    grid
        z of the scan's first slice and the step between slices, mm.

    Returns
    -------
    Grown or None
        ``None`` where what surrounds the point leaves too little of it to be seen.
    """
    labels = possible.graph.expand(draw.direct)
    contrast = contrast_of(body.phase)
    # How large it is doesn't depend on what surrounds it, so one painting serves for both.
    sized = looks_of(labels, Setting(draw.family, 45.0, contrast), seed)
    surroundings = lattice(point, sized, grid)
    body.paint(surroundings)
    host = host_hu(surroundings, point)
    setting = Setting(draw.family, host, contrast)
    looks = looks_of(labels, setting, seed)
    plain = surroundings.hu.copy()
    outward = border(surroundings, point, host)
    semi, rotation = pose(looks, draw, outward, np.random.default_rng([*seed, 900]))
    lesion = ClinicLesion(
        number,
        draw.direct,
        frozenset(),
        (float(point[0]), float(point[1]), float(point[2])),
        2 * semi[0],
        2 * semi[1],
        semi,
        rotation,
        (float(outward[0]), float(outward[1]), float(outward[2])),
        draw.place,
        draw.family,
        host,
        body.phase,
        looks,
        seed,
    )
    measured = measure(lesion, surroundings, plain)
    if measured is None:
        return None
    return known(lesion, measured, parts, body.phase, possible)


def known(
    lesion: ClinicLesion,
    measured: tuple[float, Diameters],
    parts: frozenset[str],
    phase: str,
    possible: Possible,
) -> Grown:
    """Complete a measured lesion with everything that is true of it.

    Parameters
    ----------
    lesion
        As it is painted; its ``direct`` labels hold.
    measured
        Its key slice (z, mm) and its diameters there.
    parts
        Body parts at its centre.
    phase, possible
        The scan's contrast phase, and what is possible.
    """
    slice_mm, exact = measured
    long_mm, short_mm = exact.long_mm, exact.short_mm
    setting = Setting(lesion.family, lesion.host_hu, contrast_of(phase))
    truth = complete(
        possible.graph, lesion.direct, parts, implied(lesion, setting, long_mm, short_mm, possible)
    )
    # A place is known as closely as the body knows it, however coarsely it was asked for.
    direct = possible.lean(lesion.direct | (truth & frozenset(parts)))
    lesion = replace(lesion, direct=direct, labels=truth, long_mm=long_mm, short_mm=short_mm)
    return Grown(lesion, slice_mm, exact)


def host_hu(canvas: Canvas, point: Points) -> float:
    """HU of what lies around a point: the median of the seven nearest voxels."""
    square = sum(np.square(c - np.float32(p)) for c, p in zip(canvas.coordinates(), point, strict=True))
    nearest = np.argsort(np.asarray(square).ravel(), kind="stable")[:7]
    return float(np.median(canvas.hu.ravel()[nearest]))


def lattice(point: Points, looks: Looks, grid: tuple[float, float]) -> Canvas:
    """Return a coarse canvas around a lesion to be, whose slices are some of the scan's."""
    half = 0.5 * looks.size_mm * (1.0 + looks.lobe_depth + 0.9 * (looks.bulge > 0)) + 3.0
    half = max(half + 0.5 * looks.edge_mm, 6.0)
    step = 2 * half / (LATTICE - 1)
    first, between = grid
    low = int(np.ceil((point[2] - 0.8 * half - first) / between))
    high = int(np.floor((point[2] + 0.8 * half - first) / between))
    nearest = round((float(point[2]) - first) / between)
    stride = max(1, -(-(max(high, nearest) - min(low, nearest)) // (SLICES - 1)))
    count = SLICES // 2
    k = np.arange(nearest - count * stride, nearest + count * stride + 1, stride)
    k = k[(np.abs(k - nearest) <= max(high - nearest, nearest - low, 0)) | (k == nearest)]
    return Canvas(
        Geometry(
            (LATTICE, LATTICE, len(k)),
            (step, step, stride * between),
            (float(point[0] - half), float(point[1] - half), float(first + between * k[0])),
        )
    )


def border(canvas: Canvas, point: Points, host: float) -> Points:
    """Return the unit vector to the nearest surroundings that differ from the host."""
    x, y, z = canvas.coordinates()
    offset = [c - np.float32(p) for c, p in zip((x, y, z), point, strict=True)]
    square = sum(np.square(part) for part in offset) + np.float32(4.0)
    # Each voxel that differs pulls, the nearer the harder.
    pull = np.clip((np.abs(canvas.hu - np.float32(host)) - 25) / 40, 0, 1) / np.square(square)
    vector = np.array([float((pull * part).sum(dtype=np.float64)) for part in offset])
    vector[2] *= 0.4
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-12 else np.array([1.0, 0.0, 0.0])


def pose(looks: Looks, draw: Draw, outward: Points, rng: Rng) -> tuple[Point, tuple[float, ...]]:
    """Return half axes (mm) and rotation: long and short near the axial plane, flat ones along a border."""
    semi = 0.5 * looks.size_mm
    short = semi / looks.elongation
    flat = looks.elongation > 2.2 or draw.family in ("pleura",) or "implant" in draw.direct
    angle = rng.uniform(0, np.pi)
    if flat and np.hypot(outward[0], outward[1]) > 0.2:
        angle = float(np.arctan2(outward[1], outward[0]) + np.pi / 2 + 0.12 * rng.standard_normal())
    first = np.array([np.cos(angle), np.sin(angle), 0.0])
    second = np.array([-np.sin(angle), np.cos(angle), 0.0])
    tilt, roll = np.deg2rad(rng.uniform(-18, 18, 2))
    up = np.array([0.0, 0.0, 1.0])
    first, up = np.cos(tilt) * first + np.sin(tilt) * up, np.cos(tilt) * up - np.sin(tilt) * first
    second, up = np.cos(roll) * second + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * second
    third = min(max(short * looks.depth, 1.4), semi * 1.2)
    return (semi, short, float(third)), tuple(float(v) for v in np.concatenate([first, second, up]))


def measure(lesion: ClinicLesion, canvas: Canvas, plain: Field) -> tuple[float, Diameters] | None:
    """Find the key slice of a lesion on a canvas and its diameters there."""
    mask = paint(canvas, lesion)
    canvas.hu[...] = plain
    if mask is None:
        return None
    areas = (mask > 0.5).sum(axis=(1, 2))
    key = int(areas.argmax())
    share = mask[key]
    if areas[key] < 6:
        # Too small for the lattice: take it as it was meant.
        share = np.clip(share * (0.9 / max(float(share.max()), 1e-6)), 0, 1)
        if float(mask.max()) < 0.3:
            return None
    edge = outline(main_part(share), canvas.x.ravel().astype(float), canvas.y.ravel().astype(float))
    if len(edge) < 4:
        return None
    exact = diameters(edge)
    if exact.long_mm < min(0.5 * lesion.looks.size_mm, 12.0):
        return None
    return float(canvas.z.ravel()[key]), exact


def implied(
    lesion: ClinicLesion, setting: Setting, long_mm: float, short_mm: float, possible: Possible
) -> frozenset[str]:
    """Return what size, shape and density make true of a lesion without anybody having drawn it."""
    looks, direct = lesion.looks, lesion.direct
    found = set()
    if long_mm < SUBCENTIMETER_MM:
        found.add("subcentimeter")
    if long_mm < TINY_MM:
        found.add("tiny")
    if (
        1.5 < long_mm / max(short_mm, 1.0) < 2.2
        # A round one that is cut at a border is no oval.
        and 1.4 < looks.elongation < 2.3
        and looks.lobe_depth < 0.13
        and looks.pattern == "body"
        and not looks.spicules
        and not looks.cluster
    ):
        found.add("oval")
    if 10 < lesion.host_hu < 250 and setting.family != "bone" and looks.pattern in ("body", "cloud"):
        gap = looks.fill_hu - setting.parenchyma_hu
        if gap < -30:
            found.add("hypoattenuation")
        elif gap > 30:
            found.add("hyperattenuation")
    allowed = possible.chances[lesion.family]
    return frozenset(
        name for name in found if name in allowed and name not in direct and not possible.never[name] & direct
    )


__all__ = ["Body", "Grown", "contrast_of", "grow", "known", "reach_mm", "settled", "site", "suits"]
