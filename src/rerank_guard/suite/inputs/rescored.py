"""Inputs of a few held-out tasks that are scored again: twice, alone, reloaded, without the adapter, reordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.core.errors import InvalidScoresError, NotOfferedError, RerankGuardError
from rerank_guard.core.given import Cost, gives
from rerank_guard.core.permuted import Permuted
from rerank_guard.core.relisted import Relisted
from rerank_guard.core.target import Reloads, RerankTarget, ScoresSyntheticTasks, SwitchesAdapter
from rerank_guard.core.types import FloatArray, IntArray, RankingTask
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.rows import as_float_rows

__all__ = ["PERMUTED", "PROBED", "spread"]

PROBED = 32
"""Held-out tasks that are scored again for each exact comparison; a fault of the pipeline shows on a handful."""

PERMUTED = 96
"""Held-out tasks scored with their candidates in another order; what these show is statistical."""


RELISTED = 8
"""Held-out tasks scored once more as another list of the same user; a cache shows on each of them."""


@gives()
def probed_rows(given_tasks: Sequence[RankingTask]) -> list[int]:
    """Row numbers of up to `PROBED` held-out tasks, evenly spread."""
    return spread(len(given_tasks), PROBED)


@gives()
def probed_tasks(given_tasks: Sequence[RankingTask], probed_rows: list[int]) -> list[RankingTask]:
    """The held-out tasks that are rescored."""
    return [given_tasks[row] for row in probed_rows]


@gives()
def probed_scores(scores: list[FloatArray], probed_rows: list[int]) -> list[FloatArray]:
    """Their rows among all scores."""
    return [scores[row] for row in probed_rows if row < len(scores)]


@gives()
def relistable_tasks(probed_tasks: list[RankingTask]) -> list[RankingTask]:
    """The first `RELISTED` of them that list more than one candidate."""
    return [task for task in probed_tasks if task.n_candidates > 1][:RELISTED]


@gives()
def relisted_tasks(relistable_tasks: list[RankingTask]) -> list[RankingTask]:
    """The same in another order under the same query_id."""
    return [_listed_in(task, np.roll(np.arange(task.n_candidates), 1), task.query_id) for task in relistable_tasks]


@gives(needs=ScoresSyntheticTasks, cost=Cost.SCORING)
def relisted_scores(
    asking: Asking,
    scores: list[FloatArray],  # noqa: ARG001  a cache has them then
    relistable_tasks: list[RankingTask],
    relisted_tasks: list[RankingTask],
) -> Relisted:
    """What score() gives for them, for the same lists under new ids, and for the tasks' own lists under new ids.

    Raises:
        NotOfferedError: score() raises for a list that is not in tasks(), as one does that reads recorded scores.
        InvalidScoresError: what it gave is malformed.
    """
    renamed = [replace(task, query_id=f"{task.query_id}, relisted") for task in relisted_tasks]
    own = [replace(task, query_id=f"{task.query_id}, own list") for task in relistable_tasks]
    try:
        same_id = asking.ask_unseen(asking.reranker.score, relisted_tasks)
        new_id = asking.ask_unseen(asking.reranker.score, renamed)
        own_list = asking.ask_unseen(asking.reranker.score, own)
    except RerankGuardError:
        raise
    except Exception as error:  # whatever it raises says that it does not score this
        raise NotOfferedError(
            f"score() raises {type(error).__name__} for lists that are not in tasks(): {error}"
        ) from error
    return Relisted(
        as_float_rows(same_id, "scores (another list, the same id)", "score()"),
        as_float_rows(new_id, "scores (another list, another id)", "score()"),
        as_float_rows(own_list, "scores (the same list, another id)", "score()"),
    )


@gives(needs=RerankTarget, cost=Cost.SCORING)
def raw_rescored(asking: Asking, probed_tasks: list[RankingTask]) -> object:
    """What score() gave in a call of these tasks alone."""
    __tracebackhide__ = True
    return asking.ask(asking.reranker.score, probed_tasks, "scoring, rescored")


@gives()
def rescored(raw_rescored: object) -> list[FloatArray]:
    """Scored in a call of these tasks alone."""
    return as_float_rows(raw_rescored, "scores (rescored)", "score()")


@gives(needs=RerankTarget, cost=Cost.SCORING)
def raw_rescored_twice(asking: Asking, raw_rescored: object, probed_tasks: list[RankingTask]) -> object:  # noqa: ARG001
    """What the same call gave a second time, after the first."""
    __tracebackhide__ = True
    return asking.ask(asking.reranker.score, probed_tasks, "scoring, rescored twice")


@gives()
def rescored_twice(raw_rescored_twice: object) -> list[FloatArray]:
    """Scored a second time by the same call, so that nothing but chance can make a difference to `rescored`."""
    return as_float_rows(raw_rescored_twice, "scores (rescored twice)", "score()")


@gives(needs=RerankTarget, cost=Cost.SCORING)
def raw_scored_alone(asking: Asking, probed_tasks: list[RankingTask]) -> list[object]:
    """What score() gave in a call for each task."""
    __tracebackhide__ = True
    return [asking.ask_unseen(asking.reranker.score, [task]) for task in probed_tasks]


@gives()
def scored_alone(raw_scored_alone: list[object]) -> list[FloatArray]:
    """Each task scored in a call of its own.

    Raises:
        InvalidScoresError: a call did not give one row of numbers.
    """
    rows: list[FloatArray] = []
    for answer in raw_scored_alone:
        given = as_float_rows(answer, "scores (one task a call)", "score()")
        if len(given) != 1:
            raise InvalidScoresError(f"score() gave {len(given)} rows for one task; return one array (N,) a task.")
        rows += given
    return rows


@gives(needs=Reloads, cost=Cost.SCORING)
def raw_reloaded_scores(asking: Asking, probed_tasks: list[RankingTask]) -> object:
    """What score_reloaded() gave."""
    __tracebackhide__ = True
    return asking.ask(asking.capable(Reloads).score_reloaded, probed_tasks, "scoring, reloaded")


@gives()
def reloaded_scores(raw_reloaded_scores: object) -> list[FloatArray]:
    """Scored by the saved and loaded reranker."""
    return as_float_rows(raw_reloaded_scores, "scores (reloaded)", "score_reloaded()")


@gives(needs=SwitchesAdapter, cost=Cost.SCORING)
def raw_adapter_off_scores(asking: Asking, probed_tasks: list[RankingTask]) -> object:
    """What score_without_adapter() gave."""
    __tracebackhide__ = True
    return asking.ask(asking.capable(SwitchesAdapter).score_without_adapter, probed_tasks, "scoring, adapter off")


@gives()
def adapter_off_scores(raw_adapter_off_scores: object) -> list[FloatArray]:
    """Scored by the base model."""
    return as_float_rows(raw_adapter_off_scores, "scores (adapter off)", "score_without_adapter()")


@gives()
def reordered_tasks(
    asking: Asking, given_tasks: Sequence[RankingTask]
) -> tuple[list[int], list[IntArray], list[RankingTask]]:
    """Row numbers of up to `PERMUTED` tasks, the order that each is listed in now, and the tasks so listed."""
    rng = np.random.default_rng([asking.settings.seed, 3])
    rows = spread(len(given_tasks), PERMUTED)
    orders = [rng.permutation(given_tasks[row].n_candidates).astype(np.int64) for row in rows]
    listed = [
        # under another query_id, so that no recorded score answers
        _listed_in(given_tasks[row], order, f"{given_tasks[row].query_id}, reordered")
        for row, order in zip(rows, orders, strict=True)
    ]
    return rows, orders, listed


@gives(needs=ScoresSyntheticTasks, cost=Cost.SCORING)
def raw_reordered_scores(
    asking: Asking, reordered_tasks: tuple[list[int], list[IntArray], list[RankingTask]]
) -> object:
    """What score_synthetic() gave for the tasks in another order."""
    __tracebackhide__ = True
    method = asking.capable(ScoresSyntheticTasks).score_synthetic
    return asking.ask(method, reordered_tasks[2], "scoring, candidates reordered")


@gives()
def permuted(
    given_tasks: Sequence[RankingTask],
    scores: list[FloatArray],
    reordered_tasks: tuple[list[int], list[IntArray], list[RankingTask]],
    raw_reordered_scores: object,
) -> Permuted:
    """Some tasks, the orders in which they were listed again, and their scores before and after."""
    rows, orders, _ = reordered_tasks
    return Permuted(
        tasks=[given_tasks[row] for row in rows],
        orders=orders,
        before=[scores[row] for row in rows if row < len(scores)],
        after=as_float_rows(raw_reordered_scores, "scores (candidates reordered)", "score_synthetic()"),
    )


def spread(n: int, most: int) -> list[int]:
    """Up to `most` of n row numbers, evenly spread."""
    return sorted(set(np.linspace(0, n - 1, min(n, most)).round().astype(int).tolist()))


def _listed_in(task: RankingTask, order: IntArray, query_id: str) -> RankingTask:
    """The task in another order, under a query_id."""
    index = task.target_index
    return replace(
        task,
        query_id=query_id,
        candidates=tuple(task.candidates[old] for old in order.tolist()),
        target_index=None if index is None else int(np.flatnonzero(order == index)[0]),
        first_stage_scores=None
        if task.first_stage_scores is None
        else tuple(task.first_stage_scores[old] for old in order.tolist()),
        scored=None if task.scored is None else tuple(task.scored[old] for old in order.tolist()),
    )
