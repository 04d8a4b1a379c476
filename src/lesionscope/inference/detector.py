"""A detector package that looks at one slice after the other, by ONNX Runtime."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.errors import InputError
from lesionscope.inference.linking import SliceBoxes
from lesionscope.inference.onnx_graph import OnnxGraph
from lesionscope.inference.proposals import judge, propose, suppressed
from lesionscope.models.detector.inputs import resized
from lesionscope.models.detector_package import (
    DETECTORS,
    HEAD_INPUTS,
    HEAD_OUTPUTS,
    PROPOSALS_INPUTS,
    PROPOSALS_OUTPUTS,
    DetectorPackage,
)
from lesionscope.models.package import user_folder
from lesionscope.progress import CancelToken

SQUARE = 0.01
"""Pixels whose sides differ by a smaller share are taken as square."""


class OnnxDetector:
    """Finds boxes on slices; may be shared between threads.

    Parameters
    ----------
    package
        The model.
    threads
        CPU threads of one inference.
    """

    def __init__(self, package: DetectorPackage, *, threads: int = 2) -> None:
        self.package = package
        card = package.card
        self.model = card.called
        self.demonstration, self.categories = card.demonstration, card.categories
        self.least = card.rules.least
        self._threads = threads
        self._lock = threading.Lock()
        self._graphs: tuple[OnnxGraph, OnnxGraph] | None = None

    def prepare(self) -> None:
        """Check the package's files and load both graphs, so that the first slice is as fast as the next.

        Raises
        ------
        InputError
            The package is damaged.
        """
        self._ready()

    def slices_away(self, step_mm: float) -> int:
        """Return how many slices away the neighbours lie that it is shown."""
        return self.package.card.input.slices_away(step_mm)

    def find(
        self, hu: NDArray[Any], pixel_mm: tuple[float, float], least: float, cancel: CancelToken
    ) -> SliceBoxes:
        """Find boxes on a slice.

        A place counts once even where several categories claim it.

        Parameters
        ----------
        hu
            ``(3, rows, columns)``: the neighbour above, the slice, the neighbour below.
        pixel_mm
            Step between its rows and between its columns: a network knows square pixels only.
        least
            Score that a box needs.
        cancel
            Stops the work, the network included.

        Raises
        ------
        Cancelled
            By ``cancel``.
        InputError
            The package is damaged.
        """
        proposals, head = self._ready()
        card = self.package.card
        by = card.rules
        seen, stretch = _squared(hu, pixel_mm)
        picture, frame = card.input.picture(seen)
        size = (picture.shape[1], picture.shape[2])
        maps, logits, deltas = proposals.run(
            {PROPOSALS_INPUTS[0]: picture[np.newaxis]}, PROPOSALS_OUTPUTS, cancel
        )
        places = (maps.shape[2], maps.shape[3])
        boxes = propose(logits[0], deltas[0], card.network.stride, places, size, by)
        if not len(boxes):
            return SliceBoxes()
        judged = head.run(dict(zip(HEAD_INPUTS, (maps, boxes), strict=True)), HEAD_OUTPUTS, cancel)
        boxes, scores, kinds = judge(boxes, judged[0], judged[1], size, least, by)
        kept = suppressed(boxes, scores, by.final_nms, by.most)
        there = np.asarray(frame.to_slice(boxes[kept]), dtype=np.float64)
        there = (there + 0.5) / np.array(stretch * 2) - 0.5
        last = np.array([hu.shape[2] - 1, hu.shape[1] - 1] * 2)
        # It was taught slices that fill its picture, so the padding is one of the picture's pixels.
        across, down = (card.padding_px / (frame.scale * by) for by in stretch)
        return SliceBoxes(
            np.clip(there, 0, last),
            scores[kept].astype(np.float64),
            kinds[kept].astype(np.int64),
            (across, down),
        )

    def _ready(self) -> tuple[OnnxGraph, OnnxGraph]:
        with self._lock:
            if self._graphs is None:
                self.package.verify()
                self._graphs = (
                    OnnxGraph(self.package.proposals_path, self._threads),
                    OnnxGraph(self.package.head_path, self._threads),
                )
            return self._graphs


def _squared(hu: NDArray[Any], pixel_mm: tuple[float, float]) -> tuple[NDArray[Any], tuple[float, float]]:
    """Return slices with square pixels, and how much wider and higher they are in pixels."""
    fine = min(pixel_mm)
    high, wide = (step / fine for step in pixel_mm)
    if max(high, wide) <= 1 + SQUARE:
        return hu, (1.0, 1.0)
    axis, by = (1, high) if high > wide else (2, wide)
    values = resized(hu.astype(np.float32), axis, by)
    exact = values.shape[axis] / hu.shape[axis]
    return values, (1.0, exact) if axis == 1 else (exact, 1.0)


def open_detector(name: str | None = None, *, threads: int = 2) -> OnnxDetector:
    """Open the lesion detector that is asked for, else the bundled one, else the first that is installed.

    Raises
    ------
    InputError
        There is none, or it can't be opened.
    """
    package = DETECTORS.usual() if name is None else DETECTORS.find(name)
    if package is None:
        raise InputError(
            f"No lesion detector is installed: put a package's folder into {user_folder()}, "
            "or install Lesionscope anew, which brings one."
        )
    return OnnxDetector(package, threads=threads)
