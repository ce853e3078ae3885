"""Scores from a plain forward pass, of the ids and after the token that a fault uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rerank_guard.core.target import ForwardsTokens, KnowsLetters, Progress, RerankTarget
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults.rescored import answering
from rerank_guard.faults.wrapped import Wrapped

__all__ = ["forwarded"]

_AT_ONCE = 64


def forwarded(
    target: RerankTarget,
    ids_of: Callable[[Sequence[RankingTask]], Sequence[tuple[int, ...]]],
    *,
    letter_ids: Sequence[int] | None = None,
    **replaced: object,
) -> Wrapped:
    """The reranker, scored by its model's own logits after other token ids: the real scores of a faulty prompt.

    Args:
        target: with `next_token_logits` and `letter_table`.
        ids_of: from tasks to the ids that go into the model; the letter is read after the last one.
        letter_ids: where the letters' logits are read; None for the ids in the reranker's letter table.
        replaced: further methods to replace.
    """
    assert isinstance(target, ForwardsTokens)
    assert isinstance(target, KnowsLetters)
    read_at = (
        [letter.token_ids[0] for letter in target.letter_table().letters]
        if letter_ids is None
        else list(letter_ids)
    )
    known: dict[tuple[int, ...], FloatArray] = {}  # a run asks for the same prompts several times

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

    scoring = answering(target, {"score": score, "score_synthetic": score, "score_reloaded": score})
    return Wrapped(scoring, **replaced)
