"""The figures draw what they are given."""

import numpy as np

from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.figures import (
    clinic_shares,
    contact_sheet,
    frequency_chart,
    frequency_table,
    label_shares,
    target_shares,
)
from lesionscope.phantom.clinic.frequencies import load_frequencies


def test_a_contact_sheet_shows_lesions_with_marks():
    sheet = np.asarray(contact_sheet(count=7, body_of=BlockBody))
    assert sheet.shape[0] > 2 * 240 and sheet.shape[1] == 6 * 244
    reddish = (sheet[..., 0].astype(int) - sheet[..., 1] > 90).sum()
    assert reddish > 7 * 5


def test_frequencies_are_counted_and_drawn():
    source = load_frequencies()
    said, true = clinic_shares(6, source, body_of=BlockBody)
    assert 0 < sum(said.values()) < sum(true.values())
    rows = frequency_table(target_shares(), label_shares(source, 400), said, true)
    assert len(rows) == 171 and rows[0][0] == "chest"
    chart = np.asarray(frequency_chart(rows))
    # The commonest label's bar is longer than the rarest one's.
    bars = (chart == (170, 190, 215)).all(axis=2)
    assert bars[26 + 4].sum() > 300
