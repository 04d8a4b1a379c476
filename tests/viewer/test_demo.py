"""The demonstration leaves a picture and a report."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("own_windows")]


@pytest.fixture
def chest(monkeypatch, tmp_path):
    """A small chest in place of the phantom, which takes some ten seconds to make."""
    from lesionscope.ct.geometry import Geometry
    from lesionscope.ct.volume import CTVolume, Source
    from lesionscope.lesions.lesion import Diameter
    from lesionscope.viewer import sample

    z, y, x = np.mgrid[:70, :90, :110].astype(float)
    hu = np.full((70, 90, 110), -1000.0)
    body = ((x - 55) / 52) ** 2 + ((y - 45) / 42) ** 2 < 1
    hu[body] = 40
    for side in (30, 80):
        hu[((x - side) / 19) ** 2 + ((y - 45) / 28) ** 2 + ((z - 35) / 40) ** 2 < 1] = -850
    geometry = Geometry((110, 90, 70), (2.5, 2.5, 2.5), (-137.0, -112.0, -87.0))
    known = []
    for side in (30, 80):
        hu[((x - side) ** 2 + (y - 45) ** 2 + (z - 35) ** 2) < 9] = 30
        cx, cy, cz = (float(v) for v in geometry.to_lps((35, 45, side)))
        long = Diameter((cx - 7.5, cy, cz), (cx + 7.5, cy, cz))
        short = Diameter((cx, cy - 7, cz), (cx, cy + 7, cz))
        known.append(sample.KnownLesion("ball", (cx, cy, cz), long, short))
    ct = CTVolume(hu.astype(np.int16), geometry, Source("9.8.7", description="Small chest"))
    monkeypatch.setattr(sample, "phantom_sample", lambda: sample.Sample(ct, ct, tuple(known)))
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    return ct


def test_it_marks_reads_and_reports(display, chest, tmp_path, qapp, capsys):
    from lesionscope.errors import InputError
    from lesionscope.models.registry import find
    from lesionscope.viewer import demo

    try:
        find()
    except InputError as error:
        pytest.skip(str(error))
    out = tmp_path / "demo"
    assert demo.run(out, stay=False) == 0
    assert {path.name for path in out.iterdir()} == {"screenshot.png", "report.html", "report.json"}
    content = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert len(content["lesions"]) == 2
    assert all("nodes" in lesion["pathology"] for lesion in content["lesions"])
    assert content["lesions"][1]["long_mm"] == pytest.approx(15)
    assert str(out / "screenshot.png") in capsys.readouterr().out
    from PIL import Image

    with Image.open(out / "screenshot.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=float)
    assert pixels.shape[1] >= 1200 and pixels.std() > 25


def test_a_failing_model_ends_it_with_its_sentence():
    from lesionscope.errors import LesionscopeError
    from lesionscope.viewer.demo import _settled
    from lesionscope.viewer.room_state import Phase, RoomState, Status

    assert not _settled(RoomState())
    failed = RoomState(statuses={"a": Status(Phase.FAILED, message="There is no model named so.")})
    with pytest.raises(LesionscopeError, match="no model named so"):
        _settled(failed)
