from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from lesionscope.ct.crops import crop_geometry
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.chest import Chest
from lesionscope.phantom.latents import (
    CAVITY_FROM_MM,
    DIAMETER_RANGE_MM,
    LEAVES,
    LOOKS,
    PROBABILITIES,
    LungLesion,
    draw_lesion,
    log_likelihood,
    log_posterior,
)
from lesionscope.phantom.lung_lesions import Placed, paint_lesion
from lesionscope.phantom.placement import place

PLAIN = LungLesion(
    diameter_mm=20.0,
    attenuation="solid",
    margin="smooth",
    cavity="none",
    calcification="none",
    fat="none",
    airways="none",
    companions="none",
    site="middle",
    shape_seed=5,
)
CHEST = Chest(21)
SPOT = place(CHEST, PLAIN, np.random.default_rng(3))


def painted(lesion: LungLesion, spot: Placed = SPOT) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """HU of the 48 mm around the lesion without a scanner, and the lesion's own share of each voxel."""
    canvas = Canvas(crop_geometry(spot.centre))
    mask = paint_lesion(canvas, dataclasses.replace(spot, lesion=lesion), CHEST.paint(canvas))
    return canvas.hu, mask


def with_look(**look: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return painted(dataclasses.replace(PLAIN, **look))


plain_hu, plain_mask = painted(PLAIN)


def test_plain_lesion_is_a_ball_of_its_diameter() -> None:
    volume = float(plain_mask.sum())
    assert (6 * volume / np.pi) ** (1 / 3) == pytest.approx(20.0, rel=0.08)
    assert np.median(plain_hu[plain_mask > 0.9]) == pytest.approx(PLAIN.solid_hu, abs=8)
    centre = np.average(np.indices(plain_mask.shape).reshape(3, -1), axis=1, weights=plain_mask.ravel())
    assert np.allclose(centre, 23.5, atol=0.8)


@pytest.mark.parametrize(
    ("look", "low", "high", "cubic_mm"),
    [
        ({"cavity": "thin-walled"}, -1000, -800, 900),
        ({"cavity": "thick-walled"}, -1000, -800, 250),
        ({"calcification": "popcorn"}, 300, 3000, 150),
        ({"calcification": "core"}, 300, 3000, 150),
        ({"fat": "fat"}, -140, -60, 500),
        ({"airways": "bronchogram"}, -1000, -500, 60),
        ({"airways": "bubbles"}, -1000, -500, 60),
        ({"attenuation": "ground-glass"}, -750, -350, 2500),
        ({"attenuation": "part-solid"}, -750, -350, 1200),
    ],
)
def test_look_fills_the_lesion_with_its_hu(
    look: dict[str, str], low: float, high: float, cubic_mm: float
) -> None:
    hu, mask = with_look(**look)
    inside = plain_mask > 0.9
    found = int(((hu >= low) & (hu <= high) & inside).sum())
    before = int(((plain_hu >= low) & (plain_hu <= high) & inside).sum())
    assert found - before > cubic_mm
    assert mask.sum() == pytest.approx(plain_mask.sum(), rel=0.02)


@pytest.mark.parametrize(
    ("look", "low", "high", "cubic_mm"),
    [
        ({"attenuation": "halo"}, -700, -400, 2500),
        ({"companions": "satellites"}, -300, 200, 300),
        ({"companions": "cluster"}, -300, 200, 800),
        ({"margin": "spiculated"}, -300, 200, 250),
    ],
)
def test_look_changes_what_lies_around(
    look: dict[str, str], low: float, high: float, cubic_mm: float
) -> None:
    hu, _ = with_look(**look)
    outside = plain_mask < 0.02
    found = int(((hu >= low) & (hu <= high) & outside).sum())
    before = int(((plain_hu >= low) & (plain_hu <= high) & outside).sum())
    assert found - before > cubic_mm


@pytest.mark.parametrize("margin", ["lobulated", "spiculated", "stellate"])
def test_margins_are_less_round_than_smooth(margin: str) -> None:
    def surface_over_volume(hu: NDArray[np.float32]) -> float:
        solid = hu > -300
        z, y, x = np.indices(solid.shape) - 23.5
        solid &= z**2 + y**2 + x**2 < 20**2
        faces = sum(int((np.diff(solid.astype(np.int8), axis=axis) != 0).sum()) for axis in range(3))
        return faces / float(solid.sum()) ** (2 / 3)

    assert surface_over_volume(with_look(margin=margin)[0]) > 1.08 * surface_over_volume(plain_hu)


@pytest.mark.parametrize("site", LOOKS["site"])
def test_site_is_seen_in_the_cube(site: str) -> None:
    lesion = dataclasses.replace(PLAIN, site=site)
    spot = place(CHEST, lesion, np.random.default_rng(8))
    depth = {name: float(d[0]) for name, d in CHEST.lung_distance(np.array([spot.centre])).items()}
    radius = 0.5 * lesion.diameter_mm
    if site == "central":
        assert depth["mediastinal"] < radius < depth["costal"]
    elif site == "middle":
        assert min(depth.values()) > radius + 7
    elif site == "pleural":
        assert depth["costal"] < radius < depth["mediastinal"]
    else:
        assert radius + 3 < depth["costal"] < radius + 11
    hu, _ = painted(lesion, spot)
    share = float((hu[:, 8:40, 8:40] > -300).mean())
    assert share < 0.35 if site == "middle" else share > 0.08


def test_densities_are_densities() -> None:
    for look, table in PROBABILITIES.items():
        assert table.shape == (len(LOOKS[look]), len(LEAVES))
        assert np.allclose(table.sum(axis=0), 1) and table.min() > 0


def test_draws_follow_the_densities() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_lesion(rng, "H3a") for _ in range(1500)]
    column = LEAVES.index("H3a")
    low, high = DIAMETER_RANGE_MM
    assert all(low <= lesion.diameter_mm <= high for lesion in drawn)
    for look, values in LOOKS.items():
        told = [d for d in drawn if look != "cavity" or d.diameter_mm >= CAVITY_FROM_MM]
        for value, chance in zip(values, PROBABILITIES[look][:, column], strict=True):
            share = np.mean([getattr(d, look) == value for d in told])
            assert share == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / len(told)) + 0.002)


