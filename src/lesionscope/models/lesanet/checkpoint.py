"""The checkpoint that LesaNet's authors published, as a network (paper 002; PyTorch 0.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesionscope.errors import InputError

from .legacy_pickle import THEIRS, read_legacy_tensors
from .network import LesaNet
from .spec import CHANNELS, WIDTHS, LesaNetSpec

COUNTER = "num_batches_tracked"
"""Normalisation's counter, which PyTorch before 0.4.1 did not have and no answer depends on."""


def read_checkpoint(path: Path) -> LesaNet:
    """Read the authors' checkpoint: nothing in the file is run, names and shapes must fit exactly.

    Boxes are brought to feature maps as in the authors' code ("released", see ``roi_pool.py``): so the
    weights were trained. The network's width, labels and embedding are those of the file.

    Raises
    ------
    InputError
        The file can't be read, tries to run something, or holds another network.
    """
    found = read_legacy_tensors(path, "state_dict")
    if found and all(name.startswith("module.") for name in found):  # saved from several GPUs
        found = {name.removeprefix("module."): value for name, value in found.items()}
    spec = _spec(found, path)
    with torch.device("meta"):
        network = LesaNet(spec)
    wanted = {name.removeprefix("backbone."): tuple(t.shape) for name, t in network.state_dict().items()}
    for name in wanted:
        if name.endswith(COUNTER):
            found.setdefault(name, np.zeros((), np.int64))
    if set(found) != set(wanted):
        wrong = sorted(set(found) ^ set(wanted))
        raise InputError(f"{path} holds another network than LesaNet's: {', '.join(wrong[:5])} "
                         f"{'are' if len(wrong) > 1 else 'is'} missing or unknown; {THEIRS}.")  # fmt: skip
    for name, shape in wanted.items():
        if found[name].shape != shape:
            raise InputError(
                f"{path}: {name} has the shape {found[name].shape} where LesaNet's is {shape}; {THEIRS}."
            )
        if not np.isfinite(found[name]).all():
            raise InputError(f"{path}: {name} holds values that are no numbers; fetch the checkpoint again.")
    state = {
        name: torch.from_numpy(found[name.removeprefix("backbone.")]).to(value.dtype)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state, strict=True, assign=True)
    network.eval()
    return network


def _spec(found: dict[str, NDArray[Any]], path: Path) -> LesaNetSpec:
    """Read a network's shape off its first convolution and its heads."""
    try:
        width = len(found["conv1_1.weight"]) / CHANNELS[0]
        classes, embedding = len(found["class_scores1.weight"]), len(found["fc_emb.weight"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} holds no network of LesaNet's: {error} is missing; {THEIRS}.") from error
    if width not in WIDTHS:
        raise InputError(
            f"{path}: conv1_1 has {found['conv1_1.weight'].shape[0]} channels, not 64; {THEIRS}."
        )
    return LesaNetSpec("lesanet", width, classes, embedding, "class_scores2.weight" in found, "released")
