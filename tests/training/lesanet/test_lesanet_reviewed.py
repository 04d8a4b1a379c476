"""Training on labels that readers corrected: which are learnt, which are refused, and what comes of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training import recipes
from lesionscope.training.deeplesion.table import Table, read_table
from lesionscope.training.lesanet import deeplesion
from lesionscope.training.lesanet.dataset import load_split
from lesionscope.training.lesanet.labels import reviewed
from lesionscope.training.lesanet.onnx_answers import OnnxAnswers
from lesionscope.training.lesanet.recipe import Data

from lesionscope import training
from lesionscope.errors import InputError, UsageError
from lesionscope.lesions.deeplesion import TABLE
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import read_label_file
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.deeplesion import MINED, TRUE_LABELS, write_deeplesion
from lesionscope.session.commands import Decide
from lesionscope.session.exporting import export
from lesionscope.session.importing import from_deeplesion
from lesionscope.session.review import decide, sight
from lesionscope.session.store import Session

GRAPH = load_labels()
CORE = set(GRAPH.core)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clinic") / "dl"
    return write_deeplesion(out, 8, matrix=64, around_mm=1.0, body_of=BlockBody, workers=1)


def corrected(folder: Path, out: Path, corrections: dict[int, dict[str, str]]) -> Path:
    """Review a folder's labels: row → label → verdict; return the exported file."""
    with Session.open(out / "project.sqlite") as session:
        session.apply(from_deeplesion(folder, GRAPH).command)
        for lesion in session.state.mined.values():
            for label, verdict in corrections.get(lesion.row, {}).items():
                seen = sight(session.state, lesion.id, "Ann")
                session.apply(Decide(decide(seen, GRAPH, label, verdict)))  # type: ignore[arg-type]
        return export(session.state, out / "reviewed.json", GRAPH).labels


def test_corrections_are_learnt_and_the_rest_stays_as_mined(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        deeplesion,
        "_patches",
        lambda root, rows, *_: (np.zeros((len(rows), 3, 1, 1), np.int16), np.zeros((len(rows), 4)), {}),
    )
    mined = Data(source="deeplesion", folder=str(folder), labels=str(folder / MINED), workers=1)
    before = {split: load_split(mined, GRAPH, split).said for split in ("train", "validation", "test")}
    numbers = read_label_file(folder / MINED).splits
    row, test_row = numbers["train"].lesions[0], numbers["test"].lesions[0]
    wrong = sorted(before["train"][0].relevant)[0]
    out = corrected(
        folder, tmp_path, {row: {wrong: "rejected", "necrosis": "added"}, test_row: {"necrosis": "added"}}
    )
    data = Data(**{**vars(mined), "reviewed": str(out)})
    after = {split: load_split(data, GRAPH, split).said for split in before}
    assert "necrosis" in after["train"][0].relevant and wrong not in GRAPH.expand(after["train"][0].relevant)
    assert after["train"][1:] == before["train"][1:] and after["validation"] == before["validation"]
    assert after["test"] == before["test"], "what is scored is not corrected by this setting"


def test_a_file_that_would_teach_test_patients_is_refused(folder: Path, tmp_path: Path) -> None:
    table = read_table(folder / TABLE)
    out = corrected(folder, tmp_path, {})
    assert reviewed(out, table, "train", GRAPH)
    content = json.loads(out.read_text())
    moved = content["test_lesion_idxs"][0]
    for key in ("lesion_idxs", "relevant_labels", "uncertain_labels", "irrelevant_labels"):
        content[f"train_{key}"].append(content[f"test_{key}"].pop(0))
    out.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=f"lesion {moved} to train, but its patient is one of the test patients"
    ):
        reviewed(out, table, "train", GRAPH)
    with pytest.raises(InputError, match="but the table has"):
        reviewed(out, Table({0: table.rows[0]}, ()), "train", GRAPH)
    content["term_list"][0] = "no such label"
    out.write_text(json.dumps(content))
    with pytest.raises(InputError, match="not in the ontology: no such label"):
        reviewed(out, table, "train", GRAPH)


