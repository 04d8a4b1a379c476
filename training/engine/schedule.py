"""In what order an epoch shows its cases, and how fast they are learnt: functions of the step alone."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Schedule(Protocol):
    """What a recipe says of its learning rate."""

    @property
    def lr(self) -> float:
        """The highest rate."""

    @property
    def schedule(self) -> str:
        """``step`` or ``one-cycle``."""

    @property
    def step_epochs(self) -> int:
        """Epochs a step."""

    @property
    def step_factor(self) -> float:
        """What a step multiplies the rate by."""

    @property
    def warm_up(self) -> float:
        """Share of a cycle's steps that rise."""


def learning_rate(settings: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Learning rate of a step (from 0); a function of the step alone, so resuming needs no state.

    ``step``: lr · factor^⌊epoch / step_epochs⌋ (paper 000, §2.3: 0.01, ⅓, 20).
    ``one-cycle``: lr/25 up to lr, then down to lr/1000, both along half a cosine.
    """
    if settings.schedule == "step":
        return settings.lr * settings.step_factor ** (step // steps_per_epoch // settings.step_epochs)
    total = max(epochs * steps_per_epoch - 1, 1)
    at = min(step / total, 1.0)
    if at < settings.warm_up:
        start, end, share = settings.lr / 25, settings.lr, at / settings.warm_up
    else:
        start, end = settings.lr, settings.lr / 1000
        share = (at - settings.warm_up) / (1 - settings.warm_up)
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def order_of_epoch(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order in which an epoch (from 0) shows ``n`` cases; depends on nothing else."""
    return np.random.default_rng([seed, 1, epoch]).permutation(n)
