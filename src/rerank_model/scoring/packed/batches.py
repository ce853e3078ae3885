"""Which prompts go through the model together: as many as a budget of tokens holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rerank_guard.core.types import IntArray
from rerank_model.scoring.packed.segments import Segments

__all__ = ["Batch", "TokenIds", "fill_batches"]

TokenIds = Sequence[int] | IntArray
"""Of one prompt."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts packed end to end.

    Attributes:
        indices: of the prompts, in the order they were given in.
        input_ids: (T,) int64, one prompt after the other.
        positions: (T,) int64, of each token in its own prompt.
        segments: where each prompt lies.
    """

    indices: tuple[int, ...]
    input_ids: Tensor
    positions: Tensor
    segments: Segments

    def to(self, device: torch.device) -> Batch:
        """The same on a device, copied without waiting for it."""
        if device.type == "cpu":
            return self
        return Batch(
            self.indices,
            self.input_ids.pin_memory().to(device, non_blocking=True),
            self.positions.pin_memory().to(device, non_blocking=True),
            self.segments.to(device),
        )


def fill_batches(prompts: Sequence[TokenIds], tokens_per_batch: int, first: int = 0) -> Iterator[Batch]:
    """Batches of prompts of similar length, longest first, each within the budget or of a single prompt.

    Args:
        prompts: token ids, each at least one.
        tokens_per_batch: T at most.
        first: index of the first prompt.
    """
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]), reverse=True)
    chosen: list[int] = []
    tokens = 0
    for index in order:
        if chosen and tokens + len(prompts[index]) > tokens_per_batch:
            yield _pack(prompts, chosen, first)
            chosen, tokens = [], 0
        chosen.append(index)
        tokens += len(prompts[index])
    if chosen:
        yield _pack(prompts, chosen, first)


def _pack(prompts: Sequence[TokenIds], chosen: Sequence[int], first: int) -> Batch:
    lengths = [len(prompts[index]) for index in chosen]
    ids = np.concatenate([np.asarray(prompts[index], dtype=np.int64) for index in chosen])
    count = np.arange(max(lengths))
    positions = np.concatenate([count[:length] for length in lengths])
    return Batch(
        indices=tuple(first + index for index in chosen),
        input_ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        segments=Segments.of_lengths(lengths),
    )
