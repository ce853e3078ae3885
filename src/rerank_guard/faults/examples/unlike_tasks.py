"""Tasks that are drawn anew at each call or rewritten in scoring, scores that are kept by user, and examples refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np

from rerank_guard.core.faults.data import TASKS_REDRAWN, TASKS_REWRITTEN
from rerank_guard.core.faults.prompts import PROMPTS_UNUSABLE
from rerank_guard.core.faults.scoring import SCORES_CACHED
from rerank_guard.core.prompts import TrainingPrompt
from rerank_guard.core.target import ShowsTrainingPrompts
from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.workbench import Workbench
from rerank_guard.faults.wrapped import Wrapped

__all__ = []


def _drawn_anew(workbench: Workbench) -> Verdict:
    healthy, draws = workbench.healthy, count()

    def tasks() -> list[RankingTask]:
        rng = np.random.default_rng(next(draws))
        return [_shuffled(task, rng) for task in healthy.tasks()]

    return workbench.judged("tasks_repeatable", Wrapped(healthy, tasks=tasks))


def _shuffled(task: RankingTask, rng: np.random.Generator) -> RankingTask:
    candidates = tuple(task.candidates[place] for place in rng.permutation(task.n_candidates))
    position = [item.item_id for item in candidates].index(task.target_id)
    return replace(task, candidates=candidates, target_index=position)


def _rewritten(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    tasks = [replace(task) for task in healthy.tasks()]  # of its own, as it is going to write into them

    def score(asked: Sequence[RankingTask]) -> Sequence[FloatArray]:
        rows = healthy.score(asked)
        for task, row in zip(asked, rows, strict=True):
            first = int(np.argmax(row))
            object.__setattr__(task, "target_id", task.candidates[first].item_id)
            object.__setattr__(task, "target_index", first)
        return rows

    return workbench.judged("tasks_not_rewritten", Wrapped(healthy, tasks=lambda: tasks, score=score))


def _kept_by_user(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    kept: dict[str, FloatArray] = {}

    def score(asked: Sequence[RankingTask]) -> list[FloatArray]:
        new = [task for task in asked if task.query_id not in kept]
        kept.update(zip((task.query_id for task in new), healthy.score(new) if new else (), strict=True))
        return [kept[task.query_id] for task in asked]

    return workbench.judged("scores_not_cached", Wrapped(healthy, score=score))


def _one_refused(workbench: Workbench) -> Verdict:
    healthy = workbench.healthy
    assert isinstance(healthy, ShowsTrainingPrompts)
    show = healthy.training_prompts

    def shown(tasks: Sequence[RankingTask]) -> Sequence[TrainingPrompt | None]:
        if any(task.query_id == "train-0" for task in tasks):
            raise ValueError("the prompt is longer than max_length")
        return show(tasks)

    return workbench.judged("only_letter_supervised", Wrapped(healthy, training_prompts=shown))


DRAWN_ANEW = Example(
    TASKS_REDRAWN, "tasks_repeatable", "tasks() shuffles every list anew at each call", _drawn_anew
)
REWRITTEN = Example(
    TASKS_REWRITTEN,
    "tasks_not_rewritten",
    "score() writes its own first candidate into each task as the target item",
    _rewritten,
)
KEPT_BY_USER = Example(
    SCORES_CACHED,
    "scores_not_cached",
    "scores are kept by query_id, whatever list is asked for next",
    _kept_by_user,
)
ONE_REFUSED = Example(
    PROMPTS_UNUSABLE,
    "only_letter_supervised",
    "the code that builds training prompts raises for one example that is too long",
    _one_refused,
)
