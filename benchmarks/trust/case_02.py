"""Runs in which no reranker is named."""

from __future__ import annotations

from benchmarks.trust.command import doctor, pytest_run, reports
from benchmarks.trust.record import Case, Expected

_USAGE = Expected(exits=(4,), says=("--rerank-target", "fixture|conftest"), not_says=("ok=true",))
_OWN = "def test_own():\n    assert True\n"
_TOML = '[tool.rerank_guard]\ntarget = "mine:good"\n'

CASES = (
    Case(
        2,
        "pytest --rerank in a project that names no reranker",
        pytest_run("--rerank", read=reports),
        _USAGE,
        sibling=False,
    ),
    Case(2, "the same with tests of the user's own", pytest_run("--rerank", test=_OWN, read=reports), _USAGE),
    Case(
        2,
        "a configuration without a target",
        pytest_run("--rerank", files={"pyproject.toml": "[tool.rerank_guard]\nalpha = 0.01\n"}, read=reports),
        _USAGE,
    ),
    Case(
        2,
        "pytest --rerank-gpu, no reranker named",
        pytest_run("--rerank-gpu", read=reports),
        Expected(exits=(4,), not_says=("ok=true",)),
    ),
    Case(2, "doctor without a target", doctor(None), Expected(exits=(2,), says=("--target",))),
    Case(
        2,
        "healthy: the configuration names it",
        pytest_run("--rerank", "--rerank-report", "out", files={"pyproject.toml": _TOML}, read=reports),
        Expected(exits=(0,), says=("REPORT of good: ok=true",)),
    ),
    Case(
        2,
        "healthy: no --rerank, tests of the user's own",
        pytest_run(test=_OWN, read=reports),
        Expected(exits=(0,), not_says=("REPORT",)),
    ),
)
