"""Fixtures for a project's own tests; heavy modules are imported when a fixture is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from rerank_guard.pytest_plugin.runs import judged_run, keep_run, run_of
from rerank_guard.pytest_plugin.settings import run_device, suite_run

if TYPE_CHECKING:
    from rerank_guard.core.target import RerankTarget
    from rerank_guard.core.types import FloatArray, RankingTask, TrainingTrace
    from rerank_guard.suite import SuiteRun

__all__ = ["rerank_device", "rerank_scores", "rerank_target", "rerank_tasks", "rerank_training_run"]


@pytest.fixture(scope="session")
def rerank_device(request: pytest.FixtureRequest) -> str:
    """The device to run on: "cuda" where torch can use it, else "cpu"."""
    return run_device(request.config)


@pytest.fixture(scope="session")
def rerank_target(request: pytest.FixtureRequest) -> RerankTarget:
    """The reranker named by --rerank-target or `target` in the configuration; a conftest.py may override this fixture."""
    from rerank_guard.core.errors import TargetError

    try:
        return suite_run(request.config).reranker
    except TargetError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def _rerank_run(request: pytest.FixtureRequest, rerank_target: RerankTarget) -> SuiteRun:
    """The run of the reranker, shared with the packaged suite."""
    return run_of(request.config, rerank_target)


@pytest.fixture(scope="session")
def rerank_tasks(_rerank_run: SuiteRun) -> Sequence[RankingTask]:
    """The target's held-out tasks."""
    tasks: Sequence[RankingTask] = _rerank_run.inputs.get("given_tasks")
    return tasks


@pytest.fixture(scope="session")
def rerank_training_run(_rerank_run: SuiteRun) -> TrainingTrace:
    """The trace of the one training job of this run, shared with the packaged suite."""
    trace = _rerank_run.trained()
    if trace is None:
        pytest.skip(f"the target {_rerank_run.reranker.name!r} has no train(progress); add it to test training")
    return trace


@pytest.fixture(scope="session")
def rerank_scores(_rerank_run: SuiteRun) -> list[FloatArray]:
    """The target's scores on `rerank_tasks`, one float64 array (N,) a task, taken once and after training."""
    scores: list[FloatArray] = _rerank_run.inputs.get("scores")
    return scores


@pytest.fixture
def _rerank_check_inputs(request: pytest.FixtureRequest) -> None:
    """Ask the reranker for what the item's check judges; in set-up, so that the reranker's own exception is an ERROR."""
    from rerank_guard.pytest_plugin.functions import ASSIGNED
    from rerank_guard.pytest_plugin.suite_items import label_of
    from rerank_guard.pytest_plugin.terminal_progress import end_progress
    from rerank_guard.pytest_plugin.wire import SUBJECT_PROPERTY, subject_property

    __tracebackhide__ = True
    run = judged_run(request)
    keep_run(request.config, label_of(request.node.nodeid), run)
    try:
        for planned in request.node.stash[ASSIGNED].members(run):
            run.prepare(planned)
    except Exception:
        end_progress(request.config)
        raise
    finally:
        request.node.user_properties.append((SUBJECT_PROPERTY, subject_property(run.subject())))


@pytest.fixture
def _rerank_trained(request: pytest.FixtureRequest) -> None:
    """Train the suite's target before its speed is taken."""
    judged_run(request).trained()
