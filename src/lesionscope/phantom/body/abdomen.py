"""Organs and vessels of the abdomen."""

from __future__ import annotations

import numpy as np

from lesionscope.phantom.body import fields
from lesionscope.phantom.body.build import Build, Vec
from lesionscope.phantom.body.layers import Frame, Layer, ellipsoid, levelled, tube
from lesionscope.phantom.body.skeleton import spine_at
from lesionscope.phantom.canvas import Field, Region


def _grown(semi: Vec, millimetres: float) -> Vec:
    return semi[0] + millimetres, semi[1] + millimetres, semi[2] + millimetres


def _under(frame: Frame, region: Region) -> Field:
    """Stay inside the abdominal wall and below the diaphragm."""
    return np.asarray(
        np.maximum(frame.cavity[region] + np.float32(4.0), np.float32(4.5) - frame.diaphragm[region]),
        dtype=np.float32,
    )


def solid(build: Build) -> list[Layer]:
    """Return liver with its vessels, gallbladder and ducts, spleen, kidneys, adrenals."""
    at, hu = build.at, build.hu
    right = fields.leaning_ellipsoid(at(-70, -4, -160), build.sized(80, 84, 88, "liver"))
    left = fields.leaning_ellipsoid(at(6, -42, -140), build.sized(64, 40, 36, "liver"))

    def liver(frame: Frame, region: Region) -> Field:
        where = frame.canvas.coordinates(region)
        shape = fields.melt(right(*where), left(*where), 24.0)
        return np.maximum(shape, _under(frame, region))

    low, high = at(-160, -100, -256), at(78, 90, -80)
    result = [Layer("liver", hu["liver"], low, (high[0], high[1], -60.0), liver, mottle=3.5)]
    v = hu["vein"]
    root = at(-20, 22, -128)
    for end in (at(-95, -10, -150), at(-58, -52, -150), at(4, -44, -134)):
        middle = at(*(0.5 * (np.array([-20.0, 22, -128]) + _design(build, end)) + np.array([0, 0, -6])))
        result.append(tube("liver", v, [root, middle, end], [5.5, 4.0, 2.2]))
    pv = hu["portal vein"]
    for line in (
        [at(-34, -8, -192), at(-62, -2, -184), at(-96, 18, -190)],
        [at(-62, -2, -184), at(-84, -26, -172)],
        [at(-34, -8, -192), at(-22, -26, -172), at(8, -48, -150)],
    ):
        result.append(tube("liver", pv, line, np.linspace(6.0, 2.6, len(line)).tolist()))
    result.append(
        tube(
            "porta fat",
            hu["fat"] + 20,
            [at(-16, -8, -204), at(-36, -8, -192), at(-48, -6, -188)],
            [15.0, 14.0, 9.0],
        )
    )
    result.append(
        ellipsoid("gallbladder", hu["gland"], at(-52, -52, -214), build.sized(14, 24, 20), clip=_under)
    )
    result.append(
        ellipsoid(
            "gallbladder",
            hu["bile"],
            at(-52, -52, -214),
            _grown(build.sized(14, 24, 20), -1.6),
            clip=_under,
        )
    )
    spleen = build.sized(32, 44, 54, "spleen")
    result.append(
        ellipsoid(
            "spleen",
            hu["spleen"],
            at(90, 36, -152),
            spleen,
            lean=(-0.1, -0.15),
            clip=_under,
            mottle=3.0,
            wobble=1.2,
        )
    )
    for s, level, name in ((-1.0, -246, "right"), (1.0, -234, "left")):
        centre = at(s * 68, 34, level)
        semi = build.sized(26, 25, 54, "kidney")
        lean = (-s * 0.22, 0.14)
        result.append(
            ellipsoid("perirenal fat", hu["fat"], centre, _grown(semi, 7.0), lean=lean, clip=_under)
        )
        result.append(
            ellipsoid(f"{name} kidney cortex", hu["kidney cortex"], centre, semi, lean=lean, wobble=0.7)
        )
        core = (semi[0] - 7.5, semi[1] - 7.5, semi[2] - 8.5)

        def pyramids(frame: Frame, region: Region) -> Field:
            share = np.clip(0.5 + 1.5 * frame.noise(1, 6.0, region), 0, 1)
            value = hu["kidney medulla"] + 0.4 * share * (hu["kidney cortex"] - hu["kidney medulla"])
            return np.asarray(value, dtype=np.float32)

        result.append(ellipsoid(f"{name} kidney", pyramids, centre, core, lean=lean))
        hilum = (centre[0] - s * 13, centre[1] - 5, centre[2])
        result.append(ellipsoid("perirenal fat", hu["fat"] + 8, hilum, (14.0, 9.0, 24.0), lean=lean))
        result.append(
            ellipsoid("renal pelvis", hu["urine"], (hilum[0] - s * 3, hilum[1], hilum[2]), (10.0, 5.0, 10.0))
        )
    f = build.organ["adrenal"]
    for s, name in ((-1.0, "right"), (1.0, "left")):
        apex = at(s * (32 if s < 0 else 36), 22, -196)
        for dx, dy in ((-5.0, 16.0), (6.0, 15.0)):
            result.append(
                tube(
                    f"{name} adrenal",
                    hu["adrenal"],
                    [apex, (apex[0] + s * dx, apex[1] + dy, apex[2] - 14)],
                    [3.6 * f, 2.8 * f],
                )
            )
    return result


