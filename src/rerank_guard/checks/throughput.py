"""Is scoring as fast as it was in a stored run?"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import mannwhitneyu

from rerank_guard.checks._settings import require_settings
from rerank_guard.throughput import Throughput
from rerank_guard.types import FloatArray
from rerank_guard.verdict import MAX_EVIDENCE, Measured, Status, Verdict

__all__ = ["THROUGHPUT_MARGIN", "check_throughput"]

THROUGHPUT_MARGIN = 0.2
"""Least share of time by which scoring has to take longer before it counts."""

_NAME = "throughput"
_TIE = 1e-9  # relative; far below what a clock resolves

_SLOWER = (
    "Scoring the same users takes longer than in the stored run, on the same device, and by more than the machine's own "
    "pace explains. Likely: batches became smaller or prompts are scored one by one, more of the vocabulary's logits "
    "are computed than the last position's, weights are in another dtype, the adapter is not merged, or a cache is gone.",
    "Profile score() on a few users and hold it against the stored commit; if the price is wanted, store this run with "
    "--rerank-update-baseline.",
)


def check_throughput(
    now: Throughput, stored: Throughput | None, *, margin: float = THROUGHPUT_MARGIN, alpha: float = 1e-6
) -> Verdict:
    """Scoring does not take longer than in the stored run by more than the margin.

    The cost of a call is read in three units: in seconds, and in each of the two pieces of fixed arithmetic that were
    timed in turn with it (see `throughput.Throughput`). In each unit the R timings of now are held against the stored
    ones times 1 + margin by the exact one-sided rank test of Mann and Whitney (1947); a pair that ties counts as not
    slower. All three have to be rejected, so that the largest of the three p-values decides (an intersection-union test,
    Berger 1982): a machine that is busy now slows the arithmetic too, and one that was busy when the run was stored shows
    in the seconds. A throughput that falls by 30 % is a time that grows by 43 %.

    - FAILED, slower: "at most 1 + margin times the stored time" is rejected at alpha, in each unit.
    - NOT_APPLICABLE: the stored run has no timings, or they were taken on another device or of another number of users
      a call; or there are too few timings for any outcome to be significant at alpha (`throughput.FEWEST_REPEATS`
      on either side are enough for 1e-6).
    - PASSED: else, which says that there is no proof of a slowdown beyond the margin.

    The p-value speaks of the timings. What sets two processes apart as a whole (memory layout, the processor's clock) is
    in all timings of one at once, and is what the margin is there for.

    Args:
        now: this run's timings.
        stored: those of the stored run on the same users; None where it has none.
        margin: least growth of the time that counts, in [0, 1).
        alpha: level, for timings that are independent draws.

    Raises:
        RerankGuardError: alpha or margin out of range.
    """
    require_settings(alpha, margin)
    reason = _incomparable(now, stored, alpha)
    if stored is None or reason:
        return Verdict(
            check=_NAME,
            status=Status.NOT_APPLICABLE,
            claim=f"scoring takes at most {1.0 + margin:g} times as long as in the stored run",
            measured={"users_per_second": now.users_per_second},
            threshold={"margin": margin},
            n=len(now.seconds),
            cause=reason,
            next_step="Store a run with --rerank-update-baseline on the machine that is to judge later ones.",
        )
    before = stored.costs()
    p_values = {unit: _p_slower(cost, before[unit] * (1.0 + margin)) for unit, cost in now.costs().items()}
    growth = {unit: _growth(cost, before[unit]) for unit, cost in now.costs().items()}
    p_value = max(p_values.values())
    slower = p_value <= alpha
    cause, next_step = _SLOWER if slower else ("", "")
    measured: dict[str, Measured] = {
        # all units have to agree, so the most favourable of them is what was shown
        "growth_of_time": min(growth.values()),
        "users_per_second": now.users_per_second,
        "stored_users_per_second": stored.users_per_second,
        "p_value": p_value,
        **{f"growth_in_{unit.replace(' ', '_')}": value for unit, value in growth.items()},
    }
    return Verdict(
        check=_NAME,
        status=Status.FAILED if slower else Status.PASSED,
        claim=(
            f"over {len(now.seconds)} timings of {now.users} users there is no proof that scoring takes more than "
            f"{1.0 + margin:g} times as long as in the stored run"
        ),
        measured=measured,
        threshold={"margin": margin, "alpha": alpha},
        n=len(now.seconds),
        evidence=tuple(_row(unit, now, stored, growth[unit], p_values[unit]) for unit in growth)[:MAX_EVIDENCE]
        if slower
        else (),
        cause=cause,
        next_step=next_step,
        fault="slower" if slower else None,
        p_failed=p_value,
    )


def _incomparable(now: Throughput, stored: Throughput | None, alpha: float) -> str:
    """Why the two cannot be compared; empty when they can."""
    if stored is None:
        return "The stored run has no timings."
    if now.device != stored.device:
        return f"The stored timings are of another device: {stored.device!r}, now {now.device!r}."
    if now.users != stored.users:
        return f"The stored timings are of {stored.users} users a call, now of {now.users}: other batches cost otherwise."
    least = 1.0 / math.comb(len(now.seconds) + len(stored.seconds), len(now.seconds))
    if least > alpha:
        return (
            f"{len(now.seconds)} timings against {len(stored.seconds)} stored ones are too few: the least p-value they "
            f"can give is {least:.2g}, above {alpha:g}."
        )
    return ""


def _p_slower(now: FloatArray, allowed: FloatArray) -> float:
    """One-sided exact p-value of the rank test; ties are broken against "slower", which keeps it exact and valid."""
    return float(mannwhitneyu(now, allowed * (1.0 + _TIE), alternative="greater", method="exact").pvalue)


def _growth(now: FloatArray, stored: FloatArray) -> float:
    """By which share the cost grew: the shift estimate that belongs to the rank test (Hodges and Lehmann 1963), of logs."""
    return float(np.expm1(np.median(np.log(now)[:, None] - np.log(stored)[None, :])))


def _row(unit: str, now: Throughput, stored: Throughput, growth: float, p_value: float) -> str:
    a, b = np.median(now.costs()[unit]), np.median(stored.costs()[unit])
    return f"in {unit}: {a:.4g} a call of {now.users} users, stored {b:.4g}: {growth:+.0%} (p={p_value:.2g})"
