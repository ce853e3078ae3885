"""no_regression: a degraded run fails, a healthy one does not, and runs under other conditions are not compared."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, noisy_scores, random_tasks, scores_that_hit
from rerank_guard.checks.quality.no_regression import no_regression
from rerank_guard.core.errors import (
    InvalidScoresError,
    InvalidTaskError,
    SettingError,
    VacuousMetricError,
)
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status
from rerank_guard.stats import first_crossing, log_e_path_worse_than
from rerank_guard.stored import RunConditions, stored_run_of

CONDITIONS = RunConditions(
    tokenizer="1a2b3c4d" * 8,
    prompt="Films seen:\n{history}\nWhich next?\n{candidates}\nAnswer: ",
    config={"learning_rate": 0.001, "rank": 8},
    sampler="uniform",
    split="last",
)


def world(users, n=20, seed=0):
    return random_tasks(np.random.default_rng(seed), [n] * users)


def stored(scores, tasks, conditions=CONDITIONS):
    return stored_run_of(
        scores, tasks, target="tiny", created="2026-01-31", seed=0, versions={}, conditions=conditions
    )


def label_noise(scores, share, rng):
    """Scores of a reranker that learned nothing about `share` of the users: their scores are shuffled."""
    return [rng.permutation(row) if rng.random() < share else row for row in scores]


def judge(scores, tasks, run, *, k=5, conditions=CONDITIONS, **more):
    return no_regression(scores, tasks, k, run, conditions, **more)


def hits(tasks, count):
    return scores_that_hit(tasks, [user < count for user in range(len(tasks))])


# Broken and healthy


def test_thirty_percent_of_noise_is_a_regression_and_another_seed_is_not():
    """Both are retrained with new noise of their own; only one has lost 30% of what it knew."""
    rng = np.random.default_rng(0)
    tasks = world(1500, n=10)
    run = stored(noisy_scores(tasks, rng, 2.0), tasks)
    bad = judge(label_noise(noisy_scores(tasks, rng, 2.0), 0.3, rng), tasks, run)
    assert (bad.status, bad.fault) == (Status.FAILED, "regression")
    assert bad.measured["difference"] < -0.1
    assert bad.interval.high < 0.0
    assert bad.p_failed < 1e-3
    assert bad.suspects[0].strength is Strength.SYMPTOM
    assert bad.affected == Affected(bad.measured["users_worse"], 1500)
    healthy = judge(noisy_scores(tasks, rng, 2.0), tasks, run)
    assert healthy.status in (Status.PASSED, Status.INCONCLUSIVE), healthy.evidence
    assert healthy.fault is None
    assert healthy.p_failed > 1e-3


def test_a_healthy_retraining_passes_with_users_enough():
    rng = np.random.default_rng(0)
    tasks = world(2000, n=10)
    run = stored(noisy_scores(tasks, rng, 2.0), tasks)
    assert judge(noisy_scores(tasks, rng, 2.0), tasks, run).status is Status.PASSED


def test_the_verdict_on_a_regression_shows_which_users_lost_and_what_to_do():
    rng = np.random.default_rng(1)
    tasks = world(1500, n=10)
    run = stored(noisy_scores(tasks, rng, 2.0), tasks)
    verdict = judge(label_noise(noisy_scores(tasks, rng, 2.0), 0.3, rng), tasks, run)
    assert verdict.check == "no_regression[K=5]"
    assert "tiny, 2026-01-31" in verdict.claim
    assert verdict.evidence[1].startswith('"no worse": p=')
    assert verdict.evidence[2].startswith("'user-")
    assert len(verdict.evidence) == 4
    assert verdict.cause
    assert verdict.next_step
    assert verdict.measured["users_worse"] > verdict.measured["users_better"]


@pytest.mark.parametrize("margin", [0.1, 0.05, 0.02])
def test_an_identical_run_passes_after_as_many_users_as_the_bet_takes(margin):
    after = {0.1: 94, 0.05: 192, 0.02: 485}[margin]
    for users, status in ((after - 1, Status.INCONCLUSIVE), (after, Status.PASSED)):
        tasks = world(users)
        scores = hits(tasks, users - users // 3)
        verdict = judge(scores, tasks, stored(scores, tasks), margin=margin)
        assert verdict.status is status, f"{users} users"
        assert verdict.measured["difference"] == 0.0
        assert (verdict.measured["users_better"], verdict.measured["users_worse"]) == (0, 0)


def test_the_number_of_users_that_would_decide_does():
    tasks = world(100)
    scores = hits(tasks, 60)
    verdict = judge(scores, tasks, stored(scores, tasks))
    assert verdict.status is Status.INCONCLUSIVE
    advised = int(verdict.next_step.split()[1])
    assert 192 <= advised <= 1.15 * 192


# What decides, and what must not matter


def test_a_certain_but_trivial_loss_passes_and_is_written_into_the_evidence():
    tasks = world(4000, n=8)
    run = stored(hits(tasks, 3200), tasks)
    verdict = judge(hits(tasks, 3200 - 40), tasks, run)
    assert verdict.measured["difference"] == pytest.approx(-0.01)
    assert verdict.status is Status.PASSED
    assert verdict.evidence[1].startswith('"no worse": p=')
    assert "rejected after" in verdict.evidence[1]
    assert "0.01" in verdict.evidence[2]
    assert (verdict.fault, verdict.cause, verdict.next_step) == (None, "", "")


def test_a_better_run_passes_whatever_the_margin():
    tasks = world(600, n=10)
    run = stored(hits(tasks, 350), tasks)
    for margin in (0.0, 0.05):
        assert judge(hits(tasks, 450), tasks, run, margin=margin).status is Status.PASSED


def test_users_are_paired_by_query_id_and_not_by_place():
    rng = np.random.default_rng(3)
    tasks = world(300)
    scores = noisy_scores(tasks, rng, 1.0)
    order = rng.permutation(300)
    shuffled = judge([scores[row] for row in order], [tasks[row] for row in order], stored(scores, tasks))
    assert shuffled == judge(scores, tasks, stored(scores, tasks))
    assert shuffled.measured["users_worse"] == 0
    assert shuffled.status is Status.PASSED


def test_an_order_of_the_tasks_along_which_the_difference_drifts_decides_nothing():
    """Losers first, winners after, one loser more: in task order the bet would have been sure half-way."""
    tasks = world(1001)
    run = stored(hits(tasks, 501), tasks)
    now = scores_that_hit(tasks, [user >= 501 for user in range(1001)])
    loses_first = np.r_[np.full(501, -1.0), np.full(500, 1.0)]
    in_task_order = log_e_path_worse_than(np.maximum(loses_first, 0.0), np.maximum(-loses_first, 0.0), 0.0)
    assert first_crossing(in_task_order, 1001, 1e-3) is not None, "else this test tests nothing"
    verdict = judge(now, tasks, run)
    assert verdict.measured["difference"] < 0.0
    assert verdict.status is Status.INCONCLUSIVE


def test_a_table_is_judged_as_its_tasks():
    tasks = world(300)
    run = stored(hits(tasks, 200), tasks)
    assert judge(hits(tasks, 150), tasks, run) == judge(hits(tasks, 150), TaskTable.of(tasks), run)


def in_order_of_the_bets(tasks):
    return sorted(tasks, key=lambda task: hashlib.sha256(task.query_id.encode()).digest())


def test_what_was_certain_on_the_way_is_not_claimed_against_the_estimate():
    """Where the first users in the order of the bets speak one way and all users together the other."""
    tasks = in_order_of_the_bets(world(602))
    run = stored(hits(tasks, 300), tasks)
    verdict = judge(scores_that_hit(tasks, [user >= 300 for user in range(602)]), tasks, run)
    assert "rejected after" in verdict.evidence[1], "no worse, on the way"
    assert verdict.measured["difference"] > 0.0
    assert (verdict.status, verdict.fault) == (Status.INCONCLUSIVE, None)
    run = stored(hits(tasks, 602), tasks)
    verdict = judge(hits(tasks, 300), tasks, run)
    assert "rejected after 192 users" in verdict.evidence[0], "worse by the margin, on the way"
    assert verdict.measured["difference"] < -0.05
    assert (verdict.status, verdict.fault) == (Status.FAILED, "regression")


def test_ties_count_in_expectation():
    tasks = world(400, n=10)
    flat = [np.zeros(10)] * 400
    run = stored(hits(tasks, 300), tasks)
    verdict = judge(flat, tasks, run)
    assert verdict.measured["recall"] == pytest.approx(0.5)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "regression")


def test_a_user_without_target_is_a_miss_in_both_runs():
    tasks = make_tasks([None] * 100 + [0] * 300, [10] * 400)
    scores = [np.arange(10.0)[::-1]] * 400
    verdict = judge(scores, tasks, stored(scores, tasks))
    assert verdict.measured["recall"] == verdict.measured["stored_recall"] == 0.75
    assert verdict.status is Status.PASSED


def test_a_random_ranking_does_not_pass_against_a_run_barely_above_chance():
    """Margin 0.05 over a lead of 0.03 would let it: the margin shrinks to half of the lead."""
    tasks = world(1000, n=10)
    run = stored(hits(tasks, 530), tasks)
    verdict = judge([np.zeros(10)] * 1000, tasks, run)
    assert verdict.threshold["margin"] == pytest.approx(0.015)
    assert len(verdict.evidence) == 3, "the smaller margin is explained"
    assert verdict.status is not Status.PASSED


def test_a_reference_run_at_chance_leaves_no_margin():
    tasks = world(400, n=10)
    scores = hits(tasks, 200)
    verdict = judge(scores, tasks, stored(scores, tasks))
    assert verdict.threshold["margin"] == 0.0
    assert verdict.status is Status.INCONCLUSIVE
    assert judge(hits(tasks, 300), tasks, stored(scores, tasks)).status is Status.PASSED


def test_the_interval_is_that_of_the_difference():
    tasks = world(1000, n=10)
    verdict = judge(hits(tasks, 650), tasks, stored(hits(tasks, 700), tasks))
    assert verdict.interval.low < -0.05 == verdict.measured["difference"] < verdict.interval.high
    assert verdict.interval.level == pytest.approx(0.998)


# Refused comparisons


def refused(tasks, run, scores=None, conditions=CONDITIONS, k=5):
    scores = [np.zeros(task.n_candidates) for task in tasks] if scores is None else scores
    verdict = judge(scores, tasks, run, conditions=conditions, k=k)
    assert (verdict.status, verdict.fault, verdict.ok, verdict.n) == (Status.FAILED, "incomparable-runs", False, 0)
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.measured["differing_conditions"] > verdict.threshold["differing_conditions"] == 0
    assert verdict.signs == {"differing_conditions": "<="}
    assert verdict.check == f"no_regression[K={k}]"
    assert verdict.p_failed is None, "a refusal is exact and goes through no correction"
    return verdict.evidence


@pytest.fixture(scope="module")
def tasks():
    return world(250)


@pytest.fixture(scope="module")
def run(tasks):
    return stored(hits(tasks, 150), tasks)


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"tokenizer": "9f8e7d6c" * 8}, "tokenizer: reference 1a2b3c4d.., now 9f8e7d6c.."),
        (
            {"tokenizer": "1a2b3c4d" * 7 + "0" * 8},
            f"tokenizer: reference {'1a2b3c4d' * 7}1.., now {'1a2b3c4d' * 7}0..",
        ),
        ({"sampler": "popularity"}, "sampler: reference 'uniform', now 'popularity'"),
        ({"split": "random"}, "split: reference 'last', now 'random'"),
        (
            {"config": {"learning_rate": 0.003, "rank": 8}},
            "config.learning_rate: reference 0.001, now 0.003",
        ),
        ({"config": {"learning_rate": 0.001}}, "config.rank: reference 8, now not there"),
        ({"config": {**CONDITIONS.config, "bias": True}}, "config.bias: reference not there, now True"),
        ({"config": {**CONDITIONS.config, "rank": "8"}}, "config.rank: reference 8, now '8'"),
        ({"config": {**CONDITIONS.config, "rank": 8.0}}, None),
    ],
)
def test_other_conditions_are_shown(tasks, run, change, row):
    conditions = replace(CONDITIONS, **change)
    if row is None:
        assert judge(hits(tasks, 150), tasks, run, conditions=conditions).status is Status.PASSED
    else:
        assert refused(tasks, run, conditions=conditions) == (row,)


def test_another_prompt_is_shown_where_it_begins_to_differ(tasks, run):
    prompt = CONDITIONS.prompt.replace("Which next?", "Which one next?")
    (row,) = refused(tasks, run, conditions=replace(CONDITIONS, prompt=prompt))
    at = CONDITIONS.prompt.index("next?")
    assert row.startswith(f"prompt from character {at} on: reference ")
    assert "Which next?" in row
    assert "Which one next?" in row
    (row,) = refused(tasks, run, conditions=replace(CONDITIONS, prompt=CONDITIONS.prompt + " "))
    assert "Answer: '" in row
    assert "Answer:  '" in row


def test_n_and_sampler_come_first_by_name(run):
    other = make_tasks([0] * 250, [50] * 250)
    rows = refused(other, run, conditions=replace(CONDITIONS, sampler="popularity", tokenizer="9" * 64, prompt="p"))
    assert rows[0] == "N (candidates): reference 20, now 50"
    assert rows[1] == "sampler: reference 'uniform', now 'popularity'"
    assert rows[2].startswith("data (candidates, targets, texts): reference ")
    assert rows[3].startswith("tokenizer")
    assert rows[4].startswith("prompt")


def test_a_ragged_list_of_another_span_is_another_n(run):
    rows = refused(make_tasks([0] * 250, [20] * 249 + [21]), run)
    assert rows[0] == "N (candidates): reference 20, now 20 to 21"


def test_more_differences_than_rows_are_named_in_the_last_one(tasks, run):
    config = {f"s{number}": number for number in range(7)}
    rows = refused(tasks, run, conditions=replace(CONDITIONS, config=config, split="random"))
    assert len(rows) == 5
    assert rows[0].startswith("split")
    assert rows[-1] == "and 6 more: config.s1, config.s2, config.s3, config.s4, config.s5, config.s6"


def test_other_data_are_shown_by_part(tasks, run):
    renamed = [replace(task, history=(Item("h", "a film"),)) for task in tasks]
    (row,) = refused(renamed, run)
    assert row.startswith("data (histories, texts): reference ")
    assert row.count("..") == 2
    (row,) = refused([replace(tasks[0], target_id="elsewhere"), *tasks[1:]], run)
    assert row.startswith("data (targets): reference ")


def test_users_in_one_run_only_are_counted_and_named(tasks, run):
    (row,) = refused(tasks[2:], run)
    assert row == "users: reference 250 users, 2 only there such as 'user-0', 'user-1', now 248 users"
    (row,) = refused([*tasks[1:], replace(tasks[0], query_id="zoe")], run)
    assert (
        row
        == "users: reference 250 users, 1 only there such as 'user-0', now 250 users, 1 only there such as 'zoe'"
    )


def test_a_target_that_stopped_declaring_is_refused(tasks, run):
    (row,) = refused(tasks, run, conditions=None)
    assert (
        row == "tokenizer, prompt, config, sampler, split: reference declared, now no conditions() in the reranker"
    )


@pytest.mark.parametrize(
    ("conditions", "row"),
    [
        (None, "only data were compared: the reranker"),
        (CONDITIONS, "only data were compared: the reference run"),
    ],
)
def test_where_nothing_was_declared_only_data_are_compared_and_it_is_said(tasks, conditions, row):
    run = stored(hits(tasks, 150), tasks, conditions=None)
    verdict = judge(hits(tasks, 150), tasks, run, conditions=conditions)
    assert verdict.status is Status.PASSED
    assert any(entry.startswith(row) for entry in verdict.evidence)
    (difference,) = refused(tasks[1:], run, conditions=conditions)
    assert difference.startswith("users")


def test_bad_arguments_are_refused_by_name(tasks, run):
    scores = hits(tasks, 150)
    with pytest.raises(VacuousMetricError, match="Recall@20 with at most 20 candidates"):
        judge(scores, tasks, run, k=20)
    with pytest.raises(InvalidTaskError, match="no tasks"):
        judge([], [], run)
    with pytest.raises(InvalidTaskError, match="'user-0' appears twice"):
        judge(scores[:1] * 2, [tasks[0], tasks[0]], run)
    with pytest.raises(InvalidScoresError, match="250 users"):
        judge(scores[1:], tasks, run)
    with pytest.raises(SettingError, match="alpha=0"):
        judge(scores, tasks, run, alpha=0.0)
    with pytest.raises(SettingError, match=r"margin=1\.5"):
        judge(scores, tasks, run, margin=1.5)