def _design(build: Build, point: Vec) -> np.ndarray:
    a, b, c = build.scale
    return np.array([point[0] / a, 6 + (point[1] - 6) / b, point[2] / c])


def vessels(build: Build) -> list[Layer]:
    """Return the vessels behind the peritoneum, down to the groins."""
    at, hu = build.at, build.hu
    a, v = hu["artery"], hu["vein"]

    def before(x: float, gap: float, z: float) -> Vec:
        return x * build.scale[0], spine_at(build, build.z(z)) - gap, build.z(z)

    trunk = [before(8, 29, -180), before(9, 31, -209), before(8, 33, -250), before(4, 33, -306)]
    cava = [
        before(-17, 34, -318),
        before(-21, 34, -260),
        before(-22, 34, -200),
        at(-20, 22, -130),
        (-22.0, -4.0, -76.0),
    ]
    result = [
        tube("inferior cava", v, cava, [10.5, 11.5, 12.0, 12.5, 13.0]),
        tube("abdominal aorta", a, trunk, [10.5, 10.0, 9.0, 8.4]),
    ]
    for s in (-1.0, 1.0):
        common = [before(s * 5 + 1, 33, -308), before(s * 22, 30, -335), at(s * 42, 44, -368)]
        external = [at(s * 42, 44, -368), at(s * 58, 14, -405), at(s * 68, -26, -440), at(s * 74, -50, -464)]
        femoral = [at(s * 74, -50, -464), at(s * 78, -48, -510), at(s * 80, -34, -600)]
        internal = [at(s * 42, 46, -368), at(s * 50, 62, -395), at(s * 56, 66, -430)]
        for lines, value, shift, grow, kind in (
            (common, v, 10.0, 1.5, "vein"),
            (common, a, 0.0, 0.0, "artery"),
        ):
            del shift
            line = [
                (x + (0 if kind == "artery" else -3), y + (0 if kind == "artery" else 9), z)
                for x, y, z in lines
            ]
            result.append(tube("common iliac", value, line, [6.0 + grow, 5.6 + grow, 5.2 + grow]))
        result.append(tube("external iliac", v, [(x - s * 9, y + 8, z) for x, y, z in external], 6.2))
        result.append(tube("external iliac", a, external, 4.6))
        result.append(
            tube("internal iliac", v, [(x - s * 2, y + 7, z) for x, y, z in internal], [5.0, 4.4, 3.6])
        )
        result.append(tube("internal iliac", a, internal, [4.2, 3.6, 3.0]))
        result.append(tube("femoral", v, [(x - s * 11, y + 4, z) for x, y, z in femoral], 6.2))
        result.append(tube("femoral", a, femoral, 4.4))
        level = -246 if s < 0 else -234
        result.append(
            tube("vessel", v, [at(s * 56, 28, level), before(-18 if s < 0 else -12, 40, -232)], [4.6, 4.8])
        )
        result.append(tube("vessel", a, [before(8, 32, -236), at(s * 56, 32, level + 2)], [3.4, 2.6]))
    result.append(tube("vessel", a, [before(9, 40, -208), before(11, 58, -206)], [3.6, 3.4]))
    result.append(
        tube(
            "mesenteric vessel", a, [before(8, 40, -224), at(2, -10, -238), at(0, -20, -300)], [3.8, 3.6, 2.4]
        )
    )
    pv = hu["portal vein"]
    result.append(tube("mesenteric vessel", pv, [at(-10, -22, -300), at(-11, -14, -246)], [4.2, 5.4]))
    result.append(
        tube("splenic vein", pv, [at(-6, 2, -222), at(26, 4, -210), at(76, 28, -180)], [5.4, 4.8, 4.0])
    )
    result.append(
        tube(
            "portal vein",
            pv,
            [at(-11, -14, -246), at(-6, -2, -222), at(-20, -6, -206), at(-36, -8, -192)],
            [5.6, 6.4, 6.6, 6.2],
        )
    )
    return result


