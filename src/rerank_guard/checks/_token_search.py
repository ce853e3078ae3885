"""Which tokens' logits would give the observed scores? Found by their differences, whatever the normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import KDTree

from rerank_guard.checks.explain import probability_rows
from rerank_guard.types import FloatArray

__all__ = ["tokens_that_fit"]

_USERS = 8
_FEWEST_USERS = 5
_POOL = 4000
_TRIED = 20


def tokens_that_fit(scores: Sequence[FloatArray], reference_logits: Sequence[FloatArray]) -> list[int] | None:
    """The token ids, one a slot, whose logits over a few users come nearest to the observed scores.

    Log-probabilities over the letters are logits less an unknown constant for each user. So the token of slot 0 is tried
    among the 4,000 with the largest mean logit; each fixes the constants, and every other slot's token is the nearest
    neighbour, in the space of the users, of what its logits would be.

    Args:
        scores: one array (N_u,) a user.
        reference_logits: one array (V,) a user.

    Returns:
        N ids for the largest N; None with fewer than 5 users of that N, or fewer than 3 candidates, where a fit would
        say little. A fit on 8 users is a guess: hold it against all.
    """
    n = max(len(row) for row in scores)
    users = [user for user, row in enumerate(scores) if len(row) == n][:_USERS]
    vocabulary = min(len(row) for row in reference_logits)
    if len(users) < _FEWEST_USERS or n < 3:
        return None
    (rows,) = probability_rows([scores[user] for user in users])
    probabilities = np.stack(rows)
    logits = np.stack([reference_logits[user][:vocabulary] for user in users])
    if not (probabilities > 0.0).all() or not np.isfinite(logits).all():
        return None
    observed = np.log(probabilities)
    columns = KDTree(logits.T)
    pool = np.argsort(-logits.mean(axis=0), kind="stable")[:_POOL]
    distances, _ = columns.query((logits[:, pool] + (observed[:, 1] - observed[:, 0])[:, None]).T)
    found: tuple[float, list[int]] | None = None
    for first in pool[np.argsort(distances, kind="stable")[:_TRIED]].tolist():
        wanted = logits[:, [first]] + observed - observed[:, :1]
        away, ids = columns.query(wanted.T)
        total = float(np.sum(away))
        if found is None or total < found[0]:
            found = (total, np.asarray(ids, dtype=np.int64).tolist())
    return found[1] if found is not None else None
