"""Skin, fat, muscles and breasts: everything outside the trunk's cavity, and the muscles along its back."""

from __future__ import annotations

import numpy as np

from lesionscope.phantom.body import fields
from lesionscope.phantom.body.build import Build, Vec
from lesionscope.phantom.body.layers import Frame, Layer, ellipsoid, tube
from lesionscope.phantom.body.skeleton import spine_at
from lesionscope.phantom.canvas import Field, Region

SKIN_MM = 2.0


def _below_skin(frame: Frame, region: Region) -> Field:
    return np.asarray(frame.body[region] + np.float32(5.0), dtype=np.float32)


def layers(build: Build, low: Vec, high: Vec) -> list[Layer]:
    """Return the layers in their order; ``low`` and ``high`` bound the body."""
    hu = build.hu
    floor = build.z(-480)

    def skin(frame: Frame, region: Region) -> Field:
        return frame.body[region]

    def fat(frame: Frame, region: Region) -> Field:
        return np.asarray(frame.body[region] + np.float32(SKIN_MM), dtype=np.float32)

    def wall(frame: Frame, region: Region) -> Field:
        _, _, z = frame.canvas.coordinates(region)
        thick = np.float32(0.8 * build.patient.wall)
        result = np.maximum(frame.cavity[region] - thick, frame.body[region] + np.float32(4.0))
        return np.asarray(np.maximum(result, floor - z), dtype=np.float32)

    result = [
        Layer("skin", hu["skin"], low, high, skin),
        Layer("wall fat", hu["fat"], low, high, fat, mottle=3.0),
    ]
    centre, semi = fields.breast(build)
    for side in (-1.0, 1.0):
        middle = (side * centre[0], centre[1], centre[2])
        result.append(ellipsoid("breast", hu["fat"] + 4, middle, semi, clip=_below_skin, mottle=4.0))
        front = (middle[0], middle[1] - 0.14 * semi[1], middle[2])
        gland = (0.62 * semi[0], 0.62 * semi[1], 0.6 * semi[2])

        def glandular(frame: Frame, region: Region) -> Field:
            share = np.clip(0.5 + 1.1 * frame.noise(0, 7.0, region) + 1.6 * (build.glandular - 0.4), 0.05, 1)
            return np.asarray(hu["fat"] + share * (hu["gland"] - hu["fat"]), dtype=np.float32)

        result.append(ellipsoid("breast", glandular, front, gland, clip=_below_skin, soft=4.0, wobble=1.5))
    result.append(Layer("wall muscle", hu["muscle"], low, high, wall, mottle=4.0, soft=1.5))
    result += _muscles(build)
    return result


