"""Bones of the trunk, the shoulders and the hips."""

from __future__ import annotations

import numpy as np

from lesionscope.phantom.body import fields
from lesionscope.phantom.body.build import Build, Vec
from lesionscope.phantom.body.layers import Layer, bone, of_cones, tube
from lesionscope.phantom.bones import ribs, sternum
from lesionscope.phantom.canvas import Cones, cones

# Middles of the vertebral bodies of the design patient, C4…L5.
CERVICAL = (185.0, 165.0, 146.0, 128.0)
THORACIC = (108.0, 89.0, 68.0, 46.0, 23.0, 0.0, -24.0, -48.0, -73.0, -98.0, -124.0, -151.0)
LUMBAR = (-180.0, -211.0, -243.0, -277.0, -312.0)
SACRAL = (-344.0, -368.0, -392.0, -416.0, -440.0)
LOWEST_THORACIC = -165.0
LOWEST_LUMBAR = -329.0


def spine_at(build: Build, z: float) -> float:
    """Return y of the vertebral bodies' middle at a height of this patient, mm."""
    return float(fields.spine_y(build, np.array([z], dtype=np.float32))[0])


def layers(build: Build) -> list[Layer]:
    """Return the bones, from the spine outwards."""
    p = build.patient
    return [
        *_spine(build),
        *bone(build, "rib", ribs(p), 1.3),
        *bone(build, "sternum", sternum(p), 1.5),
        *_shoulders(build),
        *_pelvis(build),
        *_femora(build),
    ]


def _spine(build: Build) -> list[Layer]:
    z_all = np.array(CERVICAL + THORACIC + LUMBAR + SACRAL[:1])
    column = [(0.0, spine_at(build, build.z(z)), build.z(z)) for z in z_all]
    result = [tube("disc", build.hu["disc"], column, [_radius(z) - 1.5 for z in z_all])]
    for name, levels in (("cervical", CERVICAL), ("thoracic", THORACIC), ("lumbar", LUMBAR)):
        bodies: list[tuple[Vec, Vec, float, float]] = []
        arches: list[tuple[Vec, Vec, float, float]] = []
        for level in levels:
            z, r = build.z(level), _radius(level)
            half = 0.40 * _gap(level) * build.scale[2] - 2.0
            y = spine_at(build, z)
            for x in (-0.35 * r, 0.35 * r):
                bodies.append(((x, y, z - half), (x, y, z + half), 0.78 * r, 0.78 * r))
            tip = 0.6 if name == "cervical" else 1.0
            arches.append(((0, y + r + 17, z - 3), (0, y + r + 17 + 13 * tip, z - 12 * tip), 4.5, 3.2))
            for side in (-1.0, 1.0):
                arches.append(((side * 11, y + r - 4, z + 3), (side * 13, y + r + 9, z + 1), 4.5, 4.5))
                arches.append(((side * 13, y + r + 9, z + 1), (0, y + r + 18, z - 3), 4.0, 4.0))
                wide = 24.0 if name == "cervical" else 36.0
                arches.append(((side * 13, y + r + 7, z + 2), (side * wide, y + r + 9, z + 3), 4.6, 3.6))
        result += bone(build, f"{name} body", _stack(bodies), 1.2)
        result += bone(build, f"{name} arch", _stack(arches), 1.4)
    canal = [(0.0, spine_at(build, build.z(z)) + _radius(z) + 6.5, build.z(z)) for z in z_all]
    result.append(tube("cord", build.hu["cord"], canal, 7.0))
    blocks: list[tuple[Vec, Vec, float, float]] = []
    for number, level in enumerate(SACRAL):
        z = build.z(level)
        y, wide = spine_at(build, z), (40 - 7 * number) * build.scale[0]
        blocks.append(((-wide, y + 8, z), (wide, y + 8, z), 10.5, 10.5))
        blocks.append(
            ((-0.4 * wide, y + 4, z - 10), (0.4 * wide, y + 4, z - 10), 12.5 - number, 12.5 - number)
        )
    result += bone(build, "sacrum", _stack(blocks), 1.6)
    tail = [build.at(0, 86, -455), build.at(0, 88, -474), build.at(0, 78, -490)]
    result += bone(build, "sacrum", _chain(tail, [7.0, 6.0, 4.0]), 1.2)
    return result


def _radius(level: float) -> float:
    """Return the radius of a vertebral body, mm."""
    return float(np.interp(level, [-350, -250, -100, 60, 110, 150], [24, 22.5, 17, 14, 12, 10]))


def _gap(level: float) -> float:
    """Return the height of a vertebra with its disc, mm."""
    return float(np.interp(level, [-312, -180, -100, 0, 108, 150], [34, 29, 25.5, 23, 19, 18]))


