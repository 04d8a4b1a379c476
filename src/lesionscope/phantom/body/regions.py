"""Names of places: from tissue and geometry to the 115 body-part labels.

Node stations are the fat where a node of that station would lie: the nearest of the
structures that name them, within its reach. Left is +x.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.body import thorax
from lesionscope.phantom.body.fields import spine_y
from lesionscope.phantom.body.layers import Frame
from lesionscope.phantom.body.names import NUMBER, OWN
from lesionscope.phantom.points import PointCanvas

if TYPE_CHECKING:
    from lesionscope.phantom.body.body import Body

Mask = NDArray[np.bool_]
_GRAPH = load_labels()
BODY_PARTS = tuple(n for n in _GRAPH.core if _GRAPH.by_name[n].kind == "body part")
_CORE = frozenset(BODY_PARTS)
WOMEN_ONLY = frozenset({"cervix", "ovary", "adnexa"})
_STATIONS = {
    "paracaval lymph node": ({"inferior cava"}, 11.0),
    "retroperitoneum lymph node": ({"abdominal aorta"}, 13.0),
    "common iliac lymph node": ({"common iliac"}, 12.0),
    "external iliac lymph node": ({"external iliac"}, 12.0),
    "iliac lymph node": ({"internal iliac"}, 11.0),
    "groin lymph node": ({"femoral"}, 18.0),
    "mesentery lymph node": ({"mesenteric vessel"}, 16.0),
    "peripancreatic lymph node": ({"pancreatic head", "pancreatic body", "pancreatic tail"}, 7.0),
}


@cache
def expand(names: frozenset[str]) -> frozenset[str]:
    """Return labels with all body parts that they imply."""
    return _GRAPH.expand(names) & _CORE


def parts_at(body: Body, points: NDArray[np.float64], *, expanded: bool) -> list[frozenset[str]]:
    """Body parts at points ``(n, 3)`` LPS mm."""
    if not len(points):
        return []
    order = np.argsort(points[:, 2], kind="stable")
    labels = _Rules(body, points[order]).sets()
    result: list[frozenset[str]] = [frozenset()] * len(points)
    for place, names in zip(order, labels, strict=True):
        result[place] = expand(names) if expanded else names
    return result


class _Rules:
    """The rules, on points in order of z."""

    def __init__(self, body: Body, points: NDArray[np.float64]) -> None:
        self.body, self.build = body, body.build
        canvas = PointCanvas(points)
        self.frame = Frame(self.build, canvas, body.lattices)
        self.owner = body.owners(self.frame).ravel()
        f = self.frame
        self.skin, self.cavity, self.mediastinum, self.diaphragm = (
            a.ravel() for a in (f.body, f.cavity, f.mediastinum, f.diaphragm)
        )
        self.x, self.y, self.z = points.T
        a, b, c = self.build.scale
        self.u, self.v, self.w = self.x / a, 6 + (self.y - 6) / b, self.z / c
        self.spine = spine_y(self.build, canvas.z).ravel()
        self.names: list[set[str]] = [set() for _ in points]

    def of(self, *tissues: str) -> Mask:
        wanted = np.zeros(len(NUMBER), dtype=np.bool_)
        wanted[[NUMBER[t] for t in tissues]] = True
        return np.asarray(wanted[self.owner])

    def add(self, where: Mask, *labels: str) -> None:
        for place in np.flatnonzero(where):
            self.names[place].update(labels)

    def sets(self) -> list[frozenset[str]]:
        tissues = list(OWN)
        for place, number in enumerate(self.owner):
            self.names[place].update(OWN[tissues[number]])
        self.inside = self.skin < 0
        self.trunk = (self.cavity < 0) & self.inside
        self.above = self.trunk & (self.diaphragm < 0)
        self.under = self.trunk & ~self.above
        self._lungs()
        self._mediastinum()
        self._wall()
        self._abdomen()
        self._stations()
        return [frozenset(n) for n in self.names]

    def _lungs(self) -> None:
        lung, left = self.of("lung"), self.x > 0
        x, y, z = (a.astype(np.float32) for a in (self.x, self.y, self.z))
        oblique = thorax.oblique(self.build, x, y, z)
        minor = thorax.minor(self.build, x, y, z)
        upper = oblique > 0
        self.add(lung & left & upper, "left upper lung")
        self.add(lung & left & upper & (self.w < -38), "lingula")
        self.add(lung & left & ~upper, "left lower lobe")
        self.add(lung & ~left & ~upper, "right lower lobe")
        self.add(lung & ~left & upper & (minor > 0), "right upper lobe")
        self.add(lung & ~left & upper & (minor <= 0), "right mid lung")
        near = np.abs(oblique) < 2.5
        near |= ~left & upper & (np.abs(minor) < 2.5)
        self.add(lung & near, "fissure")
        edge = np.maximum(np.maximum(self.cavity, self.diaphragm), -self.mediastinum)
        self.add(lung & (np.maximum(self.cavity, self.diaphragm) > -9), "subpleural")
        self.add(lung & (self.diaphragm > -28), "lung base")
        self.add(lung & (self.z > self.build.patient.apex - 34), "lung apex")
        hilum = np.sqrt((np.abs(self.x) - 38) ** 2 + (self.y - 6) ** 2 + (self.z + 8) ** 2)
        self.add(lung & (hilum > 18) & (hilum < 44), "perihilar")
        self.hilar = ((np.abs(self.x) - 37) / 17) ** 2 + ((self.y - 6) / 16) ** 2 + (
            (self.z + 8) / 24
        ) ** 2 < 1
        self.add(self.hilar & self.inside & ~lung & (edge > 0), "hilum")

    def _mediastinum(self) -> None:
        inner = self.of(
            "inner fat",
            "heart",
            "pericardium",
            "epicardial fat",
            "aorta",
            "pulmonary artery",
            "oesophagus",
            "oesophagus lumen",
        )
        inner |= self.of("artery", "vein", "inferior cava")
        fat = self.of("inner fat")
        corner = self.above & fat & (self.w < -68) & (self.y < -18) & (np.abs(self.x) > 8)
        self.add(corner, "cardiophrenic")
        here = self.above & inner & ~corner
        self.add(here, "mediastinum")
        here &= ~self.hilar
        self.add(here & (self.w > 12), "superior mediastinum")
        self.add(here & (self.y < -28) & (self.w > -70) & ~self.of("heart"), "anterior mediastinum")
        window = (
            here & (self.x > 11) & (self.x < 36) & (np.abs(self.y + 2) < 15) & (self.z > 6) & (self.z < 32)
        )
        self.add(window & ~self.of("aorta"), "aorticopulmonary window")
        self.in_mediastinum, self.window = here, window
        self.add(self.above & self.of("cord", "disc"), "chest")

    def _wall(self) -> None:
        out = self.inside & ~self.trunk
        ax = np.abs(self.u)
        node = self.of("wall fat")
        thigh = out & (self.w < -442 - 0.55 * (150 - ax))
        shoulder = out & (ax > 152) & (self.w > 18)
        groin = out & ~thigh & (self.w < -425) & (self.w > -512) & (ax > 26) & (ax < 106) & (self.v < -30)
        thigh &= ~groin
        neck = out & (self.w > 92) & (ax < 78) & ~self.of("clavicle")
        self.supraclavicular = (
            out & node & (np.abs(ax - 55) < 32) & (self.w > 84) & (self.w < 112) & (self.v < 30)
        )
        chest = out & (self.w > -165) & ~neck & ~shoulder & ~self.supraclavicular
        belly = out & (self.w <= -165) & (self.w > -338)
        pelvic = out & (self.w <= -338) & ~thigh
        axilla = chest & (ax > 112) & (self.w > 14) & (self.w < 88) & (self.v > -46) & (self.v < 52)
        axilla &= self.of("wall fat", "artery", "vein", "muscle")
        bone = self.of(
            "rib",
            "sternum",
            "clavicle",
            "scapula",
            "humerus",
            "pelvic bone",
            "femur",
            "sacrum",
            "cartilage",
            "disc",
            "cord",
        )
        bone |= self.of(
            *(f"{level} {part}" for level in ("cervical", "thoracic", "lumbar") for part in ("body", "arch"))
        )
        odd = bone | self.of(
            "breast",
            "pleura",
            "trachea",
            "bronchus",
            "paraspinal muscle",
            "psoas muscle",
            "lung",
            "diaphragm",
        )
        self.add(chest & ~odd, "chest wall")
        self.add(chest & self.of("paraspinal muscle"), "chest")
        self.add(axilla, "axilla")
        self.add(axilla & node, "axilla lymph node")
        self.add(neck & ~bone & ~self.supraclavicular & ~self.of("trachea", "lung", "pleura"), "neck")
        self.add(self.supraclavicular, "supraclavicular lymph node")
        plain = self.of("skin", "wall fat", "wall muscle", "muscle", "paraspinal muscle")
        self.add(belly & plain, "abdominal wall")
        self.add(belly & plain & (self.v < -30) & (ax < 105), "anterior abdominal wall")
        self.add((chest | pelvic) & plain, "body wall")
        self.add(pelvic & ~groin & (plain | self.of("iliacus", "pelvic floor")), "pelvic wall")
        self.add(groin & ~self.of("femur"), "groin")
        self.add(thigh & ~self.of("pelvic bone", "cartilage", "sacrum", "pelvic floor"), "thigh")
        self.add(shoulder & ~self.of("clavicle", "scapula", "rib"), "extremity")
        # Fat within four centimetres of the skin, outside the muscles, is subcutaneous.
        under = node & (self.skin > -34) & (self.cavity > 6) & ~axilla & ~self.supraclavicular
        self.add(under, "subcutaneous fat", "soft tissue")
        self.groin, self.pelvic, self.thigh = groin, pelvic, thigh
        back = (
            (np.abs(self.x) < 52)
            & (np.abs(self.x) > 17)
            & (np.abs(self.y - self.spine) < 30)
            & (self.w < 100)
        )
        self.add(
            back & self.inside & self.of("inner fat", "wall fat") & (self.y > self.spine - 12), "paraspinal"
        )

    def _abdomen(self) -> None:
        gut = self.of(
            "liver",
            "porta fat",
            "gallbladder",
            "bile duct",
            "spleen",
            "stomach",
            "small bowel",
            "colon",
            "duodenum",
        )
        fat = self.of("inner fat")
        boned = self.of(
            "lumbar body",
            "lumbar arch",
            "sacrum",
            "disc",
            "cord",
            "thoracic body",
            "thoracic arch",
            "cervical body",
        )
        boned |= self.of(
            "rib",
            "pelvic bone",
            "femur",
            "diaphragm",
            "pericardium",
            "epicardial fat",
            "heart",
            "pleura",
            "lung",
            "trachea",
            "bronchus",
            "sternum",
        )
        low = self.under & (self.w < -338) & ~gut & ~self.groin & ~self.thigh
        high = self.under & ~low
        self.add(low & ~boned, "pelvis")
        self.add(low & self.of("iliacus", "pelvic floor"), "pelvic wall")
        self.add(high & ~boned, "abdomen")
        self.add(high & ~boned & (self.w > -246), "upper abdomen")
        behind = (self.y > self.spine - 46) & (self.w < -170)
        retro = (
            high
            & behind
            & (
                fat
                | self.of(
                    "abdominal aorta",
                    "inferior cava",
                    "vessel",
                    "common iliac",
                    "psoas muscle",
                    "splenic vein",
                )
            )
        )
        self.add(retro, "retroperitoneum")
        free = high & fat & ~behind
        shell = free & (self.cavity > -9)
        self.add(shell, "peritoneum")
        sac = free & (self.w > -222) & (self.w < -170) & (self.v > -40) & (self.u > -12) & (self.u < 70)
        omentum = free & ~sac & (self.v < -44) & (self.w < -195)
        mesentery = free & ~sac & ~omentum & (self.w < -228) & (np.abs(self.u) < 84)
        self.add(sac, "lesser sac")
        self.add(omentum, "omentum")
        self.add(mesentery, "mesentery")
        if self.build.sex == "F":
            gap = ((np.abs(self.u) - 43) / 22) ** 2 + ((self.v - 22) / 20) ** 2 + ((self.w + 412) / 24) ** 2
            self.add(low & (gap < 1) & (fat | self.of("ovary")), "adnexa")
            self.add(self.of("cervix"), "pelvis")
        self.low, self.high, self.retro, self.sac, self.omentum, self.mesentery = (
            low,
            high,
            retro,
            sac,
            omentum,
            mesentery,
        )

    def _stations(self) -> None:
        fat = self.of("inner fat", "wall fat", "porta fat")
        chest = self.in_mediastinum & fat
        subcarinal = (
            chest & (np.abs(self.x) < 20) & (self.y > -8) & (self.y < 40) & (self.z < 2) & (self.z > -38)
        )
        pretracheal = (
            chest & (np.abs(self.x) < 16) & (self.w > 12) & (self.y < 6) & (self.y > -14) & (self.z < 70)
        )
        self.add(chest & ~self.window, "mediastinum lymph node")
        self.add(self.window & fat, "mediastinum lymph node")
        self.add(subcarinal, "subcarinal lymph node")
        self.add(pretracheal, "pretracheal lymph node")
        self.add(chest & (self.w > 12) & ~pretracheal & ~self.window, "superior mediastinum lymph node")
        hilum = self.above & self.hilar & self.of("inner fat")
        self.add(hilum & (self.x < 0), "right hilum lymph node")
        self.add(hilum & (self.x >= 0), "left hilum lymph node")
        below = (self.low | self.high | self.pelvic | self.groin) & fat
        crus = (
            self.high
            & fat
            & (self.w > -216)
            & (self.w < -160)
            & (np.abs(self.x) < 34)
            & (self.y > self.spine - 40)
        )
        self.add(crus, "retrocrural lymph node", "retroperitoneum")
        porta = self.of("porta fat")
        self.add(porta, "porta Hepatis lymph node")
        best = np.full(len(self.x), np.inf)
        which = np.full(len(self.x), -1)
        aorta = np.full(len(self.x), np.inf)
        if below.any():
            for layer in self.body.layers:
                for number, (tissues, reach) in enumerate(_STATIONS.values()):
                    if layer.tissue in tissues and layer.cones is not None:
                        gap = _gap(layer, self.x, self.y, self.z)
                        closer = (gap < reach) & (gap / reach < best)
                        best[closer], which[closer] = (gap / reach)[closer], number
                        if layer.tissue == "abdominal aorta":
                            np.minimum(aorta, gap, out=aorta)
        self.add(below & (aorta < 20) & self.high, "paraaortic")
        open_ = below & ~crus & ~porta
        for number, name in enumerate(_STATIONS):
            here = open_ & (which == number)
            if name in ("common iliac lymph node", "external iliac lymph node", "iliac lymph node"):
                here &= self.low | (self.pelvic & ~self.groin)
            elif name == "groin lymph node":
                here &= self.groin
            elif name == "mesentery lymph node":
                here &= self.mesentery
            elif name == "peripancreatic lymph node":
                here &= self.high & ~self.sac & ~self.omentum & ~self.mesentery
            else:
                here &= self.retro
            self.add(here, name)
        self.add(self.low & fat, "pelvis lymph node")


def _gap(
    layer: object, x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance of points to a layer's cones, mm."""
    shapes = layer.cones  # type: ignore[attr-defined]
    points = np.stack([x, y, z], axis=1)[:, None]
    axis = shapes.end - shapes.start
    t = np.clip(((points - shapes.start) * axis).sum(2) / np.maximum((axis**2).sum(1), 1e-9), 0, 1)
    away = np.linalg.norm(points - shapes.start - t[..., None] * axis, axis=2)
    radius = shapes.start_radius + t * (shapes.end_radius - shapes.start_radius)
    return np.asarray((away - radius).min(axis=1), dtype=np.float64)
