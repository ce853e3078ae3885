"""Exit codes of crashes and of failed verdicts."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.trust.command import Command, doctor, pytest_run, reports
from benchmarks.trust.record import Case, Expected

_MINE = """
def _deep(given):
    return [row for row in _deeper(given)]

def _deeper(given):
    raise ValueError("no such layer")

def crashing(): return cross_encoder(tasks(300, 20), name="crashing", score=_deep)
def crashing_tasks(): return cross_encoder([], name="crashing", tasks=lambda: 1 / 0)
def crashing_factory(): raise OSError("no weights")
def crashing_training(): return cross_encoder(tasks(300, 20), name="crashing", train=lambda progress: [].pop())
"""
_CRASH = Expected(exits=(2,), says=("_deeper", "no such layer"), not_says=(r"rerank_guard/(checks|suite)",))


def _pytest(factory: str) -> Callable[[int], Command]:
    return pytest_run(
        "--rerank", "--rerank-report", "out", "--rerank-target", f"mine:{factory}", mine=_MINE, read=reports
    )


CASES = (
    Case(4, "doctor: score() raises", doctor("crashing", mine=_MINE), _CRASH, sibling=False),
    Case(4, "doctor: a check fails", doctor("wrong"), Expected(exits=(1,), says=("reversed",)), sibling=False),
    Case(
        4,
        "doctor: tasks() raises",
        doctor("crashing_tasks", mine=_MINE),
        Expected(exits=(2,), says=("ZeroDivisionError|division by zero",)),
    ),
    Case(
        4,
        "doctor: the factory raises",
        doctor("crashing_factory", mine=_MINE),
        Expected(exits=(2,), says=("no weights",)),
    ),
    Case(
        4,
        "doctor: train() raises",
        doctor("crashing_training", mine=_MINE),
        Expected(exits=(2,), says=("pop from empty list",)),
    ),
    Case(
        4,
        "pytest: score() raises",
        _pytest("crashing"),
        Expected(exits=(1,), says=("_deeper", "1 error"), not_says=("2 errors", "ok=true")),
    ),
    Case(
        4,
        "pytest: train() raises",
        _pytest("crashing_training"),
        Expected(exits=(1,), says=("pop from empty list", "1 error"), not_says=("ok=true",)),
    ),
    Case(4, "healthy: doctor on a sound reranker", doctor("good"), Expected(exits=(0,))),
)
