"""The loop (paper 004, §2.2): features, clusters, learning the clusters, and again, until clusters stay.

Each round shuffles the lesions anew into 75 % to learn, 10 % to choose the epoch and 15 % to test, as the
paper does: by lesion, so that a later round may test on what an earlier one learnt. Its top-1 accuracy
thus says how well clusters can be told apart, not how well patients unseen would be.

Everything follows from the seed and the round's number, so a run that was stopped goes on from its last
whole round.
"""

from __future__ import annotations

import copy
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lesionscope.errors import InputError
from lesionscope.models.lesanet.backbone import MultiscaleVGG
from lesionscope.models.vgg16 import Vgg16, Vgg16Spec, load_imagenet, take_trunk
from lesionscope.progress import CancelToken, Progress, silent

from ...engine import checkpoints
from ...engine.devices import cpu_threads, pick_device
from ...engine.precision import check_precision, half_where_asked
from ...engine.schedule import learning_rate
from .agreement import Labels, named_as, nmi, purity
from .clusters import Features, cluster
from .crops import Crops
from .recipe import CategoriesRecipe

SHARES = (0.75, 0.10, 0.15)
"""Lesions to learn, to choose the epoch, to test (§2.2)."""
AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Found:
    """Categories of lesions, what each round came to, and whether the rounds ended by agreement."""

    categories: Labels
    history: tuple[dict[str, Any], ...]
    converged: bool


