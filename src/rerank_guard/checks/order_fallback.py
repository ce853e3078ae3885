"""Is a part of the ranking the order in which the candidates were listed?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, logsumexp

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.explain import is_probability_row
from rerank_guard.metrics import as_score_rows
from rerank_guard.stats.bets import p_value_of
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["check_no_order_fallback"]

_CHECK = "no_order_fallback"
_SHARES = np.array([0.01, 0.1, 0.5, 0.9])
_LONG = 6
_SHORTEST = 4
_EQUAL_GAPS = 1e-3
_SPREAD_OUT = 0.5
_FEWEST_USERS = 3
_MOST = 0.9
_FEWEST_CONSTANT = 10
_FAR_BELOW = 1.0

_NEXT_STEP = (
    "Ask for the logits of all letters, not the top few log-probabilities; raise where a candidate has none, and count such "
    "users. Never append candidates in the order of the list."
)


def check_no_order_fallback(
    scores: Sequence[FloatArray], tasks: Sequence[RankingTask], *, alpha: float = 1e-9
) -> Verdict:
    """No part of the ranking, from the bottom up, is the order in which the candidates were listed.

    A candidate whose letter has no score is often appended in input order: with falling scores, with one low constant, or
    with -inf. FAILED with silent-fallback when one of these is found:

    - **-inf** as a score, for any user.
    - **A constant tail**: in at least 10 users and 9 of 10 the lowest candidates, two or more of at least 6, are level while
      all others differ, and it is not the coincidence that ties are: the tail lies further below the others than they lie
      apart (-100, -1e9); or the number of candidates above it is the same for all (the top 30 of 50) and the scores are
      probabilities or negative, as log-probabilities are. The zeros of a lexical ranker are neither. Of 6 and more that
      are level so far below the others, 10 users are enough, as long as hardly any other user's lowest are level.
    - **A constant head**: in at least 10 users and 9 of 10 one value stands above all others, of two or more candidates and
      of as many in all users, and the others are negative and differ: log-probabilities, with 0 where there was none.
    - **A tail in slot order.** If the lowest m are exchangeable, they stand in slot order with probability 1/m!. A bet of
      1/(m (m - 1)) of the stake on each length m >= 2, paid m! when the tail is at least that long, has mean 1 for each
      user; a gambler who stakes a share of 1, 10, 50 or 90 % on every user has a product of mean 1, and the average of the
      four is an e-value against "no user's tail is in order". It must reach 1/alpha, over users of strictly falling tails.

      That alone would accuse a reranker with a preference for early slots, which is no fallback. So the tails of 6 and more
      candidates (4 and more, of the first kind) must also look made: their gaps are equal in most of them, as scores or as
      logarithms; or they are not the same slots for all users (the variance of "is slot j in the tail" is at least half of
      that of tails drawn at random); or the whole list of 6 and more (4 and more with equal gaps) is in slot
      order for 9 of 10 users, or for some while the others' scores have no trend over the slots.

    Whole rows of one constant are the business of `check_scores_well_formed`.

    Args:
        scores: one array (N_u,) a task, higher is better, any scale; may hold -inf.
        tasks: the tasks, in the same order.
        alpha: how often scores that are exchangeable over the slots may be failed; inside (0, 1).

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
    """
    require_tasks(tasks)
    lengths = np.array([task.n_candidates for task in tasks], dtype=np.int64)
    rows = as_score_rows(scores, lengths.tolist())
    runs = np.array([_strict_tail(row) for row in rows], dtype=np.int64)
    log_e = _log_e_tails(runs)
    missing = [user for user, row in enumerate(rows) if np.isneginf(row).any()]
    constant = [] if missing else _constant_tails(rows) or _some_deep_tails(rows)
    heads = [] if missing or constant else _constant_heads(rows)
    in_order = (
        [] if missing or constant or heads else _made_tails(rows, runs, lengths, log_e >= math.log(1.0 / alpha))
    )
    measured: dict[str, Measured] = {
        "log10_e_value": log_e / math.log(10.0),
        "longest_tail_in_slot_order": int(runs.max()),
        "users_with_a_long_tail": int((runs >= _LONG).sum()),
        "users_wholly_in_slot_order": int(((runs == lengths) & (lengths >= _LONG)).sum()),
        "users_with_missing_scores": len(missing),
        "users_with_a_constant_tail": len(constant),
        "users_with_a_constant_head": len(heads),
    }
    cause, chosen = "", missing or constant or heads or in_order
    if missing:
        cause = f"{len(missing)} of {len(rows)} users have candidates with a score of -inf, that is, none from the model."
    elif constant:
        cause = f"In {len(constant)} of {len(rows)} users the lowest candidates share one value, below scores that all differ."
    elif heads:
        cause = (
            f"In {len(heads)} of {len(rows)} users most candidates share one value above log-probabilities that all differ: 0 "
            "was filled in for a letter that had none, and 0 is the logarithm of 1."
        )
    elif in_order:
        cause = (
            f"In {len(in_order)} of {len(rows)} users the lowest {_range(runs[in_order])} candidates are ranked exactly as "
            "they were listed: the model did not rank them, they were appended in input order."
        )
    return Verdict(
        check=_CHECK,
        status=Status.FAILED if chosen else Status.PASSED,
        claim=f"of {len(rows)} users' rankings no part is the order in which the candidates were listed",
        measured=measured,
        threshold={"log10_e_value": -math.log10(alpha), "users_with_missing_scores": 0},
        n=len(rows),
        evidence=tuple(_row(tasks[user], rows[user]) for user in chosen[:MAX_EVIDENCE]),
        cause=cause,
        next_step=_NEXT_STEP if chosen else "",
        fault="silent-fallback" if chosen else None,
        p_failed=None if missing or constant or heads else p_value_of(log_e),
    )


def _strict_tail(row: FloatArray) -> int:
    """How many of the lowest candidates stand in slot order with strictly falling scores; at least 1, 0 with a NaN."""
    if np.isnan(row).any():
        return 0
    order = np.argsort(-row, kind="stable")
    breaks = np.flatnonzero((np.diff(order) < 0) | (row[order][:-1] == row[order][1:]))
    return len(order) - (int(breaks[-1]) + 1 if len(breaks) else 0)


def _log_e_tails(runs: IntArray) -> float:
    """Log of the e-value against "the tails' slots are exchangeable": see `check_no_order_fallback`.

    The shares of the stake, 1/(m (m - 1)) for m = 2, 3, ..., sum to at most 1.
    """
    lengths = np.arange(2, int(runs.max(initial=2)) + 1)
    paid = gammaln(lengths + 1) - np.log(lengths * (lengths - 1.0))
    cumulative = np.concatenate([[-np.inf, -np.inf], np.logaddexp.accumulate(paid)])  # by the length of the run
    log_e = cumulative[runs]
    wealth = [float(np.logaddexp(math.log(1.0 - share), math.log(share) + log_e).sum()) for share in _SHARES]
    return float(logsumexp(wealth) - math.log(len(_SHARES)))


def _constant_tails(rows: Sequence[FloatArray]) -> list[int]:
    """The users with a constant tail, if these are most and it looks made; else none."""
    tails, above, deep, logs = [], [], [], []
    for user, row in enumerate(rows):
        if np.isnan(row).any() or len(row) < _LONG:
            continue
        lowest = row == row.min()
        rest = row[~lowest]
        if lowest.sum() < 2 or len(rest) < 2 or len(np.unique(rest)) < len(rest):
            continue
        tails.append(user)
        above.append(len(rest))
        deep.append(float(rest.min() - row.min()) > _FAR_BELOW * float(np.ptp(rest)))
        logs.append(is_probability_row(row) or bool((row < 0.0).all()))
    if len(tails) < max(_FEWEST_CONSTANT, _MOST * len(rows)):
        return []
    commonest = max(above.count(count) for count in set(above))
    cut = commonest >= _MOST * len(tails) and all(logs)
    return tails if cut or float(np.mean(deep)) >= _MOST else []


def _some_deep_tails(rows: Sequence[FloatArray]) -> list[int]:
    """The users whose long constant tail lies far below the rest, where the others' lowest are not level; else none."""
    found, level = [], 0
    for user, row in enumerate(rows):
        if np.isnan(row).any() or len(row) < _LONG + 2:
            continue
        lowest = row == row.min()
        rest = row[~lowest]
        if len(rest) < 2 or lowest.sum() < 2:
            continue
        if lowest.sum() >= _LONG and float(rest.min() - row.min()) > _FAR_BELOW * float(np.ptp(rest)):
            found.append(user)
        else:
            level += 1
    return found if len(found) >= _FEWEST_CONSTANT and level <= (1.0 - _MOST) * (len(rows) - len(found)) else []


