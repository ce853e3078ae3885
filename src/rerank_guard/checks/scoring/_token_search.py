"""Which tokens' logits would give the observed scores? Found by their differences, whatever the normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from rerank_guard.checks.comparing.probability_rows import probability_rows
from rerank_guard.core.types import FloatArray

__all__ = ["are_read_at", "tokens_that_fit"]

_TASKS = 8
_FEWEST_TASKS = 5
_POOL = 4000
_TRIED = 20
_OF_VARIATION = 0.2
"""A letter is read at a token where the two differ by less than this share of how much the token's logit varies over the tasks:
of what is not this token's logit, such as a constant, all of the variation is left."""
_OF_VARIATION_IN_FEW = 0.02
"""The same where nearly all tasks were searched: among 150,000 tokens some come near to any five or eight values."""


def tokens_that_fit(scores: Sequence[FloatArray], logits: Sequence[FloatArray]) -> list[int] | None:
    """The token ids, one a position, whose logits over a few tasks come nearest to the observed scores.

    Log-probabilities over the letters are logits less an unknown constant for each task. So the token of position 0 is
    tried among the 4,000 with the largest mean logit; each fixes the constants, and every other position's token is the
    nearest neighbour, in the space of the tasks, of what its logits would be.

    Args:
        scores: one array (N_u,) a task.
        logits: one array (V,) a task.

    Returns:
        N ids for the largest N; None with fewer than 5 tasks of that N, or fewer than 3 candidates, where a fit would
        say little. A fit on 8 tasks is a guess: compare it with all.
    """
    n = max(len(row) for row in scores)
    tasks = [task for task, row in enumerate(scores) if len(row) == n][:_TASKS]
    if len(tasks) < _FEWEST_TASKS or n < 3:
        return None
    (rows,) = probability_rows([scores[task] for task in tasks])
    vocabulary = min(len(row) for row in logits)
    read = np.stack([logits[task][:vocabulary] for task in tasks])
    if not all(bool((row > 0.0).all()) for row in rows) or not np.isfinite(read).all():
        return None
    return _nearest(np.log(np.stack(rows)), read)


def are_read_at(
    scores: Sequence[FloatArray], logits: Sequence[FloatArray], ids: Sequence[int], tokens: Sequence[int]
) -> bool:
    """Whether the scores are the logits at these tokens for every letter whose token is another than its own.

    Among many letters that are read rightly one that is not read at all comes near to some token's logit on average over the letters;
    here each letter has to be that token's by itself, in all tasks.

    Args:
        scores: one array (N_u,) a task.
        logits: one array (V,) a task.
        ids: the letters' own tokens.
        tokens: as many as the longest of the scores has.
    """
    (rows,) = probability_rows(scores)
    n = len(tokens)
    read, observed = np.full((2, len(rows), n), np.nan)
    for task, (row, whole) in enumerate(zip(rows, logits, strict=True)):
        with np.errstate(divide="ignore"):
            logarithms = np.log(row)
        read[task, : len(row)] = whole[np.asarray(tokens[: len(row)])]
        observed[task, : len(row)] = logarithms + np.median(read[task, : len(row)] - logarithms)
    other = np.flatnonzero(np.asarray(tokens) != np.asarray(ids[:n]))
    away = np.sqrt(np.nanmean((observed[:, other] - read[:, other]) ** 2, axis=0))
    share = _OF_VARIATION if len(rows) >= 2 * _TASKS else _OF_VARIATION_IN_FEW
    return bool((away <= share * np.nanstd(read[:, other], axis=0)).all())


def _nearest(observed: FloatArray, read: FloatArray) -> list[int] | None:
    """The ids of the columns of `read` (tasks, V) nearest to those of `observed` (tasks, N), a constant a task apart."""
    columns = KDTree(read.T)
    pool = np.argsort(-read.mean(axis=0), kind="stable")[:_POOL]
    distances, _ = columns.query((read[:, pool] + (observed[:, 1] - observed[:, 0])[:, None]).T)
    found: tuple[float, list[int]] | None = None
    for first in pool[np.argsort(distances, kind="stable")[:_TRIED]].tolist():
        wanted = read[:, [first]] + observed - observed[:, :1]
        away, ids = columns.query(wanted.T)
        total = float(np.sum(away))
        if found is None or total < found[0]:
            found = (total, np.asarray(ids, dtype=np.int64).tolist())
    return found[1] if found is not None else None
