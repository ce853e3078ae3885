"""The checks as assertions, for a test of one's own: raise with the verdict's text unless it passed.

A verdict that is inconclusive or not applicable raises too: an assertion that was asked for has to hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rerank_guard.checks import (
    ALPHA,
    check_gt_in_candidates,
    check_letter_tokens_found,
    check_loss_below_letter_prior,
    check_loss_below_random,
    check_no_future_training_data,
    check_no_regression,
    check_probabilities_not_uniform,
    check_recall_beats_baseline,
    check_recall_ceiling_of_targets,
    check_users_accounted_for,
)
from rerank_guard.checks.regression import REGRESSION_MARGIN
from rerank_guard.checks.survivorship import MOST_LEFT_OUT
from rerank_guard.defaults import LEARNING_EFFECT, RECALL_EFFECT
from rerank_guard.population import Population
from rerank_guard.report.text import format_verdict
from rerank_guard.split_times import SplitTimes
from rerank_guard.stored import RunConditions, StoredRun
from rerank_guard.types import FloatArray, IntArray, LetterTable, RankingTask, TrainingTrace
from rerank_guard.verdict import Status, Verdict

__all__ = [
    "assert_gt_in_candidates",
    "assert_letter_tokens_found",
    "assert_loss_below_letter_prior",
    "assert_loss_below_random",
    "assert_no_future_training_data",
    "assert_no_regression",
    "assert_passed",
    "assert_probabilities_not_uniform",
    "assert_recall_beats_baseline",
    "assert_recall_ceiling_of_targets",
    "assert_users_accounted_for",
]


def assert_gt_in_candidates(tasks: Sequence[RankingTask]) -> Verdict:
    """Assert `check_gt_in_candidates`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(check_gt_in_candidates(tasks))


def assert_no_future_training_data(times: SplitTimes) -> Verdict:
    """Assert `check_no_future_training_data`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(check_no_future_training_data(times))


def assert_letter_tokens_found(table: LetterTable, n_candidates: int) -> Verdict:
    """Assert `check_letter_tokens_found`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(check_letter_tokens_found(table, n_candidates))


def assert_loss_below_random(
    trace: TrainingTrace, *, alpha: float = ALPHA, effect: float = LEARNING_EFFECT
) -> Verdict:
    """Assert `check_loss_below_random`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(check_loss_below_random(trace, alpha=alpha, effect=effect))


def assert_loss_below_letter_prior(trace: TrainingTrace, *, alpha: float = ALPHA) -> Verdict:
    """Assert `check_loss_below_letter_prior`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(check_loss_below_letter_prior(trace, alpha=alpha))


def assert_probabilities_not_uniform(
    probabilities: Sequence[FloatArray],
    *,
    n_candidates: Sequence[int] | None = None,
    alpha: float = ALPHA,
    effect: float = 0.01,
) -> Verdict:
    """Assert `check_probabilities_not_uniform`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(
        check_probabilities_not_uniform(probabilities, n_candidates=n_candidates, alpha=alpha, effect=effect)
    )


def assert_recall_beats_baseline(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    k: int,
    baselines: Mapping[str, Sequence[FloatArray]],
    alpha: float = ALPHA,
    effect: float = RECALL_EFFECT,
) -> Verdict:
    """Assert `check_recall_beats_baseline`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(
        check_recall_beats_baseline(scores, tasks, k=k, baselines=baselines, alpha=alpha, effect=effect)
    )


def assert_recall_ceiling_of_targets(
    n_relevant: Sequence[int] | IntArray, k: int, reported_recall: float, *, tolerance: float = 1e-9
) -> Verdict:
    """Assert `check_recall_ceiling_of_targets`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(check_recall_ceiling_of_targets(n_relevant, k, reported_recall, tolerance=tolerance))


def assert_users_accounted_for(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    population: Population,
    k: int,
    most_left_out: float = MOST_LEFT_OUT,
) -> Verdict:
    """Assert `check_users_accounted_for`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(
        check_users_accounted_for(scores, tasks, population=population, k=k, most_left_out=most_left_out)
    )


def assert_no_regression(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    stored: StoredRun,
    *,
    k: int,
    conditions: RunConditions | None,
    alpha: float = ALPHA,
    margin: float = REGRESSION_MARGIN,
) -> Verdict:
    """Assert `check_no_regression`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return assert_passed(
        check_no_regression(scores, tasks, stored, k=k, conditions=conditions, alpha=alpha, margin=margin)
    )


def assert_passed(verdict: Verdict) -> Verdict:
    """Assert any check: `assert_passed(check_no_history_leak(tasks))`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    if verdict.status is not Status.PASSED:
        raise AssertionError(format_verdict(verdict))
    return verdict
