"""Do the probabilities rank the candidates as the scores do?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._agreement import agreement
from rerank_guard.checks._settings import require_tasks
from rerank_guard.metrics import as_score_rows
from rerank_guard.types import FloatArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_probabilities_agree"]

_FEW_USERS = 0.1
_TOLERANCE = 0.05


def check_probabilities_agree(
    scores: Sequence[FloatArray], probabilities: Sequence[FloatArray], tasks: Sequence[RankingTask]
) -> Verdict:
    """Probabilities and scores of a task put its candidates into the same order, apart from near-ties.

    Exact: both come of the same letter logits, so that one is an increasing function of the other; half precision may
    exchange what is close together (see `checks._agreement`). FAILED where more than a tenth of the users disagree.

    Args:
        scores: one array (N_u,) a task, any scale.
        probabilities: one array (N_u,) a task.
        tasks: the tasks, in the same order.

    Returns:
        PASSED, or FAILED with rows-misaligned where the probabilities are those of the user before or after,
        label-offset where they are those of the slot before or after, else probabilities-differ.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
    """
    require_tasks(tasks)
    lengths = [task.n_candidates for task in tasks]
    given = as_score_rows(scores, lengths)
    stated = as_score_rows(probabilities, lengths, what="probabilities")
    usable = [u for u in range(len(tasks)) if np.isfinite(given[u]).all() and np.isfinite(stated[u]).all()]
    matched = np.ones(len(tasks), dtype=np.bool_)
    if usable:
        matched[usable] = agreement([stated[u] for u in usable], [given[u] for u in usable]).matched(_TOLERANCE)
    apart = float(1.0 - matched.mean())
    failed = apart > _FEW_USERS
    fault, cause = _reading(given, stated, usable) if failed else (None, "")
    broken = np.flatnonzero(~matched).tolist()[:MAX_EVIDENCE]
    return Verdict(
        check="probabilities_agree",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"the probabilities of {len(tasks)} users rank their candidates as the scores do",
        measured={"share_of_users_apart": apart, "users_judged": len(usable)},
        threshold={"share_of_users_apart": _FEW_USERS},
        n=len(tasks),
        evidence=tuple(_row(tasks[u], given[u], stated[u]) for u in broken) if failed else (),
        cause=cause,
        next_step="Compute both from the same letter logits, in one pass." if failed else "",
        fault=fault,
    )


def _reading(scores: Sequence[FloatArray], stated: Sequence[FloatArray], usable: Sequence[int]) -> tuple[str, str]:
    """What the probabilities are of instead, and it in words."""
    for shift in (1, -1):
        pairs = [(stated[u], scores[v]) for u, v in zip(usable, np.roll(usable, shift), strict=True)]
        if _fits([(p, s) for p, s in pairs if len(p) == len(s)], len(pairs)):
            return "rows-misaligned", "The probabilities of a user are another user's, one row away."
        if _fits([(stated[u], np.roll(scores[u], shift)) for u in usable], len(usable)):
            return "label-offset", "The probabilities are one slot away from the scores."
    return "probabilities-differ", "Probabilities and scores come of different logits, or of different code."


def _fits(pairs: Sequence[tuple[FloatArray, FloatArray]], of: int) -> bool:
    if len(pairs) < max(2, of // 2):
        return False
    together = agreement([p for p, _ in pairs], [s for _, s in pairs])
    return float(together.matched(_TOLERANCE).mean()) >= 1.0 - _FEW_USERS


def _row(task: RankingTask, scores: FloatArray, stated: FloatArray) -> str:
    by_score, by_probability = int(np.argmax(scores)), int(np.argmax(stated))
    return (
        f"query {task.query_id!r}: slot {by_score} has the highest score {scores[by_score]:.3g} and probability "
        f"{stated[by_score]:.3g}; slot {by_probability} the highest probability, {stated[by_probability]:.3g}"
    )
