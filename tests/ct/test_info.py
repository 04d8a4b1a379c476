"""The JSON contract of ``lesionscope info``."""

from __future__ import annotations

import json

import numpy as np
from pydicom.dataset import Dataset
from synthetic_ct import SeriesWriter, rotation, stored_values

from lesionscope.ct.info import info

KEYS = {
    "uid", "modality", "description", "size", "spacing_mm", "origin_lps_mm", "direction", "hu_min", "hu_max",
    "usable", "findings",
}  # fmt: skip


def test_the_keys_scripts_rely_on(write_series: SeriesWriter) -> None:
    stored = stored_values()
    place = write_series(stored, uid="1.2.3")
    (place / "notes.txt").write_text("x")
    content = json.loads(json.dumps(info(place), allow_nan=False))
    assert set(content) == {"series", "skipped"}
    (series,) = content["series"]
    assert set(series) >= KEYS and "resampled" not in series
    assert series["uid"] == "1.2.3" and series["modality"] == "CT" and series["description"] == "Synthetic"
    assert series["size"] == [9, 8, 5] and series["spacing_mm"] == [0.8, 1.1, 2.5]
    assert series["direction"] == [1, 0, 0, 0, 1, 0, 0, 0, 1] and series["origin_lps_mm"] == [-20, 15, 40]
    assert (series["hu_min"], series["hu_max"]) == (int(stored.min()) - 1024, int(stored.max()) - 1024)
    assert series["usable"] is True and series["findings"] == []
    assert content["skipped"] == [{"file": "notes.txt", "reason": "it is not a DICOM file"}]


def test_direction_is_row_major_with_axes_as_columns(write_series: SeriesWriter) -> None:
    direction = rotation(30, 0)
    positions = np.array([-20, 15, 40]) + np.outer(np.arange(5) * 2.5, direction[:, 2])
    place = write_series(stored_values(), positions, (*direction[:, 0], *direction[:, 1]))
    (series,) = info(place)["series"]
    assert np.allclose(np.reshape(series["direction"], (3, 3)), direction, atol=1e-6)
    assert series["resampled"]["direction"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert set(series["resampled"]) == {"size", "spacing_mm", "origin_lps_mm", "direction"}


def test_a_series_that_cannot_be_used_has_nulls(write_series: SeriesWriter) -> None:
    def bare(ds: Dataset, k: int) -> None:
        del ds.ImagePositionPatient

    (series,) = info(write_series(stored_values(), change=bare))["series"]
    assert series["usable"] is False and series["size"] == [9, 8, 5]
    assert series["hu_min"] is series["hu_max"] is series["origin_lps_mm"] is series["direction"] is None
    assert series["spacing_mm"] == [None, None, None]
