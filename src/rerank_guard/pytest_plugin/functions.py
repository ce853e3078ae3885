"""What the suite's items run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from rerank_guard.core.formats import format_verdict
from rerank_guard.core.given import Cost
from rerank_guard.core.target import ShowsScoringPrompts, Trains
from rerank_guard.core.verdict import Status
from rerank_guard.pytest_plugin.recorder import VERDICT_PROPERTY, verdict_property
from rerank_guard.pytest_plugin.settings import settings_of, suite_run
from rerank_guard.suite import Planned, SuiteRun
from rerank_guard.suite.stages import call_unseen

__all__ = ["ASSIGNED", "Assigned", "check_function", "score_throughput"]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which check an item runs, and its place in the run."""

    planned: Planned
    position: int


ASSIGNED = pytest.StashKey[Assigned]()


def check_function(members: Sequence[Planned], run: SuiteRun) -> Callable[..., None]:
    """A test function for a check; parametrized by K where it has one."""
    first = members[0]
    function = _at_one_cutoff() if first.k is None else _at_each_cutoff([each.k for each in members])
    if first.cost > Cost.STATIC and isinstance(run.reranker, Trains):
        function = pytest.mark.rerank_train(function)
    return function


def _at_one_cutoff() -> Callable[..., None]:
    def check(request: pytest.FixtureRequest, _rerank_check_inputs: None) -> None:
        """One check of the packaged suite."""
        _run(request)

    return check  # a function of its own at each call, because marks are kept on it


def _at_each_cutoff(cutoffs: Sequence[int | None]) -> Callable[..., None]:
    @pytest.mark.parametrize("k", cutoffs, ids=[f"K={k}" for k in cutoffs])
    def check(request: pytest.FixtureRequest, _rerank_check_inputs: None, k: int) -> None:  # noqa: ARG001
        """One check of the packaged suite at one cutoff, which the item's plan holds already."""
        _run(request)

    return check


def _run(request: pytest.FixtureRequest) -> None:
    assigned = request.node.stash[ASSIGNED]
    run = suite_run(request.config)
    verdict = run.judge(assigned.planned)
    payload = verdict_property(verdict, assigned.position, run.subject())
    request.node.user_properties.append((VERDICT_PROPERTY, payload))
    if verdict.status in (Status.NOT_APPLICABLE, Status.NOT_RUN):
        pytest.skip("; ".join(filter(None, (verdict.cause, *verdict.evidence, verdict.next_step))))
    if not verdict.ok:
        pytest.fail(format_verdict(verdict), pytrace=False)


@pytest.mark.rerank_benchmark
def score_throughput(request: pytest.FixtureRequest, _rerank_trained: None, benchmark: Any) -> None:
    """How many prompts a second `score()` ranks, timed by pytest-benchmark."""
    run = suite_run(request.config)
    tasks = run.inputs.get("given_tasks")
    benchmark.group = "scoring"
    benchmark.extra_info.update(
        target=run.reranker.name,
        prompts=len(tasks),
        seed=settings_of(request.config).seed,
        device=run.subject().device,
    )
    benchmark(call_unseen, run.reranker.score, tasks)
    if benchmark.stats is None:  # with --benchmark-disable
        return
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["prompts_per_second"] = len(tasks) / seconds
    if isinstance(run.reranker, ShowsScoringPrompts):
        tokens = sum(len(prompt.token_ids) for prompt in run.reranker.scoring_prompts(tasks))
        benchmark.extra_info["tokens_per_second"] = tokens / seconds