def _shoulders(build: Build) -> list[Layer]:
    result: list[Layer] = []
    at = build.at
    for side in (-1.0, 1.0):
        collar = [
            at(side * 14, -62, 62),
            at(side * 70, -44, 84),
            at(side * 125, 4, 104),
            at(side * 148, 20, 104),
        ]
        result += bone(build, "clavicle", _chain(collar, [8.0, 5.5, 5.5, 6.5]), 1.8)
        blade: list[tuple[Vec, Vec, float, float]] = []
        for z in np.linspace(-48, 66, 12):
            share = (z + 48) / 114
            blade.append(
                (
                    at(side * (84 - 8 * share), 92 - 6 * share, z),
                    at(side * (100 + 42 * share), 88 - 44 * share, z),
                    3.4,
                    4.2,
                )
            )
        blade.append((at(side * 78, 92, 58), at(side * 146, 40, 96), 5.0, 7.0))
        result += bone(build, "scapula", _stack(blade), 1.4)
        arm = [at(side * 156, 14, 82), at(side * 166, 14, 50), at(side * 172, 14, 20)]
        result += bone(build, "humerus", _chain(arm, [21.0, 15.0, 11.0]), 3.0)
    return result


def _pelvis(build: Build) -> list[Layer]:
    result: list[Layer] = []
    at, hip = build.at, build.hip
    crest = [
        (43, 96, -372),
        (62, 90, -344),
        (88, 72, -324),
        (112, 38, -316),
        (124, 4, -328),
        (122, -32, -360),
        (104, -34, -402),
    ]
    share = np.linspace(0, len(crest) - 1, 19)
    fan = np.stack(
        [np.interp(share, np.arange(len(crest)), np.array(crest)[:, axis]) for axis in range(3)], axis=1
    )
    for side in (-1.0, 1.0):

        def place(x: float, y: float, z: float, side: float = side) -> Vec:
            return at(side * x * hip / build.scale[0], y, z)

        rods: list[tuple[Vec, Vec, float, float]] = []
        for x, y, z in fan:
            start = place(0.62 * 84 + 0.38 * x, 0.62 * 18 + 0.38 * y, 0.62 * -430 + 0.38 * z)
            rods.append((place(84, 12, -432), start, 13.0, 6.5))
            rods.append((start, place(x, y, z), 6.0, 6.5))
        ischium = [place(86, 30, -448), place(74, 42, -485), place(60, 42, -528)]
        pubis = [place(80, -22, -448), place(46, -52, -468), place(11, -62, -478), place(9, -60, -500)]
        lower = [place(10, -58, -500), place(34, -22, -518), place(58, 34, -528)]
        cup = [
            (place(84, y, z), place(94, y, z), 6.5, 6.0)
            for y, z in ((-24, -446), (-14, -430), (12, -424), (30, -436), (36, -458), (24, -478))
        ]
        all_rods = _joined(
            _stack(rods), _chain(ischium, [14.0, 12.0, 15.0]), _chain(pubis, [9.0, 7.5, 9.0, 8.0]),
            _chain(lower, [7.0, 6.0, 8.0]), _stack(cup),
        )  # fmt: skip
        result += bone(build, "pelvic bone", all_rods, 1.8)
    return result


def _femora(build: Build) -> list[Layer]:
    result: list[Layer] = []
    at, hip = build.at, build.hip
    for side in (-1.0, 1.0):

        def place(x: float, y: float, z: float, side: float = side) -> Vec:
            return at(side * x * hip / build.scale[0], y, z)

        head, neck, top, end = (
            place(92, 6, -455),
            place(112, 12, -468),
            place(128, 22, -478),
            place(118, 12, -600),
        )
        result.append(of_cones("cartilage", build.hu["cartilage"], cones((head, head, 25.5, 25.5))))
        shape = cones(
            (head, head, 23.0, 23.0),
            (head, neck, 19.0, 15.0),
            (neck, top, 15.0, 18.0),
            (top, end, 17.0, 13.5),
        )
        result += bone(build, "femur", shape, 2.0)
        shaft = cones((place(124, 18, -515), end, 8.0, 7.0))
        result.append(
            of_cones("femur", build.hu["cortical bone"], cones((place(124, 18, -512), end, 15.0, 13.5)))
        )
        result.append(of_cones("femur", build.hu["marrow"], shaft))
    return result


def _stack(rows: list[tuple[Vec, Vec, float, float]]) -> Cones:
    return cones(*rows)


def _chain(points: list[Vec], radii: list[float]) -> Cones:
    line, radius = np.asarray(points), np.asarray(radii)
    return Cones(line[:-1], line[1:], radius[:-1], radius[1:])


def _joined(*parts: Cones) -> Cones:
    return Cones(
        *(
            np.concatenate([getattr(p, n) for p in parts])
            for n in ("start", "end", "start_radius", "end_radius")
        )
    )
