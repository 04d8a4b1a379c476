"""A package's answers through its ONNX graph: what a reader gets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.ct.patches import preprocess
from lesionscope.models.label_package import INPUTS, OUTPUTS, LabelPackage
from lesionscope.progress import CancelToken, Progress, silent

from .dataset import Lesions
from .trainer import Answers

AT_ONCE = 32


class OnnxAnswers:
    """Asks a package's graph about many lesions."""

    def __init__(self, package: LabelPackage) -> None:
        import onnxruntime

        familiarity = package.card.familiarity
        self._layer = "embedding" if familiarity is None else familiarity.layer
        self._session = onnxruntime.InferenceSession(
            str(package.onnx_path), providers=["CPUExecutionProvider"]
        )

    def of(
        self,
        lesions: Lesions,
        rows: NDArray[np.int64] | None = None,
        *,
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> Answers:
        """Answer for lesions; ``rows`` are their numbers, all by default."""
        chosen = np.arange(len(lesions)) if rows is None else rows
        parts: list[list[NDArray[np.float32]]] = []
        for start in range(0, len(chosen), AT_ONCE):
            if cancel is not None:
                cancel.check()
            some = chosen[start : start + AT_ONCE]
            inputs = (preprocess(lesions.hu[some]), lesions.boxes[some])
            parts.append(self._session.run(list(OUTPUTS), dict(zip(INPUTS, inputs, strict=True))))
            progress(start + len(some), len(chosen), "Scoring")
        return Answers(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def familiar(self, lesions: Lesions) -> NDArray[np.float32]:
        """Return what familiarity is measured on, of every lesion, ``(n, d)``."""
        parts = []
        for start in range(0, len(lesions), AT_ONCE):
            inputs = (preprocess(lesions.hu[start : start + AT_ONCE]), lesions.boxes[start : start + AT_ONCE])
            parts += self._session.run([self._layer], dict(zip(INPUTS, inputs, strict=True)))
        return np.concatenate(parts)
