"""Fixtures for a project's own tests; heavy modules are imported when a fixture is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from rerank_guard.gates.settings import current_session, run_device, settings_of, suite_session

if TYPE_CHECKING:
    from rerank_guard.suite import SuiteSession
    from rerank_guard.target import RerankTarget
    from rerank_guard.types import FloatArray, RankingTask, TrainingTrace

__all__ = ["rerank_device", "rerank_scores", "rerank_target", "rerank_tasks", "rerank_training_run"]


@pytest.fixture(scope="session")
def rerank_device(request: pytest.FixtureRequest) -> str:
    """The device to run on: "cuda" where torch can use it, else "cpu"."""
    return run_device(request.config)


@pytest.fixture(scope="session")
def rerank_target(request: pytest.FixtureRequest) -> RerankTarget:
    """The reranker named by --rerank-target or the ini key; a conftest.py may override this fixture."""
    from rerank_guard.errors import TargetError

    try:
        return suite_session(request.config).target
    except TargetError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def _rerank_session(request: pytest.FixtureRequest, rerank_target: RerankTarget) -> SuiteSession:
    """The packaged suite's session, or one of its own for an overridden `rerank_target`."""
    from rerank_guard.gates.terminal_progress import terminal_progress
    from rerank_guard.suite import SuiteSession

    config = request.config
    settings = settings_of(config)
    suite = current_session(config)
    if suite is not None and suite.target is rerank_target:
        return suite
    return SuiteSession(
        rerank_target,
        cutoffs=settings.cutoffs,
        seed=settings.seed,
        progress=terminal_progress(config),
        early_stop=settings.early_stop,
    )


@pytest.fixture(scope="session")
def rerank_tasks(_rerank_session: SuiteSession) -> Sequence[RankingTask]:
    """The target's held-out tasks."""
    return _rerank_session.tasks()


@pytest.fixture(scope="session")
def rerank_training_run(_rerank_session: SuiteSession) -> TrainingTrace:
    """The trace of the one training job of this run, shared with the packaged suite."""
    trace = _rerank_session.trained()
    if trace is None:
        pytest.skip(f"the target {_rerank_session.target.name!r} has no train(progress); add it to test training")
    return trace


@pytest.fixture(scope="session")
def rerank_scores(_rerank_session: SuiteSession) -> list[FloatArray]:
    """The target's scores on `rerank_tasks`, one float64 array (N,) a task, taken once and after training."""
    _rerank_session.raw_scores()
    return _rerank_session.scores()


@pytest.fixture
def _rerank_gate_inputs(request: pytest.FixtureRequest) -> None:
    """Ask the target for what the item's gate judges; in set-up, so that the target's own exception is an ERROR."""
    from rerank_guard.errors import NotOfferedError
    from rerank_guard.gates.functions import ASSIGNED
    from rerank_guard.gates.recorder import SUBJECT_PROPERTY, subject_property
    from rerank_guard.gates.terminal_progress import end_progress
    from rerank_guard.suite.gates import prepare

    __tracebackhide__ = True
    session = suite_session(request.config)
    try:
        prepare(request.node.stash[ASSIGNED].gate, session)
    except NotOfferedError:
        return  # the gate itself says so
    except Exception:
        end_progress(request.config)
        request.node.user_properties.append((SUBJECT_PROPERTY, subject_property(session.subject())))
        raise


@pytest.fixture
def _rerank_trained(request: pytest.FixtureRequest) -> None:
    """Train the suite's target before its speed is taken."""
    suite_session(request.config).trained()
