"""The reader: what it takes, what it leaves alone, and how often it opens a series."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lesionscope.ct.volume import CTVolume
from lesionscope.errors import InputError
from lesionscope.viewer import reader
from lesionscope.viewer.image import SHOWN_KEY, VOLUME_KEY
from lesionscope.viewer.series_choice import use_chooser

CHEST = "ct/01_chest_lidc0314/dicom"
NIFTI = "ct/05_nifti_abdomen_totalseg/example_ct.nii.gz"
MIXED = "ct/10_localizer_mixed"


@pytest.fixture(autouse=True)
def _no_burst(monkeypatch):
    monkeypatch.setattr(reader, "_burst", reader._Burst())


def only_layer(layers):
    ((data, options, kind),) = layers
    assert kind == "image"
    assert options["name"] == "CT"
    assert set(options["units"]) == {"mm"}
    volume = options["metadata"][VOLUME_KEY]
    assert isinstance(volume, CTVolume)
    assert options["metadata"][SHOWN_KEY].hu is data
    return data, options, volume


def test_a_folder_without_ct_is_left_alone_after_one_look_at_a_file(tmp_path, opened):
    for n in range(40):
        (tmp_path / f"note{n}.txt").write_text("nothing to see")
        (tmp_path / f"picture{n}").write_bytes(b"\x00" * 256)
    opened.clear()
    assert reader.get_reader(str(tmp_path)) is None
    looked_at = sorted(path for path in opened if path.startswith(str(tmp_path)))
    assert looked_at == sorted(str(tmp_path / f"picture{n}") for n in range(40))
    assert reader.get_reader(str(tmp_path / "absent")) is None
    assert reader.get_reader([]) is None


def test_a_folder_opens_as_one_layer_with_its_volume(shared_data):
    read = reader.get_reader(str(shared_data / CHEST))
    assert read is not None
    data, options, volume = only_layer(read(str(shared_data / CHEST)))
    assert volume.geometry.size == (512, 512, 37)
    assert np.shares_memory(data, volume.hu)
    np.testing.assert_allclose(options["translate"], (-538.8, -59.0, -201.0), atol=1e-3)
    np.testing.assert_allclose(options["scale"], (1.0, 0.78125, 0.78125))
    assert volume.source.patient.patient_id not in repr({k: v for k, v in options.items() if k != "metadata"})


def test_a_zip_and_a_nifti_open_too(shared_data, tmp_path):
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in sorted((shared_data / "ct/15_minimal_tags").glob("*"))[:2]:
            packed.write(file, f"deep/{file.name}")
    assert reader.get_reader(str(archive)) is not None
    assert only_layer(reader.read(str(archive)))[2].geometry.size == (512, 512, 2)
    _, options, volume = only_layer(reader.get_reader(str(shared_data / NIFTI))(str(shared_data / NIFTI)))
    # Stored right to left and back to front, shown the other way round: x and y from their least values.
    assert volume.geometry.direction[0] == -1
    assert options["translate"][2] < 0


def test_one_slice_opens_its_series_and_the_others_add_nothing(shared_data, tmp_path):
    files = sorted((shared_data / CHEST).iterdir())[:6]
    for file in files:
        shutil.copy(file, tmp_path)
    names = [str(tmp_path / file.name) for file in files]
    _, _, volume = only_layer(reader.get_reader(names[2])(names[2]))
    assert volume.geometry.size[2] == 6
    for name in names:
        assert reader.get_reader(name)(name) == [(None,)]
    # Another series, or the same one much later, is not part of what was dropped together.
    other = str(
        shared_data
        / "ct/15_minimal_tags"
        / sorted(p.name for p in (shared_data / "ct/15_minimal_tags").iterdir())[0]
    )
    assert only_layer(reader.read(other))[2].geometry.size == (512, 512, 2)
    reader._burst.at = -1e9
    assert only_layer(reader.read(names[0]))[2].geometry.size[2] == 6
    # Files opened together, as a stack, are one study too.
    reader._burst.at = -1e9
    assert only_layer(reader.read(names))[2].geometry.size[2] == 6


def test_several_series_are_asked_for_once_each_usable_one_offered(shared_data):
    offered = []

    def chooser(every, preferred):
        offered.append((every, preferred))
        return every[-1]

    with use_chooser(chooser):
        _, _, volume = only_layer(reader.read(str(shared_data / MIXED)))
    ((every, preferred),) = offered
    assert len(every) >= 2
    assert preferred is every[0]
    assert all(info.usable for info in every)
    assert volume.source.uid == every[-1].uid


def test_choosing_nothing_opens_nothing(shared_data):
    with use_chooser(lambda every, preferred: None):
        assert reader.read(str(shared_data / MIXED)) == [(None,)]


def test_what_holds_no_series_says_so(shared_data, tmp_path):
    damaged = shared_data / "ct/14_damaged/truncated.dcm"
    with pytest.raises(InputError, match=r"holds no CT series that can be shown.*choose a folder"):
        reader.read(str(damaged))
    with pytest.raises(InputError, match="No file was given"):
        reader.read([])


def test_dicom_of_another_modality_is_named(tmp_path):
    from lesionscope.sample_data import SERIES, sample_visit
    from pydicom import dcmread

    for number, path in enumerate(sorted((sample_visit("baseline") / SERIES).iterdir())[:3]):
        image = dcmread(path)
        image.Modality = "MR"
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        image.save_as(tmp_path / f"MR{number}.dcm")
    read = reader.get_reader(str(tmp_path))
    assert read is not None, "napari would only say that the file was refused"
    with pytest.raises(InputError, match=r"holds no CT series that can be shown \(The modality is MR"):
        read(str(tmp_path))


@pytest.mark.window
def test_the_window_lives_on_while_a_series_is_read(display, qtbot):
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QProgressDialog, QPushButton

    from lesionscope.errors import Cancelled
    from lesionscope.viewer.busy import with_progress

    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(10)

    def slow(progress, cancel):
        for step in range(3000):
            progress(step, 3000, "Reading")
            time.sleep(0.01)
            if len(ticks) > 10:
                return "done"
        return "the window stood still"

    assert with_progress("Wait", slow) == "done"
    timer.stop()

    def endless(progress, cancel):
        for _ in range(2000):
            cancel.check()
            time.sleep(0.005)
        return "never stopped"

    def press_cancel():
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, QProgressDialog):
                dialog.findChild(QPushButton).click()

    QTimer.singleShot(80, press_cancel)
    with pytest.raises(Cancelled):
        with_progress("Wait", endless)

    def broken(progress, cancel):
        raise InputError("scan.dcm is damaged")

    with pytest.raises(InputError, match="damaged"):
        with_progress("Wait", broken)


def test_the_burst_remembers_one_folder_and_series():
    burst = reader._Burst(Path("/a"), "1.2")
    assert not burst.holds(Path("/a/x"), "1.2")
    burst.renew()
    assert burst.holds(Path("/a/x"), "1.2")
    assert not burst.holds(Path("/b/x"), "1.2")
    assert not burst.holds(Path("/a/x"), "1.3")
