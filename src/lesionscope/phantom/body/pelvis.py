"""Bladder, uterus and ovaries, or prostate."""

from __future__ import annotations

from lesionscope.phantom.body.build import Build
from lesionscope.phantom.body.layers import Layer, ellipsoid, tube


def layers(build: Build) -> list[Layer]:
    """Return the pelvic organs."""
    at, hu = build.at, build.hu
    full = 0.72 + 0.4 * build.bladder
    drop = -452.0 if build.sex == "F" else -448.0
    centre = at(0, -22, drop)
    semi = tuple(full * s for s in build.sized(38, 27, 26))
    wall = (semi[0] + 3.0, semi[1] + 3.0, semi[2] + 3.0)
    result = [
        ellipsoid("bladder", hu["muscle"] - 12, centre, wall, wobble=0.6),
        ellipsoid("bladder", hu["urine"], centre, (semi[0], semi[1], semi[2]), wobble=0.6),
    ]
    if build.sex == "M":
        result.append(
            ellipsoid(
                "prostate", hu["prostate"], at(0, -6, -486), build.sized(24, 18, 18, "prostate"), mottle=5.0
            )
        )
        for s in (-1.0, 1.0):
            result.append(
                tube("prostate", hu["prostate"], [at(s * 5, 18, -470), at(s * 26, 24, -458)], [5.0, 6.0])
            )
        return result
    size = build.organ["uterus"]
    result.append(
        tube("cervix", hu["cervix"], [at(0, 26, -444), at(0, 28, -466)], [14.0 * size, 13.0 * size])
    )
    result.append(
        tube(
            "uterus",
            hu["uterus"],
            [at(0, 22, -436), at(0, 4, -416), at(2, -8, -404)],
            [16.0 * size, 22.0 * size, 24.0 * size],
            wobble=1.0,
        )
    )
    result.append(tube("uterus", hu["urine"] + 12, [at(0, 18, -430), at(2, -2, -410)], [2.0, 4.0]))
    for s in (-1.0, 1.0):
        result.append(
            ellipsoid("ovary", hu["ovary"], at(s * 45, 22, -412), build.sized(11, 9, 15), mottle=8.0)
        )
    return result
