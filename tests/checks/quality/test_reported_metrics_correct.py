"""Reported figures: each common mistake is found and named, and every correct way of writing a figure down passes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, noisy_scores
from rerank_guard.checks.quality.reported_metrics_correct import reported_metrics_correct
from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, RerankGuardError, SettingError
from rerank_guard.core.finding import Strength
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.verdict import Status

USERS, N = 300, 20


@pytest.fixture(scope="module")
def world():
    """Tasks of which a fifth lack their target, and scores of a fair ranker."""
    rng = np.random.default_rng(5)
    positions = [None if u % 5 == 0 else int(rng.integers(N)) for u in range(USERS)]
    tasks = make_tasks(positions, [N] * USERS)
    tasks = [replace(task, first_stage_scores=tuple(rng.normal(size=N).tolist())) for task in tasks]
    return tasks, noisy_scores(tasks, rng, 1.0)


def ranks_of(tasks, scores, *, missing=None, order=lambda row: np.argsort(-row, kind="stable")):
    """1-based rank of each target, by a sort as people write it; `missing` (or nothing) where it is not listed."""
    ranks = []
    for task, row in zip(tasks, scores, strict=True):
        if task.target_id in task.candidate_ids:
            position = task.candidate_ids.index(task.target_id)
            ranks.append(int(np.flatnonzero(order(row) == position)[0]) + 1)
        elif missing is not None:
            ranks.append(missing)
    return np.array(ranks, dtype=float)


def figures(ranks, users):
    """The metrics of these ranks over so many users, written out."""
    found5, found10 = ranks <= 5, ranks <= 10
    return {
        "Recall@10": float(found10.sum() / users),
        "Hit@5": float(found5.sum() / users),
        "NDCG@10": float((found10 / np.log2(ranks + 1)).sum() / users),
        "MRR": float((1 / ranks).sum() / users),
        "MRR@10": float((found10 / ranks).sum() / users),
        "MAP@10": float((found10 / ranks).sum() / users),
        "Precision@5": float((found5 / 5).sum() / users),
    }


def honest(world):
    tasks, scores = world
    return figures(ranks_of(tasks, scores), len(tasks))


# Right


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_figures_computed_as_people_do_pass(world, dtype):
    reported = {name: dtype(value) for name, value in honest(world).items()}
    verdict = reported_metrics_correct(reported, world[1], world[0])
    assert verdict.status is Status.PASSED, verdict
    assert verdict.measured["figures_at_fault"] == 0
    assert verdict.n == USERS
    assert verdict.measured["users_with_target_listed"] == USERS * 4 // 5
    assert verdict.fault is None
    assert verdict.cause == verdict.next_step == ""


@pytest.mark.parametrize(("decimals", "unit"), [(2, 1.0), (6, 1.0), (2, 100.0)])
def test_rounded_figures_and_percentages_pass(world, decimals, unit):
    reported = {name: round(unit * value, decimals) for name, value in honest(world).items()}
    assert reported_metrics_correct(reported, world[1], world[0]).status is Status.PASSED


def test_scores_sorted_in_float32_pass():
    rng = np.random.default_rng(1)
    tasks = make_tasks([int(rng.integers(N)) for _ in range(USERS)], [N] * USERS)
    scores = noisy_scores(tasks, rng, 1.0)
    for task, row in zip(tasks[:5], scores, strict=False):  # five users with a rival too close for float32
        row[(task.target_index + 1) % N] = row[task.target_index] * (1 + 1e-9)
    reported = figures(ranks_of(tasks, [row.astype(np.float32) for row in scores]), USERS)
    verdict = reported_metrics_correct(reported, scores, tasks)
    assert verdict.status is Status.PASSED, verdict.evidence


@pytest.mark.parametrize("policy", [1, -1])
def test_few_ties_may_be_broken_either_way(policy):
    rng = np.random.default_rng(2)
    tasks = make_tasks([int(rng.integers(N)) for _ in range(USERS)], [N] * USERS)
    scores = [np.round(row, 2) for row in noisy_scores(tasks, rng, 1.0)]
    ranks = [
        (row > row[task.target_index]).sum() + (1 if policy > 0 else (row == row[task.target_index]).sum())
        for task, row in zip(tasks, scores, strict=True)
    ]
    reported = figures(np.array(ranks, dtype=float), USERS)
    verdict = reported_metrics_correct(reported, scores, tasks)
    assert verdict.measured["widest_tie_gap"] > 0, "there are ties, or this shows nothing"
    assert verdict.status is Status.PASSED, verdict.evidence
    assert any("by an order of tied candidates" in row for row in verdict.evidence)


def test_constant_scores_pass_where_chance_is_reported():
    tasks = make_tasks([0] * 40, [10] * 40)
    scores = [np.zeros(10)] * 40
    assert reported_metrics_correct({"Recall@3": 0.3}, scores, tasks).status is Status.PASSED


def test_two_candidates_ragged_lists_and_one_user_pass():
    two = make_tasks([0, 1, 1], [2, 2, 2])
    scores = [np.array([1.0, 0.0])] * 3
    assert reported_metrics_correct({"Hit@1": 1 / 3, "MRR": 2 / 3}, scores, two).status is Status.PASSED
    rng = np.random.default_rng(3)
    lengths = [int(n) for n in rng.integers(11, 60, size=200)]
    ragged = make_tasks([int(rng.integers(n)) for n in lengths], lengths)
    rows = noisy_scores(ragged, rng, 0.5)
    verdict = reported_metrics_correct(figures(ranks_of(ragged, rows), 200), rows, ragged)
    assert verdict.status is Status.PASSED, verdict.evidence
    one = make_tasks([4], [9])
    verdict = reported_metrics_correct({"MRR": 1.0, "Hit@1": 1.0}, [np.eye(9)[4]], one)
    assert verdict.status is Status.PASSED


def test_repeated_users_may_be_averaged_user_by_user(world):
    tasks, scores = world
    repeated = [replace(task, query_id=f"user-{u // 3 if u < 90 else u}") for u, task in enumerate(tasks)]
    hits = np.zeros(USERS)
    hits[[u for u in range(USERS) if u % 5]] = ranks_of(tasks, scores) <= 5
    users = sorted({task.query_id for task in repeated})
    by_user = [
        np.mean([hit for hit, task in zip(hits, repeated, strict=True) if task.query_id == u]) for u in users
    ]
    for reported in (float(np.mean(by_user)), float(hits.mean())):
        verdict = reported_metrics_correct({"Hit@5": reported}, scores, repeated)
        assert verdict.status is Status.PASSED, verdict.evidence
    wrong = reported_metrics_correct({"Hit@5": float(np.mean(by_user)) + 0.0123}, scores, repeated)
    assert wrong.status is Status.FAILED


def test_other_names_are_listed_and_not_judged(world):
    reported = {**honest(world), "loss": 7.0, "val_recall@5": 0.9, "p_95": 0.2, "recall@k": 0.1}
    verdict = reported_metrics_correct(reported, world[1], world[0])
    assert verdict.status is Status.PASSED
    assert verdict.measured["not_judged"] == "'loss', 'val_recall@5', 'p_95', 'recall@k'"
    for nothing in ({}, {"loss": 7.0}):
        assert reported_metrics_correct(nothing, world[1], world[0]).status is Status.NOT_APPLICABLE


# Tampered


def without_missing(tasks, scores):
    ranks = ranks_of(tasks, scores)
    return figures(ranks, len(ranks))


def found_at_k(tasks, scores):
    reported = {}
    for name, k in (("Recall@10", 10), ("Hit@5", 5), ("NDCG@10", 10)):
        reported[name] = figures(ranks_of(tasks, scores, missing=k), len(tasks))[name]
    return reported


def as_last(tasks, scores):
    everything = figures(ranks_of(tasks, scores, missing=N), len(tasks))
    return {name: everything[name] for name in ("Recall@10", "MRR")}


def set_recall(tasks, scores):
    return figures(ranks_of(tasks, [-np.arange(N, dtype=float)] * len(tasks)), len(tasks))


def first_stage_recall(tasks, scores):
    return figures(ranks_of(tasks, [np.array(task.first_stage_scores) for task in tasks]), len(tasks))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (without_missing, "the mean over the 240 users with a listed target alone"),
        (found_at_k, "a missing target counted as found at rank K"),
        (as_last, "a missing target put in the place of the last candidate"),
        (set_recall, "the order in which the candidates were listed"),
        (first_stage_recall, "the first stage's order"),
        (lambda tasks, scores: {"Recall@10": 0.8}, "whose target is listed at all"),
    ],
)
def test_a_tampered_figure_is_named(world, mistake, named, rounded):
    tasks, scores = world
    reported = mistake(tasks, scores)
    if rounded:
        reported = {name: round(value, 4) for name, value in reported.items()}
    verdict = reported_metrics_correct(reported, scores, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "metric-tampered")
    assert named in verdict.cause
    assert verdict.measured["figures_off"] >= 1
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.affected.n == verdict.measured["figures_at_fault"]
    assert named in verdict.evidence[0]


# Wrong


def off_by_one(tasks, scores):
    ranks = ranks_of(tasks, scores)
    return {"Recall@10": float((ranks <= 11).sum() / USERS), "Hit@5": float((ranks <= 6).sum() / USERS)}


def from_zero(tasks, scores):
    return figures(np.maximum(ranks_of(tasks, scores) - 1, 1), USERS)


def ascending(tasks, scores):
    return figures(ranks_of(tasks, [-row for row in scores]), USERS)


def natural_logarithm(tasks, scores):
    ranks = ranks_of(tasks, scores)
    return {"NDCG@10": float(((ranks <= 10) / np.log(ranks + 1)).sum() / USERS)}


def ideal_of_ten(tasks, scores):
    return {"NDCG@10": honest((tasks, scores))["NDCG@10"] / float((1 / np.log2(np.arange(2, 12))).sum())}


def mrr_as_ndcg(tasks, scores):
    return {"NDCG@10": honest((tasks, scores))["MRR@10"]}


def batch_means(tasks, scores):
    hits = np.zeros(USERS)
    hits[[u for u in range(USERS) if u % 5]] = ranks_of(tasks, scores) <= 5
    return {"Hit@5": float(np.mean([hits[start : start + 64].mean() for start in range(0, USERS, 64)]))}


def last_batch_dropped(tasks, scores):
    return {"MRR": float((1 / ranks_of(tasks[:256], scores[:256])).sum() / 256)}


def summed(tasks, scores):
    return {"MRR": honest((tasks, scores))["MRR"] * USERS}


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (off_by_one, "ranks counted from 0"),
        (from_zero, "ranks counted from 0"),
        (ascending, "ascending order"),
        (natural_logarithm, "a natural logarithm"),
        (ideal_of_ten, "an ideal DCG of K relevant"),
        (mrr_as_ndcg, "another metric under this name"),
        (batch_means, "a mean of the means of batches"),
        (last_batch_dropped, "the last batch is dropped"),
        (summed, "a sum over users"),
        (lambda *_: {"MRR": 0.123456, "Recall@10": 0.7654321}, "no common mistake gives this value"),
        (lambda tasks, scores: {f"Hit@{k}": 0.9876 for k in range(2, 9)} | {"Recall@10": 0.8}, "no common mistake"),
        (lambda *_: {"MRR": math.nan}, "no common mistake"),
        (lambda *_: {"MRR": math.inf}, "no common mistake"),
        (lambda *_: {"MRR": -0.2}, "no common mistake"),
    ],
)
def test_a_wrong_figure_is_named(world, mistake, named):
    tasks, scores = world
    verdict = reported_metrics_correct(mistake(tasks, scores), scores, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "metric-wrong"), verdict
    assert named in verdict.cause
    assert verdict.next_step


def test_one_wrong_figure_among_right_ones_is_found_and_shown_first(world):
    tasks, scores = world
    reported = {**honest(world), "Hit@5": honest(world)["Hit@5"] + 1 / USERS}
    verdict = reported_metrics_correct(reported, scores, tasks)
    assert (verdict.fault, verdict.measured["figures_off"]) == ("metric-wrong", 1)
    assert verdict.evidence[0].startswith("Hit@5: reported")


def test_the_mistake_that_explains_most_figures_is_named(world):
    tasks, scores = world
    reported = {**ascending(tasks, scores), "Hit@5": honest(world)["Hit@5"] / 0.8}
    verdict = reported_metrics_correct(reported, scores, tasks)
    assert verdict.fault == "metric-wrong"
    assert "ascending" in verdict.cause
    row = next(row for row in verdict.evidence if row.startswith("Hit@5"))
    assert "with a listed target alone" in row


def test_grading_by_target_index_is_named():
    rng = np.random.default_rng(8)
    tasks = make_tasks([int(rng.integers(N)) for _ in range(USERS)], [N] * USERS)
    scores = noisy_scores(tasks, rng, 1.0)
    shifted = [replace(task, target_index=(task.target_index + 1) % N) for task in tasks]
    ranks = [float((row > row[task.target_index]).sum() + 1) for task, row in zip(shifted, scores, strict=True)]
    verdict = reported_metrics_correct(figures(np.array(ranks), USERS), scores, shifted)
    assert verdict.fault == "metric-wrong"
    assert "target_index in place of target_id" in verdict.cause
    nowhere = [replace(task, target_index=N + 3) for task in tasks]
    healthy = reported_metrics_correct(figures(ranks_of(tasks, scores), USERS), scores, nowhere)
    assert healthy.status is Status.PASSED


def test_constant_scores_and_a_stable_sort_are_named():
    """The targets are at position 0, so that a stable sort finds each of them."""
    tasks = make_tasks([0] * 40, [10] * 40)
    verdict = reported_metrics_correct({"Recall@3": 1.0, "MRR": 1.0}, [np.zeros(10)] * 40, tasks)
    assert verdict.fault == "metric-wrong"
    assert "ties broken in the order of the input" in verdict.cause
    assert verdict.measured["widest_tie_gap"] == 1.0
    assert "0 to 1 by the order of tied candidates" in verdict.evidence[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_figure_of_another_run_is_found(seed):
    """Invariant: whatever else was computed, a figure that is not that of the scores fails."""
    rng = np.random.default_rng(seed)
    tasks = make_tasks([int(rng.integers(N)) for _ in range(USERS)], [N] * USERS)
    scores, others = noisy_scores(tasks, rng, 1.0), noisy_scores(tasks, rng, 1.0)
    reported = figures(ranks_of(tasks, others), USERS)
    verdict = reported_metrics_correct({"MRR": reported["MRR"], "NDCG@10": reported["NDCG@10"]}, scores, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "metric-wrong"), verdict.cause


# Vacuous


@pytest.mark.parametrize("name", ["Recall@20", "hit@20", "HR@25"])
def test_a_cutoff_that_keeps_all_candidates_is_vacuous(name):
    rng = np.random.default_rng(4)
    tasks = make_tasks([int(rng.integers(N)) for _ in range(50)], [N] * 50)
    scores = noisy_scores(tasks, rng, 1.0)
    verdict = reported_metrics_correct(
        {name: 1.0, "Hit@5": figures(ranks_of(tasks, scores), 50)["Hit@5"]}, scores, tasks
    )
    assert (verdict.status, verdict.fault) == (Status.FAILED, "vacuous-metric")
    assert "1 by construction for each listed target of 50 of 50 users" in verdict.evidence[0]
    assert verdict.evidence[0].startswith(name)


def test_a_share_of_short_lists_can_be_allowed():
    tasks = make_tasks([0] * 20, [4] + [30] * 19)
    scores = [np.eye(task.n_candidates)[0] for task in tasks]
    assert reported_metrics_correct({"Hit@4": 1.0}, scores, tasks).fault == "vacuous-metric"
    allowed = reported_metrics_correct({"Hit@4": 1.0}, scores, tasks, max_vacuous=0.1)
    assert allowed.status is Status.PASSED
    assert reported_metrics_correct({"Hit@3": 1.0}, scores, tasks).status is Status.PASSED


def test_ndcg_and_mrr_over_the_whole_list_are_not_vacuous():
    tasks = make_tasks([1, 0, 3], [5, 5, 5])
    scores = [np.arange(5.0)] * 3
    ranks = ranks_of(tasks, scores)
    reported = {"MRR@5": float((1 / ranks).mean()), "NDCG@5": float((1 / np.log2(ranks + 1)).mean())}
    assert reported_metrics_correct(reported, scores, tasks).status is Status.PASSED


# Errors


@pytest.mark.parametrize("value", ["0.4", None, True, [0.4, 0.5]])
def test_a_value_that_is_no_number_is_an_error(world, value):
    with pytest.raises(RerankGuardError, match="the reported MRR is"):
        reported_metrics_correct({"MRR": value}, world[1], world[0])


def test_malformed_input_is_an_error(world):
    tasks, scores = world
    with pytest.raises(InvalidTaskError, match="no tasks"):
        reported_metrics_correct({"MRR": 0.1}, [], [])
    with pytest.raises(InvalidScoresError):
        reported_metrics_correct({"MRR": 0.1}, scores[:-1], tasks)
    with pytest.raises(InvalidScoresError, match="finite"):
        reported_metrics_correct({"MRR": 0.1}, [np.full(N, np.nan), *scores[1:]], tasks)
    with pytest.raises(RerankGuardError, match="tolerance="):
        reported_metrics_correct({"MRR": 0.1}, scores, tasks, tolerance=1.0)
    with pytest.raises(RerankGuardError, match="max_vacuous="):
        reported_metrics_correct({"MRR": 0.1}, scores, tasks, max_vacuous=-1.0)
    with pytest.raises(RerankGuardError, match="max_tie_gap="):
        reported_metrics_correct({"MRR": 0.1}, scores, tasks, max_tie_gap=2.0)


def test_evidence_is_capped(world):
    reported = {f"Hit@{k}": 0.98765 for k in range(1, 15)}
    verdict = reported_metrics_correct(reported, world[1], world[0])
    assert verdict.measured["figures_off"] == 14
    assert len(verdict.evidence) == 5


def test_a_table_is_judged_as_its_tasks(world):
    tasks, scores = world
    repeated = [replace(task, query_id=f"user-{u // 2}", target_index=u % 7) for u, task in enumerate(tasks)]
    reported = {**honest(world), "Hit@5": 0.5}
    one, other = (reported_metrics_correct(reported, scores, given) for given in (repeated, TaskTable.of(repeated)))
    assert one == other


def test_the_width_of_a_tie_gap_is_a_setting():
    """Of every second user all candidates tie, so that Recall@3 is open between 0.5 and 1."""
    tasks = make_tasks([0] * 40, [10] * 40)
    scores = [-np.arange(10.0) if user % 2 else np.zeros(10) for user in range(40)]
    assert reported_metrics_correct({"Recall@3": 1.0}, scores, tasks).fault == "metric-wrong"
    assert reported_metrics_correct({"Recall@3": 1.0}, scores, tasks, max_tie_gap=0.51).status is Status.PASSED
    assert reported_metrics_correct({"Recall@3": 1.0}, scores, tasks, max_tie_gap=0.49).status is Status.FAILED
    with pytest.raises(SettingError, match="max_tie_gap="):  # nothing would be a gap
        reported_metrics_correct({"Recall@3": 1.0}, scores, tasks, max_tie_gap=1.0)
