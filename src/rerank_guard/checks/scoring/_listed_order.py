"""Rankings that end, or wholly are, in the order in which the candidates were listed."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from scipy.special import gammaln, logsumexp
from scipy.stats import binom

from rerank_guard.checks.comparing.ragged_rows import Rows, has_nan
from rerank_guard.checks.scoring._level_ends import RULES, EndRules
from rerank_guard.checks.scoring._untouched_positions import untouched_from
from rerank_guard.core.types import BoolArray, FloatArray, IntArray

__all__ = ["log_e_tails", "made_tails", "strict_tails"]

_SHARES = np.array([0.01, 0.1, 0.5, 0.9])
_EQUAL_GAPS = 1e-3
"""Of the largest gap: what rounding changes in gaps that were made equal."""
_FEW = 3
"""Tasks from which on a length of tails is said to be common to them."""
_APART = 0.75
"""Of the tails of half a length and more, the share that must have the whole length for it to be one that was made."""
_HARDLY_EVER = 7
"""Length of a tail that one list in 5,040 has by chance; a whole short list is compared with these."""
_NEXT_ORDERS = 3.0
"""By how much users who agree unlike well may raise the odds of the listed order against the orders next to it."""
_SECOND_LEVEL = 1e-3
"""Level at which these odds are exceeded; that the tails are in order at all is proven at `alpha` before."""


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


def made_tails(rows: Rows, runs: IntArray, only_relevant: BoolArray, rules: EndRules = RULES) -> IntArray:
    """Of tails that are proven to be in the order of the list, the tasks in which they were made and not preferred.

    Args:
        rows: the scores.
        runs: (U,) the lengths of the tails.
        only_relevant: (U,) whether the candidates above the tail are just the relevant ones, so that the others were left
            as they were listed on purpose.
        rules: from when on they count as made.
    """
    lengths = rows.lengths
    ordered = np.flatnonzero(runs >= max(3, rules.shortest))  # two candidates have one gap, equal to itself
    equal = _with_equal_gaps(rows, runs, ordered[runs[ordered] < lengths[ordered]])
    if len(equal) > 0.5 * len(ordered):
        return equal
    for made in (
        _whole(rows, runs, ordered[runs[ordered] == lengths[ordered]], rules),
        _cut_at_one_rank(rows, runs, only_relevant, rules),
        untouched_from(rows, rules.most),
    ):
        if len(made):
            return made
    return ordered[:0]


def _with_equal_gaps(rows: Rows, runs: IntArray, tasks: IntArray) -> IntArray:
    """Of these tasks, those whose tail falls in equal gaps, on whose grid the rest of the list is not."""
    equal = [_equal_gaps(rows.row(u), int(runs[u])) and not _on_one_grid(rows.row(u)) for u in tasks.tolist()]
    return tasks[np.array(equal, dtype=np.bool_)]


def _on_one_grid(row: FloatArray) -> bool:
    """Whether all scores are whole steps apart, as ranks and grades are: their smallest gap divides all gaps."""
    for values in (row, np.log(row)) if row.min() > 0.0 else (row,):
        gaps = np.diff(np.unique(values))
        if len(gaps) == 0 or not np.isfinite(gaps).all():
            return True
        steps = gaps / gaps.min()
        if (
            np.abs(steps - np.rint(steps)) <= _EQUAL_GAPS * np.minimum(steps, 100.0)
        ).all() and steps.max() <= 100.0:
            return True
    return False


def _whole(rows: Rows, runs: IntArray, tasks: IntArray, rules: EndRules) -> IntArray:
    """Of these tasks, which are wholly in the order of the list, those that were made; none where the order is preferred."""
    long = [bool(runs[u] >= rules.long) or _equal_gaps(rows.row(u)) for u in tasks.tolist()]
    whole = tasks[np.array(long, dtype=np.bool_)]
    if len(whole) == 0 or len(whole) >= rules.most * len(rows):
        return whole
    if same := _with_same_values(rows, whole):
        return np.array(same, dtype=np.int64)
    nearly = np.maximum(_much_of(rows.lengths), np.minimum(_HARDLY_EVER, rows.lengths - 1))
    is_common = len(whole) >= _APART * int((runs >= nearly).sum())
    return whole if is_common and _more_than_next_orders(rows, whole, rules) else whole[:0]


def _with_same_values(rows: Rows, whole: IntArray) -> list[int]:
    """Of these tasks, those that share one row of scores to the last bit, where scores of other tasks are hardly ever shared."""
    is_whole = np.zeros(len(rows), dtype=np.bool_)
    is_whole[whole] = True
    counts: dict[bytes, list[int]] = {}
    for u in range(len(rows)):
        counts.setdefault(np.sort(rows.row(u)).tobytes(), []).append(u)
    shared = [u for same in counts.values() if len(same) >= _FEW and is_whole[same].all() for u in same]
    n_others = len(rows) - int(is_whole.sum())
    n_shared = sum(len(same) for same in counts.values() if len(same) > 1 and not is_whole[same].all())
    return sorted(shared) if n_shared <= 0.1 * n_others else []


def _more_than_next_orders(rows: Rows, whole: IntArray, rules: EndRules) -> bool:
    """Whether the listed order is more frequent than the orders that differ from it by two neighbours allow.

    Where neighbours in the list are ranked as listed with probability q, and independently, the listed order is
    q / ((1 - q) (N - 1)) times as frequent as those N - 1 orders together, and less where q differs between neighbours.
    """
    next_to, kept, compared, odds = 0, 0.0, 0, 0.0
    for _, matrix in rows.matrices():
        n = matrix.shape[1]
        if n < max(2, rules.shortest):
            continue
        order = np.argsort(-matrix, axis=1, kind="stable")
        moved = order != np.arange(n)
        swapped = (moved.sum(axis=1) == 2) & (moved[:, 1:] & moved[:, :-1]).any(axis=1)
        next_to += int(swapped.sum())
        kept += float((matrix[:, :-1] > matrix[:, 1:]).sum())
        compared += len(matrix) * (n - 1)
        odds = max(odds, 1.0 / (n - 1))
    q = min(kept / max(1, compared), 1.0 - 1e-9)
    ratio = _NEXT_ORDERS * odds * max(1.0, q / (1.0 - q))
    found = len(whole)
    return float(binom.sf(found - 1, found + next_to, ratio / (1.0 + ratio))) <= _SECOND_LEVEL


def _cut_at_one_rank(rows: Rows, runs: IntArray, only_relevant: BoolArray, rules: EndRules) -> IntArray:
    """The tasks whose tail begins behind one and the same rank: the top 30 were kept, and the rest appended.

    What agrees with the list by its scores has tails of all lengths, the longer the fewer; a model that leaves what is
    irrelevant as it was listed has tails that begin behind other ranks for other users, or just behind the relevant.
    """
    lengths = rows.lengths
    head = np.where(runs > 0, lengths - runs, -1)
    possible = head[(head >= rules.least_kept) & (runs >= rules.long)]
    for kept in np.flatnonzero(np.bincount(possible, minlength=1) >= 0.5 * rules.min_tasks).tolist():
        tail = lengths - kept
        has_room = (tail >= rules.long) & (runs > 0)
        cut = has_room & (head <= kept) & (head > 0)
        at = cut & (head == kept)
        nearly = has_room & (runs >= _much_of(tail)) & (head > 0)
        is_common = int(cut.sum()) >= _APART * int(nearly.sum())
        is_sharp = 3 * int(at.sum()) >= 2 * int(cut.sum())
        is_enough = int(cut.sum()) >= rules.min_tasks
        if (
            is_enough
            and is_common
            and is_sharp
            and 2 * int(only_relevant[at].sum()) < int(at.sum())
            and _places_vary(rows, at, kept)
        ):
            return np.flatnonzero(cut)
    return np.zeros(0, dtype=np.int64)


def _much_of(lengths: IntArray) -> IntArray:
    """Half of the lengths, but no less than 5, which one in 120 lists has by chance."""
    return np.maximum((lengths + 1) // 2, 5)


def _places_vary(rows: Rows, tasks: BoolArray, kept: int) -> bool:
    """Whether no one set of positions is below the best `kept` in more than half of these tasks, as a preference makes it."""
    counts: Counter[bytes] = Counter()
    for u in np.flatnonzero(tasks).tolist():
        counts[np.sort(np.argsort(-rows.row(u), kind="stable")[kept:]).tobytes()] += 1
    return 2 * max(counts.values()) <= counts.total()


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
