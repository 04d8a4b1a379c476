"""What a detector sees of a slice: against Pillow's resampling and figures made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lesionscope.models.detector.inputs import DetectorInput, resized

AIR, TISSUE = -1000, 40


def body(
    rows: int = 200, columns: int = 160, box: tuple[int, int, int, int] = (60, 50, 100, 140)
) -> np.ndarray:
    """Slices of air with a block of tissue at x0, y0, x1, y1."""
    hu = np.full((3, rows, columns), AIR, dtype=np.int16)
    x0, y0, x1, y1 = box
    hu[:, y0:y1, x0:x1] = TISSUE
    return hu


@pytest.mark.parametrize(("count", "wanted"), [(100, 150), (100, 50), (90, 30), (64, 48)])
def test_resizing_is_pillows(count: int, wanted: int) -> None:
    values = np.random.default_rng(count).normal(size=(7, count)).astype(np.float32)
    theirs = Image.fromarray(values).resize((wanted, 7), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(resized(values, 1, wanted / count), np.asarray(theirs), atol=1e-5)
    np.testing.assert_allclose(resized(values.T, 0, wanted / count), np.asarray(theirs).T, atol=1e-5)


def test_a_picture_is_the_body_with_a_rim_of_air() -> None:
    picture, frame = DetectorInput(longest=200).picture(body())
    assert (frame.top, frame.left, frame.bottom, frame.right, frame.scale) == (26, 36, 164, 124, 1.0)
    assert picture.shape == (3, 144, 96) and picture.dtype == np.float32  # 138 × 88, filled up to 16s
    assert np.all(picture[:, 24:114, 24:64] == pytest.approx(-0.5 + 240 / 500 * 1.25))
    assert np.all(picture[:, 138:] == -1)


def test_greys_follow_the_knots_and_stay_between_them() -> None:
    hu = np.array([-3000, -1024, -612, -200, 50, 300, 900, 1500, 3071])
    wanted = [-1, -1, -0.75, -0.5, 0.125, 0.75, 0.875, 1, 1]
    for kind in (np.int16, np.float32):
        np.testing.assert_allclose(DetectorInput().greys(hu.astype(kind)), wanted, atol=1e-6)


def test_a_slice_without_a_body_is_seen_whole() -> None:
    picture, frame = DetectorInput(longest=64).picture(np.full((3, 64, 32), AIR, dtype=np.int16))
    assert picture.shape == (3, 64, 32) and (frame.top, frame.left, frame.bottom, frame.right) == (
        0,
        0,
        64,
        32,
    )


@given(
    rows=st.integers(60, 300),
    columns=st.integers(60, 300),
    corner=st.tuples(st.floats(0, 30), st.floats(0, 30)),
    size=st.tuples(st.floats(1, 29), st.floats(1, 29)),
)
def test_boxes_go_to_the_picture_and_back(
    rows: int, columns: int, corner: tuple[float, float], size: tuple[float, float]
) -> None:
    hu = body(rows, columns, (30, 30, 40, 40))
    _, frame = DetectorInput(longest=333).picture(hu)
    box = [corner[0], corner[1], corner[0] + size[0], corner[1] + size[1]]
    np.testing.assert_allclose(frame.to_slice(frame.to_picture(box))[0], box, atol=1e-3)


def test_a_box_lies_in_the_picture_where_its_tissue_does() -> None:
    hu = body(200, 160, (60, 50, 100, 140))
    picture, frame = DetectorInput(longest=400).picture(hu)
    # Outer edges of the block's outermost pixels, at double size.
    x0, y0, x1, y1 = frame.to_picture([59.5, 49.5, 99.5, 139.5])[0]
    bright = np.argwhere(picture[1] > -0.2)
    assert abs(bright[:, 1].min() - 0.5 - x0) <= 1 and abs(bright[:, 1].max() + 0.5 - x1) <= 1
    assert abs(bright[:, 0].min() - 0.5 - y0) <= 1 and abs(bright[:, 0].max() + 0.5 - y1) <= 1


@pytest.mark.parametrize(
    ("step", "away"), [(0.5, 6), (1.0, 3), (1.25, 2), (2.0, 2), (2.5, 1), (5.0, 1), (0.0, 1), (np.nan, 1)]
)
def test_neighbours_lie_about_three_millimetres_away(step: float, away: int) -> None:
    assert DetectorInput().slices_away(step) == away


def test_a_cards_section_reads_back_and_others_are_refused() -> None:
    made = DetectorInput(longest=256, margin_px=8)
    assert DetectorInput.from_dict(made.as_dict()) == made
    with pytest.raises(ValueError, match="entries"):
        DetectorInput.from_dict(made.as_dict() | {"window": 1})
    with pytest.raises(ValueError, match="rise"):
        DetectorInput(knots_hu=(0.0, -1.0, 2.0, 3.0))
