"""The scans of known lesions are found, read or made again; or a sentence says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_lesions import made_up

from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import Cancelled, InputError
from lesionscope.lesions.deeplesion import read_dl_info
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.deeplesion import write_deeplesion
from lesionscope.phantom.clinic.known import phantom_lesions
from lesionscope.phantom.dicom_series import write_series
from lesionscope.progress import CancelToken
from lesionscope.retrieval.known import KnownLesion, Origin
from lesionscope.retrieval.surroundings import NEARLY, NOT_FOUND, OTHER_PHANTOM, Shelf, surroundings
from lesionscope.retrieval.thumbnails import pack, thumbnail, unpack

BALL = (12.0, -8.0, 40.0)
RADIUS = 9.0


def known(origin: Origin, picture: np.ndarray, box, identifier: str = "one") -> KnownLesion:
    """A lesion as a bank gives it back: its picture went through the bank's packing."""
    cut, at = thumbnail(picture, box)
    return replace(made_up(1), id=identifier, origin=origin, thumbnail=unpack(pack(cut)), box=at)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CTVolume]:
    """A dense ball in fat as a series on disk, its folder two levels down."""
    geometry = Geometry((160, 150, 30), (0.9, 0.9, 3.0), (-60.0, -70.0, 0.0))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij"), axis=-1)
    inside = np.linalg.norm(geometry.to_lps(index) - BALL, axis=-1) < RADIUS
    volume = CTVolume(np.where(inside, 60, -90).astype(np.int16), geometry, Source("1.2.3.4"))
    root = tmp_path_factory.mktemp("studies")
    write_series(volume, root / "somebody" / "chest")
    return root, volume


def of_series(uid: str) -> KnownLesion:
    half = RADIUS + 4
    picture = np.zeros((3, 120, 120), np.int16)
    middle = 59.5
    box = (middle - half, middle - half, middle + half, middle + half)
    return known(Origin("case-7", uid, BALL), picture, box)


def test_a_series_is_found_below_a_folder_and_cut_around_the_lesion(series) -> None:
    from lesionscope.ct.scan import scan

    root, _ = series
    (info,) = scan(root).series
    shelf = Shelf([root / "nothing", root])
    found = shelf.find(of_series(info.uid))
    # The ball fills its box but for 4 mm on each side, on its own slice and on no slice far from it.
    x0, y0, x1, y1 = found.box
    ball = found.hu[found.key] > -15
    rows, columns = np.nonzero(ball)
    assert [columns.min(), rows.min(), columns.max(), rows.max()] == pytest.approx(
        [x0 + 4, y0 + 4, x1 - 4, y1 - 4], abs=1.5
    )
    assert not (found.hu[found.key + 6] > -15).any() and not (found.hu[found.key - 6] > -15).any()
    # 0 to 87 mm are there, 40 ± 30 mm are wanted.
    assert (len(found.hu), found.key) == (31, 15)
    info_again = shelf._scans[root]
    shelf.find(of_series(info.uid))
    assert shelf._scans[root] is info_again, "a folder is looked through once"


def test_slices_end_where_the_scan_ends(series) -> None:
    _, volume = series

    class Low:
        box_lps_mm = (0.0, -20.0, 3.5, 20.0, 0.0, 4.5)

    found = surroundings(volume, Low())
    assert found.key == 2 and len(found.hu) == 18


def test_a_series_that_is_not_at_hand_is_said_with_what_to_do(series) -> None:
    root, _ = series
    for places in ([], [root]):
        with pytest.raises(InputError, match="open a folder that holds it"):
            Shelf(places).find(of_series("9.9.9"))
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        Shelf([root]).find(of_series("9.9.9"), cancel=token)


@pytest.fixture(scope="module")
def phantom() -> KnownLesion:
    lesion = next(phantom_lesions(1, workers=1))
    return known(lesion.origin, lesion.hu, lesion.patch_box, lesion.id)


def test_a_phantom_is_made_again_as_the_bank_knows_it(phantom: KnownLesion) -> None:
    found = Shelf().find(phantom)
    rows, columns = phantom.thumbnail.shape
    top, left = (120 - rows) // 2, (120 - columns) // 2
    again = found.hu[found.key, top : top + rows, left : left + columns]
    # The same anatomy under other noise: more slices were scanned.
    assert np.corrcoef(again.ravel(), phantom.thumbnail.ravel())[0, 1] > 0.9
    assert np.add(phantom.box, (left, top, left, top)) == pytest.approx(found.box, abs=1e-3)


def test_a_phantom_of_another_version_is_not_passed_off_as_the_bank_s(phantom: KnownLesion) -> None:
    assert Shelf().find(phantom).note == ""
    brighter = replace(phantom, thumbnail=phantom.thumbnail + np.int16(40))
    assert Shelf().find(brighter).note == NEARLY
    other = replace(phantom, thumbnail=phantom.thumbnail[::-1].copy())
    wider = replace(phantom, thumbnail=np.pad(phantom.thumbnail, 6))
    gone = replace(phantom, origin=Origin("phantom:train/0/99"))
    for strange in (other, wider, gone):
        with pytest.raises(InputError) as refused:
            Shelf().find(strange)
        assert str(refused.value) == OTHER_PHANTOM
    with pytest.raises(InputError, match="not at hand"):
        Shelf().find(replace(phantom, origin=Origin("phantom:nowhere")))


def test_a_lesion_of_deeplesion_is_read_beside_its_table(tmp_path: Path) -> None:
    root = write_deeplesion(tmp_path / "dl", 2, split="train", matrix=128, body_of=BlockBody, workers=1)
    rows = read_dl_info(root / "DL_info.csv")
    row, number = rows[-1], len(rows) - 1
    lesion = replace(made_up(1), id=f"deeplesion:{number}", origin=Origin(f"deeplesion:{row.file_name}"))
    for place in (root, root / "Images_png", root / "Images_png" / row.folder):
        found = Shelf([place]).find(lesion)
        x0, _, x1, _ = row.box
        assert found.box[2] - found.box[0] == pytest.approx((x1 - x0) * row.spacing_mm[0], abs=0.01)
        assert found.hu.shape[1:] == (120, 120) and 0 < found.key < len(found.hu) - 1
    misplaced = replace(lesion, origin=Origin("deeplesion:000099_01_01_001.png"))
    for shelf, wanted in ((Shelf(), lesion), (Shelf([root]), misplaced)):
        with pytest.raises(InputError) as refused:
            shelf.find(wanted)
        assert str(refused.value) == NOT_FOUND
