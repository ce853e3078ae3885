"""Faults of the data: what is listed, where it stands, whom it speaks for, when it happened."""

# ruff: noqa: ARG001  (a fault's signature is that of `Inject`, whatever it makes of it)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rerank_guard.errors import NotOfferedError
from rerank_guard.faults.fault import Fault, FaultStage, Inject
from rerank_guard.faults.figures import recomputed_figures, slots_of
from rerank_guard.faults.wrapped import Wrapped, only_had
from rerank_guard.target import DeclaresPopulation, KnowsTimes, KnowsTrainingTasks, RerankTarget
from rerank_guard.types import Item, RankingTask

__all__ = ["DATA_FAULTS", "listed", "moved_to", "retasked", "some"]

Rewrite = Callable[[RankingTask, np.random.Generator], RankingTask | None]
"""A task with the fault in it; None where it cannot have it."""

_SHARES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def retasked(target: RerankTarget, tasks: Sequence[RankingTask], **replaced: object) -> Wrapped:
    """The target, judged on other tasks."""
    held = tuple(tasks)
    wrapped = Wrapped(target, tasks=lambda: held, **replaced)
    own = Wrapped(target, tasks=lambda: held)
    vars(wrapped).update(only_had(target, {"reported_metrics": lambda: recomputed_figures(own)}) | replaced)
    return wrapped


def some(
    tasks: Sequence[RankingTask], rewrite: Rewrite, share: float, rng: np.random.Generator
) -> list[RankingTask]:
    """A share of the tasks rewritten, drawn at random, at least one.

    Raises:
        NotOfferedError: not one of them can have the fault.
    """
    wanted = max(1, round(share * len(tasks)))
    done = list(tasks)
    for index in rng.permutation(len(tasks)).tolist():
        if wanted == 0:
            break
        new = rewrite(done[index], rng)
        if new is not None:
            done[index] = new
            wanted -= 1
    if all(new is old for new, old in zip(done, tasks, strict=True)):
        raise NotOfferedError("no task of this target can have this fault")
    return done


def moved_to(task: RankingTask, slot: int) -> RankingTask:
    """The task with its target at another slot, the other candidates in their order.

    Raises:
        ValueError: the target is not listed.
    """
    now = task.candidate_ids.index(task.target_id)
    order = [other for other in range(task.n_candidates) if other != now]
    order.insert(slot, now)
    return listed(task, order)


def listed(task: RankingTask, order: Sequence[int]) -> RankingTask:
    """The task with its candidates in another order: new slot j holds old slot order[j]."""
    return replace(
        task,
        candidates=tuple(task.candidates[old] for old in order),
        target_index=None if task.target_index is None else list(order).index(task.target_index),
        retriever_scores=None
        if task.retriever_scores is None
        else tuple(task.retriever_scores[old] for old in order),
    )


