"""In what order an epoch shows its cases, and how fast they are learnt: functions of the step alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How fast is learnt, see :func:`learning_rate`.

    Parameters
    ----------
    lr
        The highest rate.
    schedule
        ``step`` or ``one-cycle``.
    step_epochs, step_factor
        Epochs a step, and what it multiplies the rate by.
    warm_up
        Share of a cycle's steps that rise.
    """

    lr: float = 0.01
    schedule: str = "step"
    step_epochs: int = 10
    step_factor: float = 0.1
    warm_up: float = 0.2

    def __post_init__(self) -> None:
        if self.schedule not in ("step", "one-cycle"):
            raise ValueError("schedule must be step or one-cycle")
        if self.lr <= 0 or self.step_epochs < 1 or self.step_factor <= 0 or not 0 < self.warm_up < 1:
            raise ValueError("lr, step_epochs and step_factor must be positive, warm_up between 0 and 1")


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
