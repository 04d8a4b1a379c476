"""Where files are looked for, what is set aside, and what a person reads when there is nothing."""

from __future__ import annotations

import itertools
import logging
import os
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK
from pydicom.dataset import Dataset
from synthetic_ct import SeriesWriter, make_volume, stored_values

from lesionscope.ct import peek
from lesionscope.ct.info import info
from lesionscope.ct.scan import open_ct, probably_ct, scan, slice_series_uid
from lesionscope.errors import InputError


def test_nested_folders_without_extensions(write_series: SeriesWriter) -> None:
    write_series(stored_values(), folder="DICOM/S1/A", suffix="")
    write_series(stored_values(7), folder="DICOM/S1/B/deep", suffix="")
    found = scan(write_series.folder)
    assert sorted(s.size[2] for s in found.series) == [5, 7]
    assert found.skipped == ()


def test_files_without_the_preamble(write_series: SeriesWriter) -> None:
    stored = stored_values()
    place = write_series(stored)
    for file in place.iterdir():
        content = file.read_bytes()
        file.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
    assert np.array_equal(open_ct(place).hu, stored - 1024)


def test_a_zip_is_read_where_it_lies(write_series: SeriesWriter, tmp_path: Path) -> None:
    stored = stored_values()
    place = write_series(stored)
    archive = tmp_path / "mail.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for file in place.iterdir():
            bundle.write(file, f"study/{file.name}")
        bundle.writestr("__MACOSX/._x", b"x")
        bundle.writestr("readme.txt", b"hello")
    assert np.array_equal(open_ct(archive).hu, stored - 1024)
    assert [s.file for s in scan(archive).skipped] == ["mail.zip:readme.txt"]
    folder = tmp_path / "outer"
    folder.mkdir()
    archive.rename(folder / "mail.zip")
    assert np.array_equal(open_ct(folder).hu, stored - 1024)


def test_an_image_inside_a_zip(tmp_path: Path) -> None:
    volume = make_volume()
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume.hu), str(tmp_path / "ct.nii.gz"))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        bundle.write(tmp_path / "ct.nii.gz", "x/ct.nii.gz")
    assert np.array_equal(open_ct(tmp_path / "a.zip").hu, volume.hu)


def test_one_slice_alone_is_just_that_slice(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(), uid="1.2.3")
    file = next(place.iterdir())
    (series,) = scan(file).series
    assert series.size == (9, 8, 1) and series.has("single-slice") and series.usable
    assert series.geometry is not None and series.geometry.spacing_mm[2] is None
    assert slice_series_uid(file) == "1.2.3"


def test_no_series_uid_of_what_is_no_slice(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 300)
    assert slice_series_uid(tmp_path / "a.txt") == ""
    assert slice_series_uid(tmp_path / "absent") == ""


def test_the_preferred_series_is_a_thin_soft_one(write_series: SeriesWriter) -> None:
    def series(folder: str, step: float, count: int, **tags: object) -> None:
        def change(ds: Dataset, k: int) -> None:
            ds.SliceThickness = step
            for name, value in tags.items():
                setattr(ds, name, value)

        write_series(
            stored_values(count),
            [(0, 0, step * k) for k in range(count)],
            folder=folder,
            uid=None,
            change=change,
        )

    series("bone", 0.6, 20, SeriesDescription="BONE 0.6")
    series("thick", 5.0, 20, SeriesDescription="Thorax 5")
    series("thin", 1.0, 20, SeriesDescription="Lung 1.0")
    series("mip", 0.7, 20, SeriesDescription="MIP", ImageType=["DERIVED", "SECONDARY", "AXIAL"])
    series("few", 0.5, 2, SeriesDescription="Test bolus")
    series("mr", 0.4, 20, Modality="MR", SeriesDescription="T1")
    found = scan(write_series.folder)
    assert len(found.series) == 6
    assert [s.description for s in found.preferred()] == [
        "Lung 1.0",
        "Thorax 5",
        "BONE 0.6",
        "MIP",
        "Test bolus",
    ]
    assert open_ct(write_series.folder).source.description == "Lung 1.0"


