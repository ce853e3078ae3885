"""What the suite's items run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from _pytest.skipping import evaluate_xfail_marks

from rerank_guard.core.formats import format_verdict, status_word
from rerank_guard.core.given import Cost
from rerank_guard.core.target import ShowsScoringPrompts, Trains
from rerank_guard.core.verdict import Status
from rerank_guard.pytest_plugin.recorder import VERDICT_PROPERTY, verdict_property
from rerank_guard.pytest_plugin.settings import seed_of, suite_run
from rerank_guard.suite import Planned, SuiteRun
from rerank_guard.suite.stages import call_unseen

__all__ = ["ASSIGNED", "Assigned", "check_function", "expected_mark", "score_throughput"]


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
    verdict = run.judge(assigned.planned, expected=_expected_reason(request.node))
    payload = verdict_property(verdict, assigned.position, run.subject())
    request.node.user_properties.append((VERDICT_PROPERTY, payload))
    if not verdict.status.says_something:
        pytest.skip("; ".join(filter(None, (verdict.cause, *verdict.evidence, verdict.next_step))))
    if verdict.status is Status.PASSED:
        return
    if verdict.preview:
        # --runxfail makes xfail() do nothing; a preview check does not fail the run all the same
        end = pytest.skip if request.config.option.runxfail else pytest.xfail
        end(f"preview check, {status_word(verdict.status)}: {verdict.cause}")
    pytest.fail(format_verdict(verdict), pytrace=False)


def expected_mark(reason: str) -> pytest.MarkDecorator:
    """The mark of a check that the configuration expects to fail; what the reranker raises stays an error."""
    return pytest.mark.xfail(reason=reason, strict=True, raises=pytest.fail.Exception)


def _expected_reason(item: pytest.Item) -> str:
    """Why an xfail mark, by the configuration or by the user, says that the item may fail; empty without one.

    pytest itself evaluates the mark's conditions. A mark that excuses other exceptions alone (`raises=`) excuses no verdict.
    """
    if item.config.option.runxfail:
        return ""
    expected = evaluate_xfail_marks(item)
    if expected is None or not _excuses_failures(expected.raises):
        return ""
    return expected.reason or "marked xfail"


def _excuses_failures(raises: Any) -> bool:
    """Whether a mark's `raises` covers what an item of the suite raises for a verdict, which is `pytest.fail`'s exception."""
    if raises is None:
        return True
    if isinstance(raises, type | tuple):
        return issubclass(pytest.fail.Exception, raises)
    return bool(raises.matches(pytest.fail.Exception("")))  # pytest.RaisesExc


@pytest.mark.rerank_benchmark
def score_throughput(request: pytest.FixtureRequest, _rerank_trained: None, benchmark: Any) -> None:
    """How many prompts a second `score()` ranks, timed by pytest-benchmark."""
    run = suite_run(request.config)
    tasks = run.inputs.get("given_tasks")
    benchmark.group = "scoring"
    benchmark.extra_info.update(
        target=run.reranker.name,
        prompts=len(tasks),
        seed=seed_of(request.config),
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
