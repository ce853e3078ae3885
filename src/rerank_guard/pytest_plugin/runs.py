"""The runs of one pytest session: that of the named reranker, or one a reranker of the fixture `rerank_target`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rerank_guard.pytest_plugin.settings import current_run, run_settings, suite_run

if TYPE_CHECKING:
    from rerank_guard.core.target import RerankTarget
    from rerank_guard.suite import SuiteRun

__all__ = ["FROM_FIXTURE", "judged_run", "keep_run", "kept_run", "run_of"]

FROM_FIXTURE = pytest.StashKey[bool]()
"""Set where the suite judges what the fixture gives."""

_RUNS = pytest.StashKey[list["SuiteRun"]]()
_KEPT = pytest.StashKey[dict[str, "SuiteRun"]]()


def run_of(config: pytest.Config, reranker: RerankTarget) -> SuiteRun:
    """The run of a reranker, made at the first call."""
    from rerank_guard.pytest_plugin.terminal_progress import terminal_progress
    from rerank_guard.suite import SuiteRun

    runs = config.stash.setdefault(_RUNS, [])
    named = current_run(config)
    for run in runs if named is None else [named, *runs]:
        if run.reranker is reranker:
            return run
    runs.append(SuiteRun(reranker, run_settings(config), progress=terminal_progress(config)))
    return runs[-1]


def judged_run(request: pytest.FixtureRequest) -> SuiteRun:
    """The run that an item of the suite belongs to."""
    if not request.config.stash.get(FROM_FIXTURE, False):
        return suite_run(request.config)
    run: SuiteRun = request.getfixturevalue("_rerank_run")
    return run


def keep_run(config: pytest.Config, label: str, run: SuiteRun) -> None:
    """Remember which run the items of a label are judged by."""
    config.stash.setdefault(_KEPT, {})[label] = run


def kept_run(config: pytest.Config, label: str) -> SuiteRun | None:
    """The run of a label, if one of its items has been run in this process."""
    return config.stash.get(_KEPT, {}).get(label)