@pytest.mark.parametrize("function", [scan, info, open_ct])
def test_sentences_for_paths_that_lead_nowhere(tmp_path: Path, function: object) -> None:
    assert callable(function)
    with pytest.raises(InputError, match="does not exist"):
        function(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        function(tmp_path / "empty")
    (tmp_path / "zero.dcm").touch()
    with pytest.raises(InputError, match=r"zero\.dcm is empty"):
        function(tmp_path / "zero.dcm")


@pytest.mark.parametrize("function", [info, open_ct])
def test_sentences_for_files_that_are_no_ct(tmp_path: Path, function: object) -> None:
    assert callable(function)
    (tmp_path / "notes.dat").write_bytes(b"hello " * 100)
    with pytest.raises(InputError, match=r"notes\.dat: it is not a DICOM file"):
        function(tmp_path / "notes.dat")
    with pytest.raises(InputError, match=r"notes\.dat: it is not a DICOM file"):
        function(tmp_path)
    (tmp_path / "broken.nii.gz").write_bytes(b"hello " * 100)
    with pytest.raises(InputError, match=r"broken\.nii\.gz: it is damaged"):
        function(tmp_path / "broken.nii.gz")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_no_permission(write_series: SeriesWriter) -> None:
    place = write_series(stored_values())
    place.chmod(0)
    try:
        with pytest.raises(InputError, match="check its permissions"):
            scan(place)
    finally:
        place.chmod(0o755)


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object = ".") -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"Permission denied.*check its permissions"):
        scan(tmp_path)


