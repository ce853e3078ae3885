"""Several relevant items, one-hot scores, lists of unlike lengths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from benchmarks.trust.record import Asked, Case, Expected, fault, silent
from benchmarks.trust.world import cross_encoder, score_all, tasks, utility

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.suite import RunSettings


def _graded(n_users: int, n: int, seed: int, top: int) -> list[RankingTask]:
    """Grades 0 to `top` by how well a film fits, with noise; the best is the target."""
    judged = []
    for task in tasks(n_users, n, seed):
        rng = np.random.default_rng(len(judged) + seed)
        fit = utility(task) + 0.4 * rng.normal(size=n)
        steps = np.clip(np.floor((fit - np.quantile(fit, 0.6)) / 0.5) + 1, 0, top)
        grades = {
            item.item_id: float(grade) for item, grade in zip(task.candidates, steps, strict=True) if grade > 0
        }
        best = int(np.argmax(fit))
        judged.append(replace(task, relevance=grades, target_id=task.candidates[best].item_id, target_index=best))
    return judged


def _figures(judged: list[RankingTask], k: int, gain: Callable[[FloatArray], FloatArray]) -> dict[str, float]:
    """MRR of the first relevant item, Recall@k and nDCG@k, by their definitions."""
    recall, mrr, ndcg = [], [], []
    for task in judged:
        order = np.argsort(-score_all(task))
        grades = np.array([task.grades.get(item.item_id, 0.0) for item in task.candidates])
        ranked = grades[order]
        recall.append((ranked[:k] > 0).sum() / (grades > 0).sum())
        mrr.append(1.0 / (1 + int(np.argmax(ranked > 0))))
        discount = 1.0 / np.log2(np.arange(2, k + 2))
        ideal = np.sort(grades)[::-1][:k]
        ndcg.append((gain(ranked[:k]) * discount).sum() / (gain(ideal) * discount).sum())
    return {f"Recall@{k}": float(np.mean(recall)), "MRR": float(np.mean(mrr)), f"NDCG@{k}": float(np.mean(ndcg))}


def _reports(
    n_users: int,
    n: int,
    top: int,
    gain: Callable[[FloatArray], FloatArray],
    change: Callable[[Mapping[str, float]], Mapping[str, float]] = dict,
) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        judged = _graded(n_users, n, seed, top)
        figures = change(_figures(judged, 5, gain))
        return Asked(cross_encoder(judged, reported_metrics=lambda: figures))

    return build


def _one_hot(k: int) -> Callable[[int], Asked]:
    def score(task: RankingTask) -> FloatArray:
        row = np.zeros(task.n_candidates)
        row[int(np.argmax(score_all(task)))] = 1.0
        return row

    return lambda seed: Asked(cross_encoder(tasks(400, 20, seed), score), RunSettings(cutoffs=(k,)))


def _ragged(n_users: int, lengths: range) -> Callable[[int], Asked]:
    return lambda seed: Asked(cross_encoder(tasks(n_users, lengths, seed)), RunSettings(cutoffs=(5,)))


def _linear(grades: FloatArray) -> FloatArray:
    return grades


def _exponential(grades: FloatArray) -> FloatArray:
    return np.asarray(2.0**grades - 1.0)


CASES = (
    Case(
        25,
        "several relevant items, correct MRR and nDCG",
        _reports(400, 20, 1, _linear),
        silent(never=("metric-wrong",)),
        sibling=False,
        fast=True,
    ),
    Case(25, "one-hot scores judged at K=1", _one_hot(1), silent(), sibling=False, fast=True),
    Case(25, "N from 1 to 20, judged at K=5", _ragged(600, range(1, 21)), silent(), sibling=False),
    Case(
        25,
        "healthy: grades 0 to 10, exponential gain",
        _reports(300, 20, 10, _exponential),
        Expected(silent=True, never=("metric-wrong",)),
    ),
    Case(
        25,
        "healthy: grades 0 to 3, linear gain, N=10",
        _reports(400, 10, 3, _linear),
        Expected(silent=True, never=("metric-wrong",)),
    ),
    Case(25, "healthy: N from 3 to 60, judged at K=5", _ragged(400, range(3, 61)), silent()),
    Case(
        25,
        "several relevant items, MRR reported with ranks from 0",
        _reports(400, 20, 3, _linear, lambda figures: {**figures, "MRR": min(1.0, 1.3 * figures["MRR"])}),
        fault("metric-wrong"),
    ),
    Case(25, "one-hot scores judged at K=5", _one_hot(5), fault("ties-decide")),
)
