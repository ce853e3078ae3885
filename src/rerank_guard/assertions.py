"""The checks as assertions, for a test of one's own: raise with the verdict's text unless it passed.

A verdict that is inconclusive or not applicable raises too: an assertion that was asked for has to hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rerank_guard.checks import (
    ALPHA,
    check_gt_in_candidates,
    check_letter_tokens_found,
    check_loss_below_random,
    check_probabilities_not_uniform,
    check_recall_beats_baseline,
)
from rerank_guard.report.text import format_verdict
from rerank_guard.types import FloatArray, LetterTable, RankingTask, TrainingTrace
from rerank_guard.verdict import Status, Verdict

__all__ = [
    "assert_gt_in_candidates",
    "assert_letter_tokens_found",
    "assert_loss_below_random",
    "assert_probabilities_not_uniform",
    "assert_recall_beats_baseline",
]


def assert_gt_in_candidates(tasks: Sequence[RankingTask]) -> Verdict:
    """Assert `check_gt_in_candidates`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return _passed(check_gt_in_candidates(tasks))


def assert_letter_tokens_found(table: LetterTable, n_candidates: int) -> Verdict:
    """Assert `check_letter_tokens_found`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return _passed(check_letter_tokens_found(table, n_candidates))


def assert_loss_below_random(trace: TrainingTrace, *, alpha: float = ALPHA, effect: float = 0.025) -> Verdict:
    """Assert `check_loss_below_random`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return _passed(check_loss_below_random(trace, alpha=alpha, effect=effect))


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
    return _passed(
        check_probabilities_not_uniform(probabilities, n_candidates=n_candidates, alpha=alpha, effect=effect)
    )


def assert_recall_beats_baseline(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    k: int,
    baselines: Mapping[str, Sequence[FloatArray]],
    alpha: float = ALPHA,
    effect: float = 0.05,
) -> Verdict:
    """Assert `check_recall_beats_baseline`; returns the verdict when it passed.

    Raises:
        AssertionError: with the verdict as text, unless it passed.
    """
    __tracebackhide__ = True
    return _passed(check_recall_beats_baseline(scores, tasks, k=k, baselines=baselines, alpha=alpha, effect=effect))


def _passed(verdict: Verdict) -> Verdict:
    __tracebackhide__ = True
    if verdict.status is not Status.PASSED:
        raise AssertionError(format_verdict(verdict))
    return verdict