class Rounds:
    """One search for categories in a folder; :meth:`run` starts or goes on.

    Parameters
    ----------
    recipe
        What to do.
    crops
        The lesions.
    first
        Features of the first round ``(n, d)``; ``None`` for those of VGG-16 as it starts.
    truth
        What lesions truly are, ``(n,)``, where it is known; only reported.
    out
        Folder for ``checkpoint.pt`` and ``log.jsonl``.
    trunk
        Convolutions that VGG-16 starts from.
    """

    def __init__(
        self,
        recipe: CategoriesRecipe,
        crops: Crops,
        first: Features | None,
        truth: Labels | None,
        out: Path,
        *,
        trunk: MultiscaleVGG | None = None,
    ) -> None:
        self.recipe, self.crops, self.first, self.truth, self.out = recipe, crops, first, truth, out
        if int(SHARES[0] * len(crops)) < recipe.loop.batch:
            raise InputError(
                f"{len(crops)} lesions are too few to learn in batches of {recipe.loop.batch}: add "
                "lesions, or make the batch smaller (--set loop.batch=…)."
            )
        self.device = pick_device(recipe.device)
        check_precision(recipe.precision, self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = Vgg16(Vgg16Spec(max(recipe.loop.k, 1), recipe.width, recipe.batch_norm))
        if recipe.start.weights:
            load_imagenet(network, recipe.start.weights)
        if trunk is not None:
            take_trunk(network, trunk)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.categories: Labels | None = None
        self.history: list[dict[str, Any]] = []

    def run(self, progress: Progress = silent, cancel: CancelToken | None = None) -> Found:
        """Go round until clusters stay, or the recipe's last round."""
        recipe = self.recipe
        with cpu_threads(recipe.threads), torch.random.fork_rng(devices=[]):
            self._resume()
            while not self.converged and len(self.history) < recipe.loop.rounds:
                self.categories = self._round(progress, cancel)
                state = {
                    "network": self.network.state_dict(),
                    "categories": torch.from_numpy(self.categories),
                }
                checkpoints.save(self.out, self._digest(), len(self.history), self.history, state)
        assert self.categories is not None
        return Found(self.categories, tuple(self.history), self.converged)

    @property
    def converged(self) -> bool:
        """Whether the last two rounds agree as much as the recipe asks."""
        last = self.history[-1] if self.history else {}
        if last.get("purity") is None:
            return False
        return bool(last["purity"] >= self.recipe.loop.purity and last["nmi"] >= self.recipe.loop.nmi)

    def _round(self, progress: Progress, cancel: CancelToken | None) -> Labels:
        """Sort the lesions once more, and learn it."""
        started, number, loop = time.perf_counter(), len(self.history), self.recipe.loop
        first = self.first if number == 0 else None
        features = self._features(progress, cancel) if first is None else first
        found = cluster(features, loop.k, self.recipe.seed, loop.least_share)
        before = self.categories
        now = found.labels if before is None else named_as(before, found.labels)
        entry: dict[str, Any] = {
            "round": number + 1,
            "clusters": len(found.sizes),
            "sizes": np.bincount(now).tolist(),
            "silhouette": round(found.silhouette, 4),
            "purity": None if before is None else round(purity(now, before), 4),
            "nmi": None if before is None else round(nmi(now, before), 4),
        }
        if self.truth is not None:
            entry["truth"] = {
                "purity": round(purity(now, self.truth), 4),
                "nmi": round(nmi(now, self.truth), 4),
            }
        entry |= self._learn(now, number, progress, cancel)
        entry["seconds"] = round(time.perf_counter() - started, 1)
        self.history.append(entry)
        return now

    def _learn(
        self, labels: Labels, number: int, progress: Progress, cancel: CancelToken | None
    ) -> dict[str, Any]:
        """Fine-tune the network on clusters; leave it as it was after the epoch best on validation."""
        recipe, loop = self.recipe, self.recipe.loop
        torch.manual_seed(recipe.seed * 1000 + number)  # of the fresh last layer, and of dropout
        self.network.new_classes(int(labels.max()) + 1)
        rng = np.random.default_rng([recipe.seed, number])
        learnt, chosen, tested = split(len(labels), rng)
        settings = recipe.optimisation
        optimiser = torch.optim.SGD(
            self.network.parameters(), settings.lr, settings.momentum, weight_decay=settings.weight_decay
        )
        steps = len(learnt) // loop.batch
        best, state = -1.0, self.network.state_dict()
        for epoch in range(loop.epochs):
            order = rng.permutation(learnt)
            self.network.train()
            for step in range(steps):
                if cancel is not None:
                    cancel.check()
                rate = learning_rate(settings, epoch * steps + step, steps, loop.epochs)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                self._step(optimiser, order[step * loop.batch : (step + 1) * loop.batch], labels)
                progress(epoch * steps + step + 1, loop.epochs * steps, f"Round {number + 1}, learning")
            accuracy = self._accuracy(chosen, labels)
            if accuracy > best:
                best, state = accuracy, copy.deepcopy(self.network.state_dict())
        self.network.load_state_dict(state)
        return {
            "validation": round(best, 4),
            "top1": round(self._accuracy(tested, labels), 4),
            "tested": len(tested),
        }

    def _step(self, optimiser: torch.optim.Optimizer, lesions: NDArray[np.int64], labels: Labels) -> None:
        with half_where_asked(self.recipe.precision, self.device):
            logits = self.network(self._pictures(lesions))
        loss = functional.cross_entropy(logits.float(), torch.from_numpy(labels[lesions]).to(self.device))
        if not torch.isfinite(loss):
            raise InputError(
                "The loss is no longer a number: lower the learning rate "
                f"(--set optimisation.lr={self.recipe.optimisation.lr / 3:.2g}) and start in a new folder."
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimisation.clip)
        optimiser.step()

    def _accuracy(self, lesions: NDArray[np.int64], labels: Labels) -> float:
        return float((self._seen(self.network, lesions).argmax(axis=1) == labels[lesions]).mean())

    def _features(self, progress: Progress, cancel: CancelToken | None) -> Features:
        everyone = np.arange(len(self.crops))

        def encode(pictures: Tensor) -> Tensor:
            return self.network.encode(pictures, self.recipe.loop.layer)

        return self._seen(encode, everyone, progress, cancel)

    def _seen(
        self,
        function: Any,
        lesions: NDArray[np.int64],
        progress: Progress = silent,
        cancel: CancelToken | None = None,
    ) -> NDArray[np.float32]:
        """Return what the network makes of lesions, one row each."""
        self.network.eval()
        parts = []
        with torch.inference_mode():
            for start in range(0, len(lesions), AT_ONCE):
                if cancel is not None:
                    cancel.check()
                parts.append(function(self._pictures(lesions[start : start + AT_ONCE])).float().cpu().numpy())
                progress(min(start + AT_ONCE, len(lesions)), len(lesions), "Encoding lesions")
        return np.concatenate(parts)

    def _pictures(self, lesions: NDArray[np.int64]) -> Tensor:
        grey = torch.from_numpy(self.crops.grey[lesions]).to(self.device)
        return (grey[:, None].float() / 255).contiguous(memory_format=torch.channels_last)

    def _resume(self) -> None:
        found = checkpoints.load(self.out, self._digest())
        if found is None:
            return
        _, self.history, state = found
        self.categories = state["categories"].numpy()
        self.network.new_classes(int(self.categories.max()) + 1)
        self.network.load_state_dict(state["network"])

    def _digest(self) -> str:
        pictures = hashlib.sha256(self.crops.grey.data).digest()
        return checkpoints.digest_of(self.recipe.fixing(), self.crops.numbers.tobytes(), pictures)


def split(
    lesions: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Deal lesions at random to learning, choosing and testing (§2.2)."""
    ends = np.rint(np.cumsum(SHARES)[:2] * lesions).astype(int)
    learnt, chosen, tested = np.split(rng.permutation(lesions), ends)
    return learnt, chosen, tested
