"""Window presets and the one a volume opens with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_ct import make_volume

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Finding
from lesionscope.ct.windows import PRESETS, default_window, preset


def volume_of(hu: np.ndarray) -> CTVolume:
    base = make_volume(size=hu.shape[::-1])
    return replace(base, hu=hu.astype(np.int16))


def body(air: float = -1000) -> np.ndarray:
    hu = np.full((20, 60, 60), air)
    hu[:, 10:50, 10:50] = 40
    return hu


def test_presets_and_keys() -> None:
    assert [(w.name, w.key) for w in PRESETS] == [
        ("lung", "1"),
        ("soft-tissue", "2"),
        ("bone", "3"),
        ("liver", "4"),
        ("brain", "5"),
        ("mediastinum", "6"),
    ]
    assert (preset("lung").low, preset("lung").high) == (-1350, 150)
    assert (preset("soft-tissue").low, preset("soft-tissue").high) == (-160, 240)
    with pytest.raises(KeyError):
        preset("spleen")


def test_lungs_open_in_the_lung_window() -> None:
    hu = body()
    hu[:, 20:40, 15:30] = -820
    assert default_window(volume_of(hu)).name == "lung"
    assert default_window(volume_of(body())).name == "soft-tissue"


def test_a_whole_body_opens_in_the_soft_tissue_window_whatever_its_kernel() -> None:
    hu = np.repeat(body(), 3, axis=0)
    hu[15:35, 15:45, 12:48] = -820
    whole = volume_of(hu)
    # More lung in all than in many a chest, but on a third of the slices.
    assert 0.12 < np.mean(hu[:, 10:50, 10:50] < -500) < 0.3
    named = replace(whole, source=replace(whole.source, kernel="lung"))
    assert default_window(named).name == "soft-tissue"
    assert default_window(volume_of(hu[8:42])).name == "lung"


def test_slices_are_axial_however_the_file_is_cut() -> None:
    hu = np.repeat(body(), 3, axis=0)
    hu[15:35, 15:45, 12:48] = -820
    sagittal = Geometry((60, 60, 60), (1.0, 1.0, 1.0), direction=(0, 0, 1, 1, 0, 0, 0, -1, 0))
    turned = replace(volume_of(np.transpose(hu, (2, 0, 1))), geometry=sagittal)
    assert default_window(turned).name == "soft-tissue"


@pytest.mark.parametrize("padding", [-2048, -3024, -32768, -1024])
def test_padding_has_no_say(padding: int) -> None:
    hu = body()
    hu[:, :5] = padding
    assert default_window(volume_of(hu)).name == "soft-tissue"
    hu[:, 20:40, 15:30] = -820
    assert default_window(volume_of(hu)).name == "lung"


def test_noisy_air_around_a_body_is_no_lung() -> None:
    hu = np.random.default_rng(0).normal(-940, 40, (20, 60, 60))
    hu[:, 10:50, 10:50] = 40
    assert default_window(volume_of(hu)).name == "soft-tissue"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("01_chest_lidc0314", "lung"),
        ("05_nifti_abdomen_totalseg", "soft-tissue"),
        ("09_gantry_tilt_philips", "soft-tissue"),
        ("15_minimal_tags", "lung"),
    ],
)
def test_real_scans_open_as_a_radiologist_would_set_them(shared_data: Path, item: str, expected: str) -> None:
    assert default_window(open_ct(shared_data / "ct" / item)).name == expected


def test_the_description_counts() -> None:
    volume = volume_of(body())
    named = replace(volume, source=replace(volume.source, description="Thorax Lunge 1.0 LUNG"))
    assert default_window(named).name == "lung"


def test_values_that_are_no_hu_get_their_own_range() -> None:
    volume = replace(volume_of(np.arange(8000).reshape(20, 20, 20)), findings=(Finding("not-hu", "MR."),))
    window = default_window(volume)
    assert window.name == "own" and window.low == pytest.approx(80, abs=20)
    flat = replace(volume_of(np.zeros((4, 4, 4))), findings=(Finding("not-hu", "MR."),))
    assert default_window(flat).width > 0
