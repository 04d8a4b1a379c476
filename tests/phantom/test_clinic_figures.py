"""The figures draw what they are given."""

import numpy as np

from lesionscope.cli import main
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


def test_the_command_writes_three_files(tmp_path, capsys):
    assert main(["phantom", "lesions", "--bodies", "blocks", "--patients", "4", "--out", str(tmp_path)]) == 0
    names = ["label_frequencies.csv", "label_frequencies.png", "lesions.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert capsys.readouterr().out.count("\n") == 3
    head, *lines = (tmp_path / "label_frequencies.csv").read_text().splitlines()
    assert head == "label,target,drawn,said,true" and len(lines) == 171
