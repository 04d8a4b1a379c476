"""The authors' checkpoint as a package: one command, their thresholds, the network's own answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import openpyxl
import pytest
import torch
from legacy_writer import checkpoint, save
from lesanet_reference import forward
from lesionscope.training.lesanet.import_checkpoint import import_checkpoint
from test_lesanet_checkpoint import deeds, weights

from lesionscope.cli import main
from lesionscope.errors import InputError
from lesionscope.models.label_package import find_label_package
from lesionscope.models.lesanet.network import load_lesanet
from lesionscope.ontology.label_graph import load_labels

NAMES = load_labels().core
HEADER = (
    "",
    "train_positive",
    "test_positive",
    "test_negative",
    "auc",
    "precision",
    "recall",
    "f1",
    "threshold",
)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A checkpoint of random weights at width ⅛, and a table in the authors' form."""
    monkeypatch.setenv("LESIONSCOPE_DATA", str(tmp_path / "data"))
    path = save(tmp_path / "LesaNet_epoch_15.pth.tar", checkpoint(weights()))
    return path, table(tmp_path / "labels_for_demo.xlsx", NAMES)


def table(path: Path, names: tuple[str, ...]) -> Path:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for i, name in enumerate(names):
        book.active.append(
            (name, 20.0 + i, 3, 497, 0.9, None, 0.5, 0.4, 1 if i % 50 == 7 else 0.3 + 0.1 * (i % 7))
        )
    book.save(path)
    return path


def test_one_command_makes_a_package_that_answers_as_the_checkpoint(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Outputs equal to an independent forward pass to 1e-5, slices turned round as the authors had them."""
    assert (
        main(["models", "import-lesanet", str(files[0]), "--labels", str(files[1]), "--name", "theirs"]) == 0
    )
    assert "theirs: 171 labels" in capsys.readouterr().out
    package = find_label_package("theirs")
    package.verify()
    patches = torch.randn(2, 3, 120, 120, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[40.0, 45.0, 70.0, 80.0], [100.0, 100.0, 128.0, 119.0]])
    state = {name: torch.from_numpy(value) for name, value in weights().items()}
    with torch.no_grad():
        wanted = forward(state, patches.flip(1), boxes, clamped=False)
        torchs = load_lesanet(package)(patches, boxes)._asdict()
    graph = onnxruntime.InferenceSession(package.onnx_path, providers=["CPUExecutionProvider"])
    onnxs = dict(zip(("refined", "embedding"), graph.run(["refined", "embedding"], {
        "patch": patches.numpy(), "box": boxes.numpy()}), strict=True))  # fmt: skip
    for name, shown in (("refined", torch.sigmoid), ("embedding", torch.Tensor.clone)):
        assert torch.allclose(shown(torchs[name]), shown(wanted[name]), atol=1e-5, rtol=0)
        assert torch.allclose(shown(torch.from_numpy(onnxs[name])), shown(wanted[name]), atol=1e-4, rtol=0)


def test_card_has_the_tables_thresholds_and_says_which_labels_never_fire(files: tuple[Path, Path]) -> None:
    card = import_checkpoint(*files).card
    assert card.labels == NAMES
    assert card.thresholds[:9] == pytest.approx((0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 0.4))
    dead = [name for i, name in enumerate(NAMES) if i % 50 == 7]
    assert any(
        f"{len(dead)} labels" in limit and all(name in limit for name in dead) for limit in card.limits
    )
    assert card.familiarity is None
    assert card.calibration is None
    assert card.network["roi"] == "released"
    assert card.metrics["published"]["means"] == {"auc": 0.9, "precision": None, "recall": 0.5, "f1": 0.4}


def test_the_real_tables_thresholds(shared_data: Path, files: tuple[Path, Path]) -> None:
    card = import_checkpoint(files[0], shared_data / "lesanet" / "labels_for_demo.xlsx").card
    assert any(limit.startswith("13 labels") and "prominent" in limit for limit in card.limits)
    assert card.thresholds[0] == 0.4
    assert np.isclose(card.metrics["published"]["means"]["auc"], 0.9392)


def test_a_file_that_would_run_something_leaves_no_package(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "mark"
    save(files[0], {**checkpoint({}), "config": deeds(mark)["os.system by REDUCE"]})
    assert main(["models", "import-lesanet", str(files[0]), "--labels", str(files[1])]) == 3
    assert "would run posix.system" in capsys.readouterr().err
    assert not mark.exists()
    with pytest.raises(InputError):
        find_label_package("lesanet-published")


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", ".hidden", ""])
def test_names_stay_in_the_folder_of_models(files: tuple[Path, Path], name: str) -> None:
    with pytest.raises(InputError, match="can't be a package's name"):
        import_checkpoint(*files, name=name)


def test_tables_that_do_not_fit_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"171 labels, and .* has 170"):
        import_checkpoint(files[0], table(tmp_path / "short.xlsx", NAMES[:-1]))
    with pytest.raises(InputError, match="no label 'wart'"):
        import_checkpoint(files[0], table(tmp_path / "other.xlsx", (*NAMES[:-1], "wart")))
