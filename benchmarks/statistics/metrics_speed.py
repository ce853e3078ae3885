"""All ranking metrics of many users in one run, beside ranx and pytrec_eval, and beside one pass over the scores.

python benchmarks/statistics/metrics_speed.py --users 1000000
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import tracemalloc
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import pytrec_eval
import ranx

from rerank_guard.metrics import (
    NDCG,
    AveragePrecision,
    Hit,
    Metric,
    Precision,
    Recall,
    ReciprocalRank,
    metric_summaries,
    metric_values,
    target_standing,
)

__all__ = ["measure"]

CANDIDATES = 50
LEVELS = 1000  # of the scores, so that ties occur: about 1 target in 20 shares its score
SEVERAL = 5  # most relevant candidates of a user where there are several
PEER_USERS = 50_000
REPEATS = 7
CUTOFFS = (1, 5, 10, 20)

# our metric, its name in trec_eval, its name in ranx
METRICS: list[tuple[Metric, str, str]] = [
    *((Hit(k), f"success_{k}", f"hit_rate@{k}") for k in CUTOFFS),
    *((Recall(k), f"recall_{k}", f"recall@{k}") for k in CUTOFFS),
    *((Precision(k), f"P_{k}", f"precision@{k}") for k in CUTOFFS),
    (ReciprocalRank(), "recip_rank", "mrr"),
    (NDCG("linear", 10), "ndcg_cut_10", "ndcg@10"),
    (AveragePrecision("m", 10), "map_cut_10", "map@10"),
]
OURS = [metric for metric, _, _ in METRICS]


def measure(n_users: int, seed: int) -> dict[str, Any]:
    """Time and memory of the metrics, as plain figures; times are the best of a few repeats.

    Args:
        n_users: rows of the score matrix; the peers get at most 50,000 of them.
        seed: of the scores and targets.
    """
    rng = np.random.default_rng(seed)
    one_target = {dtype: _one_target(n_users, rng, np.dtype(dtype)) for dtype in ("float32", "float64")}
    peers = min(n_users, PEER_USERS)
    scores, target = _scores(peers, rng, np.dtype(np.float32)), rng.integers(0, CANDIDATES, peers)
    single = np.arange(CANDIDATES) == target[:, None]
    peers_one = _peers(scores, single)
    relevance = _several(peers, rng)
    peers_several = _peers(scores, relevance)
    several = _several_targets(n_users, rng)
    ours = one_target["float32"]
    fastest = min(peers_one["ranx_us_per_user"], peers_one["pytrec_eval_us_per_user"])
    fastest_built = min(
        peers_one[f"{name}_us_per_user"] + peers_one[f"{name}_input_us_per_user"]
        for name in ("ranx", "pytrec_eval")
    )
    return {
        "users": n_users,
        "candidates": CANDIDATES,
        "metrics": [str(metric) for metric in OURS],
        "peer_users": peers,
        "one_target": one_target,
        "one_target_peers": peers_one,
        "one_target_times_faster_than_the_faster_peer": fastest / ours["us_per_user"],
        "one_target_times_faster_with_each_users_values": fastest / ours["us_per_user_with_each_users_values"],
        "one_target_times_faster_with_input_built": fastest_built / ours["us_per_user"],
        "several_targets": several,
        "several_targets_peers": peers_several,
        "several_targets_times_faster_than_the_faster_peer": min(
            peers_several["ranx_us_per_user"], peers_several["pytrec_eval_us_per_user"]
        )
        / several["us_per_user_of_values"],
        "versions": {name: metadata.version(name) for name in ("numpy", "ranx", "pytrec_eval-terrier", "numba")},
        "python": platform.python_version(),
    }


def _one_target(n_users: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> dict[str, Any]:
    scores, target = _scores(n_users, rng, dtype), rng.integers(0, CANDIDATES, n_users)

    def means() -> None:
        target_standing(scores, target).summaries(OURS)

    def means_and_values() -> None:
        standing = target_standing(scores, target)
        standing.summaries(OURS)
        for metric in OURS:
            standing.values(metric)

    one_pass_calls = _passes(scores, target)
    seconds, with_values, *pass_seconds = _best_in_turn([means, means_and_values, *one_pass_calls.values()])
    passes = dict(zip(one_pass_calls, pass_seconds, strict=True))
    return {
        "seconds_checks_means_and_tie_gaps": seconds,
        "seconds_with_each_users_values": with_values,
        "us_per_user": 1e6 * seconds / n_users,
        "us_per_user_with_each_users_values": 1e6 * with_values / n_users,
        "seconds_of_one_pass": passes,
        "time_over_one_pass": {name: seconds / one_pass for name, one_pass in passes.items()},
        "peak_memory_over_score_matrix": _peak(means, scores.nbytes),
        "peak_memory_over_score_matrix_with_each_users_values": _peak(means_and_values, scores.nbytes),
        "tie_gap_of_hit_at_10": target_standing(scores, target).summaries([Hit(10)])[0].tie_gap,
    }


def _several_targets(n_users: int, rng: np.random.Generator) -> dict[str, Any]:
    scores, relevance = _scores(n_users, rng, np.dtype(np.float32)), _several(n_users, rng)
    values = _best(lambda: metric_values(scores, relevance, OURS), repeats=2)
    summaries = _best(lambda: metric_summaries(scores, relevance, OURS), repeats=2)
    return {
        "most_relevant_candidates": SEVERAL,
        "seconds_of_values": values,
        "seconds_of_means_and_tie_gaps": summaries,
        "us_per_user_of_values": 1e6 * values / n_users,
        "us_per_user_of_means_and_tie_gaps": 1e6 * summaries / n_users,
        "peak_memory_over_score_matrix": _peak(lambda: metric_summaries(scores, relevance, OURS), scores.nbytes),
    }


def _passes(scores: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> dict[str, Callable[[], object]]:
    """One pass over the scores, by several notions of it; the first is the one that figures are held to."""
    own = scores[np.arange(len(scores)), target][:, None]
    flags = np.empty(scores.shape, dtype=np.bool_)

    def compare_and_count() -> None:
        np.greater(scores, own, out=flags)
        np.count_nonzero(flags, axis=1)

    return {
        "sum_of_each_row": lambda: scores.sum(axis=1),
        "compare_with_target_and_count": compare_and_count,
        "compare_with_target_alone": lambda: np.greater(scores, own, out=flags),
        "sum_of_the_whole_matrix": lambda: scores.sum(),
    }


def _peers(scores: np.ndarray[Any, Any], relevance: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The peers' time, with the input built before, and whether their means lie between our extreme tie orders."""
    n_users = len(scores)
    start = time.perf_counter()
    users, names = [f"u{u}" for u in range(n_users)], [f"c{c}" for c in range(scores.shape[1])]
    run_rows = {user: dict(zip(names, row, strict=True)) for user, row in zip(users, scores.tolist(), strict=True)}
    relevant_rows = {
        user: {names[position]: 1 for position in np.flatnonzero(row)}
        for user, row in zip(users, relevance, strict=True)
    }
    dictionaries = time.perf_counter() - start

    evaluator = pytrec_eval.RelevanceEvaluator(relevant_rows, {trec for _, trec, _ in METRICS})
    trec_seconds = _best(lambda: evaluator.evaluate(run_rows), repeats=3)
    trec = evaluator.evaluate(run_rows)

    few = users[:10]  # compile first
    _ranx({u: relevant_rows[u] for u in few}, {u: run_rows[u] for u in few})()
    start = time.perf_counter()
    evaluate = _ranx(relevant_rows, run_rows)
    ranx_input = time.perf_counter() - start
    ranx_seconds = _best(evaluate, repeats=3)
    ranx_means = evaluate()

    agree = True
    for summary, (_, trec_name, ranx_name) in zip(metric_summaries(scores, relevance, OURS), METRICS, strict=True):
        for theirs in (float(np.mean([row[trec_name] for row in trec.values()])), ranx_means[ranx_name]):
            agree &= summary.pessimistic - 1e-9 <= theirs <= summary.optimistic + 1e-9
    return {
        "pytrec_eval_us_per_user": 1e6 * trec_seconds / n_users,
        "pytrec_eval_input_us_per_user": 1e6 * dictionaries / n_users,
        "ranx_us_per_user": 1e6 * ranx_seconds / n_users,
        "ranx_input_us_per_user": 1e6 * (dictionaries + ranx_input) / n_users,
        "ranx_threads": _numba_threads(),
        "their_means_lie_within_our_tie_gaps": bool(agree),
    }


