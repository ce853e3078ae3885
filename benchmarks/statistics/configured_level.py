"""Family-wise false alarms of a run's other checks where 10 of 20 are ignored, expected to fail, or previews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import beta
from tqdm import tqdm

from rerank_guard.core.types import FloatArray
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.suite.error_budget import within_budget

__all__ = ["measure"]

CHECKS, SET_APART, RUNS, USERS = 20, 10, 100_000, 200
NULL_RATES = (0.05, 0.25, 0.4, 0.5)
"""Null hit rates of the checks, in turn: cutoffs of 20 and 50 candidates, and a fair coin."""
STAKES = np.array([-1.0, -0.5, -0.2, 0.2, 0.5, 1.0])
"""Tilts of the bets in log odds, mixed with equal weights; both sides, as checks of an excess and of a deficit bet."""
ALPHAS = (1e-3, 0.05)
WAYS = ("none", "ignored", "expected", "preview")
_BATCH = 10_000


def measure(seed: int) -> dict[str, Any]:
    """How often any check that counts is FAILED in a run of a healthy reranker, for each way of setting 10 apart.

    The p-values are 1/sup E of Bernoulli bets, a look after every one of `USERS` users. All ways judge the same draws; the first
    10 checks are set apart, and the "others" are the last 10, in every way. Each run with a p-value at most alpha/10, which is
    all that a family of 10 checks or more can fail, goes through `suite.error_budget.within_budget`.
    """
    rng = np.random.default_rng(seed)
    p_values = np.empty((RUNS, CHECKS))
    for column in tqdm(range(CHECKS), desc="configured level", leave=False, mininterval=1):
        for start in range(0, RUNS, _BATCH):
            p_values[start : start + _BATCH, column] = _p_values(NULL_RATES[column % len(NULL_RATES)], _BATCH, rng)
    # 1/sup E is conservative at every level; uniform ones have their level exactly, which is the worst case
    uniform = rng.random((RUNS, CHECKS))
    rows: list[dict[str, Any]] = []
    for name, drawn in (("1/sup E of bets", p_values), ("uniform, the worst case", uniform)):
        for alpha in ALPHAS:
            close = drawn[(drawn <= alpha / SET_APART).any(axis=1)]
            runs = [[_verdict(float(p), alpha) for p in row] for row in close]
            plain = [within_budget(run, alpha) for run in runs]
            rows += [{"p_values": name, "alpha": alpha, **_counted(runs, plain, alpha, way)} for way in WAYS]
    return {"runs": RUNS, "checks": CHECKS, "set_apart": SET_APART, "users": USERS, "rows": rows}


def _p_values(rate: float, runs: int, rng: np.random.Generator) -> FloatArray:
    """(runs,) p-values min(1, 1/sup E) of hits at the null's own rate.

    A bet of log odds s multiplies its wealth by exp(s)/(1 + rate (exp(s) - 1)) at a hit and by 1/(1 + rate (exp(s) - 1)) else,
    of mean 1 under the null; so E after t users depends on t and the hits alone, and is looked up.
    """
    users, hits = np.mgrid[1 : USERS + 1, 0 : USERS + 1]
    wealth = np.exp(hits[..., None] * STAKES - users[..., None] * np.log1p(rate * np.expm1(STAKES))).mean(axis=-1)
    so_far = np.cumsum(rng.random((runs, USERS)) < rate, axis=1)
    largest = wealth[np.arange(USERS), so_far].max(axis=1)
    return np.asarray(1.0 / np.maximum(largest, 1.0), dtype=np.float64)


def _counted(
    runs: Sequence[Sequence[Verdict]], plain: Sequence[Sequence[Verdict]], alpha: float, way: str
) -> dict[str, Any]:
    """Runs in which one of the others fails, in which anything fails, and in which something fails that in `plain` does not."""
    others = any_alarm = newly_failed = 0
    for run, before in zip(runs, plain, strict=True):
        judged = within_budget([*(_set_apart(each, way) for each in run[:SET_APART]), *run[SET_APART:]], alpha)
        failed = [each.status is Status.FAILED and not each.ok for each in judged]
        others += any(failed[SET_APART:])
        any_alarm += any(failed)
        newly_failed += any(
            now and then.status is not Status.FAILED for now, then in zip(failed, before, strict=True)
        )
    return {
        "way": way,
        "others_failed": others,
        "others_share": others / RUNS,
        "others_between": _clopper_pearson(others, RUNS),
        "runs_failed": any_alarm,
        "runs_share": any_alarm / RUNS,
        "newly_failed": newly_failed,
    }


def _verdict(p: float, alpha: float) -> Verdict:
    status = Status.FAILED if p <= alpha else Status.PASSED
    return Verdict("check", status, "it holds", {}, {}, 1, p_failed=p)


def _set_apart(verdict: Verdict, way: str) -> Verdict:
    """The verdict as a run gives it (`SuiteRun.judge`): an ignored check is not judged, and enters with p = 1."""
    if way == "ignored":
        return replace(verdict, status=Status.IGNORED, p_failed=1.0)
    if way == "expected":
        return replace(verdict, expected="known")
    return replace(verdict, preview=True) if way == "preview" else verdict


def _clopper_pearson(count: int, runs: int) -> tuple[float, float]:
    """Two-sided 95% limits of a share (Clopper and Pearson 1934)."""
    low = float(beta.ppf(0.025, count, runs - count + 1)) if count else 0.0
    high = float(beta.ppf(0.975, count + 1, runs - count)) if count < runs else 1.0
    return low, high
