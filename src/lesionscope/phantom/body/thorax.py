"""Lungs, airways, heart, the chest's great vessels, oesophagus and thyroid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lesionscope.phantom.body.build import Build, Vec
from lesionscope.phantom.body.layers import Frame, Layer, ellipsoid, of_cones, tube
from lesionscope.phantom.body.skeleton import spine_at
from lesionscope.phantom.canvas import Field, Region, cones

PLEURA_MM = 2.0
DIAPHRAGM_MM = 4.0
FISSURE_MM = 1.0
LUMEN_HU = -985.0


def oblique(build: Build, x: Field, y: Field, z: Field) -> Field:
    """Height above the oblique fissure, mm: positive in the upper (and middle) lobe."""
    bow = np.square(np.abs(x) - np.float32(55)) * np.float32(0.0012)
    plane = z - (np.float32(-44 * build.scale[2]) + np.float32(1.3) * y + bow)
    return np.asarray(plane * np.float32(0.61), dtype=np.float32)


def minor(build: Build, x: Field, y: Field, z: Field) -> Field:
    """Height above the minor fissure (and, on the left, the lingula's upper border), mm."""
    return np.asarray(z - np.float32(build.z(-20)) + np.float32(0.12) * (y + 20) + 0 * x, dtype=np.float32)


def layers(build: Build, low: Vec, high: Vec) -> list[Layer]:
    """Return pleura, diaphragm and what lies in the mediastinum; the lungs are laid on by :func:`lungs`."""
    p, hu = build.patient, build.hu

    def pleura(frame: Frame, region: Region) -> Field:
        half = np.float32(PLEURA_MM / 2)
        shell = np.abs(frame.cavity[region] - half) - half
        return np.asarray(np.maximum(shell, frame.diaphragm[region]), dtype=np.float32)

    def diaphragm(frame: Frame, region: Region) -> Field:
        half = np.float32(DIAPHRAGM_MM / 2)
        shell = np.abs(frame.diaphragm[region] - half) - half
        return np.asarray(np.maximum(shell, frame.cavity[region]), dtype=np.float32)

    floor = build.z(-200)
    return [
        Layer("pleura", 30.0, (low[0], low[1], floor), (high[0], high[1], p.apex + 5), pleura),
        Layer("diaphragm", hu["muscle"], (low[0], low[1], floor), (high[0], high[1], -60.0), diaphragm),
    ]


def mediastinum(build: Build) -> list[Layer]:
    """Return heart, vessels, gullet, thyroid and windpipe."""
    p, hu = build.patient, build.hu
    y = p.spine_y
    a, v = hu["artery"], hu["vein"]
    result = _heart(build)
    arch = [
        (-3.0, -22.0, 8.0),
        (-5.0, -20.0, 34.0),
        (0.0, -8.0, 50.0),
        (10.0, 10.0, 51.0),
        (20.0, y - 26, 36.0),
        (22.0, y - 22, -20.0),
    ]
    low = [
        (22.0, y - 22, -20.0),
        (16.0, y - 23, build.z(-120)),
        (8.0, spine_at(build, build.z(-180)) - 29, build.z(-180)),
    ]
    result += [
        tube(
            "pulmonary artery",
            hu["pulmonary artery"],
            [(8, -26, -12), (6, -10, 4), (36, 4, 0)],
            [13.5, 12.0, 8.0],
        ),
        tube(
            "pulmonary artery",
            hu["pulmonary artery"],
            [(6, -8, 3), (-12, 0, -2), (-36, 4, -6)],
            [11.0, 10.0, 7.5],
        ),
        tube("vein", v, [(-27, -16, 64), (-24, -12, 20), (-22, -8, -38)], [7.5, 9.0, 10.0]),
        tube("vein", v, [(34, -34, 76), (10, -40, 66), (-22, -22, 58)], [6.0, 6.0, 6.5]),
        tube("vein", v, [(-42, -30, 82), (-28, -18, 60)], [6.5, 7.0]),
        tube("aorta", a, [(2, -14, -32), (-3, -22, 8)], [15.0, 14.5]),
        tube("aorta", a, arch, [14.5, 14.0, 13.5, 13.0, 12.0, 11.5]),
        tube("aorta", a, low, [11.5, 11.0, 10.5]),
    ]
    neck = build.at
    for s, root in ((-1.0, (-6.0, -16.0, 54.0)), (1.0, (6.0, -6.0, 56.0))):
        result += [
            tube(
                "artery",
                a,
                [root, (s * 16, -10, 78), neck(s * 25, 10, 120), neck(s * 27, 16, 205)],
                [5.5, 4.5, 3.6, 3.4],
            ),
            tube(
                "artery",
                a,
                [(s * 14, 2, 70), neck(s * 40, 6, 104), neck(s * 84, 0, 92), neck(s * 140, 18, 60)],
                [5.0, 4.6, 4.2, 4.0],
            ),
            tube(
                "vein",
                v,
                [neck(s * 36, -26, 82), neck(s * 36, 2, 120), neck(s * 36, 12, 205)],
                [6.5, 6.0, 5.5],
            ),
            tube(
                "vein",
                v,
                [neck(s * 40, -28, 82), neck(s * 84, -14, 84), neck(s * 140, 8, 56)],
                [6.0, 5.5, 4.5],
            ),
        ]
    levels = [205, 120, 60, 0, -60, -115]
    gullet = [
        (
            float(np.interp(z, [-115, 0], [14, 5])),
            spine_at(build, build.z(z)) - (19 if z > 80 else 25),
            build.z(z),
        )
        for z in levels
    ]
    gullet.append(build.at(26, 14, -142))
    result.append(tube("oesophagus", hu["oesophagus"], gullet, 7.5))
    result.append(tube("oesophagus lumen", -300.0, gullet[1:-1], 1.6))
    f = build.organ["thyroid"]
    top = build.z(112)
    front = spine_at(build, top) - 38
    for s in (-1.0, 1.0):
        result.append(
            ellipsoid(
                "right thyroid" if s < 0 else "left thyroid",
                hu["thyroid"],
                (s * 17, front + 6, top),
                (8.5 * f, 10.5 * f, 23 * f),
                lean=(-s * 0.1, 0.0),
                mottle=6.0,
            )
        )
    result.append(
        tube(
            "thyroid isthmus",
            hu["thyroid"],
            [(-14, front - 5, top - 6), (0, front - 8, top - 6), (14, front - 5, top - 6)],
            3.5,
        )
    )
    return result + _airway(build)


def _airway(build: Build) -> list[Layer]:
    top = build.z(205)
    pipe = [
        (0.0, spine_at(build, top) - 31, top),
        (0.0, spine_at(build, build.z(115)) - 35, build.z(115)),
        (0.0, 4.0, 60.0),
        (0.0, 12.0, 12.0),
    ]
    right = [(0.0, 12.0, 11.0), (-22.0, 10.0, -3.0), (-38.0, 8.0, -14.0), (-46.0, 22.0, -42.0)]
    left = [(0.0, 12.0, 11.0), (22.0, 9.0, -2.0), (40.0, 8.0, -8.0), (50.0, 24.0, -36.0)]
    upper = [[(-24.0, 9.0, -3.0), (-44.0, 4.0, 16.0)], [(40.0, 8.0, -8.0), (50.0, -8.0, 14.0)]]
    result = [tube("trachea", 28.0, pipe, 10.4)]
    for line, radius in (
        (right, [7.6, 7.0, 6.0, 4.6]),
        (left, [7.2, 6.6, 5.8, 4.4]),
        *((u, [5.0, 4.2]) for u in upper),
    ):
        result.append(tube("bronchus", 24.0, line, [r + 1.4 for r in radius]))
    for line, radius in (
        (right, [7.6, 7.0, 6.0, 4.6]),
        (left, [7.2, 6.6, 5.8, 4.4]),
        *((u, [5.0, 4.2]) for u in upper),
    ):
        result.append(tube("bronchus", LUMEN_HU, line, radius))
    result.append(tube("trachea", LUMEN_HU, pipe, 8.8))
    return result


def _heart(build: Build) -> list[Layer]:
    h, hu = build.patient.heart, build.hu
    chambers = {
        "left ventricle": (((13.0, -8.0, -46.0), (50.0, -26.0, -78.0), 31.0 * h, 25.0 * h), hu["myocardium"]),
        "right ventricle": (
            ((0.0, -40.0, -44.0), (34.0, -46.0, -88.0), 21.0 * h, 15.0 * h),
            hu["myocardium"],
        ),
        "right atrium": (
            ((-24.0, -14.0, -40.0), (-22.0, -12.0, -74.0), 21.0 * h, 19.0 * h),
            hu["myocardium"],
        ),
        "left atrium": (((12.0, 14.0, -36.0), (-10.0, 14.0, -46.0), 20.0 * h, 19.0 * h), hu["myocardium"]),
    }
    hull = cones(*(shape for shape, _ in chambers.values()))
    thin = {"left ventricle": 10.0, "right ventricle": 4.0, "right atrium": 2.5, "left atrium": 2.5}
    blood = {
        "left ventricle": "artery",
        "left atrium": "artery",
        "right ventricle": "vein",
        "right atrium": "vein",
    }

    def above(frame: Frame, region: Region) -> Field:
        return np.asarray(frame.diaphragm[region] + np.float32(2), dtype=np.float32)

    result = [
        of_cones("pericardium", 25.0, hull.grown(1.0, 4.6), clip=above),
        of_cones("epicardial fat", hu["fat"], hull.grown(1.0, 3.0), clip=above),
        of_cones("heart", hu["myocardium"], hull, clip=above),
    ]
    for name, (shape, _) in chambers.items():
        result.append(of_cones("heart", hu[blood[name]], cones(shape).grown(1.0, -thin[name]), clip=above))
    return result


def lungs(build: Build, low: Vec, high: Vec) -> list[Layer]:
    """Return the lungs' tissue and their fissures."""
    p = build.patient

    def parenchyma(frame: Frame, region: Region) -> Field:
        _, y, _ = frame.canvas.coordinates(region)
        result = 14 * frame.noise(0, 2.2, region) + 13 * frame.noise(1, 11.0, region)
        result = result + np.float32(p.lung_hu) + np.float32(0.28) * y
        holes = frame.noise(2, 5.0, region)
        result -= np.float32(90 * p.emphysema) * np.clip(holes + np.float32(0.5 * p.emphysema - 0.6), 0, 1)
        return np.asarray(np.clip(result, -985, -650), dtype=np.float32)

    def lung(frame: Frame, region: Region) -> Field:
        return frame.lung[region]

    def sheet(
        plane: Callable[[Build, Field, Field, Field], Field], right_only: bool
    ) -> Callable[[Frame, Region], Field]:
        def distance(frame: Frame, region: Region) -> Field:
            x, y, z = frame.canvas.coordinates(region)
            shell = np.abs(plane(build, x, y, z)) - np.float32(FISSURE_MM / 2)
            if right_only:
                shell = np.maximum(np.maximum(shell, x), -oblique(build, x, y, z))
            return np.asarray(np.maximum(shell, frame.lung[region]), dtype=np.float32)

        return distance

    top = (high[0], high[1], p.apex + 2)
    base = (low[0], low[1], build.z(-200))
    return [
        Layer("lung", parenchyma, base, top, lung),
        Layer("lung", -640.0, base, top, sheet(oblique, False), soft=1.6),
        Layer(
            "lung",
            -640.0,
            (low[0], low[1], build.z(-50)),
            (0.0, high[1], build.z(0)),
            sheet(minor, True),
            soft=1.6,
        ),
    ]
