"""Test examples among the training examples, under other ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, letters, letters_with, tasks

from rerank_guard.core.types import RankingTask


def _renamed(task: RankingTask, number: int) -> RankingTask:
    return replace(task, query_id=f"train-{number}")


def _shorter(task: RankingTask) -> RankingTask:
    """Without its oldest film."""
    return replace(task, history=task.history[1:])


def _leaked(
    n_users: int, n: int, leaked: int, change: Callable[[RankingTask], RankingTask]
) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        judged = tasks(n_users, n, seed)
        others = tasks(800, n, seed + 70, prefix="other")
        training = [_renamed(change(task), number) for number, task in enumerate([*judged[:leaked], *others])]
        return Asked(cross_encoder(judged, training_tasks=lambda: training))

    return build


def _letters(seed: int) -> Asked:
    judged = letters(seed).tasks()
    training: Sequence[RankingTask] = [
        *(_renamed(_shorter(task), number) for number, task in enumerate(judged)),
        *letters(seed).training_tasks()[:2000],
    ]
    return Asked(letters_with(seed, training_tasks=lambda: training))


def _other_negatives(task: RankingTask) -> RankingTask:
    """The same history and target among other films."""
    pool = tasks(1, 120, 5)[0].candidates
    own = {item.item_id for item in (*task.history, *task.candidates)}
    others = [item for item in pool if item.item_id not in own][: task.n_candidates - 1]
    target = task.candidates[task.target_index or 0]
    place = sum(map(ord, task.query_id)) % task.n_candidates
    listed = (*others[:place], target, *others[place:])
    return replace(task, candidates=listed, target_index=place)


def _leave_one_out(seed: int) -> Asked:
    """In training each user's last but one film is the target: the usual split."""
    judged = tasks(400, 20, seed, history=8)
    training = []
    for task in tasks(400, 20, seed, history=8):
        earlier = task.history[-1]
        listed = [item for item in task.candidates if item.item_id != task.target_id]
        place = sum(map(ord, task.query_id)) % 20
        listed.insert(place, earlier)
        training.append(
            replace(
                task,
                history=task.history[:-1],
                candidates=tuple(listed),
                target_id=earlier.item_id,
                target_index=place,
            )
        )
    return Asked(cross_encoder(judged, training_tasks=lambda: training))


_LEAK = fault("split-overlap")

CASES = (
    Case(
        31,
        "test (a..f)->t, training (b..f)->t, for 400 of 400",
        _leaked(400, 20, 400, _shorter),
        _LEAK,
        sibling=False,
        fast=True,
    ),
    Case(31, "letters: renamed and one film shorter", _letters, _LEAK, sibling=False, fast=True),
    Case(31, "renamed and one film shorter for 40 of 400, N=10", _leaked(400, 10, 40, _shorter), _LEAK),
    Case(31, "renamed, with other negatives", _leaked(300, 20, 300, _other_negatives), _LEAK),
    Case(
        31,
        "renamed, shorter, with other negatives",
        _leaked(300, 20, 150, lambda task: _shorter(_other_negatives(task))),
        _LEAK,
    ),
    Case(31, "healthy: the last but one film is the target in training", _leave_one_out, silent()),
    Case(31, "healthy: no user in both", _leaked(300, 20, 0, _shorter), silent()),
)
