"""Is the test in the training data?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks._settings import require_tasks
from rerank_guard.checks.data._nearly_same_content import nearly_same_content
from rerank_guard.checks.data._same_content import same_content
from rerank_guard.checks.data._same_query import same_query
from rerank_guard.checks.data._task_pairs import SameChoice, numbered_alike
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import SPLIT_OVERLAP
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.setting import Count, Level, NeededCount, NeededShare
from rerank_guard.core.stage import Stage
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["split_disjoint"]

_CAUSE = (
    "The split was made over rows after examples were built, the test target item was not held out, or a file was read "
    "twice. The test then measures memory."
)


@check(
    stage=Stage.DATA,
    claim="no held-out example is among those trained on",
    can_name=(SPLIT_OVERLAP,),
    rules_out=(SPLIT_OVERLAP,),
)
def split_disjoint(
    training_tasks: Sequence[RankingTask],
    tasks: Sequence[RankingTask],
    *,
    alpha: Level = 1e-6,
    min_items: NeededCount = 2,
    min_share: NeededShare = 0.5,
    min_history: NeededCount = 4,
    min_repeats: NeededShare = 0.01,
    max_overlapping: Count = 0,
) -> Finding:
    """No test task is in training: the same user who takes the same item at the same moment.

    A reranker that has seen the test examples repeats them, and its figures say nothing of new ones. A task does not say
    when it happened nor who "5" is, so the same choice is recognised by the history before it.

    - Same query_id and target_id: at least `min_items` history items shared, and `min_share` of the shorter history; or,
      where a history is shorter than that, equal histories and at least `min_share` of the other candidates shared. Pairs
      that share less are counted where they share an item far more often than others do (below).
    - Another query_id: the same target item after the same history of at least `min_history` different items; or of fewer,
      but `min_items`, and at least `min_share` of the other candidates shared.
    - Another query, and nearly that history: the same last `min_history` items, or one item missing, added or exchanged.
      Such pairs count where they are more than chance gives, or share as many of the other candidates.

    Ids that merely count the rows of each split coincide without meaning anything, and users of a small catalogue, or of a
    series watched in order, do the same thing by chance. So either rule is exact only where unrelated tasks never meet it:
    for the first, up to 8 test tasks of other query_ids for each pair, 4 of them with the same target item (of at most some
    20,000 pairs); for the second, the tasks of each split among themselves. Where they do, the matches have to be more than
    chance gives, by a one-sided Fisher test (a binomial one for the others) at `alpha`. Where users take items again (a
    share of `min_repeats` of the tasks has a repeat, or its target item, in its history), the first rule asks instead that
    one history ends with the other.

    Known limits: training examples under ids of their own that are in training several times, once for each pass, say, are
    not seen; nor are fewer than some ten test tasks that are nearly alike, under other ids and with other candidates; and
    of splits with more than some 8 million history items, those that differ otherwise than in their oldest items.

    Cost: one pass over each split, and a comparison for each pair of the same query and target item.

    Args:
        training_tasks: the tasks that were trained on, at least one; the same task may come several times.
        tasks: the tasks that are tested on, at least one.
        alpha: how often matches that chance explains may fail a healthy split, in (0, 0.5). It is no part of the
            run's error budget: it applies only where unrelated tasks match.
        min_items: history items that have to be shared.
        min_share: share of the shorter history, or of the other candidates, that has to be shared, in (0, 1].
        min_history: different history items after which equal choices of two queries are one.
        min_repeats: share of the tasks that show an item taken twice from which on users take items again, in (0, 1].
        max_overlapping: largest number of test tasks in training that is tolerated.

    Returns:
        PASSED, or FAILED with split-overlap.

    Raises:
        InvalidTaskError: no training or no test tasks.
    """
    require_tasks(training_tasks)
    require_tasks(tasks)
    rule = SameChoice(min_items, min_share, min_history)
    trained, tested = numbered_alike(TaskTable.of(training_tasks), TaskTable.of(tasks), rule)
    by_query, n_pairs = same_query(trained, tested, alpha, min_repeats)
    by_content = same_content(trained, tested, alpha)
    by_content = np.where(by_content >= 0, by_content, nearly_same_content(trained, tested, alpha))
    where = np.where(by_query >= 0, by_query, by_content)
    rows = np.flatnonzero(where >= 0)
    n, n_found = len(tested.table), len(rows)
    failed = n_found > max_overlapping
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"none of {n} test tasks is among the {len(trained.table)} training tasks{all_but(max_overlapping)}",
        measured={
            "overlapping_test_tasks": n_found,
            "share_of_test": n_found / n,
            "same_query_and_choice": int((by_query >= 0).sum()),
            "same_choice_under_another_query": int(((by_content >= 0) & (by_query < 0)).sum()),
            "same_query_and_target": n_pairs,
        },
        limits=(Limit("overlapping_test_tasks", "<=", max_overlapping),),
        n=n,
        evidence=tuple(
            _row(trained.table[int(where[row])], tested.table[row])
            for row in rows[: MAX_EVIDENCE if failed else 0].tolist()
        ),
        suspects=(suspect(SPLIT_OVERLAP, _CAUSE),) if failed else (),
        affected=Affected(n_found, n),
    )


def _row(trained: RankingTask, tested: RankingTask) -> str:
    history, other = ([item.item_id for item in task.history] for task in (trained, tested))
    shared = len(set(history) & set(other))
    return (
        f"test query {tested.query_id!r} and training query {trained.query_id!r}: target item {tested.target_id!r} after "
        f"{shared} shared history items of {len(other)} and {len(history)}"
    )