def test_a_file_that_may_not_be_read_is_set_aside(
    write_series: SeriesWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write_series(stored_values())
    locked = sorted(place.iterdir())[0]
    plain_open = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == locked:
            raise PermissionError(13, "Permission denied", str(self))
        return plain_open(self, *args, **kwargs)  # type: ignore[arg-type,call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    found = scan(place)
    assert [s.file for s in found.skipped] == [locked.name]
    assert "Permission denied" in found.skipped[0].reason


def test_an_unknown_series_is_named(write_series: SeriesWriter) -> None:
    with pytest.raises(InputError, match=r"no series with the UID 9\.9"):
        open_ct(write_series(stored_values()), "9.9")


def test_no_name_of_a_patient_leaks(
    write_series: SeriesWriter, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def garbled(ds: Dataset, k: int) -> None:
        ds.StudyDate = "20200102"

    place = write_series(stored_values(), change=garbled)
    for file in place.iterdir():
        content = (
            file.read_bytes()
            .replace(b"20200102", b"2020/1/2")
            .replace(b"\x0b\x00Secret^Name", b"\x0b\x00Secret\xffName")
        )
        file.write_bytes(content)
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        volume = open_ct(place)
        content = info(place)
        assert "Secret" not in repr(scan(place))
    out = capfd.readouterr()
    assert "Secret" not in out.out + out.err + caplog.text + "".join(str(w.message) for w in caught)
    assert "Name" not in repr(volume.source) and "SECRET" not in str(content)
    assert volume.source.patient.patient_id == "SECRET-ID"


def test_names_in_other_alphabets(write_series: SeriesWriter) -> None:
    place = write_series(
        stored_values(), change={"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Müller^Jürgen"}
    )
    assert open_ct(place).source.patient.name == "Müller^Jürgen"


def test_decoders_keep_quiet(shared_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (twelve_bits,) = (shared_data / "ct" / "06_transfer_syntaxes").glob("*1.2.840.10008.1.2.4.51.dcm")
    info(twelve_bits)
    out = capfd.readouterr()
    assert out.out == out.err == ""


def test_a_scan_opens_every_file_once(shared_data: Path, opened: list[str]) -> None:
    folder = shared_data / "ct" / "01_chest_lidc0314" / "dicom"
    scan(folder)
    assert sorted(path for path in opened if path.startswith(str(folder))) == sorted(
        map(str, folder.iterdir())
    )


class TestProbablyCt:
    @pytest.fixture(autouse=True)
    def no_hurry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine as slow as it likes still knows a CT."""
        monkeypatch.setattr(peek, "SECONDS", 60.0)

    def test_folders_files_and_archives_of_ct(self, write_series: SeriesWriter, tmp_path: Path) -> None:
        place = write_series(stored_values(), folder="a/b/c", suffix="")
        assert probably_ct(write_series.folder) and probably_ct(place)
        assert probably_ct(next(place.iterdir()))
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as bundle:
            bundle.write(next(place.iterdir()), "d/file")
        assert probably_ct(tmp_path / "x.zip")

    @pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
    def test_images(self, tmp_path: Path, name: str) -> None:
        volume = make_volume()
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(volume.hu), str(tmp_path / name))
        assert probably_ct(tmp_path / name) and probably_ct(tmp_path)
        SimpleITK.WriteImage(
            SimpleITK.GetImageFromArray((volume.hu > 0).astype(np.uint8)), str(tmp_path / name)
        )
        assert not probably_ct(tmp_path / name)

    def test_real_data(self, shared_data: Path) -> None:
        for item in (shared_data / "ct").iterdir():
            if item.name[:2].isdigit():
                assert probably_ct(item), item.name

    def test_other_modalities_are_left_to_the_reader_to_name(
        self, write_series: SeriesWriter, tmp_path: Path
    ) -> None:
        mr = "1.2.840.10008.5.1.4.1.1.4"

        def change(ds: Dataset, k: int) -> None:
            ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = mr
            ds.Modality = "MR"

        place = write_series(stored_values(), change=change)
        assert probably_ct(place)
        for file in place.iterdir():
            content = file.read_bytes()
            file.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
        assert probably_ct(place), "without the preamble"

    def test_no_images(self, tmp_path: Path) -> None:
        assert not probably_ct(tmp_path / "absent")
        (tmp_path / "empty").mkdir()
        assert not probably_ct(tmp_path / "empty")
        (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04rubbish")
        (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8brubbish")
        assert not probably_ct(tmp_path / "bad.zip") and not probably_ct(tmp_path / "bad.nii.gz")

    @pytest.mark.parametrize("suffix", [".jpg", ".txt", ".npy"])
    def test_what_is_no_image_by_its_name_is_not_opened(
        self, tmp_path: Path, opened: list[str], suffix: str
    ) -> None:
        for n in range(100):
            (tmp_path / f"{n}{suffix}").touch()
        opened.clear()
        assert not probably_ct(tmp_path)
        assert not [path for path in opened if path.startswith(str(tmp_path))]

    @pytest.mark.parametrize("suffix", [".bin", ""])
    def test_it_gives_up_after_sixty_milliseconds(
        self, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch, suffix: str
    ) -> None:
        """By a clock that goes on by 1 ms whenever it is read, which is once a file."""
        monkeypatch.setattr(peek, "SECONDS", 0.06)
        monkeypatch.setattr(peek, "time", SimpleNamespace(perf_counter=itertools.count(0, 0.001).__next__))
        for n in range(300):
            (tmp_path / f"{n}{suffix}").touch()
        opened.clear()
        assert not probably_ct(tmp_path)
        looked_at = [path for path in opened if path.startswith(str(tmp_path))]
        assert 55 <= len(looked_at) <= 60

    def test_it_gives_up_after_so_many_files(
        self, tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peek, "MAX_ENTRIES", 40)
        for n in range(100):
            (tmp_path / str(n)).touch()
        opened.clear()
        assert not probably_ct(tmp_path)
        assert len([path for path in opened if path.startswith(str(tmp_path))]) == 40
