"""Banks of one package are asked together; those that can't be are said, and empty ones are none."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_lesions import DIMENSION, PACKAGE, made_up

from lesionscope.config import Config
from lesionscope.ct.geometry import Geometry
from lesionscope.ct.volume import CTVolume, Source
from lesionscope.errors import InputError
from lesionscope.inference.bank_filling import filled
from lesionscope.inference.label_reader import LabelReader, open_label_reader
from lesionscope.inference.reading import LabelAnswer, Reading
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.models.label_package import LabelPackage
from lesionscope.retrieval.bank import EMBEDDINGS, Bank
from lesionscope.retrieval.known import KnownLesion
from lesionscope.retrieval.registry import banks_for
from lesionscope.retrieval.schema import BankPackage


def bank_of(folder: Path, *known: KnownLesion) -> Path:
    with Bank.create(folder, PACKAGE, DIMENSION) as bank:
        bank.append(known)
    return folder


def test_all_banks_of_a_package_answer_as_one(tmp_path: Path) -> None:
    known = [made_up(number) for number in range(8)]
    twin = replace(made_up(9), id=known[0].id)
    bank_of(tmp_path / "2023", *known[:4])
    bank_of(tmp_path / "2024", twin, *known[4:])
    found = banks_for(PACKAGE.sha256, [tmp_path])
    assert found.banks is not None and found.problems == ()
    both, asked = found.banks, made_up(20).embedding
    direction = asked / np.linalg.norm(asked)
    apart = {
        f"{name}/{one.id}": float(np.linalg.norm(one.embedding / np.linalg.norm(one.embedding) - direction))
        for name, lesions in (("2023", known[:4]), ("2024", (twin, *known[4:])))
        for one in lesions
    }
    answer = both.query(asked, 5)
    assert [one.id for one in answer] == sorted(apart, key=lambda name: apart[name])[:5]
    for one in both.query(asked, 20):
        assert one.distance == pytest.approx(apart[one.id], abs=1e-5)
        assert both.lesion(one.id).sentence == one.sentence
    assert both.lesion("2023/lesion-0").sentence != both.lesion("2024/lesion-0").sentence
    assert both.query(asked, 20, exclude_patient="p") == ()
    assert both.lesion("lesion-3").sentence == known[3].sentence
    for name, why in {"lesion-0": "More than one", "lesion-9": "No", "2023/lesion-7": "2023"}.items():
        with pytest.raises(InputError, match=why):
            both.lesion(name)
    both.close()


def test_a_bank_alone_keeps_its_ids(tmp_path: Path) -> None:
    bank_of(tmp_path / "ward", made_up(1), made_up(2))
    banks = banks_for(PACKAGE.sha256, [tmp_path]).banks
    assert banks is not None
    assert {one.id for one in banks.query(made_up(3).embedding, 5)} == {"lesion-1", "lesion-2"}
    assert banks.lesion("lesion-1").id == "lesion-1"
    banks.close()


def test_empty_banks_and_those_of_others_shadow_nothing(tmp_path: Path) -> None:
    own, bundled = tmp_path / "own", tmp_path / "bundled"
    bank_of(own / "empty")
    Bank.create(own / "other", BankPackage("other", "1", "cd" * 32), DIMENSION).close()
    bank_of(bundled / "demo", made_up(1))
    found = banks_for(PACKAGE.sha256, [own, bundled])
    assert found.banks is not None and found.banks.names == ("demo",) and found.problems == ()
    found.banks.close()


def test_what_is_known_changes_the_digest(tmp_path: Path) -> None:
    digests = []
    for number in range(1, 3):
        shutil.rmtree(tmp_path / "ward", ignore_errors=True)
        bank_of(tmp_path / "ward", replace(made_up(1), sentence=f"Sentence {number}."))
        for _ in range(2):
            banks = banks_for(PACKAGE.sha256, [tmp_path]).banks
            assert banks is not None
            digests.append(banks.digest())
            banks.close()
    assert digests[0] == digests[1] != digests[2] == digests[3]


def read(reader: LabelReader) -> Reading:
    hu = np.random.default_rng(1).normal(40, 20, (20, 80, 90)).astype(np.int16)
    volume = CTVolume(hu, Geometry((90, 80, 20), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0)), Source("1.2.3"))
    try:
        return reader.read(volume, lesion_from_click((45.0, 40.0, 20.0)), override_scope=True)
    finally:
        reader.close()


def test_a_reading_names_the_banks_and_says_which_could_not_be_asked(
    data: Path, package: LabelPackage
) -> None:
    owner = BankPackage("tiny", "1", package.embedding_sha256)
    for name in ("ward", "2024"):
        with Bank.create(data / "banks" / name, owner, 32) as bank:
            bank.append([replace(made_up(1), embedding=np.ones(32, np.float32))])
    settings = Config(device="cpu", threads=1, label_model=str(package.folder))
    reader = open_label_reader(settings)
    assert reader is not None
    reading = read(reader)
    assert isinstance(reading.labels, LabelAnswer)
    assert reading.banks == ("2024", "ward") and len(reading.neighbours or ()) == 2
    assert not any("bank" in note for note in reading.provenance.notes)

    os.truncate(data / "banks" / "ward" / EMBEDDINGS, 100)
    reader = open_label_reader(settings)
    assert reader is not None
    reading = read(reader)
    assert reading.banks == ("2024",)
    (note,) = (note for note in reading.provenance.notes if "bank" in note)
    assert "'ward' can't be opened" in note and str(data) not in note


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty folder"])
def test_of_a_new_bank_that_stays_empty_nothing_is_left(
    tmp_path: Path, package: LabelPackage, there: bool
) -> None:
    folder = tmp_path / "bank"
    if there:
        folder.mkdir()
    with pytest.raises(KeyboardInterrupt), filled(folder, package):
        raise KeyboardInterrupt
    assert folder.is_dir() == there and not list(tmp_path.glob("bank/*"))
    with filled(folder, package) as bank:
        bank.append([replace(made_up(1), embedding=np.ones(32, np.float32))])
    with filled(folder, package) as bank:
        assert len(bank) == 1
    assert folder.is_dir()
