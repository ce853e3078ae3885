"""Every metric against other implementations: ir_measures and pytrec_eval (trec_eval), and ranx."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, Success, nDCG

from rerank_guard.metrics import (
    NDCG,
    AveragePrecision,
    Hit,
    Precision,
    Recall,
    ReciprocalRank,
    metric_summaries,
    metric_values,
)

K = 3
IR_MEASURES = {
    Hit(K): Success @ K,
    Recall(K): R @ K,
    Precision(K): P @ K,
    Precision(12): P @ 12,
    ReciprocalRank(): RR,
    ReciprocalRank(K): RR @ K,
    NDCG("linear"): nDCG,
    NDCG("linear", K): nDCG @ K,
    NDCG("exponential", K): nDCG(gains={1: 1, 2: 3, 3: 7}) @ K,  # its own "exp-log2" needs a perl program
    NDCG("binary", K): nDCG(gains={1: 1, 2: 1, 3: 1}) @ K,
    AveragePrecision("m"): AP,
    AveragePrecision("m", K): AP @ K,
}
TREC_EVAL = {
    Hit(5): "success_5",
    Recall(5): "recall_5",
    Precision(5): "P_5",
    ReciprocalRank(): "recip_rank",
    NDCG("linear"): "ndcg",
    NDCG("linear", 5): "ndcg_cut_5",
    AveragePrecision("m"): "map",
    AveragePrecision("m", 5): "map_cut_5",
}
RANX = {
    Hit(K): f"hit_rate@{K}",
    Recall(K): f"recall@{K}",
    Precision(K): f"precision@{K}",
    Precision(12): "precision@12",
    ReciprocalRank(): "mrr",
    ReciprocalRank(K): f"mrr@{K}",
    NDCG("linear"): "ndcg",
    NDCG("linear", K): f"ndcg@{K}",
    NDCG("exponential", K): f"ndcg_burges@{K}",
    AveragePrecision("m"): "map",
    AveragePrecision("m", K): f"map@{K}",
}


@st.composite
def runs(draw, ties):
    """Scores and grades of a few users with 1 to 10 candidates, at least one of them relevant."""
    scores, grades = [], []
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(1, 10))
        value = st.integers(0, 4) if ties else st.integers(-1000, 1000)
        scores.append(np.array(draw(st.lists(value, min_size=n, max_size=n, unique=not ties)), float))
        row = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
        row[draw(st.integers(0, n - 1))] = draw(st.integers(1, 3))
        grades.append(np.array(row))
    return scores, grades


def names(rows):
    """The rows as {query: {candidate: value}}."""
    return {
        f"q{u}": {f"d{position:02}": row[position].item() for position in range(len(row))}
        for u, row in enumerate(rows)
    }


def ours(metric, scores, grades, **options):
    return metric_values(scores, grades, [metric], **options)[0]


@settings(max_examples=60, deadline=None)
@given(runs(ties=False))
def test_without_ties_every_metric_is_that_of_ir_measures(run):
    scores, grades = run
    for metric, measure in IR_MEASURES.items():
        # one at a time: asked together, the gains of one nDCG reach the others, in an order that a set of names decides
        calculated = ir_measures.iter_calc([measure], names(grades), names(scores))
        found = {value.query_id: value.value for value in calculated}
        theirs = [found[f"q{u}"] for u in range(len(scores))]
        np.testing.assert_allclose(ours(metric, scores, grades), theirs, atol=1e-10, err_msg=str(metric))


@settings(max_examples=60, deadline=None)
@given(runs(ties=True))
def test_with_ties_trec_eval_is_one_order_among_those_averaged(run):
    """trec_eval puts the later name first among tied candidates, which is one definite order."""
    scores, grades = run
    found = pytrec_eval.RelevanceEvaluator(names(grades), set(TREC_EVAL.values())).evaluate(names(scores))
    its_order = [row + np.arange(len(row)) / 100.0 for row in scores]
    for metric, measure in TREC_EVAL.items():
        theirs = np.array([found[f"q{u}"][measure] for u in range(len(scores))])
        np.testing.assert_allclose(ours(metric, its_order, grades), theirs, atol=1e-10, err_msg=str(metric))
        best = ours(metric, scores, grades, tie_policy="optimistic")
        worst = ours(metric, scores, grades, tie_policy="pessimistic")
        assert (worst - 1e-10 <= theirs).all(), metric
        assert (theirs <= best + 1e-10).all(), metric


@pytest.fixture(scope="module")
def ranx():
    """The package without its compilation at run time, which takes 45 seconds; the functions are the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_DISABLE_JIT", "1")
        import ranx

        yield ranx


@settings(max_examples=40, deadline=None)
@given(run=runs(ties=False))
def test_without_ties_every_metric_is_that_of_ranx(ranx, run):
    scores, grades = run
    relevant = {query: {d: g for d, g in row.items() if g} for query, row in names(grades).items()}
    found = ranx.evaluate(ranx.Qrels(relevant), ranx.Run(names(scores)), list(RANX.values()), return_mean=False)
    for metric, measure in RANX.items():
        np.testing.assert_allclose(
            ours(metric, scores, grades), np.atleast_1d(found[measure]), atol=1e-10, err_msg=str(metric)
        )


def test_means_are_those_of_ir_measures_on_random_runs():
    rng = np.random.default_rng(2)
    scores = rng.permuted(np.tile(np.arange(20.0), (50, 1)), axis=1)
    grades = rng.integers(0, 4, (50, 20)) * (rng.random((50, 20)) < 0.3)
    grades[:, 0] = 1
    for summary in metric_summaries(scores, grades, IR_MEASURES):
        measure = IR_MEASURES[summary.metric]
        theirs = ir_measures.calc_aggregate([measure], names(grades), names(scores))[measure]
        assert summary.mean == pytest.approx(theirs, abs=1e-10), str(summary.metric)
        assert summary.tie_gap == 0.0, str(summary.metric)
