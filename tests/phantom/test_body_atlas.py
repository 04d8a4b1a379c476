"""The atlas: outlined slices, by command."""

import numpy as np
from PIL import Image

from lesionscope.cli import main
from lesionscope.phantom.body import atlas


def test_the_command_leaves_axial_and_coronal_slices_with_coloured_outlines(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(atlas, "PIXEL_MM", 2.0)
    monkeypatch.setattr(atlas, "AXIAL_LEVELS", (-60, -215))
    monkeypatch.setattr(atlas, "CORONAL_LEVELS", (0,))
    assert main(["phantom", "atlas", "--seed", "2", "--out", str(tmp_path)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["axial_01.png", "axial_02.png", "coronal_01.png"]
    for path in tmp_path.iterdir():
        pixels = np.asarray(Image.open(path)).astype(int)
        assert (np.ptp(pixels, axis=2) > 60).sum() > 500
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["phantom", "atlas", "--seed", "2", "--out", str(tmp_path / "notes.txt" / "inside")]) == 1
    assert "could not be written (Not a directory)" in capsys.readouterr().err
