"""Mined labels into a project and out of it: DeepLesion's layout, a table, the label file for training."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lesionscope.cli import main
from lesionscope.errors import InputError, UsageError
from lesionscope.lesions.deeplesion import TABLE, DeepLesionRow, read_dl_info, write_dl_info, write_slice
from lesionscope.mining.miner import Miner
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.session.commands import AddMined, Decide
from lesionscope.session.exporting import export
from lesionscope.session.images import open_images
from lesionscope.session.importing import LABELS, RELEASED, REPORTS, from_deeplesion, from_table
from lesionscope.session.review import decide, sight
from lesionscope.session.store import Session

GRAPH = load_labels()
SENTENCES = (
    "A subcentimeter nodule in the right lower lobe BOOKMARK.",
    "Possible cyst BOOKMARK in the left kidney, unlike the mass OTHER_BMK in the liver.",
    "Stable BOOKMARK.",
    "Enlarged mediastinal lymph node BOOKMARK.",
)
SPLITS = ("train", "train", "validation", "test")


def row_of(number: int, split: str, step: float = 5.0, noisy: bool = False) -> DeepLesionRow:
    """A lesion 16 by 8 pixels wide whose middle is at pixel (31, 21) counted from 1."""
    return DeepLesionRow(
        patient=number + 1,
        study=1,
        series=2,
        key_slice=20,
        measurement=(23.0, 21.0, 39.0, 21.0, 31.0, 17.0, 31.0, 25.0),
        box=(18.0, 12.0, 44.0, 30.0),
        diameters_px=(16.0, 8.0),
        location=(0.5, 0.5, 0.5),
        coarse_type=-1,
        possibly_noisy=noisy,
        slice_range=(18, 22),
        spacing_mm=(0.5, 0.5, step),
        image_size=(64, 48),
        window_hu=(-175.0, 275.0),
        gender="F",
        age=50,
        split=split,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "dl"
    root.mkdir()
    rows = [row_of(number, split) for number, split in enumerate(SPLITS)]
    write_dl_info(root / TABLE, rows)
    miner, place = Miner(GRAPH), {name: number for number, name in enumerate(GRAPH.core)}
    lists: dict[str, list[object]] = {"term_list": list(GRAPH.core)}
    for theirs, split in RELEASED.items():
        here = [number for number, name in enumerate(SPLITS) if name == split]
        lists[f"{theirs}_lesion_idxs"] = list(here)
        for relation in ("relevant", "uncertain", "irrelevant"):
            lists[f"{theirs}_{relation}_labels"] = [
                [place[name] for name in miner.mine(SENTENCES[n]).by_relation(relation) if name in place]
                for n in here
            ]
    (root / LABELS).write_text(json.dumps(lists))
    (root / REPORTS).write_text(
        "".join(json.dumps({"lesion_idx": n, "text": text}) + "\n" for n, text in enumerate(SENTENCES))
    )
    return root


def images(root: Path, row: DeepLesionRow) -> None:
    """Slices of air that hold their number in HU, with a bright lesion on the key slice."""
    for number in range(row.slice_range[0], row.slice_range[1] + 1):
        hu = np.full((48, 64), -number, dtype=np.int16)
        if number == row.key_slice:
            hu[16:25, 22:39] = 100  # pixels 23…39 by 17…25 counted from 1
        path = row.slice_path(root, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_slice(path, hu)


def test_deeplesion_s_layout_is_read_without_an_image(folder: Path) -> None:
    found = from_deeplesion(folder, GRAPH)
    assert found.left_out == ()
    lesions = found.command.lesions
    # The third sentence says nothing, but it is a sentence.
    assert [(one.row, one.split, one.patient) for one in lesions] == [
        (0, "train", "1"),
        (1, "train", "2"),
        (2, "validation", "3"),
        (3, "test", "4"),
    ]
    first, second = lesions[:2]
    assert first.sentence == SENTENCES[0] and first.sentence_id == "0"
    said = {(first.sentence[one.start : one.end], one.label, one.relation) for one in first.mentions}
    assert ("nodule", "nodule", "relevant") in said and (
        "right lower lobe",
        "right lower lobe",
        "relevant",
    ) in said
    assert {"lung", "chest", "nodule", "right lower lobe"} <= set(first.relevant)
    assert "cyst" in second.uncertain or "kidney cyst" in second.uncertain
    assert any(one.label.endswith("mass") and one.relation == "irrelevant" for one in second.mentions)
    assert not any("mass" in name for name in second.labels)
    assert {one.id for one in found.command.studies} == {one.study for one in lesions}
    assert from_deeplesion(folder, GRAPH) == found, "the same lesions wherever they are read"
    assert len(from_deeplesion(folder, GRAPH, splits=("train",), limit=1).command.lesions) == 1


@pytest.mark.parametrize("step", [5.0, 0.0])
def test_a_lesion_lies_where_its_slices_show_it(folder: Path, step: float) -> None:
    row = row_of(0, "train", step)
    write_dl_info(folder / TABLE, [row, *read_dl_info(folder / TABLE)[1:]])
    images(folder, row)
    command = from_deeplesion(folder, GRAPH).command
    mined = command.lesions[0]
    volume = open_images(command.studies[0], mined)
    assert volume.hu.shape == ((5, 48, 64) if step else (1, 48, 64))
    lesion = mined.lesion
    assert volume.hu_at(lesion.centroid_lps_mm) == 100
    assert lesion.centroid_lps_mm[:2] == (15.0, 10.0)  # pixel (31, 21) from 1, at half a millimetre
    assert lesion.long is not None and lesion.long.length_mm == pytest.approx(8.0)
    assert lesion.short is not None and lesion.short.length_mm == pytest.approx(4.0)
    assert all(volume.hu_at(end) == 100 for end in (lesion.long.start_lps_mm, lesion.long.end_lps_mm))
    x0, y0, z0, x1, y1, z1 = lesion.box_lps_mm
    assert (x0, y0, x1, y1) == (8.5, 5.5, 21.5, 14.5) and z1 - z0 == (step or 1.0)
    x, y, z = lesion.centroid_lps_mm
    if step:  # slices are numbered towards the feet
        assert volume.hu_at((x, y, z - step)) == -21 and volume.hu_at((x, y, z + step)) == -19
    row.slice_path(folder, 21).unlink()
    assert open_images(command.studies[0], mined).hu_at(lesion.centroid_lps_mm) == 100
    row.slice_path(folder, 20).unlink()
    with pytest.raises(InputError, match=r"020\.png"):
        open_images(command.studies[0], mined)


def test_what_does_not_fit_is_left_out_and_named(folder: Path) -> None:
    rows = list(read_dl_info(folder / TABLE))
    rows[0] = dataclasses.replace(rows[0], split="test")
    rows[1] = dataclasses.replace(rows[1], possibly_noisy=True)
    write_dl_info(folder / TABLE, rows)
    found = from_deeplesion(folder, GRAPH)
    assert [one.row for one in found.command.lesions] == [2, 3]
    assert "000001_01_02_020.png is left out" in found.left_out[0] and len(found.left_out) == 1
    write_dl_info(folder / TABLE, rows[:3])
    with pytest.raises(InputError, match="speaks of lesion 3"):
        from_deeplesion(folder, GRAPH)
    (folder / REPORTS).write_text('{"lesion_idx": 0}\n')
    with pytest.raises(InputError, match=r"reports\.jsonl, line 1: .* needs 'text'"):
        from_deeplesion(folder, GRAPH)


TABLE_OF_ONES_OWN = """path;click;long;id;patient;split;labels;uncertain;sentence;sentence_id
a/ct;10,20,30;;one;MRN 17;train;"right lower lobe; nodule";cyst;;r1
a/ct;;0,0,0,6,8,0;two;MRN 17;train;;;A liver mass BOOKMARK.;r2
b.nii;1,2,3;;three;MRN 18;test;nodule;;;
b.nii;1,2,3;;four;;test;nodule;;;
b.nii;1,2,3;;five;MRN 18;testing;nodule;;;
b.nii;1,2,3;;six;MRN 18;test;no such thing;;;
b.nii;1,2;;seven;MRN 18;test;nodule;;;
"""


def test_a_table_of_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    table = tmp_path / "mine.csv"
    table.write_text(TABLE_OF_ONES_OWN)
    found = from_table(table, GRAPH)
    one, two, three = found.command.lesions
    assert set(one.relevant) == GRAPH.expand(["right lower lobe", "nodule"]) and one.uncertain == ("cyst",)
    assert one.lesion.centroid_lps_mm == (10, 20, 30) and one.lesion.box_declared
    assert {"liver", "mass"} <= set(two.relevant) and two.mentions[0].relation == "relevant"
    assert two.lesion.long is not None and two.lesion.long.length_mm == 10 and two.sentence_id == "r2"
    assert one.patient == two.patient != three.patient
    assert one.study == two.study and [study.path for study in found.command.studies] == [
        str(tmp_path / "a" / "ct"),
        str(tmp_path / "b.nii"),
    ]
    assert "MRN" not in repr(found.command), "a key, not the hospital's number"
    why = ("names no patient", "split is 'testing'", "no label named 'no such thing'", "not 3 numbers")
    assert [
        f"line {line}" in text and reason in text
        for line, reason, text in zip((5, 6, 7, 8), why, found.left_out, strict=True)
    ] == [True] * 4
    assert from_table(table, GRAPH) == found
    table.write_text("\n".join(TABLE_OF_ONES_OWN.splitlines()[i] for i in (0, 4)) + "\n")
    with pytest.raises(InputError, match="not one row could be used"):
        from_table(table, GRAPH)
    table.write_text("path,click,colour\n")
    with pytest.raises(InputError, match="column 'colour'"):
        from_table(table, GRAPH)


def test_a_project_goes_out_as_it_came_in_but_for_what_was_decided(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "reviewed.json"
    with Session.open(tmp_path / "p.sqlite") as session:
        state = session.apply(from_deeplesion(folder, GRAPH).command)
        export(state, out, GRAPH)
        before, after = read_label_file(folder / LABELS), read_label_file(out)
        for theirs in RELEASED:
            assert after.splits[theirs].lesions == before.splits[theirs].lesions
            for relation in ("relevant", "uncertain", "irrelevant"):
                lists = zip(
                    getattr(after.splits[theirs], relation),
                    getattr(before.splits[theirs], relation),
                    strict=True,
                )
                assert all(set(one) == set(other) for one, other in lists)
        first = state.mined[from_deeplesion(folder, GRAPH).command.lesions[0].id]
        for label, verdict in (("nodule", "rejected"), ("mass", "added")):
            seen = sight(session.state, first.id, "Ann")
            session.apply(Decide(decide(seen, GRAPH, label, verdict, seconds=1.5)))  # type: ignore[arg-type]
        session.apply(Decide(decide(sight(session.state, first.id, "Ann"), GRAPH, "cyst", "added")))
        written = export(session.undo(), out, GRAPH)
    assert (written.lesions, written.changed) == (4, 1)
    reviewed = read_label_file(out)
    names = {reviewed.terms[term] for term in reviewed.splits["train"].relevant[0]}
    gone = {name for name in first.relevant if "nodule" in GRAPH.expand([name])}
    assert "nodule" in gone and names == (set(first.relevant) - gone | GRAPH.expand(["mass"])) & set(
        GRAPH.core
    )
    assert gone <= {reviewed.terms[term] for term in reviewed.splits["train"].irrelevant[0]}
    content = json.loads(out.read_text())
    assert content["review"] == {
        "readers": ["Ann"],
        "adjudicator": None,
        "decisions": len(gone) + 1,
        "changed_lesions": 1,
    }
    assert content["train_patients"] == ["1", "2"] and content["test_patients"] == ["4"]
    with written.decisions.open(newline="") as stream:
        lines = {line["label"]: line for line in csv.DictReader(stream)}
    assert lines["nodule"] | {"at": ""} == {
        "lesion_idx": "0", "lesion_id": first.id, "patient": "1", "split": "train", "sentence_id": "0",
        "label": "nodule", "mined": "relevant", "exported": "irrelevant", "reader": "Ann",
        "verdict": "rejected", "origin": "mined", "replaces": "", "at": "", "seconds": "1.500", "bulk": "0",
        "seen": "; ".join(first.labels),
    }  # fmt: skip
    assert (lines["mass"]["mined"], lines["mass"]["exported"], lines["mass"]["origin"]) == (
        "",
        "relevant",
        "reader",
    )


def test_no_cell_of_the_decisions_is_a_formula(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    table = tmp_path / "mine.csv"
    table.write_text('path,click,patient,split,labels,sentence_id\nct,"1,2,3",p,train,nodule,=HYPERLINK(1)\n')
    with Session.open(tmp_path / "p.sqlite") as session:
        state = session.apply(from_table(table, GRAPH).command)
        (lesion,) = state.mined
        seen = sight(state, lesion, "=cmd|' /C calc'!A0")
        written = export(
            session.apply(Decide(decide(seen, GRAPH, "nodule", "accepted"))), tmp_path / "o", GRAPH
        )
    with written.decisions.open(newline="") as stream:
        line = next(csv.DictReader(stream))
    assert (line["sentence_id"], line["reader"]) == ("'=HYPERLINK(1)", "'=cmd|' /C calc'!A0")
    assert (line["lesion_idx"], line["bulk"], line["label"]) == ("0", "0", "nodule")


def test_a_second_table_is_numbered_on_and_goes_out_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    table, commands = tmp_path / "mine.csv", []
    for name in ("one", "two"):
        rows = [f"{name}.nii;{n},2,3;{name}-{n};{name}{n};{s};nodule" for n, s in enumerate(SPLITS)]
        table.write_text("\n".join(["path;click;id;patient;split;labels", *rows]) + "\n")
        commands.append(from_table(table, GRAPH).command)
    one, two = commands
    with Session.open(tmp_path / "p.sqlite") as session:
        session.apply(dataclasses.replace(one, lesions=one.lesions[:3]))
        for _ in range(2):  # the second time, nothing of it is news
            state = session.apply(two)
        assert [one.row for one in state.mined.values()] == [0, 1, 2, 3, 4, 5, 6]
        session.apply(Decide(decide(sight(state, two.lesions[3].id, "Ann"), GRAPH, "cyst", "added")))
        session.undo(), session.undo(), session.redo(), session.redo()
        state = session.apply(one)  # the table has grown
    with Session.open(tmp_path / "p.sqlite") as session:
        assert session.state.mined == state.mined
        assert [one.row for one in state.mined.values()] == [0, 1, 2, 3, 4, 5, 6, 10]
        written = export(session.state, tmp_path / "out.json", GRAPH)
    content = json.loads(written.labels.read_text())
    assert content["train_lesion_idxs"] == [0, 1, 3, 4] and content["test_lesion_idxs"] == [6, 10]
    patients = {lesion.id: lesion.patient for lesion in (*one.lesions, *two.lesions)}
    assert content["test_patients"] == [patients[two.lesions[3].id], patients[one.lesions[3].id]]
    with written.decisions.open(newline="") as stream:
        assert {(line["lesion_idx"], line["lesion_id"]) for line in csv.DictReader(stream)} == {
            ("6", two.lesions[3].id)
        }


def test_lesions_whose_rows_could_be_mistaken_are_not_taken_in(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    table = tmp_path / "mine.csv"
    table.write_text(TABLE_OF_ONES_OWN)
    made, own = from_deeplesion(folder, GRAPH).command, from_table(table, GRAPH).command
    other = dataclasses.replace(
        made.lesions[1], lesion=dataclasses.replace(made.lesions[1].lesion, id="another"), row=0
    )
    with Session.open(tmp_path / "p.sqlite") as session:
        with pytest.raises(InputError, match="nothing to export"):
            export(session.state, tmp_path / "none.json", GRAPH)
        state = session.apply(made)
        for more, why in ((AddMined((), (other,)), "another lesion of row 0"), (own, "of their own")):
            with pytest.raises(UsageError, match=why):
                session.apply(more)
        assert session.state is state
        twice = dataclasses.replace(state, mined={**state.mined, other.id: other})  # as one made earlier
        with pytest.raises(InputError, match="two lesions of row 0"):
            export(twice, tmp_path / "two.json", GRAPH)
        assert not (tmp_path / "two.json").exists()
        assert export(state, tmp_path / "out.json", GRAPH).lesions == len(made.lesions)
    with Session.open(tmp_path / "q.sqlite") as session:
        session.apply(own)
        with pytest.raises(UsageError, match="of their own"):
            session.apply(made)


def test_an_export_never_takes_the_place_of_a_project(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, beside = tmp_path / "p.lsc", tmp_path / "q.decisions.csv"
    for path in (project, beside):
        assert main(["review", "import", str(path), "--from", str(folder)]) == 0
    before = project.read_bytes(), beside.read_bytes()
    monkeypatch.chdir(tmp_path)
    for out in ("p.lsc", "q.json", "q.decisions.csv"):
        assert main(["review", "export", str(project), "--out", out]) == 2
        assert "is a project" in capsys.readouterr().err
    for out in (".", str(folder)):
        assert main(["review", "export", str(project), "--out", out]) == 2
        assert "is a folder" in capsys.readouterr().err
    assert (project.read_bytes(), beside.read_bytes()) == before
    for _ in range(2):  # an export before is written over
        assert main(["review", "export", str(project), "--out", "out.json"]) == 0


def test_the_command_from_import_to_kappa(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, out = tmp_path / "p.sqlite", tmp_path / "out.json"
    assert main(["review", "export", str(project), "--out", str(out)]) == 3
    assert "There is no project" in capsys.readouterr().err
    for strange in (tmp_path / ("n" * 300), folder):
        for command in (["export", str(strange), "--out", str(out)], ["kappa", str(strange)]):
            assert main(["review", *command]) == 3
        assert main(["review", "import", str(strange), "--from", str(folder)]) == 3
    capsys.readouterr()
    assert main(["review", "import", str(project), "--from", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("4 lesions imported, 4 in")
    assert main(["review", "import", str(project), "--from", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("0 lesions imported, 4 in")
    assert main(["review", "import", str(project)]) == 2
    assert main(["review", "kappa", str(project)]) == 2
    assert "nobody decided here" in capsys.readouterr().err
    lesion = from_deeplesion(folder, GRAPH).command.lesions[0]
    with Session.open(project) as session:
        for reader in ("Ann", "Bob"):
            for label in lesion.labels:
                verdict = "rejected" if (reader, label) == ("Bob", "subcentimeter") else "accepted"
                seen = sight(session.state, lesion.id, reader)
                session.apply(Decide(decide(seen, GRAPH, label, verdict)))  # type: ignore[arg-type]
    assert main(["review", "kappa", str(project)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["readers"] == ["Ann", "Bob"] and said["lesions"] == 1
    assert said["to_adjudicate"] == [
        {"lesion_id": lesion.id, "row": 0, "label": "subcentimeter", "ratings": {"Ann": "yes", "Bob": "no"}}
    ]
    assert {one["label"]: one["kappa"] for one in said["labels"]}["subcentimeter"] == 0.0
    assert main(["review", "kappa", str(project), "--readers", "Ann,Cy"]) == 3
    assert main(["review", "export", str(project), "--out", str(out)]) == 0
    labels = read_label_file(out)
    assert [labels.terms[n] for n in labels.splits["train"].uncertain[0]] == ["subcentimeter"]
