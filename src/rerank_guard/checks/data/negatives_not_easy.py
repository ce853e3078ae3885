"""Can target items be recognised among the negatives without the user?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._evenly_spaced import evenly_spaced
from rerank_guard.core.check import Variant, check
from rerank_guard.core.faults.data import EASY_NEGATIVES
from rerank_guard.core.finding import Affected, Finding, Limit, not_applicable, suspect
from rerank_guard.core.ragged import Ragged
from rerank_guard.core.row_equality import distinct_tasks, first_equal_rows
from rerank_guard.core.setting import Level, NeededCount, NeededShare, Positive, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import BoolArray, IntArray, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["negatives_not_easy"]

_MOST_TASKS = 20_000

_FEWEST_TARGETS = 3

_SAME = (
    "{n} of {of} tasks, with {targets} different target items, list the same negatives, or nearly all of theirs from as few items as "
    "the longest list has: an item that is not one of these is the target item."
)
_NEVER = (
    "Of {targets} target items {listed} are ever listed as a negative, while {again:.0%} of the negatives are listed again for "
    "others: an item that is a negative in any list is likely no target item."
)
_NOTHING = (
    "no two tasks have different lists with a target item and a negative",
    "give the tasks of more users",
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the lists show.

    Attributes:
        n: different lists.
        same: (n,) whether a task has the negatives of many others; see `_same_negatives`.
        targets_beside: different target items beside these negatives.
        targets: different target items.
        listed: those that are a negative in a list.
        again: share of the negatives that are in two different sets of negatives or more.
    """

    n: int
    same: BoolArray
    targets_beside: int
    targets: int
    listed: int
    again: float


@check(
    stage=Stage.DATA,
    claim="negatives differ from user to user, and target items are negatives of others",
    can_name=(EASY_NEGATIVES,),
    rules_out=(EASY_NEGATIVES,),
    variants={
        "training_negatives_not_easy": Variant(
            {"tasks": "training_tasks"},
            "the negatives of training differ from user to user, and its target items are negatives of others",
        )
    },
)
def negatives_not_easy(
    tasks: Sequence[RankingTask],
    *,
    alpha: Level = 1e-6,
    min_listed: Share = 0.25,
    max_same: NeededShare = 0.2,
    fewest: NeededCount = 10,
    nearly_all: NeededShare = 0.9,
    many_items: Positive = 5.0,
) -> Finding:
    """Target items are not recognised by the lists alone: negatives are drawn for each user, from items that are targets too.

    A model learns, and is credited with, what it takes to tell the two kinds of items apart. If negatives are the same for
    everybody, or come from a pool without target items, the user's history is not needed for it.

    - FAILED, exact: `fewest` tasks or more, and above `max_same` of all, list the same set of negatives beside three or more
      different target items; or take a share of `nearly_all` of their negatives from as few items as the longest list has,
      where `many_items` times as many are listed in all. (Where each list is the whole catalogue, each target item has its own set of negatives.)
    - FAILED, at `alpha`: of the different target items fewer are ever listed as a negative than a share of `min_listed` times
      the share of negatives that come again in other lists. Drawn from one pool, an item of one list is in another one with
      at least the probability with which a negative is seen again, target item or not (of items that are drawn once or more,
      fewer are drawn twice than a new one is drawn once), so most healthy sets have a ratio of 1 or more. In a large
      catalogue hardly any negative comes again and hardly any target item is a negative: that shows nothing, and passes. A
      one-sided binomial test.
    - NOT_APPLICABLE: no list has a target item beside a negative.
    - PASSED: else.

    Known limits: pools that overlap in part pass; so do sets of negatives that are alike but not equal and hold target items
    of others.

    Args:
        tasks: the tasks to judge, at least one. Repeated lists count once; of more than 20,000, so many are looked at, evenly
            spaced.
        alpha: how often a healthy set may be failed by the second rule, for each.
        min_listed: how seldom target items may be negatives, relative to how often negatives come again, in [0, 1).
        max_same: largest share of tasks with the same negatives, in (0, 1].
        fewest: fewest tasks with the same negatives that count.
        nearly_all: share of a list's negatives that makes them the same as those of others, in (0, 1].
        many_items: items of all lists, as a multiple of the longest list, from which on a list shows a small part of them.

    Returns:
        As above; a failure names easy-negatives.

    Raises:
        InvalidTaskError: no tasks.
    """
    require_tasks(tasks)
    table = evenly_spaced(TaskTable.of(tasks), _MOST_TASKS)
    table = table.take(distinct_tasks(table))
    seen = _look(table, nearly_all, many_items)
    if seen is None:
        return not_applicable(*_NOTHING)
    n_same = int(seen.same.sum())
    is_same = n_same >= fewest and n_same > max_same * seen.n
    p_value = float(binom.cdf(seen.listed, seen.targets, min_listed * seen.again))
    never = p_value <= alpha and seen.again > 0.0
    cause = ""
    if is_same:
        cause = _SAME.format(n=n_same, of=seen.n, targets=seen.targets_beside)
    elif never:
        cause = _NEVER.format(targets=seen.targets, listed=seen.listed, again=seen.again)
    failed = is_same or never
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        measured={
            "share_with_the_same_negatives": n_same / seen.n,
            "target_items_listed_as_negatives": seen.listed / seen.targets,
            "negatives_listed_again": seen.again,
        },
        limits=(Limit("share_with_the_same_negatives", "<=", max_same),),
        compared_with={"target_items_listed_as_negatives": min_listed * seen.again},
        n=seen.n,
        evidence=_evidence(table, seen) if failed else (),
        suspects=(suspect(EASY_NEGATIVES, cause, statistical=not is_same),) if failed else (),
        affected=Affected(n_same if is_same else seen.n, seen.n) if failed else None,
        p_failed=None if is_same else p_value,
    )


