"""Which series opens: the only one, the chooser's, or the one selected in the dialog."""

from __future__ import annotations

import pytest
from window_helpers import landmark_volume

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.series import SeriesInfo
from lesionscope.ct.volume import Finding, Source
from lesionscope.viewer.series_choice import choose, row_of, use_chooser


def series(uid, *, number=1, thickness=1.0, kernel="B30f", uneven=False, findings=()):
    offsets = tuple(float(k) for k in range(20)) if uneven else None
    geometry = Geometry((64, 60, 20), (0.7, 0.7, None if uneven else thickness), offsets_mm=offsets)
    source = Source(
        uid, description=f"Thorax {kernel}", series_number=number, kernel=kernel, study_date="20240131"
    )
    return SeriesInfo(source, (64, 60, 20), geometry, True, tuple(findings))


def one_slice():
    geometry = Geometry((64, 60, 1), (0.7, 0.7, None), offsets_mm=(0.0,))
    return SeriesInfo(Source("1"), (64, 60, 1), geometry, True, ())


def refuse(every, preferred):
    raise AssertionError("asked without need")


def test_the_only_series_needs_no_question():
    only = series("1")
    with use_chooser(refuse):
        assert choose([only], only) is only


def test_a_chooser_can_stand_in_for_the_dialog():
    several = [series("1"), series("2")]
    with use_chooser(lambda every, preferred: every[1]):
        assert choose(several, several[0]) is several[1]
    with use_chooser(lambda every, preferred: None):
        assert choose(several, several[0]) is None


def test_rows_tell_what_a_reader_chooses_by():
    row = row_of(series("1", number=7, thickness=1.25, findings=[Finding("gantry-tilt", "Tilted by 12°.")]))
    assert row == ("7  Thorax B30f", "2024-01-31", "20", "0.70 × 1.25", "B30f", "Tilted by 12°")
    assert row_of(series("1", uneven=True))[3] == "0.70 × uneven"
    assert row_of(one_slice())[2:4] == ("1", "0.70"), "no step that could be even"
    assert landmark_volume().source.patient.name not in " ".join(row)


@pytest.mark.window
def test_the_dialog_is_keyboard_first(display, qtbot):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QDialog

    from lesionscope.viewer.series_choice import SeriesDialog

    several = [series(str(n), number=n) for n in (1, 2, 3)]
    for keys, result, chosen in (
        (["Key_Return"], "Accepted", 1),
        (["Key_Down", "Key_Return"], "Accepted", 2),
        (["Key_Up", "Key_Enter"], "Accepted", 0),
        (["Key_Escape"], "Rejected", 1),
    ):
        dialog = SeriesDialog(several, several[1])
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitExposed(dialog)
        assert dialog.chosen is several[1]
        for key in keys:
            QTest.keyClick(dialog.table, getattr(Qt.Key, key))
        assert dialog.result() == getattr(QDialog.DialogCode, result)
        assert dialog.chosen is several[chosen]


@pytest.mark.window
def test_asking_returns_the_selected_series_or_nothing(display, qtbot):
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    several = [series("1"), series("2")]

    def answer(method):
        def act():
            dialog = QApplication.activeModalWidget()
            dialog.table.selectRow(1)
            getattr(dialog, method)()

        return act

    QTimer.singleShot(50, answer("accept"))
    assert choose(several, several[0]) is several[1]
    QTimer.singleShot(50, answer("reject"))
    assert choose(several, several[0]) is None