def _held_out(rewrite: Rewrite) -> Inject:
    """A fault in a share of the held-out tasks."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        return retasked(target, some(target.tasks(), rewrite, severity, rng))

    return inject


def _candidate_at(task: RankingTask, slot: int, item: Item) -> RankingTask:
    candidates = list(task.candidates)
    candidates[slot] = item
    return replace(task, candidates=tuple(candidates))


def _negative_slots(task: RankingTask) -> list[int]:
    return [slot for slot, item_id in enumerate(task.candidate_ids) if item_id != task.target_id]


def _target_dropped(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """Another item stands where the target stood; target_index does not know."""
    (slot,) = slots_of([task])
    stranger = Item(f"stranger-{rng.integers(10**6)}", "Nameless Stranger")
    return None if slot is None else _candidate_at(task, slot, stranger)


def _target_twice(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    (slot,) = slots_of([task])
    return (
        None if slot is None else _candidate_at(task, int(rng.choice(_negative_slots(task))), task.candidates[slot])
    )


def _negative_twice(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    slots = _negative_slots(task)
    if len(slots) < 2:
        return None
    first, second = rng.choice(slots, size=2, replace=False).tolist()
    return _candidate_at(task, second, task.candidates[first])


def _history_listed(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    seen = [item for item in task.history if item.item_id not in task.candidate_ids]
    slots = _negative_slots(task)
    if not seen or not slots:
        return None
    return _candidate_at(task, int(rng.choice(slots)), seen[int(rng.integers(len(seen)))])


def _first(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    return moved_to(task, 0) if task.target_id in task.candidate_ids else None


def _last(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    return moved_to(task, task.n_candidates - 1) if task.target_id in task.candidate_ids else None


def _early(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    half = max(1, task.n_candidates // 2)
    return moved_to(task, int(rng.integers(half))) if task.target_id in task.candidate_ids else None


def _blank(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    return replace(task, candidates=tuple(Item(item_id, "") for item_id in task.candidate_ids))


def _alike(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    return replace(task, candidates=tuple(Item(item_id, "Unknown Title") for item_id in task.candidate_ids))


def _index_shifted(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    if task.target_index is None:
        return None
    return replace(task, target_index=(task.target_index + 1) % task.n_candidates)


def _target_shifted(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """Index and id agree, and both name the candidate after the one that was taken."""
    (slot,) = slots_of([task])
    if slot is None:
        return None
    after = (slot + 1) % task.n_candidates
    return replace(task, target_id=task.candidate_ids[after], target_index=after)


def _cut_off(task: RankingTask, rng: np.random.Generator) -> RankingTask | None:
    """The target stood last, and the list was cut by one."""
    (slot,) = slots_of([task])
    if slot is None or task.n_candidates < 3:
        return None
    last = moved_to(task, task.n_candidates - 1)
    return replace(
        last,
        candidates=last.candidates[:-1],
        target_index=None,
        retriever_scores=None if last.retriever_scores is None else last.retriever_scores[:-1],
    )


def _users_lost(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    tasks = list(target.tasks())
    kept = np.sort(rng.permutation(len(tasks))[: max(1, round((1.0 - severity) * len(tasks)))])
    return retasked(target, [tasks[index] for index in kept.tolist()])


def _test_in_training(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    assert isinstance(target, KnowsTrainingTasks)
    tasks = target.tasks()
    chosen = rng.permutation(len(tasks))[: max(1, round(severity * len(tasks)))]
    both = (*target.training_tasks(), *(tasks[index] for index in chosen.tolist()))
    return Wrapped(target, training_tasks=lambda: both)


def _training(rewrite: Rewrite) -> Inject:
    """A fault in a share of the training tasks as they are shown; the job itself is not run again."""

    def inject(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
        assert isinstance(target, KnowsTrainingTasks)
        tasks = tuple(some(target.training_tasks(), rewrite, severity, rng))
        return Wrapped(target, training_tasks=lambda: tasks)

    return inject


def _trained_on_future(target: RerankTarget, severity: float, rng: np.random.Generator) -> RerankTarget:
    """Interactions of users who are tested on, dated after what they are tested at, are among those fitted on."""
    assert isinstance(target, KnowsTimes)
    times = target.split_times()
    users, when = list(times.test_users), np.asarray(times.test_times, dtype=np.float64)
    chosen = rng.permutation(len(users))[: max(1, round(severity * len(users)))].tolist()
    latest = float(when.max()) + 1.0
    later = replace(
        times,
        train_users=[*times.train_users, *(users[index] for index in chosen)],
        train_times=[*map(float, times.train_times), *(latest for _ in chosen)],
    )
    return Wrapped(target, split_times=lambda: later)


def _fault(zoo_id: str, name: str, what: str, inject: Inject, **more: object) -> Fault:
    return Fault(zoo_id, name, what, FaultStage.DATA, inject, **more)  # type: ignore[arg-type]


DATA_FAULTS = (
    _fault("D1", "gt-missing", "the target gave way to another item", _held_out(_target_dropped), severity=0.3),
    _fault(
        "D2",
        "gt-duplicate",
        "the target is sampled again as a negative",
        _held_out(_target_twice),
        severity=0.2,
    ),
    _fault("D3", "duplicate-candidates", "a negative is listed twice", _held_out(_negative_twice), severity=0.2),
    _fault(
        "D4",
        "history-leak",
        "an item of the user's history is a candidate",
        _held_out(_history_listed),
        severity=0.3,
    ),
    _fault("D5a", "gt-position-skew", "the target always stands first", _held_out(_first), degrees=_SHARES),
    _fault("D5b", "gt-position-skew", "the target always stands last", _held_out(_last), degrees=_SHARES),
    _fault(
        "D5c",
        "gt-position-skew",
        "the target stands in the first half of the list",
        _held_out(_early),
        degrees=_SHARES,
    ),
    _fault(
        "D5d",
        "gt-position-skew",
        "in training the target always stands first",
        _training(_first),
        needs=(KnowsTrainingTasks,),
        degrees=_SHARES,
    ),
    _fault(
        "D6",
        "split-overlap",
        "held-out users with their targets are among the training data",
        _test_in_training,
        needs=(KnowsTrainingTasks,),
        severity=0.3,
    ),
    _fault(
        "D7",
        "temporal-leak",
        "interactions after the test are trained on",
        _trained_on_future,
        needs=(KnowsTimes,),
        severity=0.2,
    ),
    _fault("D9a", "degenerate-titles", "the candidates' titles are blank", _held_out(_blank)),
    _fault("D9b", "degenerate-titles", "the candidates' titles are all alike", _held_out(_alike)),
    _fault(
        "D11a",
        "label-offset",
        "target_index is one slot behind target_id",
        _held_out(_index_shifted),
        degrees=_SHARES,
    ),
    _fault(
        "D11b",
        "label-offset",
        "the candidate after the one taken is called the target, by index and id",
        _held_out(_target_shifted),
        degrees=_SHARES,
    ),
    _fault(
        "D12a",
        "survivorship",
        "users whose target was not retrieved are left out in silence",
        _users_lost,
        needs=(DeclaresPopulation,),
        severity=0.2,
    ),
    _fault(
        "D12b",
        "gt-missing",
        "the list is cut after retrieval, and the target is lost",
        _held_out(_cut_off),
        severity=0.2,
    ),
)
"""Those without a training job; `training.py` has the others."""
