"""Writing a detector's package: weights, two ONNX graphs and card, as one folder or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from lesionscope.errors import LesionscopeError
from lesionscope.inference.onnx_graph import OnnxGraph
from lesionscope.models.detector.network import Detector
from lesionscope.models.detector.onnx import export_head, export_proposals
from lesionscope.models.detector_package import (
    FILES,
    HEAD_INPUTS,
    HEAD_OUTPUTS,
    PROPOSALS_INPUTS,
    PROPOSALS_OUTPUTS,
    DetectorCard,
    DetectorPackage,
    open_detector_package,
)

from ..engine.half import halved_state
from ..package_folder import new_package, save_card, save_weights
from .slices import DetectionSlice

AGREEMENT = 1e-3
"""The graphs' answers and the network's may differ by so much, in logits of about ±5."""
COMPARED = 4
"""Slices that they are compared on."""


def write_package(
    folder: Path,
    detector: Detector,
    card: Callable[[dict[str, str]], DetectorCard],
    examples: Sequence[DetectionSlice],
) -> DetectorPackage:
    """Write a package, open it again and compare its graphs with the detector.

    Parameters
    ----------
    folder
        The package folder to make; one that stood there before is replaced.
    detector
        A detector whose weights :func:`~..engine.half.halve` has rounded.
    card
        Makes the card from the SHA-256 of the other files.
    examples
        Slices to compare on.

    Raises
    ------
    LesionscopeError
        It can't be written, or the graphs answer otherwise than the detector.
    """
    detector = detector.cpu().eval()
    with new_package(folder) as work:
        save_weights(work, halved_state(detector))
        export_proposals(detector, work / FILES["proposals"])
        export_head(detector, work / FILES["head"])
        save_card(work, FILES, card)
        written = open_detector_package(work)
        written.verify()
        _compare(detector, written, examples[:COMPARED])
    return open_detector_package(folder)


def _compare(detector: Detector, package: DetectorPackage, examples: Sequence[DetectionSlice]) -> None:
    proposals, head = (OnnxGraph(path) for path in (package.proposals_path, package.head_path))
    for one in examples:
        picture, _ = package.card.input.picture(one.hu())
        given = torch.from_numpy(picture)[None]
        with torch.inference_mode():
            maps = detector.trunk(given)
            logits, deltas = detector.propose_all(maps)
            size = (given.shape[2], given.shape[3])
            boxes = detector.proposals(logits[0], deltas[0], detector.anchors_of(maps), size)
            judged = detector.judge(maps, boxes, torch.zeros(len(boxes), dtype=torch.int64))
        seen = proposals.run({PROPOSALS_INPUTS[0]: given.numpy()}, PROPOSALS_OUTPUTS)
        said = head.run(dict(zip(HEAD_INPUTS, (seen[0], boxes.numpy()), strict=True)), HEAD_OUTPUTS)
        for wanted, got in zip((maps, logits, deltas, *judged), (*seen, *said), strict=True):
            if not np.allclose(got, wanted.numpy(), atol=AGREEMENT):
                raise LesionscopeError(f"{package.folder} could not be written: its graphs answer otherwise.")
