"""Drawing a point where a body part is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.phantom.body.names import OWN
from lesionscope.phantom.body.regions import BODY_PARTS, WOMEN_ONLY, expand

if TYPE_CHECKING:
    from lesionscope.phantom.body.body import Body

TRIES = 60
BATCH = 96
# Boxes of the design patient for what no tissue names: low and high corners.
_BOXES: dict[str, tuple[tuple[float, ...], ...]] = {
    "chest": ((-120, -70, -90, 120, 80, 90),),
    "abdomen": ((-100, -80, -330, 100, 70, -180),),
    "upper abdomen": ((-110, -80, -240, 110, 70, -150),),
    "pelvis": ((-80, -60, -480, 80, 80, -345),),
    "lymph node": ((-30, -40, -40, 30, 40, 60), (-40, -10, -320, 40, 50, -200)),
    "retroperitoneum": ((-90, 0, -330, 90, 66, -190),),
    "mediastinum": ((-30, -50, -80, 30, 50, 70),),
    "mediastinum lymph node": ((-28, -40, -40, 28, 45, 70),),
    "right lower lobe": ((-120, 0, -160, -20, 90, 20),),
    "left lower lobe": ((20, 0, -160, 120, 90, 20),),
    "right upper lobe": ((-100, -60, -25, -20, 70, 110),),
    "left upper lung": ((20, -70, -90, 100, 60, 110),),
    "right mid lung": ((-110, -76, -120, -20, 20, -15),),
    "lingula": ((30, -78, -130, 110, 20, -38),),
    "right lung": ((-120, -70, -140, -20, 80, 100),),
    "left lung": ((20, -70, -140, 120, 80, 100),),
    "lung": ((-120, -70, -140, 120, 80, 100),),
    "lung base": ((-120, -70, -170, 120, 85, -80),),
    "lung apex": ((-60, -30, 80, 60, 50, 118),),
    "fissure": ((-110, -70, -125, 110, 75, 60),),
    "subpleural": ((-122, -75, -140, 122, 85, 100),),
    "perihilar": ((-82, -38, -52, 82, 50, 36),),
    "hilum": ((-55, -12, -32, -20, 24, 16), (20, -12, -32, 55, 24, 16)),
    "hilum lymph node": ((-55, -12, -32, -20, 24, 16), (20, -12, -32, 55, 24, 16)),
    "right hilum lymph node": ((-55, -12, -32, -20, 24, 16),),
    "left hilum lymph node": ((20, -12, -32, 55, 24, 16),),
    "chest wall": ((-170, -110, -120, 170, 120, 80),),
    "soft tissue": ((-150, -120, -300, 150, 120, 50),),
    "pelvis lymph node": ((-80, -50, -450, 80, 70, -345),),
    "abdomen lymph node": ((-45, -30, -320, 40, 55, -190),),
    "paraaortic": ((-14, -16, -310, 34, 50, -185),),
    "mesentery": ((-70, -45, -335, 70, 20, -230),),
    "pelvic wall": ((-150, -90, -440, 150, 120, -345),),
    "retroperitoneum lymph node": ((-14, -16, -310, 34, 50, -185),),
    "axilla": ((-152, -40, 18, -112, 50, 86), (112, -40, 18, 152, 50, 86)),
    "axilla lymph node": ((-152, -40, 18, -112, 50, 86), (112, -40, 18, 152, 50, 86)),
    "iliac lymph node": ((-75, -30, -445, 75, 80, -345),),
    "groin": ((-104, -110, -508, -28, -32, -430), (28, -110, -508, 104, -32, -430)),
    "groin lymph node": ((-104, -80, -508, -50, -32, -445), (50, -80, -508, 104, -32, -445)),
    "muscle": ((-140, -100, -560, 140, 115, 100),),
    "neck": ((-60, -25, 95, 60, 75, 160),),
    "subcarinal lymph node": ((-20, -6, -38, 20, 40, 2),),
    "mesentery lymph node": ((-22, -42, -300, 18, 10, -235),),
    "paraspinal": ((-52, 10, -330, 52, 90, 60),),
    "cardiophrenic": ((-70, -80, -125, 80, -18, -68),),
    "superior mediastinum": ((-30, -48, 12, 30, 50, 88),),
    "superior mediastinum lymph node": ((-30, -48, 12, 30, 50, 88),),
    "pretracheal lymph node": ((-16, -14, 12, 16, 6, 70),),
    "common iliac lymph node": ((-62, -10, -378, 62, 66, -338),),
    "external iliac lymph node": ((-85, -55, -450, -40, 55, -365), (40, -55, -450, 85, 55, -365)),
    "extremity": ((-140, -60, -555, 140, 90, -500),),
    "thigh": ((-140, -60, -555, 140, 90, -500),),
    "body wall": ((-150, -125, -330, 150, 120, 40),),
    "abdominal wall": ((-150, -130, -335, 150, 120, -168),),
    "anterior abdominal wall": ((-90, -130, -335, 90, -40, -168),),
    "omentum": ((-80, -95, -335, 80, -44, -198),),
    "fat": ((-150, -130, -400, 150, 125, -100),),
    "subcutaneous": ((-160, -130, -400, 160, 125, -20),),
    "subcutaneous fat": ((-160, -130, -400, 160, 125, -20),),
    "aorticopulmonary window": ((11, -17, 6, 36, 13, 32),),
    "paracaval lymph node": ((-46, -16, -315, 0, 50, -190),),
    "retrocrural lymph node": ((-34, 18, -215, 34, 72, -160),),
    "adnexa": ((-64, 2, -435, -22, 42, -390), (22, 2, -435, 64, 42, -390)),
    "peritoneum": ((-120, -100, -330, 120, 30, -180),),
    "anterior mediastinum": ((-25, -80, -65, 25, -28, 75),),
    "porta Hepatis lymph node": ((-62, -26, -220, -2, 10, -174),),
    "supraclavicular lymph node": ((-85, -40, 84, -24, 30, 112), (24, -40, 84, 85, 30, 112)),
    "peripancreatic lymph node": ((-45, -25, -262, 85, 34, -178),),
    "lesser sac": ((-12, -40, -222, 70, 10, -172),),
    "skin": ((-150, -140, -400, 150, 130, 50),),
}


def place(body: Body, label: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a point ``(3,)`` LPS mm at which ``body.body_parts_at`` holds ``label``.

    Raises
    ------
    InputError
        ``label`` is no body part, or a woman's and the patient is a man.
    """
    if label not in BODY_PARTS:
        raise InputError(f"{label!r} is not one of the {len(BODY_PARTS)} body parts: see the label table.")
    if body.sex != "F" and label in WOMEN_ONLY:
        raise InputError(f"Patient {body.seed} is a man and has no {label}: ask a patient whose sex is F.")
    boxes = _boxes(body, label)
    for _ in range(TRIES):
        low, high = boxes[int(rng.integers(len(boxes)))]
        points = rng.uniform(low, high, (BATCH, 3))
        for point, names in zip(points, body.parts_at(points), strict=True):
            if label in names:
                return np.asarray(point, dtype=np.float64)
    raise InputError(f"Patient {body.seed} has no room for {label}: ask another seed.")


def _boxes(body: Body, label: str) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    if label in _BOXES:
        result = []
        for box in _BOXES[label]:
            a, b, c, d, e, f = box
            result.append((np.array(body.build.at(a, b, c)), np.array(body.build.at(d, e, f))))
        return result
    tissues = {tissue for tissue, own in OWN.items() if own and label in expand(frozenset(own))}
    result = []
    (x0, y0, z0), (x1, y1, z1) = body.bounds
    for layer in body.layers:
        if layer.tissue not in tissues:
            continue
        low = np.maximum(layer.low, (x0, y0, z0))
        high = np.minimum(layer.high, (x1, y1, z1))
        if np.all(high > low):
            result.append((low, high))
    return result
