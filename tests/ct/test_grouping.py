"""Which slices make a volume, in which order, on which grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from synthetic_ct import AXIAL, SIGNED_AXES, SeriesWriter, rotation, stored_values, tilted

from lesionscope.ct.scan import SeriesInfo, load, open_ct, scan

RIGHT_HANDED = [m for m in SIGNED_AXES if np.linalg.det(m) > 0]


def only(path: Path) -> SeriesInfo:
    (series,) = scan(path).series
    return series


def codes(series: SeriesInfo) -> list[str]:
    return [finding.code for finding in series.findings]


def along(direction: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.array([-20.0, 15.0, 40.0]) + np.outer(offsets, direction[:, 2])


def cosines(direction: np.ndarray) -> tuple[float, ...]:
    return (*direction[:, 0], *direction[:, 1])


@pytest.mark.parametrize("direction", RIGHT_HANDED, ids=str)
def test_all_orientations_come_back_as_written(write_series: SeriesWriter, direction: np.ndarray) -> None:
    """Axial, coronal and sagittal, turned every way; DICOM has right-handed stacks only."""
    stored = stored_values()
    place = write_series(stored, along(direction, np.arange(5) * 2.5), cosines(direction))
    volume = open_ct(place)
    assert np.array_equal(volume.hu, stored - 1024)
    assert np.allclose(volume.geometry.axes, direction)
    assert volume.geometry.spacing_mm == pytest.approx((0.8, 1.1, 2.5))
    assert volume.geometry.origin_lps_mm == pytest.approx((-20, 15, 40))
    assert volume.findings == ()


@pytest.mark.parametrize("degrees", [-25, -5, 0.5, 18.5, 30])
def test_a_tilted_gantry_keeps_its_shear(write_series: SeriesWriter, degrees: float) -> None:
    direction = tilted(degrees)
    series = only(write_series(stored_values(), along(direction, np.arange(5) * 2.5), cosines(direction)))
    assert codes(series) == ["gantry-tilt"]
    assert series.geometry is not None
    assert np.allclose(series.geometry.axes, direction, atol=1e-6)
    assert series.geometry.spacing_mm[2] == pytest.approx(2.5)
    assert series.geometry.tilt_deg == pytest.approx(abs(degrees), abs=1e-3)


def test_an_oblique_series_is_called_oblique(write_series: SeriesWriter) -> None:
    direction = rotation(25, 0)
    series = only(write_series(stored_values(), along(direction, np.arange(5) * 2.5), cosines(direction)))
    assert codes(series) == ["oblique"]
    assert series.geometry is not None and series.geometry.tilt_deg < 1e-4


def test_left_handed_positions_are_turned_to_run_along_the_normal(write_series: SeriesWriter) -> None:
    stored = stored_values()
    positions = [(-20.0, 15.0, 40.0 - 2.5 * k) for k in range(5)]
    volume = open_ct(write_series(stored, positions))
    assert np.array_equal(volume.hu, stored[::-1] - 1024)
    assert volume.geometry.origin_lps_mm[2] == pytest.approx(30.0)


@pytest.mark.parametrize("jitter", [0.0, 0.005, 0.02])
def test_jitter_below_a_percent_is_even(write_series: SeriesWriter, jitter: float) -> None:
    z = 40.0 + 2.5 * np.arange(6) + jitter * np.array([0, 1, -1, 1, -1, 0])
    series = only(write_series(stored_values(6), [(-20, 15, v) for v in z]))
    assert codes(series) == []
    assert series.geometry is not None and series.geometry.spacing_mm[2] == pytest.approx(2.5, abs=1e-3)


def test_jitter_beyond_a_percent_is_reported(write_series: SeriesWriter) -> None:
    z = 40.0 + 2.5 * np.arange(6) + 0.1 * np.array([0, 1, -1, 1, -1, 0])
    series = only(write_series(stored_values(6), [(-20, 15, v) for v in z]))
    assert codes(series) == ["uneven-spacing"]
    assert series.geometry is not None and series.geometry.spacing_mm[2] is None
    assert series.geometry.offsets_mm == pytest.approx(tuple(z - z[0]))


def test_missing_slices_are_counted(write_series: SeriesWriter) -> None:
    z = [0.0, 2.5, 5.0, 12.5, 15.0, 20.0]
    series = only(write_series(stored_values(6), [(-20, 15, v) for v in z]))
    assert codes(series) == ["uneven-spacing", "missing-slices"]
    assert "3 slices seem to be missing in 2 places" in series.findings[1].message


def test_thickness_is_never_taken_for_spacing(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(), change={"SliceThickness": 7.0, "SpacingBetweenSlices": 9.0})
    series = only(place)
    assert series.geometry is not None
    assert series.geometry.spacing_mm[2] == pytest.approx(2.5)
    assert series.geometry.slice_thickness_mm == 7.0


def test_acquisitions_numbered_slice_by_slice_are_one_volume(write_series: SeriesWriter) -> None:
    def number(ds: Dataset, k: int) -> None:
        ds.AcquisitionNumber = k + 1

    series = only(write_series(stored_values(), change=number))
    assert series.size == (9, 8, 5) and codes(series) == []


def test_acquisitions_over_the_same_ground_are_volumes_apart(write_series: SeriesWriter) -> None:
    first, second = stored_values(seed=1), stored_values(seed=2)
    write_series(first, uid="1.2.3", change={"AcquisitionNumber": 4})
    place = write_series(second, uid="1.2.3", change={"AcquisitionNumber": 5}, first_number=100)
    one, two = scan(place).series
    assert (one.uid, two.uid) == ("1.2.3", "1.2.3#2")
    assert "time-points" in codes(one) and "time-points" in codes(two)
    assert np.array_equal(load(one).hu, first - 1024)
    assert np.array_equal(load(two).hu, second - 1024)
    assert np.array_equal(open_ct(place, "1.2.3#2").hu, second - 1024)


def half_a_step_on(count: int) -> list[tuple[float, float, float]]:
    return [(-20.0, 15.0, 41.25 + 2.5 * k) for k in range(count)]


@pytest.mark.parametrize("keyword", ["AcquisitionNumber", "TemporalPositionIdentifier", "ConvolutionKernel"])
@pytest.mark.parametrize("copied", [False, True])
def test_volumes_between_each_others_slices_are_listed_apart(
    write_series: SeriesWriter, keyword: str, copied: bool
) -> None:
    first, second = stored_values(seed=1), stored_values(4, seed=2)
    write_series(first, uid="1.2.3", change={keyword: "1"})
    place = write_series(
        second, half_a_step_on(4), uid="1.2.3", change={keyword: "2"}, folder="series", first_number=100
    )
    if copied:
        (place / "copy.dcm").write_bytes((place / "0001.dcm").read_bytes())
    one, two = scan(place).series
    assert (one.uid, two.uid) == ("1.2.3", "1.2.3#2")
    assert codes(one) == codes(two) == ["time-points"] + ["duplicate-positions"] * copied
    assert np.array_equal(load(one).hu, first - 1024)
    assert np.array_equal(load(two).hu, second - 1024)


def test_thicknesses_between_each_others_slices_are_listed_apart(write_series: SeriesWriter) -> None:
    first, second = stored_values(seed=1), stored_values(4, seed=2)
    write_series(first, uid="1.2.3", change={"SliceThickness": 1.25})
    place = write_series(
        second, half_a_step_on(4), uid="1.2.3", change={"SliceThickness": 5.0}, first_number=100
    )
    one, two = scan(place).series
    assert codes(one) == codes(two) == ["time-points"]
    assert [s.findings[0].message.split("This one: ")[1] for s in (one, two)] == ["1.25 mm.", "5 mm."]
    assert np.array_equal(load(one).hu, first - 1024) and np.array_equal(load(two).hu, second - 1024)


def test_thicknesses_over_the_same_ground_are_volumes_apart(write_series: SeriesWriter) -> None:
    """The thick slices lie at every second position of the thin ones."""
    first, second = stored_values(9, seed=1), stored_values(5, seed=2)
    write_series(first, uid="1.2.3", change={"SliceThickness": 2.5})
    positions = [(-20.0, 15.0, 40.0 + 5 * k) for k in range(5)]
    place = write_series(second, positions, uid="1.2.3", change={"SliceThickness": 5}, first_number=100)
    one, two = scan(place).series
    assert codes(one) == codes(two) == ["time-points"]
    assert np.array_equal(load(one).hu, first - 1024) and np.array_equal(load(two).hu, second - 1024)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.floats(0.62, 0.63)), min_size=8, max_size=8))
def test_thicknesses_that_are_rounded_or_absent_part_nothing(
    write_series: SeriesWriter, thicknesses: list[float | None]
) -> None:
    def change(ds: Dataset, k: int) -> None:
        del ds.SliceThickness
        if thicknesses[k] is not None:
            ds.SliceThickness = f"{thicknesses[k]:.6g}"

    folder = f"{len(list(write_series.folder.iterdir()))}"
    series = only(write_series(stored_values(8), folder=folder, change=change))
    assert series.size[2] == 8 and codes(series) == []


@pytest.mark.parametrize(
    ("keyword", "values", "said"),
    [
        ("NominalPercentageOfCardiacPhase", ([40.0] * 5, [75.0] * 5), ["40 %.", "75 %."]),
        ("KVP", ([80] * 5, [140] * 5), ["80 kV.", "140 kV."]),
        (
            "TriggerTime",
            ([310, 300, 305, 302, 300], [700, 712, 705, 709, 700]),
            ["300 to 310 ms.", "700 to 712 ms."],
        ),
    ],
)
def test_phases_and_energies_over_the_same_ground_are_volumes_apart(
    write_series: SeriesWriter, keyword: str, values: tuple[list[float], ...], said: list[str]
) -> None:
    stacks = [stored_values(seed=seed) for seed in range(2)]
    for number, (stack, numbers) in enumerate(zip(stacks, values, strict=True)):
        place = write_series(
            stack,
            uid="1.2.3",
            change=lambda ds, k, numbers=numbers: setattr(ds, keyword, numbers[k]),
            first_number=1 + 100 * number,
        )
    found = scan(place).series
    assert [s.findings[0].message.split("This one: ")[1] for s in found] == said
    for series, stack in zip(found, stacks, strict=True):
        assert codes(series) == ["time-points"] and np.array_equal(load(series).hu, stack - 1024)


@pytest.mark.parametrize(
    "values",
    [
        ([310, 690, 305, 302, 300], [320, 712, 705, 709, 700]),  # one phase runs into the other
        ([300, 301, 302, 303, 304], [305, 306, 307, 308, 309]),  # a time of each image's own, slowly rising
    ],
)
def test_trigger_times_that_part_no_whole_volumes(
    write_series: SeriesWriter, values: tuple[list[float], ...]
) -> None:
    first = stored_values(seed=0)
    for number, numbers in enumerate(values):
        place = write_series(
            first if number == 0 else stored_values(seed=1),
            uid="1.2.3",
            change=lambda ds, k, numbers=numbers: setattr(ds, "TriggerTime", numbers[k]),
            first_number=1 + 100 * number,
        )
    series = only(place)
    assert codes(series) == ["duplicate-positions"] and np.array_equal(load(series).hu, first - 1024)


@pytest.mark.parametrize(
    "acquisitions",
    [
        [1, 1, 1, 1, 2, 2, 2, 2],  # one after the other along the table
        [1, 1, 1, 2, 1, 2, 2, 2],  # a seam of one slice
        [1, 1, 1, 1, 1, 2, 1, 2],  # two slices make no volume
        [1, 2, 3, 4, 1, 2, 3, 4],
        [1, 2, None, 2, 1, 2, 1, 2],
    ],
)
def test_acquisitions_that_do_not_interleave_stay_whole(
    write_series: SeriesWriter, acquisitions: list[int | None]
) -> None:
    def number(ds: Dataset, k: int) -> None:
        ds.AcquisitionNumber = acquisitions[k]

    series = only(write_series(stored_values(8), change=number))
    assert series.size[2] == 8 and codes(series) == []


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID"])
@pytest.mark.parametrize("between", [True, False])
def test_two_patients_or_studies_with_one_series_uid(
    write_series: SeriesWriter, keyword: str, between: bool
) -> None:
    first, second = stored_values(6, seed=1), stored_values(4, seed=2)
    write_series(second, half_a_step_on(4) if between else None, uid="1.2.3", change={keyword: "1.2.9"})
    place = write_series(first, uid="1.2.3", first_number=100)
    one, two = scan(place).series
    assert (one.uid, two.uid) == ("1.2.3", "1.2.3#2")
    assert codes(one) == codes(two) == ["mixed-series"] and one.usable and two.usable
    assert ("2 patients" if keyword == "PatientID" else "2 studies") in one.findings[0].message
    assert "SECRET" not in one.findings[0].message
    assert "1.2.9" in (two.patient.patient_id, two.source.study_uid)
    assert np.array_equal(load(one).hu, first - 1024)
    assert np.array_equal(load(two).hu, second - 1024)


def test_study_uids_made_up_file_by_file_part_no_series(write_series: SeriesWriter) -> None:
    def make_up(ds: Dataset, k: int) -> None:
        ds.StudyInstanceUID = f"1.2.9.{k}"

    series = only(write_series(stored_values(), change=make_up))
    assert series.size[2] == 5 and codes(series) == []


def test_files_that_lack_a_patient_or_study_stay_with_their_series(write_series: SeriesWriter) -> None:
    def thin_out(ds: Dataset, k: int) -> None:
        if k == 1:
            ds.PatientID = ""
        if k == 3:
            ds.StudyInstanceUID = ""
        if k == 4:
            ds.PatientID = ds.StudyInstanceUID = ds.FrameOfReferenceUID = ""

    series = only(write_series(stored_values(), change=thin_out, uid="1.2.3"))
    assert series.size[2] == 5 and codes(series) == [] and series.uid == "1.2.3"


def test_frames_of_reference_are_listed_apart(write_series: SeriesWriter) -> None:
    """Whether their slices lie between each other's or one after the other: the numbers can't be compared."""
    after = [(-20.0, 15.0, 40.0 + 2.5 * k) for k in range(6, 10)]
    for folder, positions in (("between", half_a_step_on(4)), ("after", after), ("same", None)):
        write_series(stored_values(6), uid="1.2.3", folder=folder)
        place = write_series(
            stored_values(4),
            positions,
            uid="1.2.3",
            folder=folder,
            change={"FrameOfReferenceUID": "1.2.77"},
            first_number=100,
        )
        one, two = scan(place).series
        assert (one.uid, one.size[2], two.uid, two.size[2]) == ("1.2.3", 6, "1.2.3#2", 4)
        assert codes(one) == codes(two) == ["mixed-series"]
        assert two.source.frame_of_reference_uid == "1.2.77"


def test_frames_of_reference_made_up_slice_by_slice_part_nothing(write_series: SeriesWriter) -> None:
    def invent(ds: Dataset, k: int) -> None:
        ds.FrameOfReferenceUID = f"1.2.77.{k}"

    series = only(write_series(stored_values(), change=invent))
    assert series.size[2] == 5 and codes(series) == []


def test_copies_of_files_are_left_out_and_reported(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(), uid="1.2.3")
    for file in list(place.iterdir())[:2]:
        (place / f"copy of {file.name}").write_bytes(file.read_bytes())
    series = only(place)
    assert series.size == (9, 8, 5) and codes(series) == ["duplicate-positions"]
    assert "2 of 7 images are copies" in series.findings[0].message


def test_repeats_that_nothing_tells_apart_keep_the_first(write_series: SeriesWriter) -> None:
    first = stored_values(seed=1)
    write_series(first, uid="1.2.3")
    place = write_series(stored_values(2, seed=2), uid="1.2.3", first_number=100)
    series = only(place)
    assert codes(series) == ["duplicate-positions"]
    assert np.array_equal(load(series).hu, first - 1024)


def test_one_position_over_time_is_no_volume(write_series: SeriesWriter) -> None:
    def bolus(ds: Dataset, k: int) -> None:
        ds.AcquisitionNumber = 10 - k

    stored = stored_values()
    series = only(write_series(stored, [(-20, 15, 40)] * 5, change=bolus))
    assert series.size == (9, 8, 1)
    assert {"time-points", "duplicate-positions", "single-slice"} <= set(codes(series))
    assert np.array_equal(load(series).hu[0], stored[4] - 1024)


@pytest.mark.parametrize(
    ("keyword", "said"),
    [("TriggerTime", "a time series"), ("SliceThickness", "several pictures of one slice")],
)
def test_one_position_is_called_what_it_is(write_series: SeriesWriter, keyword: str, said: str) -> None:
    def change(ds: Dataset, k: int) -> None:
        setattr(ds, keyword, 2 + 5 * k)

    series = only(write_series(stored_values(3), [(-20, 15, 40)] * 3, change=change))
    assert series.size == (9, 8, 1) and f": {said}, not a volume" in series.findings[0].message


def test_orientations_of_one_series_are_listed_apart(write_series: SeriesWriter) -> None:
    coronal = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])
    write_series(stored_values(6), uid="1.2.3")
    place = write_series(
        stored_values(4), along(coronal, np.arange(4) * 2.5), cosines(coronal), uid="1.2.3", first_number=50
    )
    one, two = scan(place).series
    assert (one.size[2], two.size[2]) == (6, 4)
    assert codes(one) == codes(two) == ["mixed-series"]


def test_sizes_of_one_series_are_listed_apart(write_series: SeriesWriter) -> None:
    write_series(stored_values(6), uid="1.2.3")
    place = write_series(stored_values(5, rows=16, columns=16), uid="1.2.3", first_number=50)
    assert [s.size for s in scan(place).series] == [(9, 8, 6), (16, 16, 5)]


def test_a_moved_field_of_view_is_listed_apart(write_series: SeriesWriter) -> None:
    positions = [(-20.0 + (30.0 if k >= 6 else 0.0), 15.0, 40.0 + 2.5 * k) for k in range(10)]
    found = scan(write_series(stored_values(10), positions))
    assert [s.size[2] for s in found.series] == [6, 4]
    assert all("mixed-series" in codes(s) for s in found.series)


def test_slices_strewn_sideways_make_no_volume(write_series: SeriesWriter) -> None:
    rng = np.random.default_rng(0)
    positions = [(rng.uniform(-90, 90), 15.0, 40.0 + 2.5 * k) for k in range(8)]
    series = only(write_series(stored_values(8), positions))
    assert not series.usable and "shifted-slices" in codes(series)


def test_scouts_in_the_series_are_set_aside(write_series: SeriesWriter) -> None:
    def kind(ds: Dataset, k: int) -> None:
        if k >= 5:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    volume, scout = scan(write_series(stored_values(7), change=kind)).series
    assert volume.usable and volume.size == (9, 8, 5) and codes(volume) == []
    assert not scout.usable and codes(scout) == ["localizer"] and scout.size == (9, 8, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"PixelSpacing": None},
        {"PixelSpacing": [0, 1]},
    ],
)
def test_geometry_that_is_absent_or_nonsense(write_series: SeriesWriter, change: dict[str, object]) -> None:
    series = only(write_series(stored_values(), change=change))
    assert codes(series) == ["no-geometry"] and not series.usable and series.geometry is None


def test_a_series_without_a_uid_still_gets_one(write_series: SeriesWriter) -> None:
    place = write_series(stored_values(), change={"SeriesInstanceUID": ""})
    series = only(place)
    assert series.uid.startswith("2.25.") and series.size[2] == 5
    assert only(place).uid == series.uid


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(7)), st.sampled_from([np.eye(3), tilted(20), rotation(30, 1)]))
def test_order_is_by_position_whatever_names_and_numbers_say(
    write_series: SeriesWriter, order: list[int], direction: np.ndarray
) -> None:
    stored = stored_values(7)
    places = along(direction, np.arange(7) * 2.5)
    folder = write_series(
        stored[order],
        places[order],
        cosines(direction),
        folder="p" + "".join(map(str, order)) + str(direction[1, 2]),
    )
    assert np.array_equal(open_ct(folder).hu, stored - 1024)


def test_axial_is_the_plain_case(write_series: SeriesWriter) -> None:
    series = only(write_series(stored_values(), orientation=AXIAL))
    assert series.geometry is not None and series.geometry.is_axis_aligned
    assert series.geometry.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)


@pytest.mark.parametrize(("away", "code"), [(1e5, "shifted-slices"), (1e16, "no-geometry")])
def test_positions_that_no_scanner_gives(write_series: SeriesWriter, away: float, code: str) -> None:
    found = scan(write_series(stored_values(2), [(0, 0, 0), (0, away, 2.5)])).series
    assert any(code in codes(series) and not series.usable for series in found)
