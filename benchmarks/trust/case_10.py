"""Checks without a verdict."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.trust.command import Command, doctor, pytest_run, reports
from benchmarks.trust.record import Case, Expected

_MINE = """
import numpy as np

def _raising(error):
    def score(given):
        raise error
    return score

def interrupted(): return cross_encoder(tasks(300, 20), name="interrupted", score=_raising(KeyboardInterrupt()))
def dying(): return cross_encoder(tasks(300, 20), name="dying", score=lambda given: os._exit(9))

def strict():
    np.seterr(all="raise")
    return cross_encoder(tasks(300, 20), name="strict")

def interrupted_late():
    calls = iter(range(1000))
    def score(given):
        if next(calls) > 1:
            raise KeyboardInterrupt
        return [score_all(task) for task in given]
    return cross_encoder(tasks(300, 20), name="interrupted", score=score)
"""
_NOT_OK = ("ok=true", "all checks passed")


def _pytest(factory: str, *options: str) -> Callable[[int], Command]:
    return pytest_run(
        "--rerank",
        "--rerank-report",
        "out",
        "--rerank-target",
        f"mine:{factory}",
        *options,
        mine=_MINE,
        read=reports,
    )


CASES = (
    Case(
        10,
        "pytest: Ctrl-C while it scores",
        _pytest("interrupted"),
        Expected(exits=(2,), says=("ok=false",), not_says=_NOT_OK),
        sibling=False,
    ),
    Case(
        10,
        "pytest -n 2: the worker dies while it scores",
        _pytest("dying", "-n", "2"),
        Expected(exits=(1, 2), says=("ok=false",), not_says=_NOT_OK),
        sibling=False,
    ),
    Case(
        10,
        "doctor: np.seterr(all='raise') in the factory",
        doctor("strict", "--report", "out", mine=_MINE, read=reports),
        Expected(exits=(0,), says=("ok=true",)),
        sibling=False,
    ),
    Case(
        10,
        "pytest: Ctrl-C at a later scoring",
        _pytest("interrupted_late"),
        Expected(exits=(2,), says=("ok=false",), not_says=_NOT_OK),
    ),
    Case(
        10,
        "doctor: Ctrl-C while it scores",
        doctor("interrupted", "--report", "out", mine=_MINE, read=reports),
        Expected(exits=(130,), not_says=_NOT_OK),
    ),
    Case(
        10,
        "pytest -n 2 --dist loadfile: the worker dies",
        _pytest("dying", "-n", "2", "--dist", "loadfile"),
        Expected(exits=(1, 2), says=("ok=false",), not_says=_NOT_OK),
    ),
    Case(
        10,
        "pytest: np.seterr(all='raise')",
        _pytest("strict"),
        Expected(exits=(0,), says=("REPORT of strict: ok=true",)),
    ),
    Case(
        10,
        "healthy: pytest on a sound reranker",
        _pytest("good"),
        Expected(exits=(0,), says=("REPORT of good: ok=true",)),
    ),
)
