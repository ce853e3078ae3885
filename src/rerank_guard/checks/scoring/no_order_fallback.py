"""Is a part of the ranking the order in which the candidates were listed?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.ragged_rows import Rows, every, ragged
from rerank_guard.checks.scoring._level_ends import (
    RULES,
    EndRules,
    constant_heads,
    constant_tails,
    level_ends,
    some_deep_tails,
)
from rerank_guard.checks.scoring._listed_order import log_e_tails, made_tails, strict_tails
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import SILENT_FALLBACK
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.setting import Count, Level, NeededShare, Ratio, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.metrics import as_score_rows
from rerank_guard.stats.bets import p_value_of

__all__ = ["no_order_fallback"]

_NONE = np.zeros(0, dtype=np.int64)


@check(
    stage=Stage.SCORING,
    claim="no part of the ranking is the order in which the candidates were listed",
    can_name=(SILENT_FALLBACK,),
    looks_like=SILENT_FALLBACK,
)
def no_order_fallback(
    scores: Sequence[FloatArray],
    tasks: Sequence[RankingTask],
    *,
    alpha: Level = 1e-9,
    max_missing: Count = 0,
    max_constant_tails: Count = 0,
    max_constant_heads: Count = 0,
    min_tasks: Count = RULES.min_tasks,
    most: NeededShare = RULES.most,
    long_end: Count = RULES.long,
    far_below: Ratio = RULES.far_below,
    shortest: Count = RULES.shortest,
    min_varied: Count = RULES.min_varied,
    spread_out: NeededShare = RULES.spread_out,
    max_trend: Share = RULES.max_trend,
) -> Finding:
    """No part of the ranking, from the bottom up, is the order in which the candidates were listed.

    A candidate whose letter has no score is often appended in input order: with falling scores, with one low constant, or
    with -inf. FAILED with silent-fallback when one of these is found:

    - **-inf** as a score, for any task.
    - **A constant tail**: in at least 10 tasks and 9 of 10 the lowest candidates, two or more of at least 6, are level while
      all others differ, and it is not the coincidence that ties are: the tail is further below the others than they are
      apart (-100, -1e9); or the number of candidates above it is the same for all (the top 30 of 50) and the scores are
      probabilities or negative, as log-probabilities are. The zeros of a lexical ranker are neither. Of 6 and more that
      are level so far below the others, 10 tasks are enough, as long as hardly any other task's lowest are level.
    - **A constant head**: in at least 10 tasks and 9 of 10 one value is above all others, of two or more candidates and
      of as many in all tasks, and the others are negative and differ: log-probabilities, with 0 where there was none.
    - **A tail in the order of the list.** If the lowest m are exchangeable, they are in that order with probability 1/m!. A
      bet of 1/(m (m - 1)) of the stake on each length m >= 2, paid m! when the tail is at least that long, has mean 1 for
      each task; a gambler who stakes a share of 1, 10, 50 or 90 % on every task has a product of mean 1, and the average of
      the four is an e-value against "no task's tail is in order". It must reach 1/alpha, over tasks of strictly falling
      tails.

      That alone would also fail a reranker with a preference for early positions, which is no fallback. So the tails of 6
      and more candidates (4 and more, of the first kind) must also look made: their gaps are equal in most of them, as
      scores or as logarithms; or they are not the same positions for all tasks (the variance of "is position j in the tail"
      is at least half of that of tails drawn at random); or the whole list of 6 and more (4 and more with equal gaps) is in
      the order of the list for 9 of 10 tasks, or for some while the others' scores have no trend over the positions.

    Whole rows of one constant are reported by `scores_well_formed`.

    The numbers above are the settings' defaults.

    Args:
        scores: one array (N_u,) a task, higher is better, any scale; may hold -inf.
        tasks: the tasks, in the same order.
        alpha: how often scores that are exchangeable over the positions may be failed; inside (0, 0.5).
        max_missing: how many tasks may have a score of -inf.
        max_constant_tails: how many may have a constant tail, where enough have one for it to look made.
        max_constant_heads: how many may have a constant head.
        min_tasks: fewest tasks with a constant end for it to look made.
        most: share of the tasks that has to show what is said of all.
        long_end: candidates from which on a level or ordered end is long.
        far_below: how far a constant tail has to be below the others, as a multiple of how far these are apart.
        shortest: candidates from which on an ordered end in equal gaps counts, 3 or more.
        min_varied: fewest tasks of whose tails' places it is said that they vary.
        spread_out: how varied these have to be, as a share of the variance of places drawn at random.
        max_trend: rank correlation of scores and positions above which lists in order are put down to a preference.

    Returns:
        PASSED, or FAILED with silent-fallback. The first three kinds are exact, the last one is statistical.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    rows = ragged(as_score_rows(scores, table.n_candidates.tolist()))
    rules = EndRules(long_end, most, min_tasks, far_below, shortest, min_varied, spread_out, max_trend)
    allowed = _Allowed(max_missing, max_constant_tails, max_constant_heads)
    seen = _look(rows, alpha, rules, allowed)
    tasks_shown, cause = seen.shown
    statistical = seen.is_statistical
    return Finding(
        Status.FAILED if len(tasks_shown) else Status.PASSED,
        claim=f"of {len(table)} tasks' rankings no part is the order in which the candidates were listed",
        measured={
            "log10_e_value": seen.log_e / math.log(10.0),
            "longest_tail_in_position_order": int(seen.runs.max()),
            "users_with_a_long_tail": int((seen.runs >= long_end).sum()),
            "users_wholly_in_position_order": int(((seen.runs == rows.lengths) & (rows.lengths >= long_end)).sum()),
            "users_with_missing_scores": len(seen.missing),
            "users_with_a_constant_tail": len(seen.tails),
            "users_with_a_constant_head": len(seen.heads),
        },
        limits=(
            Limit("users_with_missing_scores", "<=", max_missing),
            Limit("users_with_a_constant_tail", "<=", max_constant_tails),
            Limit("users_with_a_constant_head", "<=", max_constant_heads),
        ),
        compared_with={"log10_e_value": -math.log10(alpha)},
        n=len(table),
        evidence=tuple(_row(table.query_ids[task], rows.row(task)) for task in tasks_shown[:MAX_EVIDENCE].tolist()),
        suspects=(suspect(SILENT_FALLBACK, cause, statistical=statistical),) if len(tasks_shown) else (),
        affected=Affected(len(tasks_shown), len(table)),
        p_failed=p_value_of(seen.log_e) if statistical else None,
    )


