"""What phantom lesions truly are, in the paper's five categories (004, §3)."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from lesionscope.errors import InputError
from lesionscope.phantom.clinic.deeplesion import OF_FAMILY, TRUTH

KINDS = ("lung", "mediastinal node", "liver", "other abdomen", "the rest")


def coarse_truth(family: str, labels: Collection[str]) -> int:
    """Return which of :data:`KINDS` a phantom lesion is, by the family of its place and all its labels."""
    kind = OF_FAMILY.get(family, "")
    if kind in ("lung", "liver"):
        return KINDS.index(kind)
    if family == "node" and "mediastinum lymph node" in labels:
        return KINDS.index("mediastinal node")
    # Bones and the body's wall belong to no cavity.
    if kind in ("", "kidney") and "abdomen" in labels:
        return KINDS.index("other abdomen")
    return KINDS.index("the rest")


def read_truth(root: str | Path) -> dict[int, int]:
    """Read the kind of each bookmarked lesion by its place in the table; empty where nobody knows.

    Raises
    ------
    InputError
        The phantoms' truth can't be read.
    """
    path = Path(root) / TRUTH
    if not path.is_file():
        return {}
    try:
        patients = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {
            int(lesion["lesion_idx"]): coarse_truth(lesion["family"], lesion["labels"])
            for patient in patients
            for lesion in patient["lesions"]
            if lesion["lesion_idx"] is not None
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} can't be read as phantoms' truth ({type(error).__name__}).") from error
