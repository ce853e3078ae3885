"""Rankings that end, or wholly are, in the order in which the candidates were listed."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, logsumexp

from rerank_guard.checks.comparing.ragged_rows import Rows, has_nan
from rerank_guard.checks.scoring._level_ends import RULES, EndRules
from rerank_guard.core.types import FloatArray, IntArray

__all__ = ["log_e_tails", "made_tails", "strict_tails"]

_SHARES = np.array([0.01, 0.1, 0.5, 0.9])
_EQUAL_GAPS = 1e-3
"""Of the largest gap: what rounding changes in gaps that were made equal."""


def strict_tails(rows: Rows) -> IntArray:
    """(U,) how many of the lowest candidates are in the order of the list with strictly falling scores.

    At least 1; 0 of a row with a NaN.
    """
    runs = np.zeros(len(rows), dtype=np.int64)
    for tasks, matrix in rows.matrices():
        order = np.argsort(-matrix, axis=1, kind="stable")
        ranked = np.take_along_axis(matrix, order, axis=1)
        breaks = (np.diff(order, axis=1) < 0) | (ranked[:, :-1] == ranked[:, 1:])
        n = matrix.shape[1]
        since_last = np.argmax(breaks[:, ::-1], axis=1) if n > 1 else np.zeros(len(matrix), dtype=np.int64)
        runs[tasks] = np.where(breaks.any(axis=1), since_last + 1, n)
    runs[has_nan(rows)] = 0
    return runs


def log_e_tails(runs: IntArray) -> float:
    """Log of the e-value against "the positions of the tails are exchangeable": see `no_order_fallback`.

    The shares of the stake, 1/(m (m - 1)) for m = 2, 3, ..., sum to at most 1.

    Args:
        runs: (U,) the lengths of the tails.
    """
    lengths = np.arange(2, int(runs.max(initial=2)) + 1)
    paid = gammaln(lengths + 1) - np.log(lengths * (lengths - 1.0))
    cumulative = np.concatenate([[-np.inf, -np.inf], np.logaddexp.accumulate(paid)])  # by the length of the run
    log_e = cumulative[runs]
    wealth = [float(np.logaddexp(math.log(1.0 - share), math.log(share) + log_e).sum()) for share in _SHARES]
    return float(logsumexp(wealth) - math.log(len(_SHARES)))


def made_tails(rows: Rows, runs: IntArray, rules: EndRules = RULES) -> IntArray:
    """Of tails that are proven to be in the order of the list, the tasks in which they were made and not preferred.

    Args:
        rows: the scores.
        runs: (U,) the lengths of the tails.
        rules: from when on they count as made.
    """
    lengths = rows.lengths
    ordered = np.flatnonzero(runs >= max(3, rules.shortest))  # two candidates have one gap, equal to itself
    equal = _with_equal_gaps(rows, runs, ordered[runs[ordered] < lengths[ordered]])
    if len(equal) > 0.5 * len(ordered):
        return equal
    whole = _whole(rows, runs, ordered[runs[ordered] == lengths[ordered]], rules)
    if len(whole) and (len(whole) >= rules.most * len(rows) or not _falls_over_positions(rows, runs, rules)):
        return whole
    partial = np.flatnonzero((runs >= rules.long) & (runs < lengths))
    enough = len(partial) >= rules.min_varied
    spread_out = enough and _spread_of_tails(rows, runs, partial) >= rules.spread_out
    return partial if spread_out else partial[:0]


def _with_equal_gaps(rows: Rows, runs: IntArray, tasks: IntArray) -> IntArray:
    """Of these tasks, those whose tail falls in equal gaps, and the rest of the list does not."""
    equal = [_equal_gaps(rows.row(u), int(runs[u])) and not _equal_gaps(rows.row(u)) for u in tasks.tolist()]
    return tasks[np.array(equal, dtype=np.bool_)]


def _whole(rows: Rows, runs: IntArray, tasks: IntArray, rules: EndRules) -> IntArray:
    """Of these tasks, which are wholly in the order of the list, those that are long or fall in equal gaps."""
    made = [bool(runs[u] >= rules.long) or _equal_gaps(rows.row(u)) for u in tasks.tolist()]
    return tasks[np.array(made, dtype=np.bool_)]


def _equal_gaps(row: FloatArray, run: int | None = None) -> bool:
    """Whether the lowest `run` scores, None for all, fall in equal steps or by equal factors."""
    tail = np.sort(row)[:run]
    for values in (tail, np.log(tail)) if tail[0] > 0.0 else (tail,):
        if not np.isfinite(values).all():  # scores of -inf that are let pass
            continue
        gaps = np.diff(values)
        if np.ptp(gaps) <= _EQUAL_GAPS * gaps.max() + 1e-12 * np.abs(values).max():
            return True
    return False


def _falls_over_positions(rows: Rows, runs: IntArray, rules: EndRules) -> bool:
    """Whether the scores of the tasks that are not wholly in the order of the list fall over the positions.

    Decided by their mean rank correlation; true where there are none.
    """
    others = (runs < rows.lengths) & ~has_nan(rows)
    trends = [_rank_correlations(matrix[others[tasks]]) for tasks, matrix in rows.matrices()]
    every = np.concatenate(trends)
    return len(every) == 0 or float(every.mean()) > rules.max_trend


def _rank_correlations(matrix: FloatArray) -> FloatArray:
    """(r,) Pearson's correlation of the ranks, best first, with the positions."""
    n = matrix.shape[1]
    order = np.argsort(-matrix, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable") - (n - 1) / 2.0
    positions = np.arange(n) - (n - 1) / 2.0
    # ranks and positions have one variance; that of a single candidate is 0, but no row of one is looked at
    return np.asarray(ranks @ positions / max(1.0, float(positions @ positions)))


def _spread_of_tails(rows: Rows, runs: IntArray, tasks: IntArray) -> float:
    """How varied the tails' positions are: 1 when drawn at random, 0 when they are the same for all tasks of one N.

    The mean over the positions of q (1 - q), q the share of tasks with the position in their tail, over that of random
    tails of these lengths; a sample of u tasks is corrected by u / (u - 1).
    """
    found, expected = 0.0, 0.0
    chosen = rows.take(tasks)
    for places, matrix in chosen.matrices(len(chosen.values)):  # all tasks of one N at once
        u, n = matrix.shape
        if u < 2:
            continue
        rank = np.argsort(np.argsort(-matrix, axis=1, kind="stable"), axis=1, kind="stable")
        inside = rank >= n - runs[tasks[places]][:, None]
        q = inside.mean(axis=0)
        share = float(inside.mean())
        found += u * float((q * (1.0 - q)).mean()) * u / (u - 1)
        expected += u * share * (1.0 - share)
    return found / expected if expected > 0.0 else 0.0