def _constant_heads(rows: Sequence[FloatArray]) -> list[int]:
    """The users with one value above log-probabilities that all differ, if these are most; else none."""
    heads, below = [], []
    for user, row in enumerate(rows):
        if np.isnan(row).any() or len(row) < _LONG:
            continue
        highest = row == row.max()
        rest = row[~highest]
        if highest.sum() >= 2 and len(rest) >= 2 and len(np.unique(rest)) == len(rest) and bool((rest < 0.0).all()):
            heads.append(user)
            below.append(len(rest))
    if len(heads) < max(_FEWEST_CONSTANT, _MOST * len(rows)):
        return []
    commonest = max(below.count(count) for count in set(below))
    return heads if commonest >= _MOST * len(heads) else []


def _made_tails(rows: Sequence[FloatArray], runs: IntArray, lengths: IntArray, proven: bool) -> list[int]:
    """The users whose tail in slot order was made and not preferred; none without proof that tails are in order."""
    if not proven:
        return []
    ordered = np.flatnonzero(runs >= _SHORTEST)
    cut = [user for user in ordered.tolist() if runs[user] < lengths[user]]
    equal = [user for user in cut if _equal_gaps(rows[user], int(runs[user])) and not _equal_gaps(rows[user])]
    if len(equal) > 0.5 * len(ordered):
        return equal
    long = np.flatnonzero(runs >= _LONG)
    complete = ordered[runs[ordered] == lengths[ordered]]
    whole = np.array(
        [user for user in complete.tolist() if runs[user] >= _LONG or _equal_gaps(rows[user])], dtype=np.int64
    )
    partial = long[runs[long] < lengths[long]]
    if len(whole) and (len(whole) >= _MOST * len(rows) or not _falls_over_slots(rows, runs, lengths)):
        return [int(user) for user in whole]
    if len(partial) >= _FEWEST_USERS and _spread_of_tails(rows, runs, partial) >= _SPREAD_OUT:
        return [int(user) for user in partial]
    return []


