"""Is scoring as fast as it was in the reference run?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from rerank_guard.core.check import check
from rerank_guard.core.faults.quality import SLOWER
from rerank_guard.core.finding import Finding, not_applicable, suspect
from rerank_guard.core.setting import Level, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.throughput import Throughput
from rerank_guard.core.types import FloatArray
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["no_slowdown"]

_TIE = 1e-9  # relative; far below what a clock resolves


@check(
    stage=Stage.QUALITY,
    claim="scoring is not slower than in the reference run",
    can_name=(SLOWER,),
    rules_out=(SLOWER,),
    looks_like=SLOWER,
)
def no_slowdown(
    measured_throughput: Throughput,
    reference_throughput: Throughput,
    *,
    margin: Share = 0.2,
    alpha: Level = 1e-6,
) -> Finding:
    """Scoring does not take longer than in the reference run by more than the margin.

    Prompts that are scored one by one, logits of the whole vocabulary, another dtype or a lost cache change no ranking
    and may double the cost. The cost of a call is read in three units: in seconds, and in each of the two pieces of
    fixed arithmetic that were timed in turn with it (see `core.throughput.Throughput`). In each unit the R timings of
    now are compared with those of the reference times 1 + margin by the exact one-sided rank test of Mann and Whitney
    (1947); a pair that ties counts as not slower. All three have to be rejected, so that the largest of the three
    p-values decides (an intersection-union test, Berger 1982): a machine that is busy now slows the arithmetic too, and
    one that was busy when the reference run was stored shows in the seconds. A throughput that falls by 30 % is a time
    that grows by 43 %.

    - FAILED, slower: "at most 1 + margin times the reference time" is rejected at alpha, in each unit.
    - NOT_APPLICABLE: the reference timings were taken on another device or of another number of users a call; or there
      are too few timings for any outcome to be significant at alpha (`recording.throughput.FEWEST_REPEATS` on either
      side are enough for 1e-6).
    - PASSED: else, which says that there is no proof of a slowdown beyond the margin.

    Known limit: the p-value is about the timings. What makes two whole processes differ (memory layout, the processor's
    clock) is in all timings of one at once, and is what the margin is for.

    Args:
        measured_throughput: this run's timings.
        reference_throughput: those of the reference run on the same users.
        margin: least growth of the time that counts, in [0, 1).
        alpha: level, for timings that are independent draws.

    Raises:
        SettingError: alpha or margin out of range.
    """
    now, reference = measured_throughput, reference_throughput
    reason = _incomparable(now, reference, alpha)
    if reason:
        return not_applicable(
            reason,
            "Store a run with --rerank-update-reference on the machine that is to judge later ones.",
            claim=f"scoring takes at most {1.0 + margin:g} times as long as in the reference run",
            measured={"users_per_second": now.users_per_second},
            n=len(now.seconds),
        )
    units = [_compared(unit, cost, reference.costs()[unit], margin) for unit, cost in now.costs().items()]
    p_value = max(unit.p_value for unit in units)
    slower = p_value <= alpha
    return Finding(
        Status.FAILED if slower else Status.PASSED,
        claim=(
            f"over {len(now.seconds)} timings of {now.users} users there is no proof that scoring takes more than "
            f"{1.0 + margin:g} times as long as in the reference run"
        ),
        measured={
            # all units have to agree, so the most favourable of them is what was shown
            "growth_of_time": min(unit.growth for unit in units),
            "users_per_second": now.users_per_second,
            "stored_users_per_second": reference.users_per_second,
            "p_value": p_value,
            **{f"growth_in_{unit.name.replace(' ', '_')}": unit.growth for unit in units},
        },
        compared_with={"margin": margin, "alpha": alpha},
        n=len(now.seconds),
        evidence=tuple(unit.row(now.users) for unit in units)[:MAX_EVIDENCE] if slower else (),
        suspects=(suspect(SLOWER, _cause(min(unit.growth for unit in units)), statistical=True),) if slower else (),
        p_failed=p_value,
    )


@dataclass(frozen=True, slots=True)
class _Unit:
    """The cost of a call in one unit, now and in the reference run."""

    name: str
    now: float  # median
    reference: float  # median
    growth: float
    p_value: float

    def row(self, users: int) -> str:
        return (
            f"in {self.name}: {self.now:.4g} a call of {users} users, reference {self.reference:.4g}: "
            f"{self.growth:+.0%} (p={self.p_value:.2g})"
        )


def _compared(name: str, now: FloatArray, reference: FloatArray, margin: float) -> _Unit:
    return _Unit(
        name,
        float(np.median(now)),
        float(np.median(reference)),
        _growth(now, reference),
        _p_slower(now, reference * (1.0 + margin)),
    )


def _incomparable(now: Throughput, reference: Throughput, alpha: float) -> str:
    """Why the two cannot be compared; empty when they can."""
    if now.device != reference.device:
        return f"The reference timings are of another device: {reference.device!r}, now {now.device!r}."
    if now.users != reference.users:
        return (
            f"The reference timings are of {reference.users} users a call, now of {now.users}: another batch has another "
            "cost."
        )
    least = 1.0 / math.comb(len(now.seconds) + len(reference.seconds), len(now.seconds))
    if least > alpha:
        return (
            f"{len(now.seconds)} timings against {len(reference.seconds)} of the reference run are too few: the least "
            f"p-value they can give is {least:.2g}, above {alpha:g}."
        )
    return ""


def _p_slower(now: FloatArray, allowed: FloatArray) -> float:
    """One-sided exact p-value of the rank test; ties are broken against "slower", which keeps it exact and valid."""
    return float(mannwhitneyu(now, allowed * (1.0 + _TIE), alternative="greater", method="exact").pvalue)


def _growth(now: FloatArray, reference: FloatArray) -> float:
    """By which share the cost grew: the shift estimate that belongs to the rank test (Hodges and Lehmann 1963), of logs."""
    return float(np.expm1(np.median(np.log(now)[:, None] - np.log(reference)[None, :])))


def _cause(growth: float) -> str:
    return (
        f"Scoring the same users takes {growth:.0%} longer than in the reference run, on the same device, and by more than "
        "the machine's own pace explains. Probable causes: batches became smaller or prompts are scored one by one, more "
        "of the vocabulary's logits are computed than the last position's, weights are in another dtype, the adapter is "
        "not merged, or a cache is gone."
    )
