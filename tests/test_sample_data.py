from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionscope import sample_data
from lesionscope.ct.scan import open_ct
from lesionscope.errors import Cancelled, InputError, LesionscopeError
from lesionscope.progress import CancelToken


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_data, "SPACING_MM", (4.0, 4.0, 8.0))


@pytest.mark.usefixtures("coarse")
def test_the_chest_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sample_data.phantom_chest(tmp_path)
    truth = json.loads((folder / sample_data.TRUTH).read_text())
    volume = open_ct(folder)
    assert list(volume.geometry.size) == truth["geometry"]["size"]
    assert len(truth["lesions"]) == 3
    for lesion in truth["lesions"]:
        assert volume.geometry.contains(lesion["centroid_lps_mm"])
        ends = np.reshape(lesion["long_lps_mm"], (2, 3))
        assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(lesion["long_mm"])
    assert [path.name for path in tmp_path.iterdir()] == [folder.name], "nothing is left half-made"

    def never(*_: Any) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(sample_data, "_write_chest", never)
    assert sample_data.phantom_chest(tmp_path) == folder


@pytest.mark.usefixtures("coarse")
def test_stopped_half_way_nothing_is_there(tmp_path: Path) -> None:
    token = CancelToken()

    def stop(done: int, total: int, label: str) -> None:
        token.cancel()

    with pytest.raises(Cancelled):
        sample_data.phantom_chest(tmp_path, progress=stop, cancel=token)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("coarse")
def test_any_patient_in_a_new_folder(tmp_path: Path) -> None:
    out = tmp_path / "new"
    out.mkdir()
    sample_data.make_chest(out, seed=5)
    assert json.loads((out / sample_data.TRUTH).read_text())["seed"] == 5
    with pytest.raises(InputError, match="not an empty folder"):
        sample_data.make_chest(out, seed=5)


@pytest.mark.usefixtures("coarse")
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LesionscopeError, match="could not be written"):
        sample_data.make_chest(tmp_path / "file" / "inside")


def test_samples_lie_in_the_user_s_cache() -> None:
    assert sample_data.sample_folder().name == "samples"