@dataclass(frozen=True, slots=True)
class _Allowed:
    """How many tasks of each exact kind are let pass."""

    missing: int
    tails: int
    heads: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found; each kind is looked for only where none before it fails.

    Attributes:
        runs: (U,) int64, length of the tail in the order of the list.
        log_e: log of the e-value against tails that are in order by chance alone.
        missing, tails, heads, in_order: the tasks with -inf, with a constant tail, with a constant head, with a made tail.
        allowed: how many of the exact kinds are let pass.
    """

    runs: IntArray
    log_e: float
    missing: IntArray
    tails: IntArray
    heads: IntArray
    in_order: IntArray
    allowed: _Allowed

    @property
    def has_missing(self) -> bool:
        """Whether more tasks have a score of -inf than may."""
        return len(self.missing) > self.allowed.missing

    @property
    def has_tails(self) -> bool:
        """Whether more tasks have a constant tail than may."""
        return len(self.tails) > self.allowed.tails

    @property
    def has_heads(self) -> bool:
        """Whether more tasks have a constant head than may."""
        return len(self.heads) > self.allowed.heads

    @property
    def is_statistical(self) -> bool:
        """Whether nothing exact fails, so that the e-value decides."""
        return not (self.has_missing or self.has_tails or self.has_heads)

    @property
    def shown(self) -> tuple[IntArray, str]:
        """The tasks that show a fallback, and why it is one."""
        if self.has_missing:
            return self.missing, "Their scores hold -inf, so the model gave none for these candidates."
        if self.has_tails:
            return self.tails, "The lowest candidates share one value, below scores that all differ."
        if self.has_heads:
            return self.heads, (
                "Most candidates share one value above log-probabilities that all differ: 0 was filled in for a letter that "
                "had none, and 0 is the logarithm of 1."
            )
        if len(self.in_order):
            return self.in_order, (
                f"In {len(self.in_order)} of {len(self.runs)} tasks the lowest {_range(self.runs[self.in_order])} candidates "
                "are ranked exactly as they were listed: the model did not rank them, they were appended in input order."
            )
        return _NONE, ""


def _look(rows: Rows, alpha: float, rules: EndRules, allowed: _Allowed) -> _Seen:
    runs = strict_tails(rows)
    log_e = log_e_tails(runs)
    missing = np.flatnonzero(~every(Ragged(~np.isneginf(rows.values), rows.offsets)))
    if len(missing) > allowed.missing:
        return _Seen(runs, log_e, missing, _NONE, _NONE, _NONE, allowed)
    ends = level_ends(rows, rules)
    tails = constant_tails(ends, rules)
    if len(tails) == 0:
        tails = some_deep_tails(ends, rules)
    if len(tails) > allowed.tails:
        return _Seen(runs, log_e, missing, tails, _NONE, _NONE, allowed)
    heads = constant_heads(ends, rules)
    proven = log_e >= math.log(1.0 / alpha) and len(heads) <= allowed.heads
    in_order = made_tails(rows, runs, rules) if proven else _NONE
    return _Seen(runs, log_e, missing, tails, heads, in_order, allowed)


def _range(runs: IntArray) -> str:
    low, high = int(runs.min()), int(runs.max())
    return str(low) if low == high else f"{low} to {high}"


def _row(query_id: str, row: FloatArray) -> str:
    order = np.argsort(-row, kind="stable")[-8:]
    shown = ", ".join(f"{position} ({row[position]:.4g})" for position in order.tolist())
    return f"query {query_id!r}, N={len(row)}: the ranking ends with positions {shown}"
