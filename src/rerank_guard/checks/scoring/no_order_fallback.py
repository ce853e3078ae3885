"""Is a part of the ranking the order in which the candidates were listed?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.comparing.ragged_rows import every, ragged
from rerank_guard.checks.scoring._level_ends import (
    RULES,
    EndRules,
    constant_heads,
    constant_tails,
    level_ends,
    some_deep_tails,
)
from rerank_guard.checks.scoring._listed_order import log_e_tails, made_tails, strict_tails
from rerank_guard.checks.scoring._listed_rows import ListedRows
from rerank_guard.core.check import check
from rerank_guard.core.faults.scoring import SILENT_FALLBACK
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.setting import Count, Level, NeededShare, Ratio
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
    max_copied: Count = 0,
    min_tasks: Count = RULES.min_tasks,
    most: NeededShare = RULES.most,
    long_end: Count = RULES.long,
    far_below: Ratio = RULES.far_below,
    shortest: Count = RULES.shortest,
    least_kept: Count = RULES.least_kept,
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

      That alone would also fail a reranker that agrees with the first stage in whose order the candidates are listed, or
      that prefers early positions; neither is a fallback, and more users do not make it one. So the tails must also look
      made, in one of these ways:

      - The gaps of tails of 4 and more are equal in most of them, as scores or as logarithms, and the other scores are
        not on the same grid.
      - The whole list of 6 and more (4 and more with equal gaps) is in the order of the list for 9 of 10 tasks; or for some
        that share one row of scores to the last bit, as no others do; or for more than the orders next to it (two
        neighbours exchanged) allow, and for three of four tasks with half a list in order.
      - Tails of 6 and more begin behind one rank (the top 30 were kept) below at least 4 candidates, and three of four tasks
        with half as long a tail have the whole of it: what agrees with the list has tails of all lengths, the longer the
        fewer. Where the candidates above are just the relevant ones, the others were left as listed on purpose.
      - The same last positions are ranked last, as listed, for 9 of 10 tasks that have them, while up to nine of ten
        neighbours before them are ranked in one order: positions that cannot be named. Exact binomial, at 1e-9.
    - **The first stage's own scores**, where these are given: in 3 tasks and more, one or more between the lowest and the
      highest are equal to the score of the reranker to the last bit, and the other scores do not recur, as grades do.
      Nothing is said where nearly all tasks have such scores alone: then the first stage itself is judged, see
      `recall_beats_baseline`. The order of the first stage is looked at like that of the list.

    Candidates that a task declares as not scored (`scored`) are left out. What cannot be seen from scores: a model that
    names some candidates, of which there are more for some users than for others, and has the rest appended.

    Whole rows of one constant are reported by `scores_well_formed`.

    The numbers above are the settings' defaults.

    Args:
        scores: one array (N_u,) a task, higher is better, any scale; may hold -inf.
        tasks: the tasks, in the same order.
        alpha: how often scores that are exchangeable over the positions may be failed; inside (0, 0.5).
        max_missing: how many tasks may have a score of -inf.
        max_constant_tails: how many may have a constant tail, where enough have one for it to look made.
        max_constant_heads: how many may have a constant head.
        max_copied: how many may have first-stage scores in place of the reranker's, where enough have them for it to be
            no coincidence.
        min_tasks: fewest tasks with a constant end for it to look made.
        most: share of the tasks that has to show what is said of all.
        long_end: candidates from which on a level or ordered end is long.
        far_below: how far a constant tail has to be below the others, as a multiple of how far these are apart.
        shortest: candidates from which on an ordered end in equal gaps counts, 3 or more.
        least_kept: fewest candidates above appended ones; fewer may have been moved to the front on purpose.

    Returns:
        PASSED, or FAILED with silent-fallback. All kinds but the order of the list are exact; that one is statistical.

    Raises:
        InvalidTaskError: no tasks.
        InvalidScoresError: another number of rows or another length of a row than the tasks have.
        SettingError: a setting out of range.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    listed = ListedRows.of(ragged(as_score_rows(scores, table.n_candidates.tolist())), table)
    rows = listed.rows
    rules = EndRules(long_end, most, min_tasks, far_below, shortest, least_kept)
    allowed = _Allowed(max_missing, max_constant_tails, max_constant_heads, max_copied)
    seen = _look(listed, alpha, rules, allowed)
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
            "users_with_first_stage_scores": len(seen.copies),
        },
        limits=(
            Limit("users_with_missing_scores", "<=", max_missing),
            Limit("users_with_a_constant_tail", "<=", max_constant_tails),
            Limit("users_with_a_constant_head", "<=", max_constant_heads),
            Limit("users_with_first_stage_scores", "<=", max_copied),
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
    copies: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was found; each kind is looked for only where none before it fails.

    Attributes:
        runs: (U,) int64, length of the tail in the order of the list.
        log_e: log of the e-value against tails that are in order by chance alone.
        missing, tails, heads, copies, in_order: the tasks with -inf, with a constant tail, with a constant head, with scores of
            the first stage, with a made tail.
        allowed: how many of the exact kinds are let pass.
    """

    runs: IntArray
    log_e: float
    missing: IntArray
    tails: IntArray
    heads: IntArray
    copies: IntArray
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
    def has_copies(self) -> bool:
        """Whether more tasks have scores of the first stage than may."""
        return len(self.copies) > self.allowed.copies

    @property
    def is_statistical(self) -> bool:
        """Whether nothing exact fails, so that the e-value decides."""
        return not (self.has_missing or self.has_tails or self.has_heads or self.has_copies)

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
        if self.has_copies:
            return self.copies, (
                f"In {len(self.copies)} of {len(self.runs)} tasks candidates have the first stage's own score, to the last bit, "
                "beside others that were scored anew: the model did not rank them."
            )
        if len(self.in_order):
            return self.in_order, (
                f"In {len(self.in_order)} of {len(self.runs)} tasks the lowest {_range(self.runs[self.in_order])} candidates "
                "are ranked exactly as they were listed: the model did not rank them, they were appended in input order."
            )
        return _NONE, ""


