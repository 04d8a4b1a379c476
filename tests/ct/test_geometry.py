"""Click → voxel → LPS → voxel is the identity on every grid we can meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_ct import SIGNED_AXES, rotation, tilted

from lesionscope.ct.geometry import Geometry

spacings = st.floats(0.2, 8.0)
coordinates = st.floats(-900.0, 900.0)


@st.composite
def directions(draw: st.DrawFn) -> np.ndarray:
    axes = draw(st.sampled_from(SIGNED_AXES))
    kind = draw(st.sampled_from(["aligned", "oblique", "tilted"]))
    if kind == "oblique":
        turn = rotation(draw(st.floats(-60, 60)), draw(st.integers(0, 2)))
        return turn @ rotation(draw(st.floats(-60, 60)), draw(st.integers(0, 2))) @ axes
    if kind == "tilted":
        return axes @ tilted(draw(st.floats(-30, 30)))
    return axes


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    count = draw(st.integers(1, 40))
    spacing = (draw(spacings), draw(spacings))
    step: float | None = draw(spacings)
    offsets = None
    if count == 1 or draw(st.booleans()):
        step = None
        gaps = draw(st.lists(spacings, min_size=count - 1, max_size=count - 1))
        offsets = tuple(np.concatenate([[0.0], np.cumsum(gaps)]))
    return Geometry(
        size=(draw(st.integers(1, 600)), draw(st.integers(1, 600)), count),
        spacing_mm=(*spacing, step),
        origin_lps_mm=(draw(coordinates), draw(coordinates), draw(coordinates)),
        direction=tuple(draw(directions()).ravel()),
        offsets_mm=offsets,
    )


@given(geometries(), st.data())
def test_voxel_to_lps_and_back_is_the_identity(geometry: Geometry, data: st.DataObject) -> None:
    voxel = tuple(data.draw(st.integers(0, count - 1)) for count in geometry.size[::-1])
    lps = geometry.to_lps(voxel)
    assert geometry.contains(lps)
    back = geometry.to_voxel(lps)
    assert tuple(np.rint(back).astype(int)) == voxel
    assert np.allclose(back, voxel, atol=1e-6)


@given(geometries(), st.tuples(coordinates, coordinates, coordinates))
def test_lps_to_voxel_and_back_is_the_identity(geometry: Geometry, lps: tuple[float, ...]) -> None:
    assert np.allclose(geometry.to_lps(geometry.to_voxel(lps)), lps, atol=1e-6)


def test_there_are_48_orientations() -> None:
    assert len({tuple(m.ravel()) for m in SIGNED_AXES}) == 48
    assert all(abs(np.linalg.det(m)) == pytest.approx(1) for m in SIGNED_AXES)


def test_slices_are_found_where_they_are_not_at_a_mean_step() -> None:
    geometry = Geometry((4, 4, 4), (1.0, 1.0, None), offsets_mm=(0.0, 5.0, 10.0, 20.0))
    assert geometry.to_lps((3, 0, 0))[2] == 20.0
    assert geometry.to_voxel((0, 0, 15.0))[0] == pytest.approx(2.5)
    assert geometry.slice_step_mm == 5.0
    assert geometry.to_voxel((0, 0, 25.0))[0] == pytest.approx(4.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"spacing_mm": (1.0, 0.0, 1.0)},
        {"spacing_mm": (1.0, float("nan"), 1.0)},
        {"spacing_mm": (1.0, 1.0, None)},
        {"size": (0, 4, 4)},
        {"direction": (1.0, 0.0, 0.0)},
        {"direction": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0)},
        {"spacing_mm": (1.0, 1.0, None), "offsets_mm": (0.0, 2.0, 1.0, 3.0)},
        {"spacing_mm": (1.0, 1.0, None), "offsets_mm": (0.0, 2.0)},
    ],
)
def test_a_grid_that_makes_no_sense_is_never_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"spacing|size|direction|offsets"):
        Geometry(**({"size": (4, 4, 4), "spacing_mm": (1.0, 1.0, 1.0)} | wrong))  # type: ignore[arg-type]
