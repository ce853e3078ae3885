"""Tasks made up from given ones: what the model ranks by when the prompt says nothing, or speaks of somebody else.

Scored by the model itself they are baselines that no table of popularity gives: the content-free prior, which is what
the letters and slots alone are worth to the model, and the history-blind ranking, which is what it would answer anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rerank_guard.errors import InvalidTaskError
from rerank_guard.metrics import as_score_matrix
from rerank_guard.types import BoolArray, FloatArray, IntArray, Item, RankingTask

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
"""What stands for every text in a content-free prompt.

Source: Zhao, Wallace, Feng, Klein and Singh 2021, "Calibrate Before Use: Improving Few-Shot Performance of Language
Models", who average over several such inputs, "N/A" among them.
"""

_DONORS_TRIED = 64


def blanked_tasks(tasks: Sequence[RankingTask], *, text: str = BLANK_TEXT) -> list[RankingTask]:
    """The same tasks with nothing in them to rank by: `text` for every candidate, and once for the history.

    (Not an empty history, which many a prompt builder has never met.)

    Item ids, slots, target and N stay, so the tasks can be judged like the given ones; `retriever_scores` go, for they
    know the user. Whatever ranks these tasks well ranks by slot, by letter, or by the ids. For a reranker that reads
    nothing but texts `blank_prompts` asks the same with a handful of tasks.

    Args:
        tasks: the tasks.
        text: what each candidate's text becomes.

    Returns:
        One task each, its query_id "u1, blanked" for "u1", so that no recorded score answers for it.
    """
    return [
        replace(
            task,
            query_id=f"{task.query_id}, blanked",
            history=(Item("blank-history", text),),
            candidates=tuple(Item(item_id, text) for item_id in task.candidate_ids),
            retriever_scores=None,
        )
        for task in tasks
    ]


def blank_prompts(tasks: Sequence[RankingTask], *, text: str = BLANK_TEXT) -> list[RankingTask]:
    """The different prompts among blanked tasks: one for each N, smallest N first.

    Blanked prompts of one N are one and the same prompt, so scoring these few scores them all; `content_free_scores`
    spreads their scores over the tasks. The ids are made up as well ("blank-0", ...): a reranker that looks its texts
    up by id would else read a real candidate, and its score would be handed to everybody. There is no target.

    Args:
        tasks: the tasks whose N are wanted.
        text: what each candidate's text becomes.
    """
    return [
        RankingTask(
            query_id=f"blank prompt of {n} candidates",
            history=(Item("blank-history", text),),
            candidates=tuple(Item(f"blank-{slot}", text) for slot in range(n)),
            target_id="no target",
            target_index=None,
        )
        for n in _lengths(tasks)
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
    lengths = _lengths(tasks)
    matrix, _ = as_score_matrix(scores_of_blank_prompts, lengths, what="scores of the blank prompts")
    of_length = {}
    for n, padded in zip(lengths, matrix, strict=True):
        row = np.array(padded[:n], dtype=np.float64)
        row.flags.writeable = False
        of_length[n] = row
    return [of_length[task.n_candidates] for task in tasks]


def has_histories_to_swap(tasks: Sequence[RankingTask]) -> bool:
    """Whether at least two users differ in their history; else there is nothing to exchange."""
    first = tasks[0].history
    return any(task.history != first for task in tasks)


@dataclass(frozen=True, slots=True, eq=False)
class SwappedHistories:
    """Tasks whose histories were exchanged among their users; all arrays in the order of the given tasks.

    Attributes:
        tasks: candidates, target and retriever_scores as given, the history another one's.
        donors: (U,) int64, position of the task whose history each one got: a permutation without a fixed point.
        swapped: (U,) bool, False where the history got is the same as the own one, or another one of the same query:
            for these the reranker's answer says nothing.
        leaking: (U,) bool, True where the history got holds one of the candidates, which tells the reranker something
            about it that no history of that user would.
    """

    tasks: tuple[RankingTask, ...]
    donors: IntArray
    swapped: BoolArray
    leaking: BoolArray


def swapped_histories(tasks: Sequence[RankingTask], rng: np.random.Generator) -> SwappedHistories:
    """Exchange histories among users, so that each keeps candidates and target and loses the reason for them.

    Every history is used exactly once, so the set of histories stays what it was, and nobody keeps their own.
    A random cyclic permutation (Sattolo 1986, "An algorithm to generate a random cyclic permutation") is mended:
    a user who got an equal history, one of the same query_id, or one that holds some of the user's candidates trades
    with up to 64 others drawn at random, whenever that leaves the two of them better off. An equal history weighs
    more than any leak. What cannot be mended so is kept, and marked in `swapped` and `leaking`.

    Args:
        tasks: at least two tasks.
        rng: draws the permutation and the trades.

    Returns:
        The swapped tasks; a query_id becomes "u1 with the history of u7", so that a reranker that looks recorded
        scores up by query_id cannot answer with those of the task as it was.

    Raises:
        InvalidTaskError: fewer than two tasks, or nobody ends with another history.
    """
    if len(tasks) < 2:
        raise InvalidTaskError(
            f"histories cannot be swapped among {len(tasks)} task(s); give at least two users, or leave the "
            "history-blind baseline out."
        )
    costs = _Costs(tasks)
    donors = _cyclic_permutation(len(tasks), rng)
    _mend(donors, costs, rng)
    swapped = np.array([not costs.same(user, donor) for user, donor in enumerate(donors)], dtype=np.bool_)
    if not swapped.any():
        raise InvalidTaskError(
            f"no other user's history was found for any of {len(tasks)} tasks: the histories are all alike, or the "
            f"query_ids are (first: query {tasks[0].query_id!r} with {len(tasks[0].history)} item(s)). Give each user "
            "their own history and query_id, or leave the history-blind baseline out."
        )
    return SwappedHistories(
        tasks=tuple(
            replace(
                task,
                query_id=f"{task.query_id} with the history of {tasks[donor].query_id}",
                history=tasks[donor].history,
            )
            for task, donor in zip(tasks, donors, strict=True)
        ),
        donors=np.array(donors, dtype=np.int64),
        swapped=swapped,
        leaking=np.array([costs.leaks(user, donor) for user, donor in enumerate(donors)], dtype=np.bool_),
    )


class _Costs:
    """How unfit a donor is for a user."""

    def __init__(self, tasks: Sequence[RankingTask]) -> None:
        codes: dict[tuple[Item, ...], int] = {}
        self._history = [codes.setdefault(task.history, len(codes)) for task in tasks]
        self._query = [task.query_id for task in tasks]
        self._history_ids = [frozenset(item.item_id for item in task.history) for task in tasks]
        self._candidate_ids = [task.candidate_ids for task in tasks]

    def same(self, user: int, donor: int) -> bool:
        return self._history[user] == self._history[donor] or self._query[user] == self._query[donor]

    def leaks(self, user: int, donor: int) -> bool:
        return not self._history_ids[donor].isdisjoint(self._candidate_ids[user])

    def __call__(self, user: int, donor: int) -> int:
        return 4 * self.same(user, donor) + self.leaks(user, donor)  # two leaks still weigh less than one equal


def _mend(donors: list[int], costs: _Costs, rng: np.random.Generator) -> None:
    """Let unfit donors be traded, in place; no trade gives anybody their own history or makes matters worse."""
    n = len(donors)
    for user in range(n):
        cost = costs(user, donors[user])
        if cost == 0:
            continue
        others = rng.permutation(n) if n <= _DONORS_TRIED else rng.integers(n, size=_DONORS_TRIED)
        for other in others.tolist():
            mine, yours = donors[user], donors[other]
            if user in (other, yours) or other == mine:
                continue
            traded = costs(user, yours)
            if traded < cost and traded + costs(other, mine) < cost + costs(other, yours):
                donors[user], donors[other] = yours, mine
                cost = traded
                if cost == 0:
                    break


def _cyclic_permutation(n: int, rng: np.random.Generator) -> list[int]:
    """Sattolo's shuffle: one cycle through all positions, so none stays in its place."""
    order = list(range(n))
    for last in range(n - 1, 0, -1):
        other = int(rng.integers(last))
        order[last], order[other] = order[other], order[last]
    return order


def _lengths(tasks: Sequence[RankingTask]) -> list[int]:
    return sorted({task.n_candidates for task in tasks})
