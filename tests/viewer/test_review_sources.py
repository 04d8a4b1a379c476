"""Where a review begins: the phantom clinic made on the spot, a folder, a table of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lesionscope.errors import Cancelled, InputError
from lesionscope.progress import CancelToken, silent
from lesionscope.session.images import open_images
from lesionscope.viewer.review import sources
from lesionscope.viewer.review.album import window_for


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One coarse patient instead of a dozen."""
    monkeypatch.setattr(sources, "CLINIC_PATIENTS", 1)
    monkeypatch.setattr(sources, "CLINIC_MATRIX", 64)


def test_the_clinic_is_made_once_and_its_lesions_can_be_seen(small: None, tmp_path: Path) -> None:
    told: list[str] = []
    made = sources.clinic(tmp_path / "clinic")(CancelToken(), lambda done, total, title: told.append(title))
    try:
        state = made.session.state
        assert "Scanning phantom patients" in told and state.mined and made.notes == ()
        lesion = next(iter(state.mined.values()))
        volume = open_images(state.studies[lesion.study], lesion)
        assert volume.geometry.contains(lesion.lesion.centroid_lps_mm)
        assert lesion.sentence and window_for(lesion, volume).name in ("lung", "bone", "soft-tissue")
    finally:
        made.session.close()
    table = tmp_path / "clinic" / "DL_info.csv"
    before = table.stat().st_mtime_ns
    again = sources.clinic(tmp_path / "clinic")(CancelToken(), silent)
    assert again.session.state.mined == state.mined and table.stat().st_mtime_ns == before
    again.session.close()
    # Labels that lie elsewhere are named by hand.
    moved = (tmp_path / "clinic" / sources.LABELS).rename(tmp_path / "labels.json")
    assert sources.needs_labels(tmp_path / "clinic")
    other = sources.folder(tmp_path / "clinic", tmp_path / "other.sqlite", moved)(CancelToken(), silent)
    assert other.session.state.mined == state.mined
    other.session.close()


def test_making_the_clinic_can_be_stopped_and_leaves_nothing(small: None, tmp_path: Path) -> None:
    stop = CancelToken()
    with pytest.raises(Cancelled):
        sources.clinic(tmp_path / "clinic")(stop, lambda done, total, title: stop.cancel())
    assert not (tmp_path / "clinic").exists() and not list(tmp_path.glob("**/*.sqlite"))


def test_a_project_that_is_not_there_is_not_begun_by_opening_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no project"):
        sources.project(tmp_path / "none.sqlite")(CancelToken(), silent)
    assert not (tmp_path / "none.sqlite").exists()


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "path,click,sentence,patient,split\n"
        f'{tmp_path},"1,2,3",A nodule in the right lung.,p1,train\n'
        f'{tmp_path},"4,5,6",A mass.,,train\n',
        encoding="utf-8",
    )
    made = sources.table(file, tmp_path / "mine.sqlite")(CancelToken(), silent)
    (lesion,) = made.session.state.mined.values()
    made.session.close()
    assert "right lung" in lesion.relevant and "names no patient" in made.notes[0]
