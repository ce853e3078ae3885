"""Does the target stand at every slot equally often?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp

from rerank_guard.checks._settings import require_settings, require_tasks, true_slots
from rerank_guard.stats.bets import LOG_ODDS, LOG_PRIOR, log_e_value_above, log_e_value_below, p_value_of
from rerank_guard.stats.skew import log_e_value_uneven
from rerank_guard.types import FloatArray, IntArray, RankingTask
from rerank_guard.verdict import Measured, Status, Verdict

__all__ = ["check_target_slots_even", "distinct_tasks"]

_CHECK = "target_slots_even"
_ENDS = 4
_IN_RETRIEVER_ORDER = 0.9
_TOO_GOOD = 0.9

_CAUSE = (
    "The target was put at a place of its own (inserted first, appended last, added to a list before the cut) and the "
    "candidates were not shuffled afterwards, or the shuffle leaves a part of the list in place. A model that only "
    "prefers a letter then looks like one that ranks."
)
_NEXT = (
    "Shuffle each task's candidates, target included, with one generator for all tasks, and compute target_index after "
    "the shuffle. Do it for training and test alike."
)
_NO_TARGET = (
    "no task lists its target, so there is no slot to look at",
    "see gt_in_candidates: put the target among the candidates",
)
_RETRIEVER = (
    "The candidates are listed in the order of the retriever's scores, so early targets show its skill.",
    "Hold the reranker against the retriever's order; or shuffle the candidates, so that the letter says nothing.",
)


def check_target_slots_even(tasks: Sequence[RankingTask], *, alpha: float = 1e-6, effect: float = 0.01) -> Verdict:
    """The target's slot is uniform over the candidates.

    Evidence is the weighted average of e-values against "the slot is uniform given N", and so an e-value itself:

    - 1/4 on any uneven use of the slots: the Dirichlet-multinomial of `stats.skew`, multiplied over the users of each N.
    - 1/4 on early or late slots: a bet (`stats.bets`) on the mean of (slot + 1/2) / N, which is 1/2 at every N.
    - 1/4 on both ends or the middle: a bet on the mean of |2 (slot + 1/2) / N - 1|.
    - 1/4 on one of the first or the last 4 slots: bets on its being hit more often than 1/N.

    - FAILED: the e-value reaches 1/alpha, and the largest skew measured is above `effect`: the excess over uniform of one
      slot's share, counted from the start or from the end, or of one half's. A sound list is failed with probability at
      most alpha, whatever the number of users, the N and the look.
    - PASSED: it was not shown to be uneven. That is not a proof of evenness. `least_share_moved_shown` says how large a
      share of the targets, moved to one slot, these users would show on average. At N=50 and alpha=1e-6 nine of ten runs
      are failed from 13 % of the targets moved to slot 0 on at 200 users, 8 % at 500, and 3 % at 3,200.
    - NOT_APPLICABLE: no target is listed; or the candidates of 9 in 10 tasks are listed by falling `retriever_scores`, so
      that early targets are the retriever's skill. Such lists fail only where the target comes late, comes last too
      often, or stands first in more than 9 of 10 tasks.

    Slots are those at which `target_id` stands, whatever `target_index` says. Identical tasks count once: a list that was
    repeated says nothing more. Users whose target is not listed are left out.

    Args:
        tasks: the tasks to judge, at least one; training and test tasks each for themselves.
        alpha: how often a sound list may be failed.
        effect: least excess share that counts, in [0, 1); a skew of a tenth of a percent, proven on millions of tasks,
            does no harm.

    Raises:
        InvalidTaskError: no tasks.
        RerankGuardError: alpha or effect out of range.
    """
    require_settings(alpha, effect)
    require_tasks(tasks)
    kept = distinct_tasks(tasks)
    found = [(slot, task) for slot, task in zip(true_slots(kept), kept, strict=True) if slot is not None]
    claim = f"the target stands at every slot equally often, over {len(found)} users"
    if not found:
        return _not_applicable(claim, {}, 0, _NO_TARGET)
    slots = np.array([slot for slot, _ in found], dtype=np.int64)
    lengths = np.array([task.n_candidates for _, task in found], dtype=np.int64)
    by_retriever = float(np.mean([_falls(task) for _, task in found])) >= _IN_RETRIEVER_ORDER
    log_e = _log_e_beyond_skill(slots, lengths) if by_retriever else _log_e_uneven(slots, lengths)
    place, share, excess = _largest_skew(slots, lengths)
    measured: dict[str, Measured] = {
        "log10_e_value": log_e / math.log(10.0),
        "largest_excess_share": excess,
        "share_there": share,
        "where": place,
        "share_in_first_half": float(_in_first_half(slots, lengths).mean()),
        "least_share_moved_shown": _least_share_shown(len(slots), round(float(lengths.mean())), alpha),
    }
    failed = log_e >= math.log(1.0 / alpha) and excess > effect
    if by_retriever and not failed:
        return _not_applicable(claim, measured, len(found), _RETRIEVER)
    return Verdict(
        check=_CHECK,
        status=Status.FAILED if failed else Status.PASSED,
        claim=claim,
        measured=measured,
        threshold={"log10_e_value": -math.log10(alpha), "largest_excess_share": effect},
        n=len(found),
        evidence=_rows(slots, lengths, [task.query_id for _, task in found]) if failed else (),
        cause=_CAUSE if failed else "",
        next_step=_NEXT if failed else "",
        fault="gt-position-skew" if failed else None,
        p_failed=p_value_of(log_e),
    )


def distinct_tasks(tasks: Sequence[RankingTask]) -> list[RankingTask]:
    """The tasks without exact repeats (same query, candidates in the same order, target), which are no new draws."""
    return list({(task.query_id, task.target_id, task.candidate_ids): task for task in reversed(tasks)}.values())[
        ::-1
    ]


def _log_e_uneven(slots: IntArray, lengths: IntArray) -> float:
    """Log of the weighted average of the e-values, each against "uniform given N"."""
    different = np.unique(lengths).tolist()
    uneven = sum(log_e_value_uneven(np.bincount(slots[lengths == n], minlength=n)) for n in different)
    position = (slots + 0.5) / lengths
    from_middle, expected = np.abs(2.0 * position - 1.0), _mean_from_middle(lengths)
    middle = _average([log_e_value_above(from_middle, expected), log_e_value_below(from_middle, expected)])
    ends = []
    for place in (slots, lengths - 1 - slots):
        for j in range(min(_ENDS, int(lengths.max()))):
            ends.append(_log_e_hits(int((place == j).sum()), lengths[lengths > j]))
    early_or_late = [log_e_value_below(position, 0.5), log_e_value_above(position, 0.5)]
    return _average([uneven, _average(early_or_late), middle, _average(ends)])


def _log_e_beyond_skill(slots: IntArray, lengths: IntArray) -> float:
    """Against "listed by a retriever at least as good as chance, and first in at most 9 of 10 tasks"."""
    last, first = (slots == lengths - 1).astype(np.float64), (slots == 0).astype(np.float64)
    return _average(
        [
            log_e_value_above((slots + 0.5) / lengths, 0.5),
            log_e_value_above(last, 1.0 / lengths),
            log_e_value_above(first, _TOO_GOOD),
        ]
    )


def _log_e_hits(hits: int, lengths: IntArray) -> float:
    """`log_e_value_above` of so many hits against a rate of 1/N each, from their number alone."""
    odds = np.expm1(LOG_ODDS)
    different, users = np.unique(lengths, return_counts=True)
    log_wealth = hits * LOG_ODDS - (users[:, None] * np.log1p(odds / different[:, None])).sum(axis=0)
    return float(logsumexp(log_wealth + LOG_PRIOR))


def _average(log_e_values: Sequence[float]) -> float:
    return float(logsumexp(log_e_values) - math.log(len(log_e_values)))


def _mean_from_middle(lengths: IntArray) -> FloatArray:
    """Mean of |2 (slot + 1/2) / N - 1| over the N slots: 1/2 for even N, and (N^2 - 1) / (2 N^2) for odd N."""
    return np.where(lengths % 2 == 0, 0.5, (1.0 - 1.0 / lengths**2) / 2.0)


def _in_first_half(slots: IntArray, lengths: IntArray) -> FloatArray:
    """1 in the first half, 0 in the second, 1/2 in the middle of an odd list: mean 1/2 at every N."""
    return np.asarray((1.0 + np.sign(lengths - 1 - 2 * slots)) / 2.0, dtype=np.float64)


def _largest_skew(slots: IntArray, lengths: IntArray) -> tuple[str, float, float]:
    """Where the excess share over uniform is largest: its name, the share there, the excess."""
    half = float(_in_first_half(slots, lengths).mean())
    skews = [("first half", half, half - 0.5), ("second half", 1.0 - half, 0.5 - half)]
    n, longest = len(slots), int(lengths.max())
    with_slot = np.bincount(lengths, weights=1.0 / lengths, minlength=longest + 1)[::-1].cumsum()[::-1][1:] / n
    for name, place in (("slot {}", slots), ("slot {} from the end", lengths - 1 - slots)):
        share = np.bincount(place, minlength=longest) / n
        j = int((share - with_slot).argmax())
        skews.append(
            (name.format(j if name == "slot {}" else j + 1), float(share[j]), float((share - with_slot)[j]))
        )
    return max(skews, key=lambda skew: skew[2])


def _least_share_shown(n: int, n_slots: int, alpha: float) -> float | None:
    """The share of n targets, moved to one of n_slots, at which the counts expected reach 1/alpha; None if all do not."""
    needed, lengths = math.log(4.0 / alpha), np.full(n, n_slots, dtype=np.int64)
    n_ends = 2 * min(_ENDS, n_slots)

    def shown(at_slot: int) -> bool:
        rest = np.full(n_slots - 1, (n - at_slot) // (n_slots - 1), dtype=np.int64)
        rest[: (n - at_slot) % (n_slots - 1)] += 1
        one_slot = _log_e_hits(at_slot, lengths) - math.log(n_ends)
        return max(log_e_value_uneven(np.append(rest, at_slot)), one_slot) >= needed

    if not shown(n):
        return None
    low, high = n // n_slots, n  # the counts of an even list, which show nothing, and of all targets at one slot
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return (high / n - 1.0 / n_slots) / (1.0 - 1.0 / n_slots)


def _falls(task: RankingTask) -> bool:
    """Whether the candidates stand in the order of falling retriever scores, which differ."""
    if task.retriever_scores is None:
        return False
    scores = np.asarray(task.retriever_scores, dtype=np.float64)
    return bool((np.diff(scores) <= 0.0).all()) and bool(scores[0] > scores[-1])


def _rows(slots: IntArray, lengths: IntArray, query_ids: Sequence[str]) -> tuple[str, ...]:
    counts = np.bincount(slots)
    by_chance = np.bincount(lengths, weights=1.0 / lengths)[::-1].cumsum()[::-1][1:]
    top = np.argsort(-(counts - by_chance[: len(counts)]), kind="stable")[:3].tolist()
    quarters = np.bincount((4 * slots // lengths), minlength=4) / len(slots)
    rows = [f"slot {j}: {counts[j]} targets, {by_chance[j]:.1f} expected" for j in top]
    rows.append("share of targets by quarter of the list: " + ", ".join(f"{share:.1%}" for share in quarters))
    shown = np.flatnonzero(slots == top[0])[:5].tolist()
    rows.append(f"at slot {top[0]}: " + ", ".join(f"query {query_ids[user]!r}" for user in shown))
    return tuple(rows)


def _not_applicable(claim: str, measured: dict[str, Measured], n: int, why: tuple[str, str]) -> Verdict:
    return Verdict(
        check=_CHECK,
        status=Status.NOT_APPLICABLE,
        claim=claim,
        measured=measured,
        threshold={},
        n=n,
        cause=why[0],
        next_step=why[1],
    )
