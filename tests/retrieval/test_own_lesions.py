"""A patient's own known lesions are no answer to their lesions, wherever the bank got them from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.deeplesion.harvest.harvest import harvest

from lesionscope.cli import main
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume, Patient, Source
from lesionscope.errors import InputError
from lesionscope.inference.label_reader import own_keys
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, read_dl_info
from lesionscope.lesions.lesion import Diameter
from lesionscope.lesions.marking import lesion_from_diameters
from lesionscope.models.label_package import LabelPackage
from lesionscope.phantom.dicom_series import write_series
from lesionscope.report import sr_form
from lesionscope.report.document import lesion_report
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.dataset_keys import NUMBERS, read_dataset_keys
from lesionscope.retrieval.registry import BUNDLED
from lesionscope.retrieval.schema import BankPackage
from lesionscope.retrieval.surroundings import Shelf

LONG, SHORT = ((5.0, 5.0, 60.0), (25.0, 5.0, 60.0)), ((15.0, 0.0, 60.0), (15.0, 10.0, 60.0))


def archive(folder: Path, who: str, seed: int, shift: float = 0.0) -> Path:
    """Write a scan and a report on a lesion of it, and return the scan's folder."""
    geometry = Geometry((60, 70, 12), (0.8, 0.7, 2.5), (-20.0, -25.0, 40.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    hu = np.random.default_rng(seed).integers(-100, 100, (12, 70, 60)).astype(np.int16)
    volume = CTVolume(hu, geometry, Source(f"{folder.name}/{who}", patient=Patient(sex="F")))
    write_series(volume, folder / "scan", patient_name=who, patient_id=f"ID {who}")
    volume = open_ct(folder / "scan")
    lines = [Diameter(*((x - shift, y, z) for x, y, z in line)) for line in (LONG, SHORT)]
    lesion = lesion_from_diameters(*lines, geometry=geometry)
    content = lesion_report([(lesion, None)], geometry=geometry, source=volume.source)
    sr_form.write(content, [lesion], volume, folder / "report.dcm")
    return folder / "scan"


def harvested(folder: Path, into: Path) -> list[DeepLesionRow]:
    """Harvest an archive, with a sentence for each lesion."""
    harvest(folder, into)
    rows = read_dl_info(into / TABLE)
    sentences = [
        {"lesion_idx": number, "text": "A BOOKMARK nodule in the lung.", "split": row.split}
        for number, row in enumerate(rows)
    ]
    reports = into / "reports.jsonl"
    reports.write_text("".join(json.dumps(one) + "\n" for one in sentences), encoding="utf-8")
    out = into / "text_mined_labels_171_and_split.json"
    assert main(["mine", str(reports), "--format", "lesanet", "--out", str(out)]) == 0
    return list(rows)


def neighbours(bank: Path, scan: Path, package: LabelPackage, capsys: pytest.CaptureFixture[str], *more: str):
    line = ",".join(str(number) for end in LONG for number in end)
    capsys.readouterr()
    asked = ["bank", "query", str(bank), str(scan), f"--long={line}", "--package", str(package.folder)]
    assert main([*asked, *more]) == 0
    return [one["id"] for one in json.loads(capsys.readouterr().out)["neighbours"]]


def test_harvests_know_their_patients_and_share_a_bank(
    tmp_path: Path, data: Path, package: LabelPackage, capsys
) -> None:
    jane, john = (archive(tmp_path / who, who, seed) for seed, who in enumerate(("jane", "john")))
    bank, known = tmp_path / "bank", {}
    for scan in (jane, john):
        root = tmp_path / "harvests" / scan.parent.name
        (row,) = harvested(scan.parent, root)
        build = ["bank", "build", "--package", str(package.folder), "--out", str(bank), "--from", str(root)]
        assert main([*build, "--split", row.split]) == 0
        known[scan] = read_dataset_keys(root).lesion(row, 0)
    for scan, other in ((jane, john), (john, jane)):
        assert neighbours(bank, scan, package, capsys) == [known[other]]
        assert set(neighbours(bank, scan, package, capsys, "--include-same-patient")) == set(known.values())
    with Bank.open(bank, None) as opened:
        for scan, root in ((jane, tmp_path / "harvests/jane"), (john, tmp_path / "harvests/john")):
            lesion = opened.lesion(known[scan])
            roots = [tmp_path / "harvests/jane", tmp_path / "harvests/john"]
            alone, among = Shelf([root]).find(lesion), Shelf(roots).find(lesion)
            assert np.array_equal(alone.hu, among.hu), "two harvests call their first slice the same"


def test_a_harvested_lesion_keeps_its_id_while_the_harvest_grows(tmp_path: Path, data: Path) -> None:
    archive(tmp_path / "a" / "1", "jane", 1)
    (row,) = harvested(tmp_path / "a", tmp_path / "h")
    before = read_dataset_keys(tmp_path / "h").lesion(row, 0)
    archive(tmp_path / "a" / "2", "jane", 1, shift=15)
    archive(tmp_path / "a" / "3", "john", 2)
    rows = harvested(tmp_path / "a", tmp_path / "h")
    keys = read_dataset_keys(tmp_path / "h")
    names = [keys.lesion(one, number) for number, one in enumerate(rows)]
    assert len(set(names)) == len(names) == 3 and before in names


@pytest.mark.parametrize("content", ["", "[]", '{"numbers": {"a/b": 1}}', '{"numbers": {"a": "one"}}'])
def test_damaged_keys_of_a_harvest_are_never_made_up(tmp_path: Path, content: str) -> None:
    path = tmp_path / NUMBERS
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="is damaged"):
        read_dataset_keys(tmp_path)


def test_a_patient_that_the_harvest_does_not_know_is_left_out(
    tmp_path: Path, data: Path, package: LabelPackage, capsys
) -> None:
    archive(tmp_path / "a", "jane", 1)
    root = tmp_path / "h"
    (row,) = harvested(tmp_path / "a", root)
    held = json.loads((root / NUMBERS).read_text(encoding="utf-8"))
    held["numbers"] = {name: number for name, number in held["numbers"].items() if name.count("/") < 2}
    (root / NUMBERS).write_text(json.dumps(held), encoding="utf-8")
    build = ["bank", "build", "--package", str(package.folder), "--out", str(tmp_path / "bank")]
    assert main([*build, "--from", str(root), "--split", row.split]) == 3
    assert "doesn't know patient 1's scan" in capsys.readouterr().err


def test_a_phantoms_own_lesions_are_known_in_every_bank(tmp_path: Path, data: Path) -> None:
    asked = ["phantom", "patient", "--seed", "7", "--matrix", "32", "--step", "40", "--workers", "1"]
    assert main([*asked, "--out", str(tmp_path / "p7")]) == 0
    source = open_ct(tmp_path / "p7" / "dicom").source
    with Bank.open(BUNDLED / "lesanet-demo", None) as bank:
        own = [bank.lesion(name) for name in bank.ids() if name.startswith("phantom:train/7/")]
        assert {lesion.patient_key for lesion in own} == set(own_keys(bank, source))
        embedding = own[0].embedding
        assert own[0].id not in {
            one.id for one in bank.query(embedding, 20, exclude_patient=own_keys(bank, source))
        }
        assert not data.exists(), "a bank of phantoms needs no site's secret"
    package = BankPackage("tiny", "1", "ab" * 32)
    with Bank.create(tmp_path / "mine", package, len(embedding)) as mine:
        mine.append(own)
        assert mine.query(embedding, 5, exclude_patient=own_keys(mine, source)) == ()
