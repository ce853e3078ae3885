"""One judgement of the held-out tasks and of the training tasks, where the reranker shows the latter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rerank_guard.core.finding import Affected, Finding
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import Status

__all__ = ["worse_of_both"]


def worse_of_both(
    measure: Callable[[TaskTable], Finding],
    tasks: Sequence[RankingTask],
    training_tasks: Sequence[RankingTask] | None,
) -> Finding:
    """The worse of a check's findings on the held-out and on the training tasks.

    Not on both pooled: there are many more training tasks, and what is wrong with the held-out ones alone would not
    reach a threshold. A statistical check is given half of its level for each set.

    Args:
        measure: the check on one set.
        tasks: the held-out tasks, at least one.
        training_tasks: the tasks that were trained on; None or empty where they are not known, so that the finding on
            the held-out ones is the answer.

    Returns:
        The held-out tasks' finding if it failed, else the training tasks' if that failed, with the set's name in evidence
        and cause; if neither failed, one that passed, over both sets where both did. `p_failed` is that of both
        together, min(1, 2 * the smaller one) (Bonferroni).
    """
    held_out = measure(TaskTable.of(tasks))
    if training_tasks is None or len(training_tasks) == 0:
        return held_out
    trained = measure(TaskTable.of(training_tasks))
    p_failed = _together(held_out.p_failed, trained.p_failed)
    for name, finding in (("held-out", held_out), ("training", trained)):
        if finding.status is Status.FAILED:
            return replace(_named(finding, name), p_failed=p_failed)
    if held_out.status is not Status.PASSED:
        return replace(trained if trained.status is Status.PASSED else held_out, p_failed=p_failed)
    return replace(
        held_out,
        claim=f"{held_out.claim}; and the same of the {trained.n} training tasks",
        n=held_out.n + trained.n,
        affected=_sum(held_out.affected, trained.affected),
        p_failed=p_failed,
    )


def _named(finding: Finding, name: str) -> Finding:
    cause = finding.cause or (finding.suspects[0].cause_text if finding.suspects else "")
    return replace(
        finding,
        evidence=tuple(f"{name} {row}" for row in finding.evidence),
        cause=f"Of the {name} tasks: {cause}",
    )


def _together(*p_values: float | None) -> float | None:
    given = [p_value for p_value in p_values if p_value is not None]
    return min(1.0, len(given) * min(given)) if given else None


def _sum(one: Affected | None, other: Affected | None) -> Affected | None:
    if one is None or other is None:
        return one
    return Affected(one.n + other.n, one.of + other.of, one.unit)
