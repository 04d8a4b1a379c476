"""The checkpoint that LesaNet's authors published, made into a model package of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from lesionscope.ct.patches import PREPROCESSING, SIZE
from lesionscope.errors import InputError, LesionscopeError
from lesionscope.models.label_package import (
    FILES,
    INPUTS,
    OUTPUTS,
    TASK,
    LabelCard,
    LabelPackage,
    ontology_digest,
    open_label_package,
)
from lesionscope.models.lesanet.checkpoint import read_checkpoint
from lesionscope.models.lesanet.network import LesaNet
from lesionscope.models.lesanet.onnx import export_onnx
from lesionscope.models.onnx_graph import OPSET
from lesionscope.models.package import sha256_of, user_folder
from lesionscope.ontology.label_graph import load_labels
from lesionscope.ontology.lesanet_files import DemoLabel, read_demo_table

from ..package_folder import new_package, save_card, save_weights

NAME = "lesanet-published"
AGREEMENT = 1e-4
"""Probabilities and embeddings of the graph and of the network may differ by so much."""
FIGURES = ("auc", "precision", "recall", "f1")
LIMITS = (
    "Not for clinical use: what its authors published for research, imported as it is.",
    "Trained on DeepLesion, CT of one hospital: rare lesions of it, and what is no lesion, mislead it.",
    "It has no familiarity: its training lesions are not at hand, so nothing tells a lesion unlike them.",
    "The figures are those its authors report; none was measured here.",
    "Its thresholds were tuned before labels were expanded, on a grid from 0.3 to 0.9.",
)


def import_checkpoint(checkpoint: Path, table: Path, name: str = NAME) -> LabelPackage:
    """Make a package of the authors' checkpoint in the user's folder of models.

    Parameters
    ----------
    checkpoint
        Their file; nothing in it is run.
    table
        Their ``labels_for_demo.xlsx``: names in the order of the scores, thresholds and figures.
    name
        The package's name; a package of that name is replaced.

    Raises
    ------
    InputError
        A file can't be used, they don't fit each other, or the name is no folder's.
    LesionscopeError
        The package can't be written, or its graph answers otherwise than the network.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise InputError(f"{name!r} can't be a package's name: use letters, digits and hyphens.")
    labels = read_demo_table(table)
    network = _lowest_first(read_checkpoint(checkpoint))
    if len(labels) != network.spec.classes:
        raise InputError(
            f"{checkpoint} answers for {network.spec.classes} labels, and {table} has {len(labels)}."
        )
    _check(labels, table)
    folder = user_folder() / name
    with new_package(folder) as work:
        save_weights(work, network.state_dict())
        export_onnx(network, work / FILES["onnx"])
        save_card(work, FILES, partial(_card, network, labels, name, sha256_of(checkpoint)))
        written = open_label_package(work)
        written.verify()
        _compare(network, written)
    return open_label_package(folder)


def _lowest_first(network: LesaNet) -> LesaNet:
    """Have the network take slices from the lowest up, as ``ct.patches`` cuts them.

    The authors' first slice is the one before the key slice, and DeepLesion counts from the head.
    """
    with torch.no_grad():
        first = network.backbone.conv1_1.weight
        first.copy_(first.flip(1))
    return network


def _check(labels: Sequence[DemoLabel], table: Path) -> None:
    known = load_labels().by_name
    for label in labels:
        if label.name not in known:
            raise InputError(f"{table}: the bundled ontology has no label {label.name!r}.")
        if label.threshold is None or not 0 < label.threshold <= 1:
            raise InputError(f"{table}: {label.name!r} has no threshold between 0 and 1.")


def _card(
    network: LesaNet, labels: Sequence[DemoLabel], name: str, origin: str, sha256: dict[str, str]
) -> LabelCard:
    names = tuple(label.name for label in labels)
    dead = [label.name for label in labels if label.threshold == 1]
    never = (
        (f"{len(dead)} labels have a threshold of 1 and can never fire: {', '.join(dead)}.",) if dead else ()
    )
    return LabelCard(
        name=name,
        version="1",
        task=TASK,
        title="LesaNet as its authors published it",
        demonstration=False,
        scope="lesions of the whole body on CT",
        intended_use="Research on lesion annotation; not for clinical use.",
        limits=(*LIMITS, *never),
        labels=names,
        thresholds=tuple(float(label.threshold or 1) for label in labels),
        calibration=None,
        preprocessing=PREPROCESSING,
        network=network.spec.as_dict(),
        onnx={"inputs": list(INPUTS), "outputs": list(OUTPUTS), "opset": OPSET},
        familiarity=None,
        training_data={
            "source": "DeepLesion, labels mined from reports by LesaNet's authors (K. Yan et al., CVPR 2019)",
            "checkpoint_sha256": origin,
            "positives": {label.name: label.train_positive for label in labels},
        },
        metrics={"published": _published(labels)},
        licence="That of its authors: National Institutes of Health, Clinical Center (CADLab, LesaNet).",
        ontology=ontology_digest(names),
        sha256=sha256,
    )


def _published(labels: Sequence[DemoLabel]) -> dict[str, Any]:
    """Return the authors' own figures on their hand-labelled test set, and their means."""
    means = {}
    for figure in FIGURES:
        values = [value for label in labels if (value := getattr(label, figure)) is not None]
        means[figure] = round(fmean(values), 4) if values else None
    by_label = {label.name: {figure: getattr(label, figure) for figure in FIGURES} for label in labels}
    return {"set": "hand-labelled test set, as its authors report", "means": means, "labels": by_label}


def _compare(network: LesaNet, package: LabelPackage) -> None:
    """Refuse a graph whose answers differ from the network's."""
    import onnxruntime

    made = torch.Generator().manual_seed(0)
    patches = torch.randn(3, 3, SIZE, SIZE, generator=made)
    boxes = torch.tensor([[45.0, 40.0, 75.0, 80.0], [0.0, 0.0, 9.0, 7.5], [80.0, 90.0, 130.0, 125.0]])
    with torch.no_grad():
        _, refined, embedding, _ = network(patches, boxes)
    session = onnxruntime.InferenceSession(package.onnx_path, providers=["CPUExecutionProvider"])
    found = session.run(["refined", "embedding"], {"patch": patches.numpy(), "box": boxes.numpy()})
    shown = 1 / (1 + np.exp(-found[0].astype(np.float64)))
    same = np.allclose(shown, refined.double().sigmoid().numpy(), atol=AGREEMENT)
    if not same or not np.allclose(found[1], embedding.numpy(), atol=AGREEMENT):
        raise LesionscopeError(f"{package.folder} could not be written: its graph answers otherwise.")
