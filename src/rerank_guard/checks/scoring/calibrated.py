"""Are the probabilities as often right as they say?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.not_normalised import not_normalised
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import OVER_CONFIDENT, PROBABILITIES_NOT_NORMALISED
from rerank_guard.core.finding import Finding, Limit, not_applicable, suspect
from rerank_guard.core.listed import target_listing
from rerank_guard.core.setting import Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Interval, Status
from rerank_guard.metrics import as_probability_matrix, expected_hit_at_k
from rerank_guard.stats.bets import log_e_value_above, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence

__all__ = ["calibrated"]

_BINS = 10


@check(
    stage=Stage.SCORING,
    claim="the probabilities are not far more confident than they are right",
    can_name=(PROBABILITIES_NOT_NORMALISED, OVER_CONFIDENT),
    rules_out=(OVER_CONFIDENT,),
    looks_like=OVER_CONFIDENT,
)
def calibrated(
    probabilities: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    alpha: Level = 1e-6,
    max_excess: Share = 0.25,
) -> Finding:
    """The mean probability of the candidate put first exceeds the share of tasks in which it is right by at most `max_excess`.

    FAILED when "the mean of (confidence - right) is at most `max_excess`" is rejected at alpha by a bet on the bounded mean
    (`stats.bets`). Under-confidence is measured only. So is the expected calibration error of 10 bins of equal width,
    sum_b n_b/n |confidence_b - right_b| (Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017), which is biased upwards with
    few tasks: of a perfectly calibrated reranker it is some 0.1 at 100 tasks.

    Where several candidates share the largest probability, right is the chance that one drawn of them is the target item.
    Tasks whose target item is not listed are left out; gt_in_candidates reports them.

    Args:
        probabilities: one array (N_u,) a task, non-negative, summing to 1.
        tasks: the tasks, in the same order.
        alpha: how often a reranker whose excess is at most `max_excess` may be failed; inside (0, 0.5).
        max_excess: largest excess of confidence that is accepted, in [0, 1).

    Returns:
        PASSED; NOT_APPLICABLE where no target item is listed; or FAILED with probabilities-not-normalised where the values
        of some task do not sum to 1, or with over-confident, the reliability diagram's rows
        (confidence, right, tasks) of the largest excess as evidence.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed probabilities.
        SettingError: alpha or max_excess out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    if wrong := not_normalised(probabilities, table.n_candidates.tolist()):
        return wrong
    matrix, lengths = as_probability_matrix(probabilities, table.n_candidates.tolist())
    position = target_listing(table).position
    listed = position >= 0
    claim = f"the first candidate's probability is above its share of hits by at most {max_excess:g}, over {int(listed.sum())} tasks"
    if not listed.any():
        return not_applicable(
            "no task lists its target item, so the first candidate is never right",
            "see gt_in_candidates: put the target item among the candidates",
            claim=claim,
        )
    confidence = np.clip(matrix[listed].max(axis=1), 0.0, 1.0)
    rows = [row[:n] for row, n in zip(matrix[listed], lengths[listed].tolist(), strict=True)]
    right = expected_hit_at_k(rows, position[listed], 1)
    excess = confidence - right
    halved = np.clip((excess + 1.0) / 2.0, 0.0, 1.0)
    log_e = log_e_value_above(halved, (max_excess + 1.0) / 2.0)
    failed = log_e >= math.log(1.0 / alpha)
    level = 1.0 - 2.0 * alpha
    low, high = mean_confidence_sequence(halved, level)
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured={
            "excess_confidence": float(excess.mean()),
            "mean_confidence": float(confidence.mean()),
            "share_right": float(right.mean()),
            "expected_calibration_error": _expected_calibration_error(excess, bins),
            "log10_e_value": log_e / math.log(10.0),
        },
        limits=(Limit("log10_e_value", "<", -math.log10(alpha)),),
        compared_with={"excess_confidence": max_excess},
        n=len(excess),
        interval=Interval(2.0 * low - 1.0, 2.0 * high - 1.0, level, "confidence sequence"),
        evidence=_rows(confidence, right, bins) if failed else (),
        suspects=(suspect(OVER_CONFIDENT, statistical=True),) if failed else (),
        p_failed=p_value_of(log_e),
    )


def _expected_calibration_error(excess: FloatArray, bins: IntArray) -> float:
    sums = np.bincount(bins, weights=excess, minlength=_BINS)
    return float(np.abs(sums).sum() / len(excess))


def _rows(confidence: FloatArray, right: FloatArray, bins: IntArray) -> tuple[str, ...]:
    """The bins that add most to the excess, by rising confidence."""
    totals = np.bincount(bins, weights=confidence - right, minlength=_BINS)
    filled = np.flatnonzero(np.bincount(bins, minlength=_BINS))
    worst = sorted(filled.tolist(), key=lambda b: -totals[b])[:MAX_EVIDENCE]
    return tuple(
        f"probability {b / _BINS:.1f} to {(b + 1) / _BINS:.1f}: {confidence[bins == b].mean():.3f} promised, "
        f"{right[bins == b].mean():.3f} right, {int((bins == b).sum())} tasks"
        for b in sorted(worst)
    )
