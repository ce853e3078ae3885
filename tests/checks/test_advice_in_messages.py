"""What a verdict advises is typed as it stands, and the verdict is then a better one."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy.special import softmax

from guard.builders import make_trace, random_tasks, scores_that_hit
from rerank_guard.checks.quality.no_regression import no_regression
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.verdict import Status
from rerank_guard.stored import stored_run_of


def rng(seed=0):
    return np.random.default_rng(seed)


def advised(check, verdict):
    """The settings that the next step names."""
    typed = re.findall(r"--rerank-set (\w+)\.(\w+)=([^\s)]+)", verdict.next_step)
    assert {name for name, _, _ in typed} <= {check.name}
    return {setting: check.settings[setting].kind(value) for _, setting, value in typed}


def trivial_but_certain():
    return (make_trace(math.log(50) - 0.1 + rng().normal(scale=0.3, size=4000)),)


def exactly_below_the_effect():
    """A real gain of just the effect less a hair: neither "reached" nor "missed" can ever be shown."""
    return (make_trace(np.full(200, math.log(50) * 0.9 + 1e-9)),)


def hits(share, users=5000):
    tasks = random_tasks(rng(), [10] * users)
    return scores_that_hit(tasks, [user < share * users for user in range(users)]), tasks, 4


def letters(turned):
    """Two tasks of a smaller deficit, then two of a larger one, and so on; the likely letter differs if `turned`."""
    rows = [softmax(np.r_[1.5, np.zeros(9)]), softmax(np.r_[2.0, np.zeros(9)])]
    return [np.roll(rows[task // 2 % 2], task % 10 if turned else 0) for task in range(400)]


def mean_deficit():
    return probabilities_not_uniform(letters(turned=True)).measured["entropy_deficit"]


def the_same_run():
    scores, tasks, k = hits(0.8, users=400)
    return (
        scores,
        tasks,
        k,
        stored_run_of(scores, tasks, target="tiny", created="2026-01-31", seed=0, versions={}, conditions=None),
    )


CASES = [
    (loss_below_random, trivial_but_certain, {"effect": 0.1}, Status.INCONCLUSIVE),
    (loss_below_random, exactly_below_the_effect, {"effect": 0.1}, Status.INCONCLUSIVE),
    (recall_beats_baseline, lambda: (*hits(0.434), {}), {"effect": 0.07}, Status.FAILED),
    (
        recall_beats_baseline,
        lambda: (*hits(0.434), {"none": [np.zeros(10)] * 5000}),
        {"effect": 0.07},
        Status.FAILED,
    ),
    (probabilities_not_uniform, lambda: (letters(turned=True),), {"effect": mean_deficit()}, Status.INCONCLUSIVE),
    (no_regression, the_same_run, {"margin": 0.0}, Status.INCONCLUSIVE),
]


@pytest.mark.parametrize(("check", "make", "settings", "status"), CASES)
def test_the_advised_setting_makes_a_better_verdict(check, make, settings, status):
    inputs = make()
    verdict = check(*inputs, **settings)
    assert verdict.status is status
    better = advised(check, verdict)
    assert better, verdict.next_step
    assert check(*inputs, **{**settings, **better}).status is Status.PASSED
    for name, value in better.items():  # and no further from what was asked for than need be
        nearer = value + (0.1 if settings[name] > value else -0.1) * 10.0 ** math.floor(math.log10(value))
        assert check(*inputs, **{**settings, name: nearer}).status is not Status.PASSED


def test_no_setting_is_advised_where_none_would_help():
    at_chance = recall_beats_baseline(*hits(0.4), {})
    assert (at_chance.status, advised(recall_beats_baseline, at_chance)) == (Status.FAILED, {})
    scores, tasks, k = hits(0.434)
    behind = recall_beats_baseline(scores, tasks, k, {"same": scores}, effect=0.07)
    assert (behind.status, advised(recall_beats_baseline, behind)) == (Status.FAILED, {})
    small = (scores[:30], tasks[:30], k)
    few = recall_beats_baseline(*small, {"same": scores[:30]})
    assert (few.status, advised(recall_beats_baseline, few)) == (Status.INCONCLUSIVE, {})
    chance = loss_below_random(make_trace(np.tile([3.9, 4.0], 8), steps=300))
    assert (chance.status, advised(loss_below_random, chance)) == (Status.INCONCLUSIVE, {})
    same_row = probabilities_not_uniform(letters(turned=False), effect=mean_deficit())
    assert (same_row.status, advised(probabilities_not_uniform, same_row)) == (Status.INCONCLUSIVE, {})
    tied = [np.zeros(10)] * 100
    reference = stored_run_of(
        tied, tasks[:100], target="tiny", created="2026-01-31", seed=0, versions={}, conditions=None
    )
    no_better = no_regression(tied, tasks[:100], k, reference)
    assert (no_better.status, advised(no_regression, no_better)) == (Status.INCONCLUSIVE, {})
