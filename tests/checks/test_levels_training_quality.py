"""Every statistical decision follows alpha: evidence that is enough at one level is not at another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from guard.builders import chance_nll, make_task, make_trace, noisy_scores, random_tasks, scores_that_hit
from rerank_guard.checks.quality.generalizes_to_held_out import generalizes_to_held_out
from rerank_guard.checks.quality.no_regression import no_regression
from rerank_guard.checks.quality.no_slowdown import no_slowdown
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.checks.quality.recall_within_ceiling import recall_within_ceiling
from rerank_guard.checks.scoring.calibrated import calibrated
from rerank_guard.checks.scoring.no_order_fallback import no_order_fallback
from rerank_guard.checks.scoring.permutation_equivariant import permutation_equivariant
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.checks.scoring.recall_uniform_by_position import recall_uniform_by_position
from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.checks.training.overfits_one_batch import overfits_one_batch
from rerank_guard.core.permuted import Permuted
from rerank_guard.core.stage import Stage
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.verdict import Status
from rerank_guard.stored import stored_run_of

PASSED, FAILED, OPEN, APART = Status.PASSED, Status.FAILED, Status.INCONCLUSIVE, Status.NOT_APPLICABLE
STRICT, LENIENT = 1e-12, 0.2
STAGES = {Stage.TRAINING, Stage.SAVED_MODEL, Stage.SCORING, Stage.QUALITY}


def rng(seed=0):
    return np.random.default_rng(seed)


def small_gain():
    return (make_trace(np.full(60, np.log(50) - 0.3)),)


def skewed_job():
    """Learned the positions' shares at once and nothing else; positions mildly uneven, over enough examples to leave chance."""
    shares = np.exp(-0.15 * np.arange(20))
    shares /= shares.sum()
    positions = rng(3).choice(20, size=200, p=shares)
    return (make_trace(0.1 - np.log(shares)[positions], n=20, steps=60, target_index=positions),)


def risen_loss():
    """A few more targets at the end than at the middle of the lists, in the last quarter of the steps."""
    losses = np.r_[np.full(30, 4.0), np.full(10, 4.6)]
    trace = make_trace(losses, steps=40)
    return (replace(trace, target_rank=np.full(40, 40.0)),)


def listed_tails():
    """Three tasks, of which the lowest five are in the order of the list and in equal steps."""
    tasks = random_tasks(rng(), [12] * 3)
    rows = [rng(task).permutation(12.0 + rng(9).random(12)) for task in range(3)]
    for task, row in enumerate(rows):
        row[np.sort(rng(20 + task).choice(11, size=5, replace=False))] = -np.arange(5.0)
    return rows, tasks


def biased(n=12):
    tasks = random_tasks(rng(), [n] * 14)
    orders = [rng(task).permutation(n) for task in range(14)]
    rows = [rng(100).normal(size=n) for _ in tasks]
    return (Permuted(tasks, orders, rows, rows),)


def half_unseen(users=60, n=20):
    tasks = [make_task(user % n, n, user=user) for user in rng().permutation(users).tolist()]
    return scores_that_hit(tasks, [task.target_index < n // 2 for task in tasks]), tasks, 5


def lost():
    ranks = np.clip(np.round(rng().normal(6.0, 3.0, size=240)), 1.0, 20.0)
    trace = replace(make_trace(chance_nll(rng(), 240, 20), n=20), target_rank=ranks)
    tasks = random_tasks(rng(1), [20] * 70)
    return trace, noisy_scores(tasks, rng(2), 0.0), tasks


def fallen():
    tasks = random_tasks(rng(), [20] * 150)
    before = scores_that_hit(tasks, [user < 120 for user in range(150)])
    reference = stored_run_of(
        before, tasks, target="tiny", created="2026-01-31", seed=0, versions={}, conditions=None
    )
    return scores_that_hit(tasks, [user < 103 for user in range(150)]), tasks, 5, reference


def slower(n=25, ties=10):
    """Of 25 timings each, ten of now are among those of the reference."""
    reference = tuple(1.0 + 0.01 * place for place in range(n))
    now = (*reference[:ties], *(2.0 + 0.01 * place for place in range(n - ties)))
    ones = (1.0,) * n
    return Throughput(8, now, ones, ones, "cpu"), Throughput(8, reference, ones, ones, "cpu")


def half_hit():
    tasks = random_tasks(rng(), [10] * 100)
    return scores_that_hit(tasks, [user < 58 for user in range(100)]), tasks, 4, {}


def leaking():
    tasks = random_tasks(rng(), [20] * 60)
    return scores_that_hit(tasks, [user < 40 for user in range(60)]), tasks, 5, [np.full(20, 0.05)] * 60


def bold(n=10):
    tasks = random_tasks(rng(), [n] * 60)
    return [np.where(np.arange(n) == 0, 0.73, 0.03) for _ in tasks], tasks


CASES = [
    # check, inputs, settings, status at the strict level, at the lenient one
    (loss_below_letter_prior, skewed_job, {}, OPEN, FAILED),
    (loss_below_random, small_gain, {}, OPEN, PASSED),
    (overfits_one_batch, risen_loss, {}, OPEN, FAILED),
    (calibrated, bold, {}, PASSED, FAILED),
    (no_order_fallback, listed_tails, {}, PASSED, FAILED),
    (permutation_equivariant, biased, {}, PASSED, FAILED),
    (
        probabilities_not_uniform,
        lambda: (list(softmax(rng().normal(scale=0.7, size=(24, 8)), axis=1)),),
        {},
        OPEN,
        PASSED,
    ),
    (recall_uniform_by_position, half_unseen, {}, OPEN, FAILED),
    (generalizes_to_held_out, lost, {"min_examples": 20}, PASSED, FAILED),
    (no_regression, fallen, {"margin": 0.01}, OPEN, FAILED),
    (no_slowdown, slower, {}, PASSED, FAILED),
    (recall_beats_baseline, half_hit, {}, OPEN, PASSED),
    (recall_within_ceiling, leaking, {"alpha_doubtful": 1e-13}, PASSED, FAILED),
]


@pytest.mark.parametrize(
    ("check", "make", "settings", "strict", "lenient"), CASES, ids=[case[0].name for case in CASES]
)
def test_the_status_differs_between_two_levels(check, make, settings, strict, lenient):
    inputs = make()
    assert check(*inputs, alpha=STRICT, **settings).status is strict
    assert check(*inputs, alpha=LENIENT, **settings).status is lenient


def test_what_fails_at_alpha_has_a_p_value_of_at_most_alpha():
    """Of the checks with a p-value for the run's error budget, at both levels."""
    for check, make, settings, *_ in CASES:
        inputs = make()
        for alpha in (STRICT, LENIENT):
            verdict = check(*inputs, alpha=alpha, **settings)
            if verdict.status is FAILED and check is not overfits_one_batch:
                assert verdict.p_failed <= alpha * (1.0 + 1e-9), check.name


def test_the_doubtful_level_is_never_below_alpha():
    inputs = leaking()
    p = recall_within_ceiling(*inputs).p_failed
    assert recall_within_ceiling(*inputs, alpha=0.9 * p, alpha_doubtful=2.0 * p).status is OPEN
    assert recall_within_ceiling(*inputs, alpha=0.9 * p, alpha_doubtful=0.5 * p).status is PASSED
    assert recall_within_ceiling(*inputs, alpha=1.1 * p, alpha_doubtful=0.5 * p).status is FAILED


def test_a_level_as_small_as_any_is_usable():
    for check, make, settings, *_ in CASES:
        assert check(*make(), alpha=1e-300, **settings).status in Status
