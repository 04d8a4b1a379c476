"""What the tutorial says can be done: its script does all of it in a window of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "tutorial.py"
PAGE = ROOT / "docs" / "tutorial.md"
MOST_BYTES = 150_000


def test_the_page_shows_every_picture_that_the_script_makes() -> None:
    made = re.findall(r'self\.picture\(f?"(tutorial-[^"]+)"', SCRIPT.read_text("utf-8"))
    shown = set(re.findall(r"images/(tutorial-\w+)\.png", PAGE.read_text("utf-8")))
    single = {name for name in made if "{" not in name}
    assert single <= shown and len(shown - single) == 3, "tree, labels and similar come from one line"
    for name in shown:
        assert (PAGE.parent / "images" / f"{name}.png").stat().st_size < MOST_BYTES


@pytest.mark.slow
@pytest.mark.window
def test_from_an_empty_window_to_a_report_and_a_review(display: None, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "pictures"), str(tmp_path / "exports")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = {path.stem for path in (tmp_path / "pictures").glob("*.png")}
    assert pictures == {path.stem for path in (PAGE.parent / "images").glob("tutorial-*.png")}
    written = sorted(path.name for path in (tmp_path / "exports" / "Reports").iterdir())
    assert [re.sub(r"^report-[\d-]+", "", name) for name in written] == ["key-1.dcm", "sr.dcm", ".html"]
    report = pydicom.dcmread(tmp_path / "exports" / "Reports" / written[1])
    assert report.Modality == "SR" and report.PatientID == "PHANTOM-SAMPLE"
