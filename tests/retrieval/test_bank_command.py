"""``lesionscope bank``: built from every source, asked, shown; stopped and gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lesionscope.cli import main
from lesionscope.commands.bank_sources import LABEL_FILE, deeplesion_lesions, listed_lesions
from lesionscope.ct.patches import preprocess
from lesionscope.ct.scan import open_ct
from lesionscope.ct.volume import CTVolume
from lesionscope.errors import Cancelled, InputError
from lesionscope.inference.bank_filling import BATCH, fill, open_to_fill
from lesionscope.lesions.deeplesion import TABLE, read_dl_info, write_dl_info
from lesionscope.models.label_package import LabelPackage
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.cohort import cohort
from lesionscope.phantom.clinic.deeplesion import write_deeplesion
from lesionscope.progress import CancelToken, silent
from lesionscope.retrieval.bank import Bank
from lesionscope.retrieval.known import Origin, UnreadLesion

HERE = "-20,10,15"


def unread(count: int) -> list[UnreadLesion]:
    rng = np.random.default_rng(1)
    box = np.array([50, 52, 70, 66], dtype=np.float32)
    return [
        UnreadLesion(
            id=f"u{number}",
            hu=rng.normal(0, 200, (3, 120, 120)).astype(np.int16),
            patch_box=box,
            labels=("lung",),
            sentence="",
            patient_key=f"p{number}",
            study_key="s",
            origin=Origin(f"u{number}"),
        )
        for number in range(count)
    ]


def test_filling_reads_each_lesion_as_the_network_does_alone(tmp_path: Path, package: LabelPackage) -> None:
    import onnxruntime

    lesions = unread(BATCH + 3)
    with open_to_fill(tmp_path / "bank", package) as bank:
        assert fill(bank, package, iter(lesions), device="cpu", threads=1) == BATCH + 3
        session = onnxruntime.InferenceSession(str(package.onnx_path))
        for number in (0, BATCH, BATCH + 2):
            one = lesions[number]
            inputs = {"patch": preprocess(one.hu)[np.newaxis], "box": one.patch_box[np.newaxis]}
            (expected,) = session.run(["embedding"], inputs)
            assert np.allclose(bank.lesion(one.id).embedding, expected[0], atol=1e-5)


def test_a_stopped_filling_goes_on(tmp_path: Path, package: LabelPackage) -> None:
    lesions, token, told = unread(2 * BATCH + 5), CancelToken(), []

    def stop_at_once(done: int, total: int, label: str) -> None:
        told.append(done)
        token.cancel()

    with open_to_fill(tmp_path / "bank", package) as bank, pytest.raises(Cancelled):
        fill(bank, package, iter(lesions), device="cpu", threads=1, cancel=token, progress=stop_at_once)
    assert told == [BATCH]
    with open_to_fill(tmp_path / "bank", package) as bank:
        assert len(bank) == BATCH
        assert fill(bank, package, iter(lesions), device="cpu", threads=1) == BATCH + 5
        assert bank.ids() == {lesion.id for lesion in lesions}
        assert fill(bank, package, iter(lesions), device="cpu", threads=1) == 0


def test_what_a_bank_knows_otherwise_is_said_and_counted(tmp_path: Path, package: LabelPackage) -> None:
    first = unread(6)
    first[4] = replace(first[4], origin=Origin("u4", "1.2.3", (1.0, 2.0, 3.0)))
    again = [
        first[0],
        replace(first[1], labels=("liver",)),
        replace(first[2], sentence="A nodule."),
        replace(first[3], origin=Origin("u3", "1.2.3")),
        replace(first[4], origin=Origin("u4", "1.2.3", (1.0, 2.1, 3.0))),
        replace(first[5], id="new", origin=Origin("new")),
        replace(first[5], id="new", origin=Origin("new"), labels=("liver",)),
    ]
    said: list[str] = []
    with open_to_fill(tmp_path / "bank", package) as bank:
        assert fill(bank, package, iter(first), device="cpu", threads=1, say=said.append) == 6
        assert said == []
        assert fill(bank, package, iter(again), device="cpu", threads=1, say=said.append) == 1
        assert bank.lesion("u1").labels == ("lung",)
    told = [
        ("u1", "other labels"),
        ("u2", "another sentence"),
        ("u3", "another scan"),
        ("new", "other labels"),
    ]
    assert len(said) == 5 and said[4].startswith("4 in all")
    assert all(
        f"'{name}' is left out" in one and what in one for one, (name, what) in zip(said, told, strict=False)
    )


def test_a_folder_of_something_else_is_not_filled(tmp_path: Path, package: LabelPackage) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="not an empty folder"):
        open_to_fill(tmp_path, package)


def test_phantoms_are_built_asked_and_shown(
    tmp_path: Path, data: Path, package: LabelPackage, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(
        "lesionscope.phantom.clinic.known.cohort",
        lambda split, count, **more: cohort(split, count, **{**more, "body_of": BlockBody, "workers": 1}),
    )
    bank = data / "banks" / "mine"
    build = ["bank", "build", "--package", str(package.folder), "--out", str(bank)]
    build += ["--cache", str(tmp_path / "cache")]
    assert main([*build, "--from", "phantom:6"]) == 0
    assert "6 lesions added, 6 in" in capsys.readouterr().out
    assert main([*build, "--from", "phantom:9"]) == 0
    assert "3 lesions added, 9 in" in capsys.readouterr().out

    assert main(["bank", "show", "mine"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["lesions"], shown["package"]["sha256"]) == (9, package.embedding_sha256)

    made = cohort("train", 9, body_of=BlockBody, workers=1)
    with Bank.open(bank, package.embedding_sha256) as opened:
        for number, row in enumerate(made.rows):
            lesion = opened.lesion(f"phantom:train/{row['patient']}/{row['lesion']}")
            names = {name for name, true in zip(load_labels().core, made.labels[number], strict=True) if true}
            assert (set(lesion.labels), lesion.sentence) == (names, row["sentence"])
            assert str(row["patient"]) not in (lesion.patient_key, lesion.study_key)
    assert shown["patients"] == len({row["patient"] for row in made.rows})


def scan(folder: Path) -> Path:
    """Write a small CT as NIfTI."""
    import SimpleITK

    hu = np.random.default_rng(4).normal(30, 20, (20, 80, 90)).astype(np.int16)
    hu[:, :8], hu[:, :, :8] = -1000, -1000
    image = SimpleITK.GetImageFromArray(hu)
    image.SetSpacing((1.0, 1.0, 2.0))
    image.SetOrigin((-60.0, -30.0, -5.0))
    path = folder / "DOE^JOHN.nii.gz"
    SimpleITK.WriteImage(image, str(path))
    return path


def test_a_table_of_cases_is_built_and_asked(
    tmp_path: Path, data: Path, package: LabelPackage, capsys
) -> None:
    path = scan(tmp_path)
    rows = [
        f'{path.name},"{HERE}",one,right lung,A nodule.',
        f'{path.name},"0,0,900",two,liver,',
        f'{path.name},"-10,15,15",three,lnug,',
        'none.nii.gz,"0,0,0",four,liver,',
        f'{path.name},"-5,20,20",five,liver; cyst,A cyst.',
    ]
    table = tmp_path / "cases.csv"
    table.write_text("path,click,id,labels,sentence\n" + "\n".join(rows) + "\n", encoding="utf-8")
    bank = tmp_path / "bank"
    build = ["bank", "build", "--package", str(package.folder), "--out", str(bank), "--list", str(table)]
    assert main(build) == 0
    said = capsys.readouterr()
    assert "2 lesions added" in said.out
    for line, why in ((3, "outside"), (4, "no label named 'lnug'"), (5, "none.nii.gz")):
        assert any(f"line {line}, is left out" in one and why in one for one in said.err.splitlines()), why
    assert said.out.endswith(f", of {package.name} {package.card.version}\n")
    for file in bank.iterdir():
        assert b"DOE" not in file.read_bytes(), file

    query = ["bank", "query", str(bank), str(path), "--package", str(package.folder), f"--click={HERE}"]
    assert main([*query, "--include-same-patient"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in answer["neighbours"]] == ["one", "five"]
    assert answer["neighbours"][0]["distance"] == pytest.approx(0, abs=1e-3)
    assert answer["neighbours"][0]["labels"] == sorted({"right lung", "lung", "chest"})
    assert answer["neighbours"][0]["origin"]["centroid_lps_mm"] == [-20, 10, 15]
    assert main(query) == 0
    assert json.loads(capsys.readouterr().out)["neighbours"] == []
    assert main([*query, "--include-same-patient", "--label", "abdomen", "--k", "1"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)["neighbours"]] == ["five"]
    assert main([*query, "--label", "lnug"]) == 2
    assert main([*query, "--k", "0"]) == 2


def test_tables_without_ids_are_all_taken_for_the_configured_model(
    tmp_path: Path, data: Path, package: LabelPackage, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("LESIONSCOPE_LABEL_MODEL", str(package.folder))
    path = scan(tmp_path)
    bank = tmp_path / "bank"
    tables = {
        "one.csv": [("-20,10,15", "lung nodule"), ("-10,15,15", "liver mass")],
        "two.csv": [("-5,20,20", "cyst"), ("0,10,15", "kidney cyst"), ("-20,10,15", "lung nodule")],
        "corrected.csv": [("-20,10,15", "lung mass")],
    }
    counts: list[int] = []
    said: list[str] = []
    scans: list[Path] = []

    def open_and_count(path: Path, series: str | None) -> CTVolume:
        scans.append(path)
        return open_ct(path, series)

    monkeypatch.setattr("lesionscope.commands.bank_sources.open_ct", open_and_count)
    for name, rows in [*tables.items(), ("one.csv", tables["one.csv"])]:
        table = tmp_path / name
        table.write_text("".join(["path,click,labels\n", *(f'{path.name},"{a}",{b}\n' for a, b in rows)]))
        assert main(["bank", "build", "--out", str(bank), "--list", str(table)]) == 0
        found = capsys.readouterr()
        counts.append(int(found.out.split()[0]))
        said.append(found.err)
    assert counts == [2, 2, 0, 0]
    assert ["other labels" in one for one in said] == [False, False, True, False]
    assert scans == 3 * [path], "what was given already is not read again"
    with Bank.open(bank, package.embedding_sha256) as opened:
        assert len(opened) == 4
    assert main(["bank", "query", str(bank), str(path), f"--click={HERE}", "--include-same-patient"]) == 0
    assert len(json.loads(capsys.readouterr().out)["neighbours"]) == 4


def test_what_a_label_file_has_too_much_is_said(tmp_path: Path, data: Path) -> None:
    root = write_deeplesion(tmp_path / "DL", 2, split="train", matrix=128, body_of=BlockBody, workers=1)
    rows = list(read_dl_info(root / TABLE))
    write_dl_info(root / TABLE, [replace(rows[0], possibly_noisy=True), *rows[1:]])
    released = json.loads((root / LABEL_FILE).read_text(encoding="utf-8"))
    strange = len(released["term_list"])
    released["term_list"].append("lnug")
    released["train_lesion_idxs"] += [len(rows), len(rows) + 9]
    for kind in ("relevant", "uncertain", "irrelevant"):
        if (name := f"train_{kind}_labels") in released:
            released[name] += [[], []]
    released["train_relevant_labels"][1] += [strange, strange]
    (root / LABEL_FILE).write_text(json.dumps(released), encoding="utf-8")
    said: list[str] = []
    give = deeplesion_lesions(root, "train", said.append, silent)
    assert [text.partition(" left out: ")[0] for text in said] == [
        "2 lesions are", "1 lesions are", "The label 'lnug' of 1 lesions is"
    ]  # fmt: skip
    assert "possibly noisy" in said[1] and f"has {len(rows)} rows" in said[0]
    assert [lesion.id for lesion in give(())] == [f"deeplesion:{number}" for number in range(1, len(rows))]


def test_each_row_is_told_even_where_it_is_known(tmp_path: Path, data: Path) -> None:
    table, told = tmp_path / "cases.csv", []
    table.write_text('path,click\nnone,"0,0,0"\nnone,"0,0,1"\n', encoding="utf-8")

    class Everything:
        def __contains__(self, given: object) -> bool:
            return True

    def progress(done: int, total: int, label: str) -> None:
        told.append((done, total))

    assert list(listed_lesions(table, pytest.fail, progress)(Everything())) == []
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_deeplesions_layout_is_built(
    tmp_path: Path, data: Path, package: LabelPackage, monkeypatch, capsys
) -> None:
    root = write_deeplesion(tmp_path / "DL", 2, split="train", matrix=128, body_of=BlockBody, workers=1)
    bank = tmp_path / "bank"
    build = ["bank", "build", "--package", str(package.folder), "--out", str(bank), "--from", str(root)]
    assert main(build) == 0
    assert f"{bank.name}, of {package.name}" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr("lesionscope.commands.bank_sources.cut_patch", None)
        assert main(build) == 0
    assert capsys.readouterr().out.startswith("0 lesions added, ")
    reports = [json.loads(line) for line in (root / "reports.jsonl").read_text().splitlines()]
    with Bank.open(bank, package.embedding_sha256) as opened:
        assert len(opened) == len(reports)
        assert opened.patients() == 2
        for report in reports:
            assert opened.lesion(f"deeplesion:{report['lesion_idx']}").sentence == report["text"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ([], 2, "Give --from phantom:N or --from DIR, or --list FILE"),
        (["--from", "phantom:0"], 3, "is no folder"),
        (["--from", "nowhere"], 3, "is no folder"),
    ],
)
def test_sources_that_are_none_are_refused(
    tmp_path: Path, data: Path, package: LabelPackage, capsys, arguments, status, sentence
) -> None:
    build = ["bank", "build", "--package", str(package.folder), "--out", str(tmp_path / "bank")]
    assert main([*build, *arguments]) == status
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()