def _look(listed: ListedRows, alpha: float, rules: EndRules, allowed: _Allowed) -> _Seen:
    rows = listed.rows
    runs = strict_tails(rows)
    log_e = log_e_tails(runs)
    missing = np.flatnonzero(~every(Ragged(~np.isneginf(rows.values), rows.offsets)))
    if len(missing) > allowed.missing:
        return _Seen(runs, log_e, missing, _NONE, _NONE, _NONE, _NONE, allowed)
    ends = level_ends(rows, rules)
    tails = constant_tails(ends, rules)
    if len(tails) == 0:
        tails = some_deep_tails(ends, rules)
    if len(tails) > allowed.tails:
        return _Seen(runs, log_e, missing, tails, _NONE, _NONE, _NONE, allowed)
    heads = constant_heads(ends, rules)
    if len(heads) > allowed.heads:
        return _Seen(runs, log_e, missing, tails, heads, _NONE, _NONE, allowed)
    copies = listed.copies(rules.most)
    seen = _Seen(runs, log_e, missing, tails, heads, copies.tasks, _NONE, allowed)
    if copies.is_first_stage or seen.has_copies:
        return seen
    for order in listed.orders():
        in_order = strict_tails(order.rows)
        proven = log_e_tails(in_order)
        if proven >= math.log(1.0 / alpha):
            made = made_tails(order.rows, in_order, order.only_relevant(in_order), rules)
            if len(made):
                return replace(seen, runs=in_order, log_e=proven, in_order=made)
    return seen


def _range(runs: IntArray) -> str:
    low, high = int(runs.min()), int(runs.max())
    return str(low) if low == high else f"{low} to {high}"


def _row(query_id: str, row: FloatArray) -> str:
    order = np.argsort(-row, kind="stable")[-8:]
    shown = ", ".join(f"{position} ({row[position]:.4g})" for position in order.tolist())
    return f"query {query_id!r}, N={len(row)}: the ranking ends with positions {shown}"
