"""Synthetic tasks made from given ones: the prompt says nothing, or holds another user's history.

Scored by the model itself they are baselines that no popularity table gives: the content-free prior, which is what the
model makes of letters and positions alone, and the history-blind ranking, which is user-independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.baselines._donors import DonorFit, cyclic_permutation, improve_donors
from rerank_guard.core.errors import InvalidTaskError
from rerank_guard.core.row_equality import first_equal_rows
from rerank_guard.core.task_table import TaskTable
from rerank_guard.core.text_pool import TextPool
from rerank_guard.core.types import BoolArray, FloatArray, IntArray, Item, RankingTask
from rerank_guard.metrics import as_score_matrix

__all__ = [
    "BLANK_TEXT",
    "SwappedHistories",
    "blank_prompts",
    "blanked_tasks",
    "content_free_scores",
    "has_histories_to_swap",
    "swapped_histories",
]

BLANK_TEXT = "N/A"
"""What replaces every text in a content-free prompt.

Source: Zhao, Wallace, Feng, Klein and Singh 2021, "Calibrate Before Use: Improving Few-Shot Performance of Language
Models", who average over several such inputs, "N/A" among them.
"""


def blanked_tasks(tasks: Sequence[RankingTask], *, text: str = BLANK_TEXT) -> list[RankingTask]:
    """The same tasks with nothing in them to rank by: `text` for every candidate and query, and once for the history.

    (Not an empty history, which many prompt builders have never been given.)

    Item ids, positions, target and N stay, so the tasks can be judged like the given ones; `first_stage_scores` are
    removed, since they depend on the user. A reranker that ranks these tasks well ranks by position, by letter, or by the
    ids. For a reranker that reads nothing but texts `blank_prompts` asks the same with a handful of tasks.

    Args:
        tasks: the tasks.
        text: what each candidate's text, and a query that is not empty, becomes.

    Returns:
        One task each, its query_id "u1, blanked" for "u1", so that no recorded score is looked up for it.
    """
    return [
        replace(
            task,
            query_id=f"{task.query_id}, blanked",
            history=(Item("blank-history", text),),
            candidates=tuple(Item(item_id, text) for item_id in task.candidate_ids),
            first_stage_scores=None,
            query=text if task.query else "",
        )
        for task in tasks
    ]


def blank_prompts(tasks: Sequence[RankingTask], *, text: str = BLANK_TEXT) -> list[RankingTask]:
    """The different prompts among blanked tasks: one for each N, smallest N first.

    Blanked prompts of one N are one and the same prompt, so scoring these few scores them all; `content_free_scores`
    spreads their scores over the tasks. The ids are synthetic as well ("blank-0", ...): a reranker that looks its texts
    up by id would otherwise read a real candidate, whose score would then be given to every task. There is no target.

    Args:
        tasks: the tasks whose N are wanted.
        text: what each candidate's text becomes, and the query's where some task has a query.
    """
    table = TaskTable.of(tasks)
    return [
        RankingTask(
            query_id=f"blank prompt of {n} candidates",
            history=(Item("blank-history", text),),
            candidates=tuple(Item(f"blank-{position}", text) for position in range(n)),
            target_id="no target",
            target_index=None,
            query="" if table.queries is None else text,
        )
        for n in _lengths(table)
    ]


def content_free_scores(
    tasks: Sequence[RankingTask], scores_of_blank_prompts: Sequence[FloatArray]
) -> list[FloatArray]:
    """The content-free prior as a baseline: each task gets the scores of the blank prompt of its N.

    Args:
        tasks: the tasks to judge.
        scores_of_blank_prompts: one array (N,) for each of `blank_prompts(tasks)`, in that order.

    Returns:
        One float64 array (N,) a task, higher is better. Tasks of one N share one read-only array.

    Raises:
        InvalidScoresError: not one array of finite numbers for each blank prompt.
    """
    table = TaskTable.of(tasks)
    lengths = _lengths(table)
    matrix, _ = as_score_matrix(scores_of_blank_prompts, lengths, what="scores of the blank prompts")
    of_length = {}
    for n, padded in zip(lengths, matrix, strict=True):
        row = np.array(padded[:n], dtype=np.float64)
        row.flags.writeable = False
        of_length[n] = row
    return [of_length[n] for n in table.n_candidates.tolist()]


def has_histories_to_swap(tasks: Sequence[RankingTask]) -> bool:
    """Whether at least two of the tasks, one or more, differ in their history; else there is nothing to exchange."""
    return bool(first_equal_rows(TaskTable.of(tasks).histories).any())  # 0: equal to the first task's


@dataclass(frozen=True, slots=True, eq=False)
class SwappedHistories:
    """Tasks whose histories were exchanged among their users; all arrays in the order of the given tasks.

    Attributes:
        tasks: candidates, target and first_stage_scores as given, the history another user's.
        donors: (U,) int64, row number of the task whose history each user got: a permutation without a fixed point.
        swapped: (U,) bool, False where the history got is the same as the own one, or another one of the same query:
            for these the reranker's answer says nothing.
        leaking: (U,) bool, True where the history got holds one of the candidates, which informs the reranker about it
            as no history of that user would.
    """

    tasks: TaskTable
    donors: IntArray
    swapped: BoolArray
    leaking: BoolArray


def swapped_histories(tasks: Sequence[RankingTask], rng: np.random.Generator) -> SwappedHistories:
    """Exchange histories among users, so that each keeps candidates and target and loses the reason for them.

    Every history is used exactly once, so the set of histories stays what it was, and no user keeps the own one.
    A random cyclic permutation (Sattolo 1986, "An algorithm to generate a random cyclic permutation") is repaired:
    a user who got an equal history, one of the same query_id, or one that holds some of the user's candidates trades
    with up to 64 others drawn at random, whenever that leaves the two of them better off. An equal history weighs
    more than any leak. What cannot be repaired this way is kept, and marked in `swapped` and `leaking`.

    Args:
        tasks: at least two tasks.
        rng: draws the permutation and the trades.

    Returns:
        The swapped tasks; a query_id becomes "u1 with the history of u7", so that a reranker that looks recorded
        scores up by query_id cannot answer with those of the task as it was.

    Raises:
        InvalidTaskError: fewer than two tasks, or no user gets another history.
    """
    if len(tasks) < 2:
        raise InvalidTaskError(
            f"histories cannot be swapped among {len(tasks)} task(s); give at least two users, or leave the "
            "history-blind baseline out."
        )
    table = TaskTable.of(tasks)
    fit = DonorFit(table)
    order = cyclic_permutation(len(table), rng)
    improve_donors(order, fit, rng)
    donors = np.array(order, dtype=np.int64)
    swapped = ~fit.same(donors)
    if not swapped.any():
        raise InvalidTaskError(
            f"no other user's history was found for any of {len(table)} tasks: the histories are all equal, or the "
            f"query_ids are (first: query {table.query_ids[0]!r} with {int(table.histories.lengths[0])} item(s)). Give "
            "each user their own history and query_id, or leave the history-blind baseline out."
        )
    names = list(table.query_ids)
    return SwappedHistories(
        tasks=replace(
            table,
            query_ids=TextPool.from_texts(
                f"{name} with the history of {names[donor]}" for name, donor in zip(names, order, strict=True)
            ),
            histories=table.histories.take(donors),
        ),
        donors=donors,
        swapped=swapped,
        leaking=fit.leaking(donors),
    )


def _lengths(table: TaskTable) -> list[int]:
    return [int(n) for n in np.unique(table.n_candidates)]
