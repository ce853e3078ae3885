"""Where each prompt lies among the tokens of a packed batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

__all__ = ["Segments"]


@dataclass(frozen=True, slots=True)
class Segments:
    """P prompts, one behind the other.

    Attributes:
        bounds: begin and end of each; the last end is T.
        ends: 0 and all ends, int32 (P + 1,), as attention kernels take them.
        longest: tokens of the longest.
    """

    bounds: tuple[tuple[int, int], ...]
    ends: Tensor
    longest: int

    @classmethod
    def of_lengths(cls, lengths: Sequence[int]) -> Segments:
        """Of prompts of so many tokens each."""
        ends = list(accumulate(lengths, initial=0))
        return cls(tuple(pairwise(ends)), torch.tensor(ends, dtype=torch.int32), max(lengths))

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def last_tokens(self) -> Tensor:
        """Of each prompt, int32 (P,)."""
        return self.ends[1:] - 1

    def to(self, device: torch.device) -> Segments:
        """The same on a device."""
        return Segments(self.bounds, self.ends.to(device, non_blocking=True), self.longest)