def _muscles(build: Build) -> list[Layer]:
    at, m = build.at, build.hu["muscle"]
    result: list[Layer] = []

    def flesh(tissue: str, points: list[Vec], radii: list[float], salt: int = 0) -> None:
        result.append(tube(tissue, m, points, radii, clip=_below_skin, mottle=4.0, wobble=0.8, salt=salt))

    for s in (-1.0, 1.0):
        flesh("muscle", [at(s * 20, -88, 50), at(s * 90, -76, 45), at(s * 150, -20, 62)], [7, 13, 12])
        flesh("muscle", [at(s * 30, -92, 5), at(s * 90, -78, 20), at(s * 145, -20, 55)], [6, 9, 10])
        flesh("muscle", [at(s * 108, 82, -60), at(s * 130, 62, -10), at(s * 152, 34, 50)], [8, 13, 13])
        flesh("muscle", [at(s * 112, 74, 30), at(s * 138, 40, 72)], [15, 17])
        flesh("muscle", [at(s * 30, 100, 20), at(s * 60, 92, 80), at(s * 130, 40, 108)], [8, 14, 13])
        flesh("muscle", [at(s * 158, 0, 96), at(s * 178, 12, 55), at(s * 180, 14, 15)], [20, 20, 18])
        flesh(
            "neck muscle",
            [at(s * 14, -50, 70), at(s * 32, -14, 112), at(s * 50, 30, 165), at(s * 52, 36, 205)],
            [7, 9, 10, 10],
        )
        flesh("neck muscle", [at(s * 60, 60, 85), at(s * 30, 55, 130), at(s * 24, 48, 205)], [16, 17, 18])
        flesh("neck muscle", [at(s * 34, 20, 95), at(s * 26, 26, 140), at(s * 24, 26, 205)], [10, 10, 9])
        # Gluteal muscles, the hip's flexors and the thigh.
        flesh("muscle", [at(s * 62, 92, -385), at(s * 92, 84, -430), at(s * 116, 58, -490)], [20, 38, 26], 1)
        flesh(
            "muscle", [at(s * 118, 40, -350), at(s * 132, 30, -410), at(s * 138, 24, -460)], [18, 29, 20], 2
        )
        flesh(
            "muscle", [at(s * 130, -20, -375), at(s * 128, -32, -440), at(s * 112, -36, -520)], [14, 21, 25]
        )
        flesh("muscle", [at(s * 62, 60, -440), at(s * 66, 55, -480), at(s * 70, 58, -530)], [12, 14, 18], 1)
        flesh("muscle", [at(s * 30, -34, -500), at(s * 58, -8, -530), at(s * 62, 0, -600)], [10, 24, 26], 2)
        flesh("muscle", [at(s * 110, 14, -505), at(s * 112, 14, -540), at(s * 106, 14, -600)], [26, 38, 42])
        flesh("muscle", [at(s * 88, 55, -510), at(s * 86, 52, -600)], [22, 26], 1)
    return result


def back(build: Build) -> list[Layer]:
    """Return paraspinal muscles, psoas and iliacus, which lie over the cavity's fat."""
    m = build.hu["muscle"]
    wide, high = build.scale[0], build.scale[2]
    result: list[Layer] = []
    levels = np.linspace(-375, 100, 16)
    for s in (-1.0, 1.0):
        column: list[Vec] = []
        for z in levels:
            column.append((s * 30 * wide, spine_at(build, z * high) + (41 if z < -160 else 33), z * high))
        radii = [float(np.interp(z, [-375, -300, -150, 100], [14, 21, 17, 14])) for z in levels]
        result.append(tube("paraspinal muscle", m, column, radii, clip=_below_skin, mottle=6.0, wobble=0.8))
        outer = [(s * 52 * wide, spine_at(build, z * high) + 35, z * high) for z in levels[:8]]
        result.append(tube("paraspinal muscle", m, outer, 13.0, clip=_below_skin, mottle=6.0, wobble=0.8))
        psoas: list[tuple[float, float, float, float]] = [
            (26, 4, -200, 6), (32, 2, -240, 13), (40, 0, -290, 18), (48, -6, -340, 19),
        ]  # fmt: skip
        line = [(s * x * wide, spine_at(build, z * high) + dy, z * high) for x, dy, z, _ in psoas]
        line += [
            build.at(s * 66, 6, -390),
            build.at(s * 78, -28, -440),
            build.at(s * 92, -32, -470),
            build.at(s * 104, 0, -500),
        ]
        result.append(
            tube(
                "psoas muscle",
                m,
                line,
                [r for *_, r in psoas] + [18.0, 15.0, 13.0, 9.0],
                mottle=4.0,
                wobble=0.8,
            )
        )
        wing = [build.at(s * 96, 52, -340), build.at(s * 96, 24, -380), build.at(s * 84, -14, -430)]
        result.append(tube("iliacus", m, wing, [7.0, 13.0, 12.0], mottle=4.0))
        floor = [build.at(s * 58, 24, -440), build.at(s * 52, 20, -475), build.at(s * 34, 20, -510)]
        result.append(tube("pelvic floor", m, floor, [6.0, 9.0, 9.0], mottle=4.0))
    return result