def digestive(build: Build) -> list[Layer]:
    """Return pancreas, stomach, duodenum, bowel and ducts."""
    at, hu = build.at, build.hu
    f = build.organ["pancreas"]
    pan = {
        "pancreatic tail": ([(46, 4, -200), (64, 16, -193), (76, 22, -188)], [9.0, 9.5, 8.0]),
        "pancreatic body": ([(2, -14, -218), (24, -10, -210), (46, 4, -200)], [8.5, 9.0, 9.0]),
        "pancreatic head": (
            [(2, -14, -218), (-14, -8, -228), (-26, 0, -240), (-26, 4, -252)],
            [8.5, 11.0, 14.0, 11.0],
        ),
    }
    result: list[Layer] = []
    for name, (line, radii) in pan.items():
        result.append(
            tube(name, hu["pancreas"], [at(*p) for p in line], [r * f for r in radii], mottle=8.0, wobble=1.6)
        )
    result.append(
        tube(
            "bile duct",
            hu["bile"],
            [at(-40, -14, -194), at(-26, -8, -212), at(-30, 4, -250)],
            [3.4, 3.2, 2.6],
        )
    )
    full = 0.8 + 0.28 * build.stomach
    path = [
        at(56, 24, -134),
        at(62, -4, -160),
        at(58, -38, -194),
        at(30, -56, -222),
        at(-4, -48, -226),
        at(-24, -38, -220),
    ]
    radii = [28 * full, 27 * full, 25 * full, 21 * full, 14 * full, 9.0]
    result.append(tube("stomach", hu["bowel wall"], path, radii, clip=_under, wobble=0.8))
    inside = [r - 4.5 for r in radii]
    content = levelled(hu["gas"], hu["stomach content"], at(0, -42, 0)[1])
    result.append(tube("stomach", content, path, inside, clip=_inner))
    result += _gut(
        build,
        "duodenum",
        [
            at(-26, -38, -219),
            at(-44, -20, -222),
            at(-50, 2, -258),
            at(-32, 16, -278),
            at(14, 8, -274),
            at(34, -8, -248),
        ],
        [10.0] * 6,
        -32.0,
        2.2,
    )
    colon = [
        (-90, -4, -358),
        (-96, 10, -320),
        (-101, -6, -275),
        (-86, -14, -252),
        (-64, -62, -262),
        (0, -72, -280),
        (62, -62, -258),
        (92, -4, -206),
        (103, 2, -222),
        (104, 10, -290),
        (92, 20, -345),
        (66, 6, -372),
        (36, 26, -372),
        (14, 40, -392),
        (0, 62, -404),
        (0, 68, -440),
        (0, 62, -490),
        (0, 48, -516),
    ]
    wide = [24, 22, 20, 19, 18, 18, 17, 17, 15, 14, 13, 13, 13, 13, 15, 17, 15, 8]
    result += _gut(build, "colon", [at(*c) for c in colon], [0.88 * w for w in wide], None, 2.0)
    return result + _small_bowel(build)


def _inner(frame: Frame, region: Region) -> Field:
    return np.asarray(_under(frame, region) + np.float32(4.0), dtype=np.float32)


def _gut(
    build: Build, tissue: str, line: list[Vec], radii: list[float], level: float | None, wobble: float
) -> list[Layer]:
    """Return wall and content of one loop."""
    hu = build.hu
    salt = len(line)

    def mixed(frame: Frame, region: Region) -> Field:
        share = np.clip(0.35 + 1.6 * frame.noise(0, 16.0, region), 0, 1)
        return np.asarray(hu["gas"] + share * (hu["bowel content"] - hu["gas"]), dtype=np.float32)

    content = mixed if level is None else hu["bowel content"]
    return [
        tube(tissue, hu["bowel wall"], line, radii, clip=_under, wobble=wobble, salt=salt),
        tube(tissue, content, line, [r - 2.6 for r in radii], clip=_inner, wobble=wobble, salt=salt),
    ]


def _small_bowel(build: Build) -> list[Layer]:
    """Return loops that wind around the mesentery."""
    rng = np.random.default_rng([build.seed, 33])
    result: list[Layer] = []
    for loop in range(9):
        z = -252 - 15.5 * loop
        angle = np.linspace(0, 1, 9) * 4.6 + float(rng.uniform(0.5, 1.1)) + np.pi * 0.5 - 1.6
        wide = 60.0 if z > -350 else 42.0
        x = wide * np.cos(angle) * rng.uniform(0.8, 1.05, 9)
        y = -26 + 32 * np.sin(angle) * rng.uniform(0.8, 1.05, 9)
        y = np.minimum(y, -16 if z > -345 else 12)
        heights = z + rng.normal(0, 4.5, 9)
        line = [build.at(float(a), float(b), float(c)) for a, b, c in zip(x, y, heights, strict=True)]
        result += _gut(build, "small bowel", line, rng.uniform(9, 12.5, 9).tolist(), 0.0, 1.2)
    return result
