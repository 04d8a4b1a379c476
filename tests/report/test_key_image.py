"""Key images: the right slice, hung right, marks where they belong, the notice in the pixels."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.ct.windows import preset
from lesionscope.lesions.lesion import Diameter, Lesion, Point
from lesionscope.lesions.marking import lesion_from_click, lesion_from_diameters
from lesionscope.report import wording
from lesionscope.report.key_image import (
    LONG_COLOUR,
    SHORT_COLOUR,
    SIDE_PX,
    KeyImage,
    key_image,
    key_images,
    to_pixel,
)

WINDOW = preset("soft-tissue")


def pixels(image: KeyImage) -> NDArray[np.int16]:
    picture = Image.open(io.BytesIO(image.png))
    assert picture.format == "PNG" and picture.mode == "RGB"
    assert picture.size == (SIDE_PX, SIDE_PX)
    return np.asarray(picture).astype(np.int16)


def rotated(degrees: float) -> tuple[float, ...]:
    """An oblique grid: turned about x, then about y."""
    a, b = math.radians(degrees), math.radians(degrees / 2)
    x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    return tuple((y @ x).ravel().tolist())


TILT = (1.0, 0.0, 0.0, 0.0, 1.0, math.sin(0.35), 0.0, 0.0, math.cos(0.35))
"""Axial slices, each a little further back than the one below."""
GANTRY = (1.0, 0.0, 0.0, 0.0, math.cos(0.35), 0.0, 0.0, math.sin(0.35), 1.0)
"""A tilted gantry: slices turned about x, the table moving along z."""
GRIDS = {
    "axial": Geometry((120, 120, 60), (0.9, 0.9, 2.0), (-54.0, -54.0, -60.0)),
    "flipped": Geometry(
        (120, 120, 60), (0.9, 0.9, 2.0), (54.0, 54.0, 60.0), (-1.0, 0, 0, 0, -1.0, 0, 0, 0, -1.0)
    ),
    "oblique": Geometry((140, 140, 80), (0.9, 0.9, 1.8), (-60.0, -60.0, -70.0), rotated(20)),
    "tilted": Geometry((120, 140, 60), (0.9, 0.9, 2.0), (-54.0, -84.0, -60.0), TILT),
    "gantry": Geometry((120, 140, 60), (0.9, 0.9, 2.0), (-54.0, -60.0, -80.0), GANTRY),
    "uneven": Geometry(
        (120, 120, 50),
        (0.9, 0.9, None),
        (-54.0, -54.0, -60.0),
        offsets_mm=tuple(np.cumsum([0.0] + [1.5, 3.0] * 24 + [2.0]).tolist()),
    ),
}


def volume_with_balls(geometry: Geometry, balls: list[tuple[Point, float]]) -> CTVolume:
    """Soft tissue with bright balls at LPS points, written straight from their definition."""
    k, j, i = np.indices(geometry.size[::-1])
    lps = geometry.to_lps(np.stack([k, j, i], axis=-1))
    hu = np.full(geometry.size[::-1], -100, dtype=np.int16)
    for centre, radius in balls:
        hu[np.linalg.norm(lps - np.array(centre), axis=-1) <= radius] = 500
    return CTVolume(hu, geometry, Source(uid="1"))


@pytest.mark.parametrize("name", GRIDS)
def test_the_marked_place_is_shown_where_it_lies(name: str) -> None:
    centre: Point = (3.0, -2.0, 4.0)
    beside: Point = (21.0, 10.0, 4.0)  # to the patient's left and back
    volume = volume_with_balls(GRIDS[name], [(centre, 4.0), (beside, 4.0)])
    lesion = lesion_from_click(centre)
    image = key_image(volume, lesion, notice=wording.NOTICE, window=WINDOW)
    shown = pixels(image)
    bright = shown.min(axis=-1) > 220
    for point in (centre, beside):
        column, row = (round(v) for v in to_pixel(lesion, point))
        assert bright[row, column]
        near = np.argwhere(bright[row - 40 : row + 41, column - 40 : column + 41])
        assert np.abs(near.mean(axis=0) - 40).max() < 6
    column, row = to_pixel(lesion, beside)
    middle = (SIDE_PX - 1) / 2
    assert column > middle and row > middle, "left is on the right, the back is below"
    assert to_pixel(lesion, centre) == pytest.approx((middle, middle))


def close_to(shown: NDArray[np.int16], colour: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(shown - np.array(colour[:3])).max(axis=-1) < 40)


@pytest.mark.parametrize("name", GRIDS)
def test_diameters_are_drawn_where_they_are(name: str) -> None:
    geometry = GRIDS[name]
    long = Diameter((-9.0, -2.0, 4.0), (15.0, -2.0, 4.0))
    short = Diameter((3.0, -9.0, 4.0), (3.0, 5.0, 4.0))
    lesion = lesion_from_diameters(long, short, geometry=geometry)
    shown = pixels(key_image(volume_with_balls(geometry, []), lesion, notice="", window=WINDOW))
    yellow, blue = np.argwhere(close_to(shown, LONG_COLOUR)), np.argwhere(close_to(shown, SHORT_COLOUR))
    for marks, diameter in ((yellow, long), (blue, short)):
        ends = np.array([to_pixel(lesion, p)[::-1] for p in (diameter.start_lps_mm, diameter.end_lps_mm)])
        along = int(np.argmax(np.ptp(ends, axis=0)))
        reach = (marks[:, along].min(), marks[:, along].max())
        assert reach == pytest.approx(sorted(ends[:, along]), abs=3)
        assert np.abs(marks[:, 1 - along] - ends[0, 1 - along]).max() <= 9
    step = long.length_mm / np.ptp([to_pixel(lesion, p)[0] for p in (long.start_lps_mm, long.end_lps_mm)])
    assert np.ptp(yellow[:, 1]) * step == pytest.approx(24.0, abs=0.8)


def test_the_notice_is_in_the_pixels(volume: CTVolume, measured: Lesion) -> None:
    with_notice = pixels(key_image(volume, measured, notice=wording.NOTICE, window=WINDOW))
    without = pixels(key_image(volume, measured, notice="", window=WINDOW))
    changed = np.argwhere((with_notice != without).any(axis=-1))
    assert changed[:, 0].min() > SIDE_PX - 30
    assert np.ptp(changed[:, 1]) > SIDE_PX / 2
    assert changed[:, 1].min() > 0 and changed[:, 1].max() < SIDE_PX - 1, "nothing is cut off"


def test_captions_say_slice_window_and_projection(volume: CTVolume, measured: Lesion) -> None:
    image = key_image(volume, measured, notice="", window=preset("lung"))
    assert "z = 0.0 mm" in image.caption and "Lung (centre -600, width 1500 HU)" in image.caption
    assert wording.PROJECTED not in image.caption
    upright = lesion_from_diameters(Diameter((0, 0, -9), (0, 0, 9)), geometry=volume.geometry)
    image = key_image(volume, upright, notice="", window=WINDOW)
    assert wording.PROJECTED in image.caption


def test_lesions_outside_the_volume_have_no_picture(volume: CTVolume, measured: Lesion) -> None:
    outside = lesion_from_click((0.0, 0.0, 900.0))
    assert set(key_images(volume, [measured, outside])) == {measured.id}


def test_a_huge_and_a_tiny_box_are_drawn(volume: CTVolume, measured: Lesion) -> None:
    for box in ((-400.0, -400.0, -1.0, 400.0, 400.0, 1.0), (0.9, 0.9, -0.1, 1.1, 1.1, 0.1)):
        pixels(key_image(volume, replace(measured, box_lps_mm=box), notice="", window=WINDOW))