def _equal_gaps(row: FloatArray, run: int | None = None) -> bool:
    """Whether the lowest `run` scores, None for all, fall in equal steps or by equal factors."""
    tail = np.sort(row)[:run]
    for values in (tail, np.log(tail)) if tail[0] > 0.0 else (tail,):
        gaps = np.diff(values)
        if np.ptp(gaps) <= _EQUAL_GAPS * gaps.max() + 1e-12 * np.abs(values).max():
            return True
    return False


def _falls_over_slots(rows: Sequence[FloatArray], runs: IntArray, lengths: IntArray) -> bool:
    """Whether the scores of the users who are not wholly in slot order fall over the slots: their mean rank correlation."""
    trends = []
    for row, run, n in zip(rows, runs.tolist(), lengths.tolist(), strict=True):
        if run < n and not np.isnan(row).any():
            ranks = np.argsort(np.argsort(-row, kind="stable"), kind="stable")
            trends.append(float(np.corrcoef(ranks, np.arange(n))[0, 1]))
    return not trends or float(np.mean(trends)) > 0.3


def _spread_of_tails(rows: Sequence[FloatArray], runs: IntArray, users: IntArray) -> float:
    """How varied the tails' slots are: 1 when drawn at random, 0 when they are the same for all users of one N.

    The mean over the slots of q (1 - q), q the share of users with the slot in their tail, over that of random tails of
    these lengths; a sample of u users is corrected by u / (u - 1).
    """
    found, expected = 0.0, 0.0
    for n in {len(rows[user]) for user in users.tolist()}:
        group = [user for user in users.tolist() if len(rows[user]) == n]
        if len(group) < 2:
            continue
        inside = np.zeros((len(group), n))
        for place, user in enumerate(group):
            inside[place, np.argsort(-rows[user], kind="stable")[n - int(runs[user]) :]] = 1.0
        q = inside.mean(axis=0)
        share = float(inside.mean())
        found += len(group) * float((q * (1.0 - q)).mean()) * len(group) / (len(group) - 1)
        expected += len(group) * share * (1.0 - share)
    return found / expected if expected > 0.0 else 0.0


def _range(runs: IntArray) -> str:
    low, high = int(runs.min()), int(runs.max())
    return str(low) if low == high else f"{low} to {high}"


def _row(task: RankingTask, row: FloatArray) -> str:
    order = np.argsort(-row, kind="stable")[-8:]
    shown = ", ".join(f"{slot} ({row[slot]:.4g})" for slot in order.tolist())
    return f"query {task.query_id!r}, N={len(row)}: the ranking ends with slots {shown}"
