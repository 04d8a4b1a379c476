"""One lesion through each bundled network: ONNX Runtime beside torch eager (rows 7 and 8).

``python -m benchmarks.networks [--rounds 31] [--threads 2]``. Probabilities are 1e-5
apart at most.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.rows import interleaved, record
from benchmarks.sample import patient
from lesionscope.ct.crops import crop
from lesionscope.ct.patches import lesion_patch, preprocess
from lesionscope.inference.networks import Inputs, OnnxNetwork, Outputs, Package, TorchNetwork
from lesionscope.models import registry
from lesionscope.models.label_package import find_label_package
from lesionscope.models.probabilities import tree_scores

APART = 1e-5


def compare(
    name: str,
    package: Package,
    inputs: Inputs,
    probabilities: Callable[[Outputs], NDArray[np.float64]],
    arguments: argparse.Namespace,
    **row: object,
) -> None:
    """Check that both answer the same, and record how long each takes."""
    ours, peer = OnnxNetwork(package, arguments.threads), TorchNetwork(package)
    apart = np.abs(probabilities(ours.run(inputs)) - probabilities(peer.run(inputs))).max()
    assert apart < APART, f"{name}: {apart:.1g} apart"
    record(
        interleaved(
            f"{name}, one lesion, threads: {arguments.threads}",
            lambda: ours.run(inputs),
            "torch eager",
            lambda: peer.run(inputs),
            rounds=arguments.rounds,
            note=f"probabilities {apart:.1g} apart",
            **row,
        )
    )


def main() -> None:
    """Check, measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    volume, lesions = patient()
    labels, pathology = find_label_package(), registry.find()
    patch = lesion_patch(volume, lesions[0])
    compare(
        f"LesaNet, width {labels.card.network['width']:g}",
        labels,
        (preprocess(patch.hu)[np.newaxis], patch.box[np.newaxis]),
        lambda outputs: 1 / (1 + np.exp(-outputs["refined"].astype(np.float64))),
        arguments,
        target=1.3,
        good=1.23,
        limit="GEMM roof",
        number=7,
    )
    how, tree, heads = pathology.card.preprocessing, pathology.tree, pathology.card.calibration.heads
    cube = how.normalise(crop(volume, lesions[0].centroid_lps_mm, shape=how.shape, spacing_mm=how.spacing_mm))

    def conditionals(outputs: Outputs) -> NDArray[np.float64]:
        return tree_scores(tree, {head.name: outputs[head.name] for head in tree.heads}, heads).conditional

    compare(
        f"Pulmonary-RadPath, {pathology.card.network['stem']} stem",
        pathology,
        np.ascontiguousarray(cube[np.newaxis, np.newaxis]),
        conditionals,
        arguments,
        target=4.0,
        good=3.3,
        limit="5.4×",
        number=8,
    )


if __name__ == "__main__":
    main()
