"""From a recipe to a package: images, training, card."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from lesionscope.models.hmlc.package import FILES, TASK, XrayCard, XrayPackage, open_xray_package
from lesionscope.ontology.tree import PathologyTree
from lesionscope.progress import CancelToken, Progress, silent

from ..package_folder import new_package, save_card, save_weights
from ..run_folder import PACKAGE, TrainingResult, write_metrics
from .dataset import Images, load_split, tree_of
from .recipe import HmlcRecipe
from .trainer import Trained, Trainer


def train(
    recipe: HmlcRecipe, out: Path, progress: Progress = silent, cancel: CancelToken | None = None
) -> TrainingResult[XrayPackage]:
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
    write_metrics(out, metrics)
    return TrainingResult(out, package, metrics)


def write_package(
    folder: Path, recipe: HmlcRecipe, tree: PathologyTree, trained: Trained, images: Images
) -> XrayPackage:
    """Write a trained network as a package, whole or not at all."""

    def card(sha256: dict[str, str]) -> XrayCard:
        return XrayCard(
            **dataclasses.asdict(recipe.package),
            task=TASK,
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
            sha256=sha256,
        )

    with new_package(folder) as work:
        save_weights(work, trained.network.state_dict())
        save_card(work, FILES, card)
    return open_xray_package(folder)
