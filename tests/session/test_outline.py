"""Outlines in a session: on disk with the lesion, shown while it is as proposed, and upgraded to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lesionscope.ct.geometry import Geometry
from lesionscope.inference.click_box import Proposal
from lesionscope.inference.click_extent import Mask
from lesionscope.lesions.lesion import Lesion
from lesionscope.lesions.marking import lesion_from_click, moved
from lesionscope.session import codec
from lesionscope.session.commands import AddLesion, KeepOutline, RemoveLesion, ReplaceLesion
from lesionscope.session.outline import KeptOutline
from lesionscope.session.schema import VERSION
from lesionscope.session.store import Session

Reopen = Callable[[], Session]
SERIES = "1.2.826.0.1.3680043.8.498.1"
SMALL = st.integers(1, 6)


def outline_of(lesion: Lesion, voxels: np.ndarray | None = None, start=(2, 3, 4)) -> KeptOutline:
    block = np.ones((2, 3, 5), np.bool_) if voxels is None else voxels
    mask = Mask(block, Geometry(block.shape[::-1], (1.0, 1.0, 1.0)), start)
    contour = np.array([[0.12345, 1.0, -3.5], [2.0, 1 / 3, -3.5], [1.0, -2.0, -3.5]])
    return KeptOutline.of(
        lesion, Proposal(lesion.centroid_lps_mm, True, "", contour_lps_mm=contour, mask=mask)
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_voxels_and_contour_survive_packing_and_json(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(SMALL, SMALL, SMALL))
    start = data.draw(st.tuples(SMALL, SMALL, SMALL))
    voxels = data.draw(arrays(np.bool_, shape))
    outline = outline_of(lesion_from_click((1.0, 2.0, 3.0)), voxels, start)
    text = codec.to_text(outline.as_dict())
    back = KeptOutline.from_dict(outline.lesion_id, outline.fingerprint, codec.from_text(text))
    assert back == outline
    expected = np.zeros((12, 12, 12), np.bool_)
    k, j, i = start
    expected[k : k + shape[0], j : j + shape[1], i : i + shape[2]] = voxels
    assert np.array_equal(back.whole((12, 12, 12)), expected)
    assert back.contour_lps_mm[0] == (0.123, 1.0, -3.5)


def test_an_outline_is_kept_shown_as_long_as_it_fits_and_no_step(reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        outline = outline_of(lesion)
        state = session.apply(KeepOutline(outline))
        assert dict(state.outlines) == {lesion.id: outline} and state.undo_title == "Mark lesion 1"
        assert session.apply(KeepOutline(outline)) is state, "the same again changes nothing"
        elsewhere = moved(lesion, (9, 9, 9))
        assert session.apply(ReplaceLesion(elsewhere)).outlines == {}
        session.apply(KeepOutline(replace(outline_of(elsewhere), start=(0, 0, 0))))
    with reopen() as session:
        assert session.state.outlines[lesion.id].start == (0, 0, 0)
        assert dict(session.undo().outlines) == {lesion.id: outline}
        session.apply(RemoveLesion(lesion.id))
        gone = session.state
        assert session.apply(KeepOutline(outline)) is gone, "a lesion that has gone takes none"
        assert dict(session.undo().outlines) == {lesion.id: outline}
        revision = session.state.revision
    with reopen() as session:
        assert session.state.revision == revision


def test_a_file_of_version_3_is_copied_and_takes_outlines(path: Path, reopen: Reopen) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        state = session.apply(AddLesion(lesion))
    with sqlite3.connect(path) as raw:  # as version 3 left it
        raw.execute("drop table outlines")
        raw.execute("pragma user_version=3")
    raw.close()
    older = path.read_bytes()
    with Session.open(path, series_uid=SERIES, read_only=True) as session:
        assert session.state == state
    assert path.read_bytes() == older
    with reopen() as session:
        assert session.state == state and session.notices == ()
        session.apply(KeepOutline(outline_of(lesion)))
    with sqlite3.connect(path.with_name("one.version-3.sqlite")) as raw:
        assert raw.execute("pragma user_version").fetchone() == (3,)
        assert "outlines" not in {name for (name,) in raw.execute("select name from sqlite_master")}
    raw.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("pragma user_version").fetchone() == (VERSION,)
    raw.close()
    with reopen() as session:
        assert len(session.state.outlines) == 1


@pytest.mark.parametrize("change", ["drop table outlines", "update outlines set body='{}'"])
def test_a_lost_table_or_a_body_that_makes_no_sense_is_damage(
    path: Path, reopen: Reopen, change: str
) -> None:
    lesion = lesion_from_click((1, 2, 3))
    with reopen() as session:
        session.apply(AddLesion(lesion))
        session.apply(KeepOutline(outline_of(lesion)))
    with sqlite3.connect(path) as raw:
        raw.execute(change)
    raw.close()
    with reopen() as session:
        assert "damaged" in session.notices[0] and session.state.lesions == ()
