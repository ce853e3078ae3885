"""When the interactions of a split happened, and what the split says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["SplitClaim", "SplitTimes"]

SplitClaim: TypeAlias = Literal["time", "leave-last-out"]
"""What a split says of itself.

"time": everything trained on lies before everything tested on. "leave-last-out": each user's last interaction is tested
on, and what is trained on of the same user lies before it; other users' interactions may be later.
"""


@dataclass(frozen=True, slots=True, eq=False)
class SplitTimes:
    """When the interactions of a split happened.

    Attributes:
        train_users: (T,) user id of each interaction that anything was fitted on: the model, popularity, the retriever.
        train_times: (T,) when it happened, in any unit that grows with time.
        test_users: (Q,) user id of each test query; a user may have several.
        test_times: (Q,) when the target of each was taken, in the same unit.
        claim: what the split says of itself.

    Ids are all text or all whole numbers, in both; times are finite numbers.
    """

    train_users: Sequence[str] | Sequence[int] | IntArray
    train_times: Sequence[float] | IntArray | FloatArray
    test_users: Sequence[str] | Sequence[int] | IntArray
    test_times: Sequence[float] | IntArray | FloatArray
    claim: SplitClaim
