"""Scores read off a plain forward pass, of whatever ids and behind whatever token a fault has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rerank_guard.faults.rescored import answering
from rerank_guard.faults.wrapped import Wrapped
from rerank_guard.target import ForwardsTokens, KnowsLetters, Progress, RerankTarget
from rerank_guard.types import FloatArray, RankingTask

__all__ = ["forwarded"]

_AT_ONCE = 64


def forwarded(
    target: RerankTarget,
    ids_of: Callable[[Sequence[RankingTask]], Sequence[tuple[int, ...]]],
    *,
    letter_ids: Sequence[int] | None = None,
    **replaced: object,
) -> Wrapped:
    """The target, scored by its model's own logits behind other token ids: the real scores of a faulty prompt.

    Args:
        target: with `next_token_logits` and `letter_table`.
        ids_of: from tasks to the ids that go into the model, the letter being read behind the last one.
        letter_ids: where the letters' logits are read; None for the ids in the target's letter table.
        replaced: further methods to replace.
    """
    assert isinstance(target, ForwardsTokens)
    assert isinstance(target, KnowsLetters)
    read_at = (
        [letter.token_ids[0] for letter in target.letter_table().letters]
        if letter_ids is None
        else list(letter_ids)
    )
    known: dict[tuple[int, ...], FloatArray] = {}  # the session asks for the same prompts several times

    def score(tasks: Sequence[RankingTask], progress: Progress | None = None) -> list[FloatArray]:
        prompts = list(ids_of(tasks))
        new = [ids for ids in dict.fromkeys(prompts) if ids not in known]
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            for ids, row in zip(some, target.next_token_logits(some), strict=True):
                known[ids] = np.asarray(row, dtype=np.float64)[read_at]
            if progress is not None:
                progress(min(start + _AT_ONCE, len(new)), len(new))
        return [known[ids][: task.n_candidates].copy() for ids, task in zip(prompts, tasks, strict=True)]

    scoring = answering(target, {"score": score, "score_made_up": score, "score_reloaded": score})
    return Wrapped(scoring, **replaced)