def _ranx(relevant: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> Callable[[], dict[str, float]]:
    qrels, ranked = ranx.Qrels(relevant), ranx.Run(run)
    names = [name for _, _, name in METRICS]
    return lambda: ranx.evaluate(qrels, ranked, names, save_results_in_run=False)


def _numba_threads() -> int:
    import numba

    return int(numba.get_num_threads())


def _scores(n_users: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    scores = np.empty((n_users, CANDIDATES), dtype=dtype)
    for start in range(0, n_users, 100_000):
        part = scores[start : start + 100_000]
        part[:] = rng.integers(0, LEVELS, part.shape)
    return scores


def _several(n_users: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """(U, N) bool, 1 to SEVERAL relevant candidates a user."""
    relevance = np.zeros((n_users, CANDIDATES), dtype=np.bool_)
    for _ in range(SEVERAL):
        relevance[np.arange(n_users), rng.integers(0, CANDIDATES, n_users)] = True
    return relevance


def _best(call: Callable[[], object], repeats: int = REPEATS) -> float:
    return _best_in_turn([call], repeats)[0]


def _best_in_turn(calls: Sequence[Callable[[], object]], repeats: int = REPEATS) -> list[float]:
    """The least time of each call; called in turn, so that a busy machine slows all of them alike."""
    best = [float("inf")] * len(calls)
    for _ in range(repeats):
        for index, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def _peak(call: Callable[[], object], matrix_bytes: int) -> float:
    """Peak of what numpy and Python allocate during the call, with the score matrix, over the matrix."""
    tracemalloc.start()
    try:
        call()
        return (matrix_bytes + tracemalloc.get_traced_memory()[1]) / matrix_bytes
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.users, arguments.seed), indent=2))
