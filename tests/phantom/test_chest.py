from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lesionscope.ct.geometry import Geometry
from lesionscope.phantom.canvas import Canvas
from lesionscope.phantom.chest import Chest

SEEDS = (1, 2, 3)


def values_around(chest: Chest, centre: tuple[float, float, float], radius: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    return chest.hu(np.array(centre) + rng.uniform(-radius, radius, (200, 3)))


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_have_textbook_hu(seed: int) -> None:
    chest = Chest(seed)
    p = chest.patient
    assert values_around(chest, (0, 9, 60)).max() < -950, "trachea"
    assert -950 < np.median(chest.hu(chest.lung_points(np.random.default_rng(1), 400))) < -740, "lung"
    assert 40 <= np.median(values_around(chest, (22, p.spine_y - 22, -60))) <= 250, "aorta"
    assert 40 <= np.median(values_around(chest, (-60, -8, p.base_right - 25))) <= 140, "liver"
    assert 100 <= np.median(values_around(chest, (0, p.spine_y + 2, p.apex - 58))) <= 500, "vertebra"
    skin = 8 - (1.06 * p.half_depth + p.wall + 0.7 * p.fat)
    assert -120 <= np.median(values_around(chest, (0, skin + 5.0, -120), 1.0)) <= -70, "subcutaneous fat"
    assert values_around(chest, (0, skin - 30, 0)).max() == -1000, "air around the body"


def test_lung_surface_is_where_the_distances_say() -> None:
    chest = Chest(5)
    points = chest.lung_points(np.random.default_rng(0), 300, depth_mm=4.0)
    depth = np.min(list(chest.lung_distance(points).values()), axis=0)
    assert depth.min() > 4.0
    assert (chest.hu(points) < -500).mean() > 0.85


def test_heart_leans_left_and_liver_is_on_the_right() -> None:
    chest = Chest(6)
    across = np.stack([np.arange(-130.0, 131.0), np.full(261, -22.0), np.full(261, -62.0)], axis=1)
    inside = across[np.min(list(chest.lung_distance(across).values()), axis=0) > 0, 0]
    assert (inside < 0).sum() > (inside > 0).sum() + 20, "the heart takes room from the left lung"
    below = chest.patient.base_right - 30
    right, left = (np.median(values_around(chest, (side * 60.0, -20.0, below))) for side in (-1, 1))
    assert right > 30 and left < 20


@pytest.mark.parametrize("angles", [(0, 0, 0), (0, 0, 25), (15, -20, 30)])
def test_any_grid_shows_the_same_chest(angles: tuple[float, float, float]) -> None:
    """An independent evaluation, point by point, agrees with the culled painting of a grid."""
    chest = Chest(4)
    direction = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    geometry = Geometry((24, 22, 20), (1.0, 1.0, 1.2), (38, -15, 15), tuple(direction.ravel()))
    canvas = Canvas(geometry)
    chest.paint(canvas)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in canvas.shape), indexing="ij"), axis=-1)
    exact = chest.hu(geometry.to_lps(index).reshape(-1, 3)).reshape(canvas.shape)
    difference = np.abs(exact - canvas.hu)
    assert np.median(difference) < 1.0
    # Edges are as wide as a voxel on the grid and 0.6 mm at points; thin vessels are spread.
    assert difference.mean() < 25
    assert abs(float(exact.mean() - canvas.hu.mean())) < 8


def test_tilted_grid_is_sheared_not_shifted() -> None:
    chest = Chest(4)
    tilt = math.radians(15)
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, math.sin(tilt), 0.0, 0.0, math.cos(tilt))
    geometry = Geometry((60, 30, 12), (2.0, 2.0, 3.0), (-60, 60, -10), direction)
    canvas = Canvas(geometry)
    chest.paint(canvas)
    k, j, i = 6, 12, 30
    exact = chest.hu(geometry.to_lps([[k, j, i]]))[0]
    assert abs(float(canvas.hu[k, j, i]) - float(exact)) < 60


def test_a_seed_gives_one_patient_and_seeds_differ() -> None:
    grid = Geometry((20, 20, 10), (2.0, 2.0, 2.0), (40, -20, 0))
    painted = []
    for seed in (7, 7, 8):
        canvas = Canvas(grid)
        Chest(seed).paint(canvas)
        painted.append(canvas.hu)
    assert np.array_equal(painted[0], painted[1])
    assert not np.array_equal(painted[0], painted[2])


def test_vessels_and_airways_fill_the_lung() -> None:
    chest = Chest(9)
    arteries, veins, airways = chest.trees(1)
    assert len(arteries) > 4000 and len(veins) > 2000 and len(airways) > 100
    ends = arteries.end[arteries.end_radius < 0.6]
    assert np.ptp(ends, axis=0).min() > 60
    assert arteries.start_radius.max() > 4 and arteries.end_radius.min() < 0.6
