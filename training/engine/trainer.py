"""A run in a folder: whole epochs, a checkpoint after each, and going on from it.

An epoch's order and random numbers follow from the seed and its number alone, so a run that was killed goes
on from its last whole epoch and ends with the same weights as one that was not (same machine, same number of
threads and processes). Started by ``torchrun``, several processes share each batch and train as one.
"""

from __future__ import annotations

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from numpy import int64
from numpy.typing import NDArray
from torch import Tensor, nn

from lesionscope.errors import InputError
from lesionscope.progress import CancelToken, Progress, silent

from . import checkpoints
from .devices import cpu_threads, pick_device
from .parallel import Processes
from .precision import check_precision
from .recipe import EpochRecipe
from .schedule import order_of_epoch

ALONE = Processes()
AnyRecipe = TypeVar("AnyRecipe", bound=EpochRecipe)


class EpochTrainer(ABC, Generic[AnyRecipe]):
    """What trainers share; each makes the parts that are declared here, and says what a step learns.

    Parameters
    ----------
    recipe
        Its batch, device, precision, threads and seed.
    out
        Folder for ``checkpoint.pt`` and ``log.jsonl``.
    cases
        How many there are to learn from; a last, smaller batch is dropped.
    processes
        Those that train together; the first writes the files.

    Raises
    ------
    InputError
        There are too few cases, or the recipe can't be followed on this machine.
    """

    CASES: ClassVar[str] = "cases"
    """What the cases are called."""
    network: nn.Module
    model: nn.Module
    """What trains: the network, or what wraps it."""
    optimiser: torch.optim.Optimizer
    epochs: int
    """How many the whole run has."""

    def __init__(self, recipe: AnyRecipe, out: Path, cases: int, processes: Processes = ALONE) -> None:
        if cases < recipe.batch:
            raise InputError(
                f"The training split has {cases} {self.CASES}, fewer than one batch of {recipe.batch}; "
                "add some or make the batch smaller."
            )
        if recipe.batch % processes.count:
            raise InputError(f"A batch of {recipe.batch} can't be shared by {processes.count} processes.")
        self.recipe, self.out, self.cases, self.processes = recipe, out, cases, processes
        self.device = pick_device(recipe.device)
        check_precision(recipe.precision, self.device)
        self.steps = cases // recipe.batch
        self.epoch = 0
        self.history: list[dict[str, Any]] = []

    @abstractmethod
    def step(self, rows: NDArray[int64], number: int, draws: Any) -> Mapping[str, float]:
        """Learn from a batch; return its loss by term.

        Parameters
        ----------
        rows
            The batch's cases, numbers below ``cases``.
        number
            Of the step in its epoch.
        draws
            From :meth:`draws`.
        """

    @abstractmethod
    def entry(self, terms: Mapping[str, float], pace: float) -> dict[str, Any]:
        """Return what the log says of an epoch: its loss by term, and cases a second."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Score the validation split."""

    @abstractmethod
    def learnt_from(self) -> Iterable[bytes]:
        """Return what is learnt from, for a checkpoint to know its run by."""

    def draws(self) -> Any:
        """Return the random numbers of the epoch that begins, where it has any of its own."""
        return None

    def run(self, progress: Progress = silent, cancel: CancelToken | None = None) -> None:
        """Train to the last epoch, from the folder's checkpoint where there is one."""
        with cpu_threads(self.recipe.threads):
            self.resume()
            while self.epoch < self.epochs:
                self._run_epoch(progress, cancel)
                if self.processes.rank == 0:
                    self.save()

    def _run_epoch(self, progress: Progress, cancel: CancelToken | None) -> None:
        started, batch = time.perf_counter(), self.recipe.batch
        order = order_of_epoch(self.cases, self.recipe.seed, self.epoch)
        draws = self.draws()
        self.model.train()
        terms: dict[str, float] = {}
        for step in range(self.steps):
            if cancel is not None:
                cancel.check()
            for name, value in self.step(order[step * batch : (step + 1) * batch], step, draws).items():
                terms[name] = terms.get(name, 0.0) + value / self.steps
            loss = sum(terms.values()) * self.steps / (step + 1)
            progress(
                self.epoch * self.steps + step + 1,
                self.epochs * self.steps,
                f"Epoch {self.epoch + 1} of {self.epochs}, loss {loss:.3f}",
            )
        pace = self.steps * batch / (time.perf_counter() - started)
        entry = self.entry(terms, pace)
        entry["validation"] = self.validate()
        self.epoch += 1
        self.history.append({"epoch": self.epoch, **entry})

    def descend(self, loss: Tensor, rate: float, clip: float | None = None) -> None:
        """Take an optimiser's step.

        Parameters
        ----------
        loss
            Of the whole batch, whose gradients are averaged over processes.
        rate
            The learning rate; parameter groups may have a multiple of it as their ``rate``.
        clip
            Bound of the gradient's norm.

        Raises
        ------
        InputError
            The loss isn't a number.
        """
        if not torch.isfinite(loss):
            raise InputError(
                f"The loss is no longer a number in epoch {self.epoch + 1}; lower the learning rate "
                f"(this step's was {rate:.2g}) and start in a new folder."
            )
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group.get("rate", 1.0)
        self.optimiser.zero_grad(set_to_none=True)
        (loss * self.processes.count).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self.optimiser.step()

    def save(self) -> None:
        """Write the checkpoint and the log."""
        checkpoints.save(self.out, self._digest(), self.epoch, self.history, self.state())

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; whether there was one.

        Raises
        ------
        InputError
            It was made by another recipe or other data, or it is damaged.
        """
        found = checkpoints.load(self.out, self._digest())
        if found is None:
            return False
        self.epoch, self.history, state = found
        self.load(state)
        return True

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint holds."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])

    def _digest(self) -> str:
        return checkpoints.digest_of(self.recipe.fixing(), *self.learnt_from())


class BestEpochTrainer(EpochTrainer[AnyRecipe]):
    """A trainer that ends with the weights of the epoch that validated best."""

    best: dict[str, Any]
    """State of the network after its best epoch; before the first, as it began."""

    @abstractmethod
    def best_epoch(self) -> int:
        """Return the best epoch so far, from 1."""

    def keep(self) -> None:
        """Take the network as it is for the best."""
        self.best = copy.deepcopy(self.network.state_dict())

    def _run_epoch(self, progress: Progress, cancel: CancelToken | None) -> None:
        super()._run_epoch(progress, cancel)
        if self.best_epoch() == self.epoch:
            self.keep()

    def run(self, progress: Progress = silent, cancel: CancelToken | None = None) -> None:
        """Train to the last epoch and go back to the best."""
        super().run(progress, cancel)
        self.network.load_state_dict(self.best)
        self.network.eval()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds, the best weights included."""
        return {**super().state(), "best": self.best}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint holds."""
        super().load(state)
        self.best = state["best"]


def sgd(network: nn.Module, lr: float, momentum: float, weight_decay: float) -> torch.optim.SGD:
    """SGD with biases at twice the rate and without decay, as papers that trained with Caffe have it."""
    named = list(network.named_parameters())
    weights = [parameter for name, parameter in named if not name.endswith("bias")]
    biases = [parameter for name, parameter in named if name.endswith("bias")]
    groups = [
        {"params": weights, "rate": 1.0, "weight_decay": weight_decay},
        {"params": biases, "rate": 2.0, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=momentum)
