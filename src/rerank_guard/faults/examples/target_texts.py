"""The target item's title is written by another code path than the negatives'."""

from __future__ import annotations

from dataclasses import replace

from rerank_guard.core.faults.data import TEXT_ARTIFACT_LEAK
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.example import Example
from rerank_guard.faults.figures import target_position
from rerank_guard.faults.rewritten import retasked, with_candidate
from rerank_guard.faults.workbench import Workbench

__all__ = []

_CHECK = "no_text_artifact_leak"


def _marked(task: RankingTask) -> RankingTask:
    position = target_position(task)
    if position is None:
        return task
    item = task.candidates[position]
    return with_candidate(task, position, replace(item, text=f"{item.text} (film)"))


def _failing(workbench: Workbench) -> Verdict:
    tasks = [_marked(task) for task in workbench.healthy.tasks()]
    return workbench.judged(_CHECK, retasked(workbench.healthy, tasks))


TARGETS_MARKED = Example(
    TEXT_ARTIFACT_LEAK,
    _CHECK,
    'the target item alone has "(film)" behind its title, the negatives have not',
    _failing,
)
