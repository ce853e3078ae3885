"""Are the probabilities as often right as they say?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_settings, require_tasks, true_slots
from rerank_guard.metrics import as_probability_matrix, expected_hit_at_k
from rerank_guard.stats.bets import log_e_value_above, p_value_of
from rerank_guard.stats.confidence import mean_confidence_sequence
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Interval, Measured, Status, Verdict

__all__ = ["check_calibrated"]

_CHECK = "calibrated"
_BINS = 10

_CAUSE = (
    "The candidate put first is right far less often than its probability says: trained for too many passes over too few "
    "examples, on labels or negatives that the test does not have, or with a wrong temperature."
)
_NEXT_STEP = (
    "Fit a temperature on held-out users (the ranking stays as it is), train for fewer passes, or smooth the labels; if the "
    "ranking itself is poor, look at that first."
)


def check_calibrated(
    probabilities: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    alpha: float = 1e-6,
    most: float = 0.25,
) -> Verdict:
    """The mean probability of the candidate put first exceeds the share of users for whom it is right by at most `most`.

    FAILED when "the mean of (confidence - right) is at most `most`" is rejected at alpha by a bet on the bounded mean
    (`stats.bets`). Under-confidence is measured only. So is the expected calibration error of 10 bins of equal width,
    sum_b n_b/n |confidence_b - right_b| (Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017), which is biased upwards with
    few users: of a perfectly calibrated reranker it is some 0.1 at 100 users.

    Where several candidates share the largest probability, right is the chance that one drawn of them is the target. Users
    whose target is not listed are left out; gt_in_candidates reports them.

    Args:
        probabilities: one array (N_u,) a task, non-negative, summing to 1.
        tasks: the tasks, in the same order.
        alpha: how often a reranker whose excess is at most `most` may be failed.
        most: largest excess of confidence that is accepted, in [0, 1).

    Returns:
        PASSED; NOT_APPLICABLE where no target is listed; or FAILED with over-confident, the reliability diagram's rows
        (confidence, right, users) of the largest excess as evidence.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: malformed probabilities.
        RerankGuardError: alpha or most out of range.
    """
    require_settings(alpha, most)
    require_tasks(tasks)
    matrix, _ = as_probability_matrix(probabilities, [task.n_candidates for task in tasks])
    slots = true_slots(tasks)
    listed = np.array([slot is not None for slot in slots])
    claim = f"the first candidate's probability is above its share of hits by at most {most:g}, over {int(listed.sum())} users"
    if not listed.any():
        return Verdict(
            check=_CHECK,
            status=Status.NOT_APPLICABLE,
            claim=claim,
            measured={},
            threshold={},
            n=0,
            cause="no task lists its target, so the first candidate is never right",
            next_step="see gt_in_candidates: put the target among the candidates",
        )
    confidence = np.clip(matrix.max(axis=1)[listed], 0.0, 1.0)
    rows = [row[: task.n_candidates] for row, task in zip(matrix, tasks, strict=True)]
    right = expected_hit_at_k(rows, slots, 1)[listed]
    excess = confidence - right
    halved = np.clip((excess + 1.0) / 2.0, 0.0, 1.0)
    log_e = log_e_value_above(halved, (most + 1.0) / 2.0)
    failed = log_e >= math.log(1.0 / alpha)
    level = 1.0 - 2.0 * alpha
    low, high = mean_confidence_sequence(halved, level)
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    measured: dict[str, Measured] = {
        "excess_confidence": float(excess.mean()),
        "mean_confidence": float(confidence.mean()),
        "share_right": float(right.mean()),
        "expected_calibration_error": _expected_calibration_error(excess, bins),
        "log10_e_value": log_e / math.log(10.0),
    }
    return Verdict(
        check=_CHECK,
        status=Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        threshold={"excess_confidence": most, "log10_e_value": -math.log10(alpha)},
        n=len(excess),
        interval=Interval(2.0 * low - 1.0, 2.0 * high - 1.0, level, "confidence sequence"),
        evidence=_rows(confidence, right, bins) if failed else (),
        cause=_CAUSE if failed else "",
        next_step=_NEXT_STEP if failed else "",
        fault="over-confident" if failed else None,
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
        f"{right[bins == b].mean():.3f} right, {int((bins == b).sum())} users"
        for b in sorted(worst)
    )
