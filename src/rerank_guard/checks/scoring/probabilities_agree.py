"""Do the probabilities rank the candidates as the scores do?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.agreement import DISCORDANT, TIED, agreement
from rerank_guard.checks.comparing.ragged_rows import Rows, every, ragged, split
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.scoring import PROBABILITIES_DIFFER, ROWS_MISALIGNED
from rerank_guard.core.finding import Affected, Finding, Limit, Suspected, suspect
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.setting import Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, FloatArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import as_score_rows

__all__ = ["probabilities_agree"]


@check(
    stage=Stage.SCORING,
    claim="the probabilities rank the candidates as the scores do",
    can_name=(ROWS_MISALIGNED, LABEL_OFFSET, PROBABILITIES_DIFFER),
    rules_out=(PROBABILITIES_DIFFER,),
)
def probabilities_agree(
    scores: Sequence[FloatArray],
    probabilities: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    tolerance: Share = 0.05,
    max_share: Share = 0.1,
    max_discordant: Share = DISCORDANT,
    max_tied: Share = TIED,
) -> Finding:
    """Probabilities and scores of a task put its candidates into the same order, apart from near-ties.

    What a user is told of the confidence would else be said of another ranking than the one that is shown.

    Exact, without statistics: both are made from the same letter logits, so that one is an increasing function of the
    other; half precision may exchange what is close together (see `comparing.agreement`). FAILED where more than
    `max_share` of the tasks disagree. Tasks with scores or probabilities that are not finite count as agreeing; the checks
    of the values themselves report them.

    Args:
        scores: one array (N_u,) a task, any scale.
        probabilities: one array (N_u,) a task.
        tasks: the tasks, in the same order.
        tolerance: total variation distance that is put down to rounding where the scores are nearly flat, in [0, 1).
        max_share: largest share of tasks that may disagree, in [0, 1).
        max_discordant: largest share of a task's clear pairs that may be in the other order.
        max_tied: largest share of them that may be level.

    Returns:
        PASSED, or FAILED with rows-misaligned where the probabilities are those of the task before or after,
        label-offset where they are those of the position before or after, else probabilities-differ.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    lengths = table.n_candidates.tolist()
    given = ragged(as_score_rows(scores, lengths))
    stated = ragged(as_score_rows(probabilities, lengths, what="probabilities"))
    usable = _finite(given) & _finite(stated)
    ranked, said = _rows_at(given, usable), _rows_at(stated, usable)
    matched = np.ones(len(table), dtype=np.bool_)
    if len(ranked):
        matched[usable] = agreement(said, ranked).matched(tolerance, max_discordant, max_tied)
    apart = float(1.0 - matched.mean())
    failed = apart > max_share
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"the probabilities of {len(table)} tasks rank their candidates as the scores do",
        measured={"share_of_users_apart": apart, "users_judged": len(ranked)},
        limits=(Limit("share_of_users_apart", "<=", max_share),),
        n=len(table),
        evidence=tuple(
            _row(table.query_ids[task], given.row(task), stated.row(task))
            for task in np.flatnonzero(~matched)[:MAX_EVIDENCE].tolist()
        )
        if failed
        else (),
        suspects=(_fault(ranked, said, tolerance, max_share),) if failed else (),
        affected=Affected(int((~matched).sum()), len(table)),
    )


def _finite(rows: Rows) -> BoolArray:
    return every(Ragged(np.isfinite(rows.values), rows.offsets))


def _rows_at(rows: Rows, chosen: BoolArray) -> list[FloatArray]:
    return split(rows.take(np.flatnonzero(chosen)))


def _fault(
    scores: Sequence[FloatArray], stated: Sequence[FloatArray], tolerance: float, max_share: float
) -> Suspected:
    """What the probabilities are made from instead."""

    def fit(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> bool:
        if len(pairs) < max(2, len(scores) // 2):
            return False
        together = agreement([p for p, _ in pairs], [s for _, s in pairs])
        return float(together.matched(tolerance).mean()) >= 1.0 - max_share

    for shift in (1, -1):
        others = [scores[task] for task in np.roll(np.arange(len(scores)), shift).tolist()]
        if fit([(p, s) for p, s in zip(stated, others, strict=True) if len(p) == len(s)]):
            cause = "The probabilities of a task are another task's, one row away."
            return suspect(ROWS_MISALIGNED, cause, PROBABILITIES_DIFFER.fix)
        if fit([(p, np.roll(s, shift)) for p, s in zip(stated, scores, strict=True)]):
            cause = "The probabilities are one position away from the scores."
            return suspect(LABEL_OFFSET, cause, PROBABILITIES_DIFFER.fix)
    return suspect(PROBABILITIES_DIFFER, "They are made from different logits, or by different code.")


def _row(query_id: str, scores: FloatArray, stated: FloatArray) -> str:
    by_score, by_probability = int(np.argmax(scores)), int(np.argmax(stated))
    return (
        f"query {query_id!r}: position {by_score} has the highest score {scores[by_score]:.3g} and probability "
        f"{stated[by_score]:.3g}; position {by_probability} the highest probability, {stated[by_probability]:.3g}"
    )
