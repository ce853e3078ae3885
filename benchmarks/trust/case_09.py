"""Runs in which nothing was judged."""

from __future__ import annotations

from benchmarks.trust.command import doctor, pytest_run, reports
from benchmarks.trust.record import Case, Expected

_MINE = """
import pytest
from rerank_guard.core.errors import NotOfferedError

def _raising(error):
    def score(given):
        raise error
    return score

def not_offered(): return cross_encoder(tasks(300, 20), name="not offered", score=_raising(NotOfferedError("not here")))
def exits_in_score(): return cross_encoder(tasks(300, 20), name="exits", score=_raising(SystemExit(0)))
def exits_in_tasks(): return cross_encoder([], name="exits", tasks=lambda: sys.exit(0))
def exits(): sys.exit(0)
def ends_pytest(): pytest.exit("done", returncode=0)
def ends_in_score(): return cross_encoder(tasks(300, 20), name="ends", score=lambda given: pytest.exit("done", returncode=0))
def skips(): return cross_encoder(tasks(300, 20), name="skips", score=lambda given: pytest.skip("no GPU"))
def xfails(): return cross_encoder(tasks(300, 20), name="xfails", score=lambda given: pytest.xfail("known"))
def skips_tasks(): return cross_encoder([], name="skips", tasks=lambda: pytest.skip("no data"))
def no_proba(): return cross_encoder(tasks(300, 20), name="no proba", predict_proba=_raising(NotOfferedError("scores alone")))
"""
_NOT_GREEN = Expected(exits=(1, 2), not_says=("ok=true", '"ok": true', "all checks passed"))

_CODE_2 = Expected(exits=(2,), not_says=("ok=true", "all checks passed"))


def _doctor(
    name: str,
    factory: str,
    *,
    sibling: bool = True,
    expected: Expected = _CODE_2,
) -> Case:
    return Case(
        9,
        f"doctor: {name}",
        doctor(factory, "--report", "out", mine=_MINE, read=reports),
        expected,
        sibling=sibling,
    )


def _pytest(name: str, factory: str, *, sibling: bool = True) -> Case:
    run = pytest_run(
        "--rerank", "--rerank-report", "out", "--rerank-target", f"mine:{factory}", mine=_MINE, read=reports
    )
    return Case(9, f"pytest: {name}", run, _NOT_GREEN, sibling=sibling)


CASES = (
    _doctor("score() raises NotOfferedError", "not_offered", sibling=False),
    _doctor("the factory calls sys.exit(0)", "exits", sibling=False),
    _pytest("the factory calls pytest.exit(returncode=0)", "ends_pytest", sibling=False),
    _pytest("score() calls pytest.skip", "skips", sibling=False),
    _doctor("score() raises SystemExit(0)", "exits_in_score"),
    _doctor("tasks() calls sys.exit(0)", "exits_in_tasks"),
    _pytest("score() raises NotOfferedError", "not_offered"),
    _pytest("score() calls pytest.xfail", "xfails"),
    _pytest("score() calls pytest.exit(returncode=0)", "ends_in_score"),
    _pytest("tasks() calls pytest.skip", "skips_tasks"),
    _doctor(
        "healthy: predict_proba() is not offered", "no_proba", expected=Expected(exits=(0,), says=("ok=true",))
    ),
)