def test_the_setting_says_what_it_needs() -> None:
    given = ["data.source=deeplesion", "data.folder=x", "data.labels=y", "data.reviewed=z"]
    recipe = recipes.load("lesanet-no-expansion", ["labels=reviewed", *given])
    assert (recipe.labels.source, recipe.labels.expansion, recipe.data.reviewed) == ("reviewed", False, "z")
    assert recipe.fixing() == recipes.load("lesanet-no-expansion", given[:3]).fixing()
    for settings, sentence in (
        (["labels=reviewed"], "set data.source=deeplesion"),
        (["labels=reviewed", *given[:3]], "data.reviewed to the file"),
        (given, "learns the mined ones"),
    ):
        with pytest.raises(InputError, match=sentence):
            recipes.load("lesanet-demo", settings)
    with pytest.raises(UsageError, match="mined or reviewed"):
        recipes.load("lesanet-demo", ["labels=corrected"])


@pytest.mark.slow
def test_correcting_5_percent_of_the_labels_moves_the_retrained_model_towards_the_truth(
    tmp_path: Path,
) -> None:
    """A reader mends the miner's errors in the commonest labels; the truth of test patients decides."""
    folder = write_deeplesion(tmp_path / "dl", 60, matrix=64, around_mm=5.0, body_of=BlockBody, workers=2)
    released = read_label_file(folder / TRUE_LABELS)
    true = {
        number: GRAPH.expand(released.terms[term] for term in names) & CORE
        for split in released.splits.values()
        for number, names in zip(split.lesions, split.relevant, strict=True)
    }
    lesions = from_deeplesion(folder, GRAPH).command.lesions
    learnt = [one for one in lesions if one.split != "test"]
    tested = Counter(label for one in lesions if one.split == "test" for label in true[one.row])
    wrong = Counter(label for one in learnt for label in set(one.relevant) & CORE ^ true[one.row])
    common = [label for label, _ in wrong.most_common() if tested[label] >= 5]
    errors = [
        (one, label)
        for label in common
        for one in learnt
        if (label in one.relevant) != (label in true[one.row])
    ]
    chosen = errors[: sum(len(one.relevant) for one in learnt) // 20]
    corrections: dict[int, dict[str, str]] = {}
    for one, label in chosen:
        corrections.setdefault(one.row, {})[label] = "added" if label in true[one.row] else "rejected"
    out = corrected(folder, tmp_path, corrections)

    settings = [
        "network.width=0.125", "batch=16", "threads=1", "device=cpu", "epochs=2", "losses.triplets=50",
        "losses.samples=500", "data.source=deeplesion", f"data.folder={folder}",
        f"data.labels={folder / MINED}", f"data.hand_labels={folder / TRUE_LABELS}",
        f"data.cache={tmp_path / 'cache'}",
    ]  # fmt: skip
    more = ["labels=reviewed", f"data.reviewed={out}"]
    columns = [GRAPH.core.index(label) for label in dict.fromkeys(label for _, label in chosen)]
    loss, sure = [], []
    for name, changes in (("mined", []), ("reviewed", more)):
        package = training.run("lesanet-demo", [*settings, *changes], tmp_path / name).package
        test = load_split(recipes.load("lesanet-demo", settings).data, GRAPH, "test")
        calibration = package.card.calibration
        logits = OnnxAnswers(package).of(test).refined * calibration.scale + calibration.shift
        assert test.truth is not None
        truth, scores = test.truth[:, columns], logits[:, columns]
        loss.append(float(np.logaddexp(0, np.where(truth, -scores, scores)).mean()))
        sure.append(float(scores[truth].mean()))
    print(
        f"{len(chosen)} corrections of {len(columns)} labels ({', '.join(GRAPH.core[c] for c in columns)}): "
        f"log loss {loss[0]:.3f} → {loss[1]:.3f}, mean logit where true {sure[0]:.3f} → {sure[1]:.3f}"
    )
    assert loss[1] < loss[0] - 0.005, f"log loss on the truth went from {loss[0]:.4f} to {loss[1]:.4f}"
    assert sure[1] > sure[0]
