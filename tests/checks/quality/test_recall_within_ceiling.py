"""recall_within_ceiling: the oracle itself passes, a ranker that reads the answer fails, and doubt is no pass."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import softmax

from guard.builders import make_tasks, scores_that_hit
from rerank_guard.checks.quality.recall_within_ceiling import recall_within_ceiling
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError, VacuousMetricError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status
from rerank_guard.stats import log_e_value_above


def rng(seed=0):
    return np.random.default_rng(seed)


def oracle_world(users=300, n=20, seed=0):
    """Tasks whose targets are drawn from the oracle's own posterior."""
    r = rng(seed)
    posterior = softmax(r.normal(scale=2.0, size=(users, n)), axis=1)
    positions = (posterior.cumsum(axis=1) > r.random((users, 1))).argmax(axis=1)
    return make_tasks(positions.tolist(), [n] * users), list(posterior)


def test_the_oracle_itself_stays_within_its_ceiling():
    tasks, posterior = oracle_world()
    verdict = recall_within_ceiling(posterior, tasks, 5, posterior)
    assert verdict.status is Status.PASSED
    assert verdict.check == "recall_within_ceiling[K=5]"
    assert (verdict.fault, verdict.cause, verdict.next_step) == (None, "", "")
    assert verdict.measured["chance"] == 0.25
    ceilings = np.array([np.sort(row)[-5:].sum() for row in posterior])
    assert verdict.threshold["ceiling"] == pytest.approx(ceilings.mean(), abs=1e-10)
    assert verdict.measured["p_value"] > 0.05
    assert verdict.measured["share_of_the_way_to_ceiling"] == pytest.approx(1.0, abs=0.15)


def test_a_ranker_that_reads_the_answer_breaks_the_ceiling():
    tasks, posterior = oracle_world()
    leaky = scores_that_hit(tasks, [True] * 300)
    verdict = recall_within_ceiling(leaky, tasks, 5, posterior)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "prompt-leak")
    assert verdict.suspects[0].strength is Strength.MEASURED
    # a leak that leaves ties must be seen as well
    rounded = [np.where(row == 1000.0, 1.0, 0.0) for row in leaky]
    rounded[0][:] = 0.0
    verdict = recall_within_ceiling(rounded, tasks, 5, posterior)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "prompt-leak")
    hits = np.r_[5 / 20, np.ones(299)]
    ceilings = np.array([np.sort(row)[-5:].sum() for row in posterior])
    assert verdict.measured["p_value"] == pytest.approx(math.exp(-log_e_value_above(hits, ceilings)), rel=1e-9)


@pytest.mark.parametrize("tied", [False, True])
def test_recall_suspiciously_above_the_ceiling_is_inconclusive_and_the_number_given_decides(tied):
    def verdict_on(users, share, **more):
        tasks = make_tasks([0] * users, [10] * users)
        scores = scores_that_hit(tasks, [u < share * users for u in range(users)])
        if tied:
            scores[-1] = np.zeros(10)
        return recall_within_ceiling(scores, tasks, 3, [np.full(10, 0.1)] * users, **more)

    share = 0.53
    suspicious = verdict_on(100, share)
    assert 1e-6 < suspicious.measured["p_value"] <= 1e-3, "else this test says nothing"
    assert (suspicious.status, suspicious.fault) == (Status.INCONCLUSIVE, None)
    assert verdict_on(100, share, alpha_doubtful=1e-6).status is Status.PASSED
    assert verdict_on(100, share, alpha=1e-3).status is Status.FAILED
    assert suspicious.threshold["ceiling"] == pytest.approx(0.3)
    enough = int(suspicious.next_step.split("About ")[1].split()[0])
    assert 100 < enough < 500
    assert verdict_on(math.ceil(1.2 * enough), share).fault == "prompt-leak"
    healthy = verdict_on(100, 0.32)
    assert healthy.status is Status.PASSED
    assert healthy.measured["recall"] > healthy.threshold["ceiling"], "a recall slightly above the ceiling passes"


def test_a_ceiling_near_one_can_prove_nothing_and_says_so():
    tasks = make_tasks([0] * 50, [10] * 50)
    posterior = [np.r_[0.99, np.full(9, 0.01 / 9)]] * 50
    verdict = recall_within_ceiling(posterior, tasks, 5, posterior)
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.evidence[0].startswith("a hit for every one of 50 users")
    assert verdict.cause
    assert verdict.measured["recall"] == 1.0


def test_bad_arguments_are_refused_by_name():
    tasks, posterior = oracle_world(users=5)
    with pytest.raises(VacuousMetricError):
        recall_within_ceiling(posterior, tasks, 20, posterior)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        recall_within_ceiling([], [], 5, [])
    with pytest.raises(InvalidScoresError, match="oracle_probabilities of user row 0"):
        recall_within_ceiling(posterior, tasks, 5, [10.0 * row for row in posterior])
    with pytest.raises(RerankGuardError, match="alpha=0"):
        recall_within_ceiling(posterior, tasks, 5, posterior, alpha=0.0)
    with pytest.raises(RerankGuardError, match=r"alpha_doubtful=0\.7"):
        recall_within_ceiling(posterior, tasks, 5, posterior, alpha_doubtful=0.7)
