"""What OHIF's own code (@cornerstonejs/adapters and dcmjs, under node) makes of our report, and we of its."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_sr import TILT, lesions_on, report
from test_sr import scan as scan

from lesionscope.ct.volume import CTVolume
from lesionscope.report import sr_form
from lesionscope.report.import_sr import import_sr

PACKAGES = ("@cornerstonejs/adapters@5.14", "dcmjs@0.52", "@babel/runtime@7", "jsdom@26")
SCRIPT = Path(__file__).with_name("cornerstone.mjs")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run our script beside freshly installed packages, or skip with the reason."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm aren't here: install Node.js")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    said = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", *PACKAGES],
        cwd=folder, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if said.returncode != 0:
        pytest.skip(f"npm could not install {', '.join(PACKAGES)}: {said.stderr[-200:]}")
    shutil.copy(SCRIPT, folder)

    def run(*arguments: str | Path, given: str = "") -> str:
        done = subprocess.run(
            ["node", SCRIPT.name, *map(str, arguments)],
            cwd=folder, input=given, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("direction", [None, TILT], ids=["axial", "tilted"])
def test_our_diameters_hydrate_where_they_are(
    node: Callable[..., str], scan: Callable[..., CTVolume], tmp_path: Path, direction: Any
) -> None:
    volume = scan((128, 128, 12)) if direction is None else scan((128, 140, 40), direction)
    lesions = [lesion for lesion in lesions_on(volume) if lesion.long is not None]
    path = sr_form.write(report(lesions, volume), lesions, volume, tmp_path / "sr.dcm")
    found = {one["uid"]: one for one in json.loads(node("read", volume.source.path, path))}
    both, one = lesions
    assert both.long and both.short and one.long
    hydrated = found[both.tracking_uid]
    assert hydrated["tool"] == "Bidirectional" and found[one.tracking_uid]["tool"] == "Length"
    ends = [both.long.start_lps_mm, both.long.end_lps_mm, both.short.start_lps_mm, both.short.end_lps_mm]
    assert np.allclose(hydrated["points"], ends, atol=0.01)
    lengths = np.linalg.norm(np.diff(np.reshape(hydrated["points"], (2, 2, 3)), axis=1)[:, 0], axis=1)
    assert lengths == pytest.approx([both.long.length_mm, both.short.length_mm], abs=0.1)
    if direction is None:
        assert hydrated["stats"]["length"] == pytest.approx(both.long.length_mm, abs=0.1)
        assert hydrated["stats"]["width"] == pytest.approx(both.short.length_mm, abs=0.1)
    assert hydrated["finding"] == "Lesion"
    assert hydrated["label"] == "1.8 x 1.2 cm lesion.", "dcmjs reads what is in sequences as Latin-1"


def test_its_measurements_become_lesions(
    node: Callable[..., str], scan: Callable[..., CTVolume], tmp_path: Path
) -> None:
    volume = scan((128, 128, 12))

    def at(i: float, j: float) -> list[float]:
        return [float(v) for v in volume.geometry.to_lps((5, j, i))]

    marks = {
        "image": volume.source.sop_instance_uids[5],
        "bidirectional": [at(40, 60), at(70, 60), at(55, 50), at(55, 70)],
        "long": 24.0,
        "short": 16.0,
        "line": [at(10, 20), at(40, 60)],
        "length": 40.0,
    }
    node("write", volume.source.path, tmp_path / "theirs.dcm", given=json.dumps(marks))
    back = import_sr(tmp_path / "theirs.dcm", volume)
    assert back.notes == () and back.content is None
    both, one = sorted(back.lesions, key=lambda lesion: lesion.short is None)
    assert both.long and both.short and one.long and one.short is None
    assert np.allclose([both.long.start_lps_mm, both.long.end_lps_mm], marks["bidirectional"][:2], atol=0.01)
    assert np.allclose([one.long.start_lps_mm, one.long.end_lps_mm], marks["line"], atol=0.01)
    assert (both.long.length_mm, both.short.length_mm) == pytest.approx((24.0, 16.0), abs=0.1)
