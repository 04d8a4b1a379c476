"""``lesionscope find``: candidates as JSON, and every way in which it can go wrong."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_detector_package import lively, make_detector_package

from lesionscope.cli import main
from lesionscope.commands import find
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import UsageError
from lesionscope.phantom.dicom_series import write_series
from lesionscope.report import wording


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight noisy slices."""
    folder = tmp_path_factory.mktemp("ct")
    hu = np.random.default_rng(0).normal(0, 300, (8, 24, 24)).repeat(4, axis=1).repeat(4, axis=2)
    geometry = Geometry((96, 96, 8), (0.8, 0.8, 3.0), (-38.0, -38.0, -12.0))
    write_series(CTVolume(np.clip(hu, -900, 1500).astype(np.int16), geometry, Source("noise")), folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_detector_package(tmp_path_factory.mktemp("models") / "tiny-detector", lively())


def run(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    status = main(["find", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_candidates_are_printed_with_where_they_lie(series: Path, model: Path, capsys: Any) -> None:
    status, out, err = run(capsys, series, "--model", model, "--min-score", 0.35)
    assert (status, err) == (0, "")
    content = json.loads(out)
    assert content["notice"] == wording.NOTICE and content["model"] == "tiny-detector 1.0"
    assert content["slices"] == [0, 7] and content["stopped"] is False
    candidates = content["candidates"]
    scores = [one["score"] for one in candidates]
    assert candidates and scores == sorted(scores, reverse=True) and min(scores) >= 0.35
    geometry = open_ct(series).geometry
    for one in candidates:
        low, high = one["box_lps_mm"][:3], one["box_lps_mm"][3:]
        assert all(a <= c <= b for a, c, b in zip(low, one["centroid_lps_mm"], high, strict=True))
        assert geometry.to_voxel(one["centroid_lps_mm"])[0] == pytest.approx(one["key_slice"], abs=1e-3)
        assert one["slices"][0] <= one["key_slice"] <= one["slices"][1]
        assert one["category"] in ("kind 0", "kind 1") and one["long_mm"] >= one["short_mm"] > 0


def test_a_range_and_a_folder(series: Path, model: Path, tmp_path: Path, capsys: Any) -> None:
    status, out, _ = run(capsys, series, "--model", model, "--slices", "2:5", "--out", tmp_path / "out")
    assert status == 0 and Path(out.strip()) == tmp_path / "out" / "candidates.json"
    content = json.loads(Path(out.strip()).read_text())
    assert content["slices"] == [2, 4]
    assert all(2 <= one["key_slice"] <= 4 for one in content["candidates"])


@pytest.mark.parametrize(
    ("text", "asked"),
    [(None, None), ("2:5", (2, 4)), (":5", (0, 4)), ("2:", (2, 7)), (":", (0, 7)), ("2:90", (2, 89))],
)
def test_ranges_are_pythons(text: str | None, asked: tuple[int, int] | None) -> None:
    assert find.parsed(text, 8) == asked


@pytest.mark.parametrize("text", ["5", "a:b", "5:5", "-1:3", "6:2", "1:2:3"])
def test_what_is_no_range_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match=r"--slices"):
        find.parsed(text, 8)


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        (["--slices", "3:99"], 2, "this series has 8, numbered 0 to 7"),
        (["--slices", "4:4"], 2, "B must be above A"),
        (["--model", "nobody"], 3, "no lesion detector named 'nobody'"),
    ],
)
def test_wrong_requests_are_said_in_a_line(
    series: Path, model: Path, more: list[str], status: int, said: str, capsys: Any
) -> None:
    got, out, err = run(capsys, series, "--model", model, *more)
    assert (got, out) == (status, "") and said in err and err.count("\n") == 1


def test_no_ct_is_bad_input_and_no_score_wrong_usage(model: Path, tmp_path: Path, capsys: Any) -> None:
    assert run(capsys, tmp_path, "--model", model)[0] == 3
    with pytest.raises(SystemExit) as end:
        main(["find", str(tmp_path), "--min-score", "3"])
    assert end.value.code == 2 and "not a score from 0 to 1" in capsys.readouterr().err


def test_ctrl_c_leaves_what_was_found_so_far(
    series: Path, model: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = find.open_detector(str(model), threads=1)

    class Interrupted:
        """Presses Ctrl+C while the fourth slice is searched."""

        def __init__(self) -> None:
            self.count = 0
            self.__dict__.update({name: getattr(opened, name) for name in ("model", "demonstration")})
            self.__dict__.update({name: getattr(opened, name) for name in ("categories", "least")})
            self.slices_away = opened.slices_away

        def find(self, *arguments: Any) -> Any:
            self.count += 1
            if self.count == 4:
                os.kill(os.getpid(), signal.SIGINT)
            return opened.find(*arguments)

    monkeypatch.setattr(find, "open_detector", lambda *_, **__: Interrupted())
    before = signal.getsignal(signal.SIGINT)
    status, out, _ = run(capsys, series)
    content = json.loads(out)
    assert status == 130 and content["stopped"] is True and content["slices"][1] in (2, 3)
    assert content["candidates"] and signal.getsignal(signal.SIGINT) is before


def test_research_models_have_another_notice() -> None:
    model = SimpleNamespace(demonstration=False, model="own 2.0")
    content = find.content_of(find.Search(), model, "1.2.3")
    assert content["notice"] == wording.RESEARCH_NOTICE and content["slices"] is None