def test_diameter_density_integrates_to_one() -> None:
    low, high = DIAMETER_RANGE_MM
    grid = np.linspace(low + 1e-6, high - 1e-6, 2001)
    looks = np.stack([log_likelihood(dataclasses.replace(PLAIN, diameter_mm=float(d))) for d in grid])
    # All looks but cavities below the limit are constant here, so ratios of integrals must be 1.
    rest = np.log([PROBABILITIES[k][LOOKS[k].index(getattr(PLAIN, k))] for k in LOOKS if k != "cavity"])
    cavity = np.log(PROBABILITIES["cavity"][0])
    density = looks - rest.sum(axis=0) - np.where(grid[:, None] >= CAVITY_FROM_MM, cavity, 0.0)
    area = trapezoid(np.exp(density), np.log(grid), axis=0)
    assert np.allclose(area, area[0], rtol=2e-3)


def test_posterior_is_bayes() -> None:
    rng = np.random.default_rng(2)
    lesions = [draw_lesion(rng, leaf) for leaf in LEAVES]
    posterior = np.exp(log_posterior(lesions))
    assert np.allclose(posterior.sum(axis=1), 1)
    prior = np.arange(1.0, 12.0) / 66
    by_hand = posterior * prior
    assert np.allclose(np.exp(log_posterior(lesions, prior)), by_hand / by_hand.sum(axis=1, keepdims=True))


def test_class_free_parameters_do_not_tell_classes_apart() -> None:
    other = dataclasses.replace(PLAIN, solid_hu=70.0, elongation=1.2, amount=0.9, shape_seed=1)
    assert np.array_equal(log_likelihood(PLAIN), log_likelihood(other))
