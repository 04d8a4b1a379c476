"""A row's loss: which terms of Eq. 5, or what stands in their place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lesionscope.models.lesanet.output import LesaNetOutput
from lesionscope.ontology.label_graph import LabelGraph

from .labels import Targets, ancestor_matrix, exclusive_matrix
from .lesion_graph import sequence_loss
from .losses import class_weights, weighted_bce
from .recipe import LesaNetRecipe
from .rhem import focal_loss, ohem_loss, reliable_pairs, rhem_loss
from .triplets import select_triplets, similarity, triplet_loss
from .warp import warp_loss


@dataclass(frozen=True)
class Draws:
    """Random numbers of a step, the same in every process: for the device that scores lie on, and the CPU."""

    device: torch.Generator
    cpu: torch.Generator

    @classmethod
    def seeded(cls, seed: int, device: torch.device) -> Draws:
        """Make both from a seed."""
        made = cls(torch.Generator(device), torch.Generator())
        made.device.manual_seed(seed)
        made.cpu.manual_seed(seed)
        return made


class Objective:
    """The loss of a recipe on whole batches.

    Parameters
    ----------
    recipe
        Its losses and network.
    training
        The training set's labels, which fix β⁺ and β⁻.
    graph
        Which labels imply and exclude which.
    device
        Where batches lie.
    """

    def __init__(
        self, recipe: LesaNetRecipe, training: Targets, graph: LabelGraph, device: torch.device
    ) -> None:
        self.losses, self.network = recipe.losses, recipe.network
        self.beta_pos, self.beta_neg = (beta.to(device) for beta in class_weights(training.positive))
        self.exclusive = torch.from_numpy(exclusive_matrix(graph)).to(device)
        self.ancestors = torch.from_numpy(ancestor_matrix(graph)).to(device)

    def __call__(
        self, output: LesaNetOutput, targets: Tensor, known: Tensor, described: Tensor, draws: Draws
    ) -> dict[str, Tensor]:
        """Return the terms of the loss, weighted, by name.

        Parameters
        ----------
        output
            The network's, of the whole batch.
        targets, known
            Labels and pairs that count, float32 ``(B, C)``.
        described
            See :mod:`.lesion_graph`, ``(B, 6)``; only the lesion embedding is trained on it.
        draws
            Where triplets and hard examples come from.
        """
        losses = self.losses
        if losses.scores == "warp":
            terms = {"warp": warp_loss(output.scores, targets, known, self.ancestors)}
        else:
            terms = {"wce": self._wce(output.scores, targets, known)}
        if self.network.score_propagation:
            terms["spl"] = self._wce(output.refined, targets, known)
        if losses.mining != "none":
            terms[losses.mining] = self._mined(output.scores, targets, known, draws)
        if self.network.kind == "lesion-embedding":
            terms["sequence"] = sequence_loss(output.embedding, described, generator=draws.cpu)
        elif losses.triplet:
            chosen = select_triplets(
                similarity(targets),
                count=losses.triplets,
                threshold=losses.threshold,
                generator=draws.cpu,
            )
            terms["triplet"] = losses.triplet * triplet_loss(output.embedding, chosen, losses.margin)
        return terms

    def _wce(self, scores: Tensor, targets: Tensor, known: Tensor) -> Tensor:
        return weighted_bce(scores, targets, known, self.beta_pos, self.beta_neg)

    def _mined(self, scores: Tensor, targets: Tensor, known: Tensor, draws: Draws) -> Tensor:
        losses = self.losses
        pairs = known.bool()
        if losses.reliable:
            pairs = pairs & reliable_pairs(targets, self.exclusive)
        if losses.mining == "ohem":
            return ohem_loss(scores, targets, pairs)
        if losses.mining == "focal":
            return focal_loss(scores, targets, pairs, gamma=losses.gamma)
        return rhem_loss(
            scores, targets, pairs, samples=losses.samples, gamma=losses.gamma, generator=draws.device
        )
