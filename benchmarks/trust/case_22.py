"""Two-stage pipelines whose first stage misses relevant items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, first_stage_tasks, tasks

from rerank_guard.core.population import Population


def _mixed(query_id: str) -> int:
    return (int(query_id.rpartition("-")[2]) * 7919) % 10_007


def _two_stage(n_users: int, n: int, missed: int) -> Callable[[int], Asked]:
    def build(seed: int) -> Asked:
        made = first_stage_tasks(3 * n_users, n, seed, error=1.0, pool=3 * n)
        outside = [task for task in made if task.target_index is None][:missed]
        inside = [task for task in made if task.target_index is not None][: n_users - missed]
        judged = sorted([*outside, *inside], key=lambda task: _mixed(task.query_id))
        assert len(outside) == missed and len(judged) == n_users  # noqa: PT018
        return Asked(cross_encoder(judged))

    return build


def _declared(n_users: int, n: int, missed: int, *, told: bool) -> Callable[[int], Asked]:
    """Users whose item was missed have no task; the population counts them, or says nothing of them."""

    def build(seed: int) -> Asked:
        made = first_stage_tasks(3 * n_users, n, seed, error=1.0, pool=3 * n)
        judged = [task for task in made if task.target_index is not None][: n_users - missed]
        reasons = {"target not retrieved by the first stage": missed} if told else {}
        return Asked(cross_encoder(judged, population=lambda: Population(n_users, reasons)))

    return build


def _several_relevant(seed: int) -> Asked:
    """Three relevant items each, one of them outside of the list for every third user."""
    judged = []
    for index, task in enumerate(first_stage_tasks(400, 20, seed, error=1.0)):
        grades = {task.target_id: 1.0, task.candidates[3].item_id: 1.0}
        if index % 3 == 0:
            grades["never-retrieved"] = 1.0
        judged.append(replace(task, relevance=grades))
    return Asked(cross_encoder(judged))


def _promised(missing: int, n: int) -> Callable[[int], Asked]:
    """No first stage: the target was to be listed among sampled negatives."""

    def build(seed: int) -> Asked:
        judged = []
        for index, task in enumerate(tasks(400, n + 1, seed)):
            listed = [item for item in task.candidates if item.item_id != task.target_id]
            if index % 400 < missing:
                judged.append(replace(task, candidates=tuple(listed), target_index=None))
            else:
                place = (task.target_index or 0) % n
                kept = [*listed[:place], task.candidates[task.target_index or 0], *listed[place : n - 1]]
                judged.append(replace(task, candidates=tuple(kept), target_index=place))
        return Asked(cross_encoder(judged))

    return build


CASES = (
    Case(
        22,
        "93 of 400 relevant items missed by the first stage, counted as misses",
        _two_stage(400, 20, 93),
        silent(),
        sibling=False,
        fast=True,
    ),
    Case(
        22, "93 of 400 missed, declared in population()", _declared(400, 20, 93, told=True), silent(), sibling=False
    ),
    Case(22, "healthy: 60 of 200 missed, N=10", _two_stage(200, 10, 60), silent()),
    Case(22, "healthy: 30 of 300 missed, N=50", _two_stage(300, 50, 30), silent()),
    Case(
        22,
        "healthy: three relevant items, one never retrieved for a third of the users",
        _several_relevant,
        silent(),
    ),
    Case(22, "93 of 400 users silently left out", _declared(400, 20, 93, told=False), fault("survivorship")),
    Case(
        22,
        "sampled negatives, 12 of 400 targets not listed",
        _promised(12, 20),
        fault("target-not-listed"),
        fast=True,
    ),
)
