"""recall_beats_baseline: healthy and broken rankings, exact tails, and what must not matter."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.builders import make_tasks, noisy_scores, random_tasks, scores_that_hit
from rerank_guard.baselines import (
    listed_order_scores,
    popularity_scores,
    reversed_listed_order_scores,
    reversed_popularity_scores,
)
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError, VacuousMetricError
from rerank_guard.core.finding import Affected, Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status
from rerank_guard.stats import log_e_value_above, p_value_of


def rng(seed=0):
    return np.random.default_rng(seed)


def world(users=400, n=10, seed=0):
    return random_tasks(rng(seed), [n] * users)


def shared_list(users, n, n_hits):
    """One list of items for all users, as a table, with the scores of a ranker that hits the first `n_hits` users."""
    positions = np.arange(users) % n
    table = TaskTable.from_arrays(
        item_ids=[f"i{i}" for i in range(n)],
        item_texts=[f"item {i}" for i in range(n)],
        query_ids=[f"user-{user}" for user in range(users)],
        candidates=np.tile(np.arange(n), (users, 1)),
        target=positions,
        target_position=positions,
    )
    scores = np.tile(np.arange(n, dtype=np.float64), (users, 1))
    scores[np.arange(users), positions] = np.where(np.arange(users) < n_hits, 1000.0, -1000.0)
    return scores, table


def p_in(row):
    return float(row.split("p=")[1].rstrip(")").split(",")[0])


def test_a_good_ranking_beats_chance_and_every_baseline():
    tasks = world()
    r = rng(1)
    verdict = recall_beats_baseline(
        noisy_scores(tasks, r, 2.0),
        tasks,
        k=4,
        baselines={"popularity": noisy_scores(tasks, r, 0.5), "retriever": noisy_scores(tasks, r, 0.2)},
    )
    assert verdict.status is Status.PASSED
    assert verdict.check == "recall_beats_baseline[K=4]"
    assert verdict.threshold["chance"] == pytest.approx(0.4)
    assert len(verdict.evidence) == 3
    assert verdict.evidence[0].startswith("chance 0.400")
    assert (verdict.fault, verdict.cause, verdict.next_step) == (None, "", "")
    assert verdict.p_failed == 1.0


@pytest.mark.parametrize("hits", [150, 185, 230])
def test_the_test_against_chance_is_the_bet_on_hits_and_agrees_with_its_interval(hits):
    tasks = world()
    outcome = np.array([u < hits for u in range(400)])
    verdict = recall_beats_baseline(scores_that_hit(tasks, outcome), tasks, k=4, baselines={})
    expected = p_value_of(log_e_value_above(outcome.astype(float), 0.4))
    assert p_in(verdict.evidence[0]) == pytest.approx(expected, rel=0.05)
    assert verdict.measured["recall"] == pytest.approx(hits / 400)
    assert verdict.interval.low <= hits / 400 <= verdict.interval.high
    assert (verdict.interval.low > 0.4) == (expected <= 1e-3)


def test_chance_varies_with_n_user_by_user():
    lengths = [6, 10, 20, 50] * 30
    tasks = random_tasks(rng(), lengths)
    outcome = np.array([u % 2 == 0 for u in range(120)])
    verdict = recall_beats_baseline(scores_that_hit(tasks, outcome), tasks, k=5, baselines={})
    expected = p_value_of(log_e_value_above(outcome.astype(float), np.array([5 / n for n in lengths])))
    assert p_in(verdict.evidence[0]) == pytest.approx(expected, rel=0.05)
    assert "6 to 50" in verdict.claim


def test_fractional_hits_are_bet_on_and_not_rounded():
    tasks = world(users=100, n=10)
    scores = [row.round(0) for row in noisy_scores(tasks, rng(2), 2.0)]
    verdict = recall_beats_baseline(scores, tasks, k=3, baselines={"flat": [np.zeros(10)] * 100})
    assert verdict.interval.method == "confidence sequence"
    assert verdict.measured["tie_gap"] > 0.05
    assert verdict.threshold["flat"] == pytest.approx(0.3)
    assert verdict.status is Status.PASSED


def test_a_paired_baseline_is_tested_on_the_users_on_whom_the_two_differ():
    tasks = world(users=200)
    ours = np.array([u < 140 for u in range(200)])
    theirs = np.array([u >= 100 for u in range(200)])
    verdict = recall_beats_baseline(
        scores_that_hit(tasks, ours), tasks, k=4, baselines={"popularity": scores_that_hit(tasks, theirs)}
    )
    # 100 users are ours alone, 60 theirs alone
    assert verdict.evidence[1].startswith("popularity 0.500")
    assert verdict.threshold["popularity"] == pytest.approx(0.5)
    coins = np.r_[np.ones(100), np.zeros(60)]
    assert p_in(verdict.evidence[1]) == pytest.approx(p_value_of(log_e_value_above(coins, 0.5)), rel=0.05)


def test_the_users_that_decided_are_counted():
    tasks = world()
    verdict = recall_beats_baseline(noisy_scores(tasks, rng(1), 2.0), tasks, k=4, baselines={})
    decided = verdict.measured["decided_after_users"]
    assert f"{decided} users" in verdict.evidence[0]
    fewer = recall_beats_baseline(noisy_scores(tasks, rng(1), 2.0)[:decided], tasks[:decided], k=4, baselines={})
    assert fewer.status is Status.PASSED
    assert 10 < decided < 400


def test_a_random_ranking_has_no_signal():
    tasks = world(users=800)
    verdict = recall_beats_baseline(noisy_scores(tasks, rng(5), 0.0), tasks, k=4, baselines={}, effect=0.1)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "no-signal")
    assert verdict.suspects[0].strength is Strength.SYMPTOM
    assert verdict.p_failed <= 1e-3
    assert verdict.affected is None
    assert verdict.cause
    assert verdict.next_step


def test_constant_scores_fail_at_chance_although_a_stable_sort_would_show_one():
    tasks = make_tasks([0] * 400, [10] * 400)
    verdict = recall_beats_baseline([np.zeros(10)] * 400, tasks, k=4, baselines={})
    assert (verdict.status, verdict.fault) == (Status.FAILED, "no-signal")
    assert verdict.measured["recall"] == pytest.approx(0.4)
    assert verdict.measured["tie_gap"] == 1.0


def test_a_negated_ranking_is_reversed():
    tasks = world()
    scores = [-row for row in noisy_scores(tasks, rng(1), 2.0)]
    verdict = recall_beats_baseline(scores, tasks, k=4, baselines={})
    assert (verdict.status, verdict.fault) == (Status.FAILED, "reversed")
    assert verdict.suspects[0].strength is Strength.MEASURED


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_popularity_ranking_does_not_beat_popularity_in_either_direction(is_reversed):
    tasks = world(users=600)
    r = rng(4)
    counts = {item_id: int(r.integers(1000)) for task in tasks for item_id in task.candidate_ids}
    for task in tasks:
        counts[task.target_id] = int(r.integers(550) if is_reversed else r.integers(450, 1000))
    rankers = {
        "popularity": popularity_scores(tasks, counts),
        "reversed": reversed_popularity_scores(tasks, counts),
    }
    copy = rankers["reversed" if is_reversed else "popularity"]
    verdict = recall_beats_baseline(copy, tasks, k=4, baselines=rankers)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "baseline-not-beaten")
    assert verdict.measured["recall"] > 0.6, "it must beat chance by far for this test to say anything"
    without = recall_beats_baseline(copy, tasks, k=4, baselines={})
    assert without.status is Status.PASSED


def test_a_ranking_that_other_histories_do_not_change_is_history_ignored():
    tasks = world(users=800)
    r = rng(6)
    ours = noisy_scores(tasks, r, 1.0)  # of the candidates alone, so the histories exchanged change nothing
    weak = noisy_scores(tasks, r, 0.0)
    verdict = recall_beats_baseline(
        ours, tasks, k=4, baselines={"history-blind": ours, "popularity": weak, "content-free prior": weak}
    )
    assert (verdict.status, verdict.fault) == (Status.FAILED, "history-ignored")
    healthy = recall_beats_baseline(ours, tasks, k=4, baselines={"history-blind": weak, "popularity": weak})
    assert healthy.status is Status.PASSED


def test_history_ignored_is_said_only_where_nothing_simpler_explains_the_ranking():
    tasks = world(users=800)
    r = rng(6)
    ours, weak = noisy_scores(tasks, r, 1.0), noisy_scores(tasks, r, 0.0)
    twice = recall_beats_baseline(ours, tasks, k=4, baselines={"history-blind": ours, "popularity": ours})
    assert (twice.status, twice.fault) == (Status.FAILED, "baseline-not-beaten")
    other = recall_beats_baseline(ours, tasks, k=4, baselines={"history-blind": weak, "popularity": ours})
    assert (other.status, other.fault) == (Status.FAILED, "baseline-not-beaten")
    nothing = world(users=2400)
    chance = scores_that_hit(nothing, [user % 5 < 2 for user in range(2400)])
    blind = recall_beats_baseline(chance, nothing, k=4, baselines={"history-blind": chance})
    assert (blind.status, blind.fault) == (Status.FAILED, "no-signal")


def test_with_too_few_users_no_history_is_called_ignored():
    tasks = world(users=60)
    ours = noisy_scores(tasks, rng(1), 3.0)
    verdict = recall_beats_baseline(ours, tasks, k=4, baselines={"history-blind": ours})
    assert (verdict.status, verdict.fault, verdict.suspects) == (Status.INCONCLUSIVE, None, ())
    assert "history-blind" in verdict.cause


def test_the_claim_names_chance_and_the_strongest_baseline_and_evidence_keeps_the_closest():
    tasks = world()
    r = rng(1)
    rankers = {f"ranker {signal}": noisy_scores(tasks, r, signal) for signal in (0.0, -1.0, 0.9, -2.0, 0.3, -0.5)}
    verdict = recall_beats_baseline(noisy_scores(tasks, r, 3.0), tasks, k=4, baselines=rankers)
    assert verdict.status is Status.PASSED
    assert "ranker 0.9" in verdict.claim
    assert "ranker 0.3" not in verdict.claim
    assert verdict.evidence[0].startswith("chance")
    assert verdict.evidence[1].startswith("ranker 0.9")
    assert verdict.evidence[2].startswith("ranker 0.3")
    assert len(verdict.evidence) == 5
    assert set(rankers) < set(verdict.threshold)


@pytest.mark.parametrize("early", [True, False])
def test_a_ranker_that_follows_the_positions_fails_where_targets_are_listed_early_or_late(early):
    first, last = listed_order_scores, reversed_listed_order_scores
    follow, against = (first, last) if early else (last, first)
    positions = [u % 2 if u % 5 else 8 + u % 2 for u in range(400)]  # 80 % among the first two
    tasks = make_tasks(positions if early else [9 - position for position in positions], [10] * 400)
    free = {"listed order": first(tasks), "reversed listed order": last(tasks)}
    verdict = recall_beats_baseline(follow(tasks), tasks, k=4, baselines=free)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "baseline-not-beaten")
    assert "Shuffle" in verdict.next_step
    assert verdict.measured["recall"] == pytest.approx(0.8)
    assert recall_beats_baseline(follow(tasks), tasks, k=4, baselines={}).status is Status.PASSED
    wrong_way = recall_beats_baseline(against(tasks), tasks, k=4, baselines=free)
    assert (wrong_way.status, wrong_way.fault) == (Status.FAILED, "reversed")
    healthy = recall_beats_baseline(noisy_scores(tasks, rng(1), 4.0), tasks, k=4, baselines=free)
    assert healthy.status is Status.PASSED


def test_a_ranker_that_follows_positions_and_cannot_be_beaten_does_not_pass():
    tasks = make_tasks([0] * 400, [10] * 400)
    verdict = recall_beats_baseline(
        listed_order_scores(tasks), tasks, k=4, baselines={"listed order": listed_order_scores(tasks)}
    )
    assert verdict.status is Status.INCONCLUSIVE, "a baseline at 1 leaves no room for an effect"


def test_doubling_a_tiny_chance_counts_and_a_quarter_more_does_not():
    twice, tasks = shared_list(10_000, 25, 840)  # 0.084 against a chance of 0.04
    verdict = recall_beats_baseline(twice, tasks, k=1, baselines={})
    assert verdict.status is Status.PASSED
    assert verdict.threshold["effect_over_chance"] == pytest.approx(0.04)
    assert verdict.threshold["effect"] == 0.05
    quarter, _ = shared_list(10_000, 25, 500)
    verdict = recall_beats_baseline(quarter, tasks, k=1, baselines={})
    assert (verdict.status, verdict.fault) == (Status.FAILED, "under-trained")


def test_a_small_but_certain_gain_passes_over_a_baseline_and_not_over_chance():
    (ours, tasks), (theirs, _) = shared_list(5000, 10, 4000), shared_list(5000, 10, 3900)
    verdict = recall_beats_baseline(ours, tasks, k=4, baselines={"retriever": theirs})
    assert verdict.status is Status.PASSED
    small, _ = shared_list(5000, 10, 2170)  # 0.434 against 0.4
    verdict = recall_beats_baseline(small, tasks, k=4, baselines={}, effect=0.07)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "under-trained")


def test_too_few_users_are_inconclusive_and_the_number_given_does_decide():
    tasks = world(users=40)
    verdict = recall_beats_baseline(
        scores_that_hit(tasks, [u % 2 == 0 for u in range(40)]), tasks, k=4, baselines={}
    )
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.fault is None
    enough = int(verdict.next_step.split("About ")[1].split()[0])
    assert 250 < enough < 450  # hit rate 0.5 against 0.4
    many = world(users=2 * math.ceil(enough * 1.2 / 2))
    scores = scores_that_hit(many, [u % 2 == 0 for u in range(len(many))])
    assert recall_beats_baseline(scores, many, k=4, baselines={}).status is Status.PASSED


def test_missing_targets_count_as_misses_and_are_distinguished_from_no_signal():
    lengths = [10] * 800
    positions = [int(s) if u % 10 < 3 else None for u, s in enumerate(rng().integers(10, size=800))]
    tasks = make_tasks(positions, lengths)
    verdict = recall_beats_baseline(noisy_scores(tasks, rng(1), 3.0), tasks, k=4, baselines={})
    assert (verdict.status, verdict.fault) == (Status.FAILED, "target-not-listed")
    assert verdict.measured["users_without_target"] == 560
    assert verdict.affected == Affected(560, 800)
    assert verdict.suspects[0].strength is Strength.MEASURED
    assert verdict.measured["recall_where_target_is_listed"] > 0.9
    assert verdict.measured["recall"] == pytest.approx(0.3 * verdict.measured["recall_where_target_is_listed"])


def test_without_any_listed_target_the_targets_are_what_is_missing():
    tasks = make_tasks([None] * 100, [10] * 100)
    verdict = recall_beats_baseline(noisy_scores(tasks, rng(1), 3.0), tasks, k=4, baselines={})
    assert (verdict.status, verdict.fault) == (Status.FAILED, "target-not-listed")
    assert verdict.measured["recall_where_target_is_listed"] is None
    assert verdict.affected == Affected(100, 100)


def test_a_reversed_ranking_with_some_targets_missing_is_reversed():
    tasks = make_tasks([u % 9 if u % 10 else None for u in range(600)], [10] * 600)
    scores = [-row for row in noisy_scores(tasks, rng(1), 2.0)]
    verdict = recall_beats_baseline(scores, tasks, k=4, baselines={})
    assert (verdict.status, verdict.fault, verdict.affected) == (Status.FAILED, "reversed", None)


def test_a_table_is_judged_as_its_tasks():
    tasks = make_tasks([0, None, 3, 2] * 30, [6, 7, 8, 9] * 30)
    scores, other = noisy_scores(tasks, rng(1), 2.0), noisy_scores(tasks, rng(2), 0.0)
    one, two = (recall_beats_baseline(scores, given, 3, {"other": other}) for given in (tasks, TaskTable.of(tasks)))
    assert one == two


def test_the_target_is_found_by_its_id_and_not_by_a_wrong_index():
    tasks = world(users=100)
    scores = noisy_scores(tasks, rng(1), 3.0)
    wrong = [replace(task, target_index=99) for task in tasks]
    right, judged = (recall_beats_baseline(scores, x, k=4, baselines={}) for x in (tasks, wrong))
    assert right.measured == judged.measured


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(-2, 3), st.booleans())
def test_verdicts_do_not_depend_on_the_order_of_users_or_candidates_or_on_scale(seed, signal, rounded):
    r = rng(seed)
    tasks = random_tasks(r, [int(n) for n in r.integers(6, 12, size=40)])
    scores = noisy_scores(tasks, r, signal)
    if rounded:
        scores = [row.round(0) for row in scores]
    other = noisy_scores(tasks, r, 0.3)
    base = recall_beats_baseline(scores, tasks, k=3, baselines={"other": other})

    users = r.permutation(40)
    by_user = recall_beats_baseline(
        [scores[u] for u in users], [tasks[u] for u in users], k=3, baselines={"other": [other[u] for u in users]}
    )
    by_scale = recall_beats_baseline([np.exp(row) for row in scores], tasks, k=3, baselines={"other": other})
    orders = [r.permutation(task.n_candidates) for task in tasks]
    reordered = [
        replace(task, candidates=tuple(task.candidates[i] for i in order))
        for task, order in zip(tasks, orders, strict=True)
    ]
    by_position = recall_beats_baseline(
        [row[order] for row, order in zip(scores, orders, strict=True)],
        reordered,
        k=3,
        baselines={"other": [row[order] for row, order in zip(other, orders, strict=True)]},
    )
    for verdict in (by_user, by_scale, by_position):
        assert (verdict.status, verdict.fault) == (base.status, base.fault)
        assert verdict.measured["recall"] == pytest.approx(base.measured["recall"], abs=1e-12)


def test_a_vacuous_cutoff_is_refused():
    tasks = world(users=5, n=20)
    for k in (20, 50):
        with pytest.raises(VacuousMetricError, match=f"Recall@{k} with at most 20 candidates is 1"):
            recall_beats_baseline(noisy_scores(tasks, rng(), 1.0), tasks, k=k, baselines={})


def test_malformed_input_is_an_error_that_names_whose_it_is():
    tasks = world(users=3, n=5)
    good = noisy_scores(tasks, rng(), 1.0)
    bad = [good[0], np.array([0.0, 1.0, np.nan, 2.0, 3.0]), good[2]]
    with pytest.raises(InvalidScoresError, match=r"^scores of user row 1 is nan at position 2"):
        recall_beats_baseline(bad, tasks, k=2, baselines={})
    with pytest.raises(InvalidScoresError, match=r"scores of baseline 'popularity' of user row 1 is nan"):
        recall_beats_baseline(good, tasks, k=2, baselines={"popularity": bad})
    with pytest.raises(InvalidScoresError, match=r"shape \(4,\) for 5 candidates"):
        recall_beats_baseline([row[:4] for row in good], tasks, k=2, baselines={})
    for taken in ("chance", "effect", "effect_over_chance", "alpha"):
        with pytest.raises(InvalidScoresError, match=f"named '{taken}'"):
            recall_beats_baseline(good, tasks, k=2, baselines={taken: good})
    with pytest.raises(InvalidTaskError, match="no tasks"):
        recall_beats_baseline([], [], k=2, baselines={})
    with pytest.raises(RerankGuardError, match="alpha=1"):
        recall_beats_baseline(good, tasks, k=2, baselines={}, alpha=1)
    with pytest.raises(RerankGuardError, match="effect=1"):
        recall_beats_baseline(good, tasks, k=2, baselines={}, effect=1.0)
