"""Is the test in the training data?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rerank_guard.checks._settings import require_level, require_tasks
from rerank_guard.checks.data._same_content import same_content
from rerank_guard.checks.data._same_query import same_query
from rerank_guard.checks.data._task_pairs import numbered_alike
from rerank_guard.core.check import check
from rerank_guard.core.faults.data import SPLIT_OVERLAP
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
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
    training_tasks: Sequence[RankingTask], tasks: Sequence[RankingTask], *, chance_level: float = 1e-6
) -> Finding:
    """No test task is in training: the same user who takes the same item at the same moment.

    A reranker that has seen the test examples repeats them, and its figures say nothing of new ones. A task does not say
    when it happened nor who "5" is, so the same choice is recognised by the history before it.

    - Same query_id and target_id: at least two history items shared, and half of the shorter history; or, where a history
      is shorter than two, equal histories and at least half of the other candidates shared. Pairs that share less are
      counted where they share an item far more often than others do (below).
    - Another query_id: the same target item after the same history of at least 4 different items; or of 2 or 3, and at
      least half of the other candidates shared.

    Ids that merely count the rows of each split coincide without meaning anything, and users of a small catalogue, or of a
    series watched in order, do the same thing by chance. So either rule is exact only where unrelated tasks never meet it:
    for the first, up to 8 test tasks of other query_ids for each pair, 4 of them with the same target item (of at most some
    20,000 pairs); for the second, the tasks of each split among themselves. Where they do, the matches have to be more than
    chance gives, by a one-sided Fisher test (a binomial one for the second) at `chance_level`. Where users take items again
    (1 task in 100 has a repeat, or its target item, in its history), the first rule asks instead that one history ends with
    the other.

    Known limit: training examples under ids of their own that are in training several times, once for each pass, say, are
    not seen.

    Cost: one pass over each split, and a comparison for each pair of the same query and target item.

    Args:
        training_tasks: the tasks that were trained on, at least one; the same task may come several times.
        tasks: the tasks that are tested on, at least one.
        chance_level: how often matches that chance explains may fail a healthy split, in (0, 0.5). It is no part of the
            run's error budget: it applies only where unrelated tasks match.

    Returns:
        PASSED, or FAILED with split-overlap.

    Raises:
        InvalidTaskError: no training or no test tasks.
        RerankGuardError: chance_level out of range.
    """
    require_level("chance_level", chance_level)
    require_tasks(training_tasks)
    require_tasks(tasks)
    trained, tested = numbered_alike(TaskTable.of(training_tasks), TaskTable.of(tasks))
    by_query, n_pairs = same_query(trained, tested, chance_level)
    by_content = same_content(trained, tested, chance_level)
    where = np.where(by_query >= 0, by_query, by_content)
    rows = np.flatnonzero(where >= 0)
    n, n_found = len(tested.table), len(rows)
    return Finding(
        Status.FAILED if n_found else Status.PASSED,
        claim=f"none of {n} test tasks is among the {len(trained.table)} training tasks",
        measured={
            "overlapping_test_tasks": n_found,
            "share_of_test": n_found / n,
            "same_query_and_choice": int((by_query >= 0).sum()),
            "same_choice_under_another_query": int(((by_content >= 0) & (by_query < 0)).sum()),
            "same_query_and_target": n_pairs,
        },
        limits=(Limit("overlapping_test_tasks", "<=", 0),),
        n=n,
        evidence=tuple(
            _row(trained.table[int(where[row])], tested.table[row]) for row in rows[:MAX_EVIDENCE].tolist()
        ),
        suspects=(suspect(SPLIT_OVERLAP, _CAUSE),) if n_found else (),
        affected=Affected(n_found, n),
    )


def _row(trained: RankingTask, tested: RankingTask) -> str:
    history, other = ([item.item_id for item in task.history] for task in (trained, tested))
    shared = len(set(history) & set(other))
    return (
        f"test query {tested.query_id!r} and training query {trained.query_id!r}: target item {tested.target_id!r} after "
        f"{shared} shared history items of {len(other)} and {len(history)}"
    )
