"""Healthy set-ups, many draws of each: how often each check fails or cannot decide."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.trust.case_24 import agreeing
from benchmarks.trust.record import Asked
from benchmarks.trust.runner import all_cases

from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.report import Report
from rerank_guard.core.verdict import Status
from rerank_guard.faults.healthy import HealthyReranker
from rerank_guard.suite import check_reranker

__all__ = ["SETUPS", "measure"]


def _named(item: int, start: str) -> Callable[[int], Asked]:
    """The builder of a case, by its item and how its name begins."""
    (case,) = [each for each in all_cases() if each.item == item and each.name.startswith(start)]
    return case.build


def _packaged(seed: int) -> Asked:
    return Asked(HealthyReranker(seed, n_test=200))


SETUPS: dict[str, Callable[[int], Asked]] = {
    "the packaged letter reranker": _packaged,
    "sigmoid scores of a good cross-encoder": _named(12, "healthy: cross-encoder whose sigmoid"),
    "a list in first-stage order, judged with its scores": _named(23, "a list in first-stage order"),
    "agrees with the first stage at 0.8": agreeing(400, 20, 0.8, shown=True),
    "agrees with the first stage at 0.9": agreeing(400, 10, 0.9, shown=True),
    "listwise, the irrelevant left in listed order": _named(24, "listwise: names all"),
    "a first stage that misses 23 %": _named(22, "93 of 400 relevant items missed"),
    "a first-stage recall of 0.7": _named(22, "healthy: 60 of 200"),
    "several relevant items": _named(25, "several relevant items, correct"),
    "grades 0 to 10": _named(25, "healthy: grades 0 to 10"),
    "one-hot scores at K=1": _named(25, "one-hot scores judged at K=1"),
    "N from 1 to 20": _named(25, "N from 1 to 20"),
    "top_n=20 of 30": _named(24, "healthy: top_n"),
    "a temperature on the probabilities": _named(12, "healthy: letters at temperature 2"),
}


def measure(seed: int, draws: int) -> dict[str, Any]:
    """`draws` draws of each set-up, the seeds counted from `seed`."""
    started = time.monotonic()
    setups = {name: _drawn(name, build, seed, draws) for name, build in SETUPS.items()}
    return {"draws": draws, "seed": seed, "seconds": round(time.monotonic() - started, 1), "setups": setups}


def _drawn(name: str, build: Callable[[int], Asked], seed: int, draws: int) -> dict[str, Any]:
    checks: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"judged": 0, "failed": 0, "inconclusive": 0, "statistical": False}
    )
    named: dict[str, int] = defaultdict(int)
    for draw in range(draws):
        asked = build(seed + draw)
        try:
            report = check_reranker(asked.target, asked.settings)
        except RerankGuardError as error:  # a healthy reranker that is refused is an alarm too
            row = checks[f"refused with {type(error).__name__}"]
            row["judged"] += 1
            row["failed"] += 1
            continue
        _count(report, checks)
        if report.diagnosis is not None:
            named[report.diagnosis.fault] += 1
        if (draw + 1) % 25 == 0 or draw + 1 == draws:
            print(f"{name}: {draw + 1} of {draws}, named {dict(named)}", file=sys.stderr, flush=True)
    return {"checks": dict(sorted(checks.items())), "named": dict(named)}


def _count(report: Report, checks: dict[str, dict[str, Any]]) -> None:
    for verdict in report.verdicts:
        if not verdict.status.says_something:
            continue
        row = checks[verdict.check]
        row["judged"] += 1
        row["failed"] += verdict.status is Status.FAILED
        row["inconclusive"] += verdict.status is Status.INCONCLUSIVE
        row["statistical"] = row["statistical"] or verdict.p_failed is not None