def _look(table: TaskTable, nearly_all: float, many_items: float) -> _Seen | None:
    ids = table.pool.id_codes(table.candidates.values).astype(np.int64)
    row = table.candidates.row_of_value()
    is_target = ids == table.target[row]
    negatives, row = ids[~is_target], row[~is_target]
    if len(negatives) == 0 or not is_target.any():
        return None
    order = np.lexsort((negatives, row))
    lengths = np.bincount(row, minlength=len(table))
    sets = Ragged(negatives[order], np.concatenate([[0], np.cumsum(lengths)]))
    first, target = first_equal_rows(sets), table.target.astype(np.int64)
    pooled = _from_one_pool(sets, target, lengths, nearly_all, many_items)
    return _Seen(
        n=len(table),
        same=(common := _same_negatives(pooled, first, target, lengths)),
        targets_beside=len(np.unique(table.target[common])),
        targets=len(different := np.unique(table.target)),
        listed=int(np.isin(different, negatives).sum()),
        again=_seen_again(sets, first),
    )


def _same_negatives(pooled: BoolArray, first: IntArray, target: IntArray, lengths: IntArray) -> BoolArray:
    """(T,) the tasks with the most common set, or those whose negatives come from one pool, whichever are more."""
    common = _commonest(first, target, lengths)
    has_targets = len(np.unique(target[pooled])) >= _FEWEST_TARGETS
    return pooled if has_targets and pooled.sum() > common.sum() else common


def _from_one_pool(
    sets: Ragged[np.int64], target: IntArray, lengths: IntArray, nearly_all: float, many_items: float
) -> BoolArray:
    """(T,) the tasks whose negatives are nearly all among the M most listed ones, M of the longest list; else none.

    Lists of unlike lengths, or without the items of the user's history, are cut from the same few items that way. A small
    catalogue, of which each list shows a large part, is not judged.
    """
    items, times = np.unique(sets.values, return_counts=True)
    most = int(lengths.max())
    if len(np.union1d(items, target)) < many_items * most:
        return np.zeros(len(target), dtype=np.bool_)
    pool = items[np.argsort(-times, kind="stable")[:most]]
    inside = np.bincount(sets.row_of_value(), weights=np.isin(sets.values, pool), minlength=len(target))
    return np.asarray((lengths > 0) & (inside >= nearly_all * lengths))


def _commonest(first: IntArray, target: IntArray, lengths: IntArray) -> BoolArray:
    """(T,) the tasks with the most common set of negatives that is beside `_FEWEST_TARGETS` target items or more."""
    of_pair, _ = np.unique(np.stack([first, target]), axis=1)
    targets = np.bincount(of_pair, minlength=len(first))
    times = np.bincount(first, minlength=len(first))
    times[(targets < _FEWEST_TARGETS) | (lengths == 0)] = 0
    best = int(times.argmax())
    return np.asarray((first == best) & (times[best] > 0))


def _seen_again(sets: Ragged[np.int64], first: IntArray) -> float:
    """Share of the different negatives that are in two different sets or more."""
    different = sets.take(np.flatnonzero(first == np.arange(len(first))))
    row, values = different.row_of_value(), different.values  # ascending in each row
    new = np.ones(len(values), dtype=np.bool_)
    new[1:] = (values[1:] != values[:-1]) | (row[1:] != row[:-1])
    _, times = np.unique(values[new], return_counts=True)
    return float((times > 1).mean())


def _evidence(table: TaskTable, seen: _Seen) -> tuple[str, ...]:
    rows = np.flatnonzero(seen.same) if seen.same.any() else np.arange(len(table))
    shown = []
    for task in (table[row] for row in rows[:MAX_EVIDENCE].tolist()):
        others = [item_id for item_id in task.candidate_ids if item_id != task.target_id]
        shown.append(
            f"query {task.query_id!r}: target item {task.target_id!r}, negatives {', '.join(sorted(others)[:4])}, ..."
        )
    return tuple(shown)
