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
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.pytest_plugin.runs import judged_run
from rerank_guard.pytest_plugin.settings import seed_of
from rerank_guard.pytest_plugin.wire import (
    ERROR_PROPERTY,
    VERDICT_PROPERTY,
    error_property,
    verdict_property,
)
from rerank_guard.suite import Planned, SuiteRun
from rerank_guard.suite.check_error import raised_in
from rerank_guard.suite.stages import call_unseen

__all__ = [
    "ASSIGNED",
    "Assigned",
    "check_function",
    "expected_mark",
    "fixture_check_function",
    "fixture_score_throughput",
    "score_throughput",
]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which check an item runs.

    Attributes:
        family: its name without a cutoff.
        k: the cutoff; None where the item runs the check at all cutoffs that it has.
    """

    family: str
    k: int | None = None

    def members(self, run: SuiteRun) -> list[Planned]:
        """The verdicts that the item stands for."""
        return [
            each for each in run.planned() if each.family == self.family and (self.k is None or each.k == self.k)
        ]


ASSIGNED = pytest.StashKey[Assigned]()


def check_function(members: Sequence[Planned], run: SuiteRun) -> Callable[..., None]:
    """A test function for a check of a reranker that is there; parametrized by K where it has one."""
    first = members[0]
    function = _at_one_cutoff() if first.k is None else _at_each_cutoff([each.k for each in members])
    if first.cost > Cost.STATIC and isinstance(run.reranker, Trains):
        function = pytest.mark.rerank_train(function)
    return function


def fixture_check_function(first: Planned) -> Callable[..., None]:
    """A test function for a check of the reranker that a fixture will give, whose cutoffs are not known before."""

    def check(request: pytest.FixtureRequest, _rerank_run: SuiteRun, _rerank_check_inputs: None) -> None:
        """One check of the packaged suite, at all cutoffs."""
        _run(request)

    return pytest.mark.rerank_train(check) if first.cost > Cost.STATIC else check


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
    run = judged_run(request)
    verdicts = []
    raised = None
    for planned in request.node.stash[ASSIGNED].members(run):
        try:
            verdict = run.judge(planned, expected=_expected_reason(request.node))
        except Exception as error:  # the check's own; the item's other cutoffs are judged all the same
            raised = raised or error
            request.node.user_properties.append((ERROR_PROPERTY, error_property(raised_in(planned.name, error))))
            continue
        payload = verdict_property(verdict, run.planned().index(planned), run.subject())
        request.node.user_properties.append((VERDICT_PROPERTY, payload))
        verdicts.append(verdict)
    if raised is not None:
        raise raised
    _end(request, verdicts)


def _end(request: pytest.FixtureRequest, verdicts: Sequence[Verdict]) -> None:
    """Pass, fail or skip as the verdicts say; one that is not ok decides."""
    judged = [verdict for verdict in verdicts if verdict.status.says_something]
    if not judged:
        pytest.skip("; ".join(text for each in verdicts for text in _said(each)))
    wrong = _wrong(judged, marked=request.node.get_closest_marker("xfail") is not None)
    if wrong:
        pytest.fail("\n\n".join(map(format_verdict, wrong)), pytrace=False)
    first = next((verdict for verdict in judged if verdict.excused), None)
    if first is not None:
        why = f"preview check, {status_word(first.status)}: {first.cause}" if first.preview else first.expected
        # --runxfail makes xfail() do nothing; a preview check does not fail the run all the same
        end = pytest.skip if request.config.option.runxfail else pytest.xfail
        end(why)


def _said(verdict: Verdict) -> list[str]:
    return [text for text in (verdict.cause, *verdict.evidence, verdict.next_step) if text]


def _wrong(judged: Sequence[Verdict], *, marked: bool) -> list[Verdict]:
    """The verdicts that fail their item; of a marked one all failures, as pytest makes of them what was expected."""
    counted = [verdict for verdict in judged if not verdict.preview]
    if marked:
        return [verdict for verdict in counted if verdict.status is not Status.PASSED]
    return [verdict for verdict in counted if not verdict.ok]


def expected_mark(reason: str) -> pytest.MarkDecorator:
    """The mark of a check that the configuration expects to fail; what the reranker raises stays an error."""
    return pytest.mark.xfail(reason=reason, strict=True, raises=pytest.fail.Exception)


def _expected_reason(item: pytest.Item) -> str | None:
    """Why an xfail mark, by the configuration or by the user, says that the item may fail.

    None without one, which leaves it to the configuration; empty with --runxfail, which takes all of it back.

    pytest itself evaluates the mark's conditions. A mark that excuses other exceptions alone (`raises=`) excuses no verdict.
    """
    if item.config.option.runxfail:
        return ""
    expected = evaluate_xfail_marks(item)
    if expected is None or not _excuses_failures(expected.raises):
        return None
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
    _time(request, benchmark)


@pytest.mark.rerank_benchmark
def fixture_score_throughput(
    request: pytest.FixtureRequest, _rerank_run: SuiteRun, _rerank_trained: None, benchmark: Any
) -> None:
    """The same of the reranker that a fixture gives."""
    _time(request, benchmark)


def _time(request: pytest.FixtureRequest, benchmark: Any) -> None:
    run = judged_run(request)
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
