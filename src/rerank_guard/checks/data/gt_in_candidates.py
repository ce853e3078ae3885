"""Is the target item among the candidates, where the pipeline says it is, and is no candidate listed twice?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._kinds import Kinds
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._first_stage_recall import first_stage_recall, honest_misses
from rerank_guard.core.check import Variant, check
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import (
    DUPLICATE_CANDIDATES,
    LABEL_OFFSET,
    TARGET_LISTED_TWICE,
    TARGET_NOT_LISTED,
)
from rerank_guard.core.finding import Affected, Finding, suspect
from rerank_guard.core.listed import duplicates_per_task, target_listing
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["gt_in_candidates"]

_CAUSES = {
    TARGET_NOT_LISTED: "The target item was never among the candidates, or was cut off when the list was shortened to N.",
    TARGET_LISTED_TWICE: "The target item was sampled again as a negative, or inserted into a list that already held it.",
    LABEL_OFFSET: "target_index was computed before a shuffle or a cut, counts from 1, or is off by one.",
    DUPLICATE_CANDIDATES: (
        "An item was sampled with replacement, or several sources were joined without removing what they share. With "
        "fewer than N different candidates, chance is not K/N."
    ),
}
"""Likely causes, in the order in which a task counts under one of them."""

_COUNTED_AS = {
    TARGET_NOT_LISTED: "target_missing",
    TARGET_LISTED_TWICE: "target_duplicated",
    LABEL_OFFSET: "index_wrong",
    DUPLICATE_CANDIDATES: "candidates_duplicated",
}
_FAULTS = {figure: fault for fault, figure in _COUNTED_AS.items()}


@check(
    stage=Stage.DATA,
    claim="every task's target item is among its candidates, at the position the pipeline states, and no candidate is "
    "listed twice",
    can_name=(TARGET_NOT_LISTED, TARGET_LISTED_TWICE, LABEL_OFFSET, DUPLICATE_CANDIDATES),
    rules_out=(TARGET_NOT_LISTED, TARGET_LISTED_TWICE, DUPLICATE_CANDIDATES),
    variants={
        "training_gt_in_candidates": Variant(
            {"tasks": "training_tasks"},
            "every training task's target item is among its candidates, at the position the pipeline states, and no "
            "candidate is listed twice",
        )
    },
    early=True,
)
def gt_in_candidates(
    tasks: Sequence[RankingTask],
    *,
    max_missing: Count = 0,
    max_target_duplicated: Count = 0,
    max_index_wrong: Count = 0,
    max_candidates_duplicated: Count = 0,
    promised: bool = False,
) -> Finding:
    """Every task lists its target item at target_index, and no candidate twice.

    Exact: no statistics; one task fails, unless some are tolerated.

    In a two-stage pipeline the first stage misses some target items. Where a task says so itself (`target_index` is None), and
    its candidates were retrieved (it states `first_stage_scores`, or a `relevance` that is judged apart from the list), its
    missing target is no fault of the list: it counts as a miss of the ranking, and is reported as first-stage recall, with
    its exact 99 % interval. A pipeline that promises that every target item is listed says so with `promised`; one that
    samples its candidates, or states a `target_index`, has promised it.

    Args:
        tasks: the tasks to judge, at least one.
        max_missing: largest number of tasks without their target item (target-not-listed) that is tolerated.
        max_target_duplicated: the same of target-listed-twice.
        max_index_wrong: the same of label-offset.
        max_candidates_duplicated: the same of duplicate-candidates.
        promised: whether every target item is listed by the pipeline's own word, first stage or not.

    Returns:
        PASSED, or FAILED with the most frequent fault first: target-not-listed (target_id not among the candidates),
        target-listed-twice, label-offset (listed once, but target_index is None, out of range, or elsewhere),
        duplicate-candidates (another candidate is listed more than once). A task counts under the first of these.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    table = TaskTable.of(tasks)
    misses = np.zeros(len(table), dtype=np.bool_) if promised else honest_misses(table)
    misses &= target_listing(table).times == 0
    rows = _rows_by_fault(table, misses)
    kinds = Kinds(
        "broken_users",
        sum(map(len, rows.values())),
        {_COUNTED_AS[fault]: len(found) for fault, found in rows.items()},
        {
            "target_missing": max_missing,
            "target_duplicated": max_target_duplicated,
            "index_wrong": max_index_wrong,
            "candidates_duplicated": max_candidates_duplicated,
        },
    )
    n_misses = int(misses.sum())
    failing = [_FAULTS[kind] for kind in kinds.failing]
    return Finding(
        Status.FAILED if failing else Status.PASSED,
        claim=(
            f"each of {len(table) - n_misses} tasks{' whose target item was retrieved' if n_misses else ''} has its target item among the candidates, at target_index, and no candidate "
            f"is listed twice{kinds.exempt}"
        ),
        measured=kinds.measured | (first_stage_recall(len(table) - n_misses, len(table)) if n_misses else {}),
        limits=kinds.limits,
        n=len(table),
        evidence=_evidence(table, [(fault, rows[fault]) for fault in failing]),
        suspects=tuple(suspect(fault, _CAUSES[fault]) for fault in failing),
        affected=Affected(kinds.affected, len(table)),
    )


def _rows_by_fault(table: TaskTable, misses: BoolArray) -> dict[Fault, IntArray]:
    """The row numbers of the tasks that count under each fault; `misses` (T,) of a first stage count under the last alone."""
    listing = target_listing(table)
    kinds = (
        (listing.times == 0) & ~misses,
        listing.times > 1,
        (table.target_position != listing.position) & ~misses,
        duplicates_per_task(table) > 0,
    )
    first = np.select(kinds, range(len(kinds)), default=-1)
    return {fault: np.flatnonzero(first == place).astype(np.int64) for place, fault in enumerate(_CAUSES)}


def _evidence(table: TaskTable, found: list[tuple[Fault, IntArray]]) -> tuple[str, ...]:
    """The first row of every fault, then more of the most frequent one."""
    heads = [(fault, int(rows[0])) for fault, rows in found]
    rest = [(fault, int(row)) for fault, rows in found for row in rows[1 : MAX_EVIDENCE + 1]]
    return tuple(_row(table[row], fault) for fault, row in (heads + rest)[:MAX_EVIDENCE])


def _row(task: RankingTask, fault: Fault) -> str:
    who = f"query {task.query_id!r}: target item {task.target_id!r}"
    if fault is TARGET_NOT_LISTED:
        return f"{who} is not among its {task.n_candidates} candidates (target_index {task.target_index})"
    if fault is DUPLICATE_CANDIDATES:
        repeated = {item_id: times for item_id, times in Counter(task.candidate_ids).items() if times > 1}
        item_id, times = next(iter(repeated.items()))
        listed = f"candidate {item_id!r} is listed {times} times"
        return f"query {task.query_id!r}: {listed} ({len(repeated)} such candidates)"
    positions = [place for place, item_id in enumerate(task.candidate_ids) if item_id == task.target_id]
    if fault is TARGET_LISTED_TWICE:
        return f"{who} is at positions {', '.join(map(str, positions))}"
    return f"{who} is at position {positions[0]}, target_index says {task.target_index}"
