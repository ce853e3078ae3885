"""What the suite's items run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from rerank_guard.gates.recorder import VERDICT_PROPERTY, verdict_property
from rerank_guard.gates.settings import settings_of, suite_session
from rerank_guard.report.text import format_verdict
from rerank_guard.suite.gates import Gate, Tier, judge
from rerank_guard.suite.session import SuiteSession
from rerank_guard.suite.stages import call_unseen
from rerank_guard.target import ShowsScoringPrompts, Trains
from rerank_guard.verdict import Status

__all__ = ["ASSIGNED", "Assigned", "gate_function", "score_throughput"]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which gate an item runs, and where it stands in the suite."""

    gate: Gate
    position: int


ASSIGNED = pytest.StashKey[Assigned]()


def gate_function(gates: Sequence[Gate], session: SuiteSession) -> Callable[..., None]:
    """A test function for the gates of one family; parametrized by K where they have one."""
    first = gates[0]
    function = _at_one_cutoff() if first.k is None else _at_each_cutoff([gate.k for gate in gates])
    if first.tier > Tier.STATIC and isinstance(session.target, Trains):
        function = pytest.mark.rerank_train(function)
    return function


def _at_one_cutoff() -> Callable[..., None]:
    def gate(request: pytest.FixtureRequest, _rerank_gate_inputs: None) -> None:
        """One check of the packaged suite."""
        _run(request)

    return gate  # a function of its own at each call, because marks are kept on it


def _at_each_cutoff(cutoffs: Sequence[int | None]) -> Callable[..., None]:
    @pytest.mark.parametrize("k", cutoffs, ids=[f"K={k}" for k in cutoffs])
    def gate(request: pytest.FixtureRequest, _rerank_gate_inputs: None, k: int) -> None:  # noqa: ARG001
        """One check of the packaged suite at one cutoff, which the item's gate holds already."""
        _run(request)

    return gate


def _run(request: pytest.FixtureRequest) -> None:
    assigned = request.node.stash[ASSIGNED]
    session = suite_session(request.config)
    verdict = judge(assigned.gate, session)
    payload = verdict_property(verdict, assigned.position, session.subject())
    request.node.user_properties.append((VERDICT_PROPERTY, payload))
    if verdict.status in (Status.NOT_APPLICABLE, Status.NOT_RUN):
        pytest.skip("; ".join(filter(None, (verdict.cause, *verdict.evidence, verdict.next_step))))
    if not verdict.ok:
        pytest.fail(format_verdict(verdict), pytrace=False)


@pytest.mark.rerank_benchmark
def score_throughput(request: pytest.FixtureRequest, _rerank_trained: None, benchmark: Any) -> None:
    """How many prompts a second `score()` ranks, timed by pytest-benchmark."""
    session = suite_session(request.config)
    tasks = session.tasks()
    benchmark.group = "scoring"
    benchmark.extra_info.update(
        target=session.target.name,
        prompts=len(tasks),
        seed=settings_of(request.config).seed,
        device=session.subject().device,
    )
    benchmark(call_unseen, session.target.score, tasks)
    if benchmark.stats is None:  # with --benchmark-disable
        return
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["prompts_per_second"] = len(tasks) / seconds
    if isinstance(session.target, ShowsScoringPrompts):
        tokens = sum(len(prompt.token_ids) for prompt in session.target.scoring_prompts(tasks))
        benchmark.extra_info["tokens_per_second"] = tokens / seconds
