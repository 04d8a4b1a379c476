"""From a recipe to a package: images, training, card."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionscope.files import write_atomically
from lesionscope.models.hmlc.package import FILES, TASK, XrayCard, XrayPackage, open_xray_package
from lesionscope.models.package import CARD, sha256_of
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..package_folder import new_package
from .dataset import Images, load_split, tree_of
from .recipe import HmlcRecipe
from .trainer import Trained, Trainer

METRICS = "metrics.json"
PACKAGE = "package"


@dataclass(frozen=True)
class TrainingResult:
    """Where a run left its files, and its metrics as ``metrics.json`` has them."""

    out: Path
    package: XrayPackage
    metrics: dict[str, Any]


def train(
    recipe: HmlcRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult:
    """Train a recipe and write ``out/package`` and ``metrics.json``; a run that was stopped goes on."""
    started = time.monotonic()
    tree = tree_of(recipe.data)
    images, validation = (load_split(recipe.data, tree, split, progress) for split in ("train", "validation"))
    trained = Trainer(recipe, tree, images, validation, out).fit(progress, cancel)
    package = write_package(out / PACKAGE, recipe, tree, trained, images)
    metrics = {
        "recipe": recipe.as_dict(),
        "seconds": round(time.monotonic() - started, 1),
        "best_epoch": trained.epoch,
        "epochs": trained.history,
    }
    write_atomically(out / METRICS, json.dumps(metrics, indent=1, allow_nan=False) + "\n")
    return TrainingResult(out, package, metrics)


def write_package(
    folder: Path, recipe: HmlcRecipe, tree: PathologyTree, trained: Trained, images: Images
) -> XrayPackage:
    """Write a trained network as a package, whole or not at all."""
    from safetensors.torch import save_file

    words = recipe.package
    with new_package(folder) as work:
        state = {name: tensor.contiguous().cpu() for name, tensor in trained.network.state_dict().items()}
        save_file(state, work / FILES["weights"], metadata={"format": "pt"})
        card = XrayCard(
            name=words.name,
            version=words.version,
            task=TASK,
            title=words.title,
            demonstration=words.demonstration,
            intended_use=words.intended_use,
            limits=words.limits,
            tree=tree.as_dict(),
            network=dataclasses.asdict(trained.network.spec),
            side=int(images.pixels.shape[1]),
            training_data={
                "source": recipe.data.source,
                "images": len(images),
                "positives": {
                    node.tag: int(count)
                    for node, count in zip(tree.nodes, images.labels.sum(axis=0), strict=True)
                },
                "recipe": recipe.name,
                "stages": [dataclasses.asdict(stage) for stage in recipe.stages],
                "seed": recipe.seed,
            },
            metrics={"validation": trained.history[trained.epoch - 1]["validation"]},
            licence=words.licence,
            sha256={key: sha256_of(work / name) for key, name in FILES.items()},
        )
        (work / CARD).write_text(card.as_json(), encoding="utf-8")
    return open_xray_package(folder)
