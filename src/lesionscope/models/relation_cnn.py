"""The CNN that relates a mention to a bookmark (LesaNet §3.2, after Peng et al. 2018).

Each token is a vector: an embedding of its word beside embeddings of what marks it
(whose entity or bookmark it is, how far from both, what cue reaches it). Convolutions
of several widths run over the sentence, each filter keeps its maximum, and a linear
layer gives the three relations.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

PAD = 0
"""Word id of what only fills a batch up."""
UNKNOWN = 1
"""Word id that stands for any word; training puts it in place of some."""


@dataclass(frozen=True)
class RelationSpec:
    """Shape of the network.

    Parameters
    ----------
    sizes
        How many values each of a token's features has, the word first.
    dims
        Length of each feature's embedding.
    widths, filters
        Widths of the convolutions (tokens), and filters of each.
    relations
        Number of classes.
    sentence
        Length of the sentence embedding that is put beside the pooled features; 0: none.
    dropout, word_dropout
        Of the pooled features; of words, which become ``UNKNOWN``. In training only.
    lexical, first_word
        How many features, from the word on, come from what is written: a dropped word loses
        them all, or its ending would give it away. Words below ``first_word`` stand for
        kinds of token and are never dropped.
    """

    sizes: tuple[int, ...]
    dims: tuple[int, ...]
    widths: tuple[int, ...] = (3, 5, 7)
    filters: int = 64
    relations: int = 3
    sentence: int = 0
    dropout: float = 0.3
    word_dropout: float = 0.15
    lexical: int = 1
    first_word: int = 2

    def __post_init__(self) -> None:
        if not self.sizes or len(self.sizes) != len(self.dims) or min(*self.sizes, *self.dims, 1) < 1:
            raise ValueError("sizes and dims must be positive and as many as a token has features")
        if not self.widths or any(width < 1 or width % 2 == 0 for width in self.widths):
            raise ValueError("widths must be odd")
        if self.filters < 1 or self.relations < 2 or self.sentence < 0:
            raise ValueError("filters and relations must be positive, sentence not negative")
        if not 1 <= self.lexical <= len(self.sizes):
            raise ValueError("lexical must be at least 1, and no more than there are features")
        if not 0 <= self.dropout < 1 or not 0 <= self.word_dropout < 1:
            raise ValueError("dropout must lie in 0…1 (not 1)")

    def as_dict(self) -> dict[str, Any]:
        """Return the card's ``network`` section."""
        return {"kind": "relation-cnn", **dataclasses.asdict(self)}


class RelationCNN(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Tokens with features → logits of the relations.

    Parameters
    ----------
    spec
        Its shape.
    """

    def __init__(self, spec: RelationSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embeddings = nn.ModuleList(
            nn.Embedding(size, dim) for size, dim in zip(spec.sizes, spec.dims, strict=True)
        )
        for embedding in self.embeddings:
            nn.init.normal_(embedding.weight, std=0.3)
        width = sum(spec.dims)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, spec.filters, size, padding=size // 2) for size in spec.widths
        )
        self.dropout = nn.Dropout(spec.dropout)
        self.out = nn.Linear(spec.filters * len(spec.widths) + spec.sentence, spec.relations)

    def forward(self, tokens: Tensor, sentence: Tensor | None = None) -> Tensor:
        """Return raw logits ``(n, relations)``.

        Parameters
        ----------
        tokens
            Integer features ``(n, length, features)``; rows are filled up with word ``PAD``.
        sentence
            Sentence embeddings ``(n, spec.sentence)``, where the spec wants them.
        """
        there = (tokens[:, :, 0] != PAD).unsqueeze(1)
        if self.training and self.spec.word_dropout:
            tokens = self._without_words(tokens)
        parts = [embed(tokens[:, :, i]) for i, embed in enumerate(self.embeddings)]
        x = torch.cat(parts, dim=2).transpose(1, 2) * there
        # ReLU's outputs are not negative, so what fills up never holds the maximum.
        pooled = [(torch.relu(convolve(x)) * there).amax(dim=2) for convolve in self.convolutions]
        features = self.dropout(torch.cat(pooled, dim=1))
        if self.spec.sentence:
            if sentence is None:
                raise ValueError("this network wants sentence embeddings too")
            features = torch.cat([features, sentence], dim=1)
        return self.out(features)

    def _without_words(self, tokens: Tensor) -> Tensor:
        """Return a copy in which some words are unknown."""
        words = tokens[:, :, 0]
        drop = torch.rand(words.shape, device=words.device) < self.spec.word_dropout
        drop &= words >= self.spec.first_word
        tokens = tokens.clone()
        tokens[:, :, : self.spec.lexical] = tokens[:, :, : self.spec.lexical].masked_fill(
            drop.unsqueeze(2), PAD
        )
        tokens[:, :, 0].masked_fill_(drop, UNKNOWN)
        return tokens
