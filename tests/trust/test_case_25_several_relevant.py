"""Case 25: several relevant items, scores that tie away from the cutoff, and lists of unlike lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from guard.builders import make_tasks, noisy_scores, random_tasks
from rerank_guard.checks.quality.recall_beats_baseline import recall_beats_baseline
from rerank_guard.checks.quality.reported_metrics_correct import reported_metrics_correct
from rerank_guard.checks.scoring.scores_well_formed import scores_well_formed
from rerank_guard.core.errors import VacuousMetricError
from rerank_guard.core.verdict import Status
from rerank_guard.suite import check_reranker


def graded(users=200, n=20, *, seed=0, highest=3, one_target_users=0.0, unlisted=0):
    rng = np.random.default_rng(seed)
    tasks, scores = [], []
    for user, task in enumerate(random_tasks(rng, [n] * users)):
        row = rng.normal(size=n)
        grades = {task.target_id: float(rng.integers(1, highest + 1))}
        if rng.random() >= one_target_users:
            for place in rng.permutation(n)[: rng.integers(1, 5)]:
                grades.setdefault(task.candidate_ids[place], float(rng.integers(1, highest + 1)))
            grades |= {f"elsewhere-{user}-{i}": 1.0 for i in range(unlisted)}
            task = replace(task, relevance=grades)
        for place, item_id in enumerate(task.candidate_ids):
            row[place] += task.grades.get(item_id, 0.0)
        tasks.append(task)
        scores.append(row)
    return tasks, scores


def by_hand(tasks, scores, k, gain):
    """MRR of the best relevant item, Recall@K of all, and NDCG@K, by plain loops."""
    rr, recall, ndcg = [], [], []
    for task, row in zip(tasks, scores, strict=True):
        ranked = [task.grades.get(task.candidate_ids[i], 0.0) for i in np.argsort(-row)]
        first = next((rank for rank, grade in enumerate(ranked, 1) if grade > 0), None)
        rr.append(0.0 if first is None else 1.0 / first)
        all_grades = sorted(task.grades.values(), reverse=True)
        recall.append(sum(grade > 0 for grade in ranked[:k]) / sum(grade > 0 for grade in all_grades))
        dcg, ideal = (
            sum(gain(g) / np.log2(i + 2) for i, g in enumerate(each[:k])) for each in (ranked, all_grades)
        )
        ndcg.append(dcg / ideal)
    return {"MRR": np.mean(rr), f"Recall@{k}": np.mean(recall), f"NDCG@{k}": np.mean(ndcg)}


GAINS = {"linear": lambda g: g, "exponential": lambda g: 2.0**g - 1.0, "binary": lambda g: float(g > 0)}


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"one_target_users": 0.5},
        {"unlisted": 2},
        {"highest": 1},
        {"n": 50, "seed": 1},
        {"one_target_users": 0.9},
    ],
    ids=str,
)
def test_correct_figures_of_several_relevant_items_pass(gain, kind):
    tasks, scores = graded(**kind)
    figures = by_hand(tasks, scores, 5, GAINS[gain])
    verdict = reported_metrics_correct(figures, scores, tasks)
    assert verdict.status is Status.PASSED, verdict.evidence


@pytest.mark.parametrize("wrong", ["MRR", "NDCG@5", "Recall@5"])
def test_wrong_figures_of_several_relevant_items_fail(wrong):
    tasks, scores = graded()
    figures = by_hand(tasks, scores, 5, GAINS["linear"])
    figures[wrong] = min(1.0, 1.1 * figures[wrong])
    verdict = reported_metrics_correct(figures, scores, tasks)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "metric-wrong")


@pytest.mark.parametrize(("n", "k"), [(20, 1), (10, 1), (50, 1)])
def test_one_hot_scores_tie_below_the_cutoff(n, k):
    rng = np.random.default_rng(n)
    tasks = random_tasks(rng, [n] * 200)
    scores = [(row == row.max()).astype(float) for row in noisy_scores(tasks, rng, 3.0)]
    assert scores_well_formed(scores, tasks, cutoffs=(k,), max_shared=0.99).status is Status.PASSED
    assert scores_well_formed(scores, tasks, cutoffs=(5,), max_shared=0.99).fault == "ties-decide"


def test_grades_with_ties_below_the_cutoff_pass():
    rng = np.random.default_rng(0)
    tasks = random_tasks(rng, [50] * 200)
    scores = []
    for task in tasks:
        row = np.zeros(50)
        row[rng.permutation(50)[:5]] = rng.permutation([10.0, 9.0, 8.0, 7.0, 6.0])
        row[task.target_index] = 11.0 if rng.random() < 0.7 else row[task.target_index]
        scores.append(row)
    assert scores_well_formed(scores, tasks, cutoffs=(5,), max_shared=0.99).status is Status.PASSED


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("lengths", [tuple(range(1, 21)) * 20, (3, 8, 30) * 100])
def test_lists_of_unlike_lengths_are_judged_where_a_cutoff_says_something(k, lengths):
    rng = np.random.default_rng(k)
    tasks = make_tasks([int(rng.integers(n)) for n in lengths], lengths)
    scores = noisy_scores(tasks, rng, 3.0)
    verdict = recall_beats_baseline(scores, tasks, k, {})
    assert verdict.status is Status.PASSED
    left_out = sum(n <= k for n in lengths)
    assert verdict.n == len(lengths) - left_out
    assert verdict.measured.get("users_with_at_most_k_candidates", 0) == left_out


def test_a_cutoff_that_no_list_exceeds_is_refused():
    tasks = make_tasks([0, 1, 2], [3, 4, 5])
    with pytest.raises(VacuousMetricError):
        recall_beats_baseline([np.arange(float(task.n_candidates)) for task in tasks], tasks, 5, {})


class Ragged:
    name = "ragged"

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self._tasks = [
            replace(task, candidates=tuple(replace(i, text=f"film {i.item_id}") for i in task.candidates))
            for task in random_tasks(rng, list(range(1, 21)) * 20)
        ]
        rows = noisy_scores(self._tasks, rng, 3.0)
        self._scores = {task.query_id: row for task, row in zip(self._tasks, rows, strict=True)}

    def tasks(self):
        return self._tasks

    def score(self, tasks):
        return [self._scores[task.query_id] for task in tasks]


@pytest.mark.parametrize("seed", range(3))
def test_a_run_over_lists_of_1_to_20_is_judged(seed):
    report = check_reranker(Ragged(seed))
    assert report.ok, [(v.check, v.status, v.cause) for v in report.verdicts if v.status in (Status.FAILED,)]
    assert any(verdict.check == "recall_beats_baseline[K=5]" for verdict in report.verdicts)
