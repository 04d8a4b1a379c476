"""Banks of made-up lesions."""

from __future__ import annotations

import numpy as np

from lesionscope.retrieval.known import KnownLesion, Origin
from lesionscope.retrieval.schema import BankPackage

PACKAGE = BankPackage("made-up", "1.0", "ab" * 32)
DIMENSION = 8


def made_up(number: int, embedding=None, labels=("lung", "nodule"), patient="p") -> KnownLesion:
    """A lesion that follows from its number alone."""
    rng = np.random.default_rng(number)
    return KnownLesion(
        id=f"lesion-{number}",
        embedding=rng.normal(size=DIMENSION).astype(np.float32) if embedding is None else embedding,
        labels=tuple(labels),
        sentence=f"Nodule {number} in the lung.",
        thumbnail=(rng.normal(0, 40, size=(12, 10)) + 50).astype(np.int16),
        box=(2.0, 3.0, 8.5, 9.25),
        patient_key=patient,
        study_key=f"study-{number}",
        origin=Origin(f"made:{number}", f"1.2.{number}", (1.0, -2.0, number)),
        long_mm=12.5,
        short_mm=None,
    )
