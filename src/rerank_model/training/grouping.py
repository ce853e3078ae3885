"""Training batches of prompts of similar length, where that saves enough padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

__all__ = ["MIN_SAVED", "GroupedByLength", "grouping_pays", "padding_share"]

MIN_SAVED = 0.05
"""Share of a job's tokens that grouping has to save; for less, an order that is random throughout is preferred."""


class GroupedByLength(Sampler[int]):
    """Random batches, each of examples of similar length; another order each epoch, the same for the same seed.

    Args:
        lengths: tokens of each example's prompt.
        batch_size: examples a batch, those of all processes together.
        seed: of the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each pass, and when a job continues from a checkpoint."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + 1_000_003 * self.epoch)
        return iter(_grouped(self.lengths, self.batch_size, generator))


def grouping_pays(lengths: Sequence[int], batch_size: int) -> bool:
    """Whether batches of similar length save at least `MIN_SAVED` of the tokens that are computed in random order."""
    saved = padding_share(lengths, batch_size, grouped=False) - padding_share(lengths, batch_size, grouped=True)
    return saved >= MIN_SAVED


def padding_share(lengths: Sequence[int], batch_size: int, *, grouped: bool) -> float:
    """Share of padding among the tokens of one pass, by one order drawn with seed 0."""
    generator = torch.Generator().manual_seed(0)
    if grouped:
        order = _grouped(lengths, batch_size, generator)
    else:
        order = torch.randperm(len(lengths), generator=generator).tolist()
    batches = [[lengths[index] for index in order[i : i + batch_size]] for i in range(0, len(order), batch_size)]
    computed = sum(len(batch) * max(batch) for batch in batches)
    return 1.0 - sum(lengths) / float(computed)


def _grouped(lengths: Sequence[int], batch_size: int, generator: torch.Generator) -> list[int]:
    ordered: list[int] = get_length_grouped_indices(list(lengths), batch_size, generator=generator)  # type: ignore[no-untyped-call]
    whole = len(ordered) // batch_size * batch_size
    batches = [ordered[start : start + batch_size] for start in range(0, whole, batch_size)]
    # transformers leaves them from long to short, repeatedly: how hard an example is would depend on the time
    shuffled = torch.randperm(len(batches), generator=generator).tolist()
    return [index for batch in shuffled for index in batches[batch]] + ordered[whole:]
