"""Did the training job learn more than which letters are right most often?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rerank_guard.checks._settings import ALPHA
from rerank_guard.core.check import check
from rerank_guard.core.errors import InvalidTraceError
from rerank_guard.core.faults.scoring import POSITION_PRIOR
from rerank_guard.core.finding import Finding, Limit, not_applicable, suspect
from rerank_guard.core.setting import Level
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import IntArray, TrainingTrace
from rerank_guard.core.verdict import Status
from rerank_guard.recording.monitor import TrainingMonitor, feed
from rerank_guard.stats.bets import p_value_of
from rerank_guard.stats.skew import log_e_value_uneven

__all__ = ["loss_below_letter_prior"]

_SHOWN = 5
"""Positions in the evidence row."""

_CAUSE = (
    "The targets' letters are uneven, and a constant distribution over the letters explains them as well as the model "
    "does: it may have learned at which positions target items are, and nothing about the items."
)
_NEXT = (
    "Shuffle the candidates of each training example, so that the target's position is uniform; then train again. If the "
    "loss returns to log N, the candidates' texts do not reach the model or say nothing."
)
_OPEN = (
    "Neither a gain beyond the letters' shares nor one that is theirs alone has been shown.",
    "Train for longer, or on more examples; at the same rate the gain adds up.",
)


@dataclass(frozen=True, slots=True)
class _Late:
    """The last half of the first pass, as far as it has the N of the first example.

    Attributes:
        nll: mean letter NLL, nats; NaN of no example.
        tempered: the smallest mean NLL over the recorded temperatures, nats; `nll` where only that was recorded.
        prior: NLL of the best constant letter distribution in hindsight, corrected for having been fitted, nats.
        chance: log N.
        counts: (N,) how often each position was the target's.
        p_uneven: p-value of uniform positions.
    """

    nll: float
    tempered: float
    prior: float
    chance: float
    counts: IntArray
    p_uneven: float


@check(
    stage=Stage.TRAINING,
    claim="the training job predicts the target's letter better than any constant letter distribution does",
    can_name=(POSITION_PRIOR,),
    looks_like=POSITION_PRIOR,
)
def loss_below_letter_prior(training_trace: TrainingTrace, *, alpha: Level = ALPHA) -> Finding:
    """The job's predictions beat the best constant letter distribution in hindsight.

    Where the target's position is uneven in training, a model can fall below log N by learning the letters' shares alone;
    it then ranks by letter. The predictions are compared with prod_j (c_j/n)^c_j of the letter counts c, the likelihood of
    the best constant distribution, chosen after the fact: prod_t p_t(y_t) over it is an e-process against all of them
    (Wasserman, Ramdas and Balakrishnan 2020; `stats.letters`).

    - PASSED: it reached 1/alpha.
    - FAILED: it did not, the targets' positions over the last half of the first pass are uneven (a Dirichlet-multinomial
      e-value of 1/alpha, `stats.skew`), and the mean NLL there is, at every recorded temperature, at or above the entropy of the positions'
      shares (plus (N-1)/2n for their having been fitted; Miller 1955). At one temperature alone, a job that knows the items
      and is too confident would be failed for its calibration. A job with uniform positions is failed with probability
      alpha at most, whatever it learned.
    - INCONCLUSIVE: the job left chance, and neither holds.
    - NOT_APPLICABLE: the job has not left chance, so there is no gain to be explained and `loss_below_random` says
      what there is to say; or the trace does not record the targets' positions.

    Args:
        training_trace: what the job recorded, by `TraceRecorder.letters`.
        alpha: level at which the prior has to be beaten, chance to be left, and the positions to be uneven.

    Returns:
        The verdict; position-prior where it failed.

    Raises:
        InvalidTraceError: a position outside the candidates.
        SettingError: alpha out of range.
    """
    positions = training_trace.target_index
    if positions is None or len(positions) == 0:
        return not_applicable(
            "the trace does not record the position of each target item",
            "record by TraceRecorder.letters(letter_logits, target_index, ...) to have this checked",
        )
    _require_positions(positions, training_trace.n_candidates)
    monitor, needed = TrainingMonitor(alpha=alpha), math.log(1.0 / alpha)
    feed(monitor, training_trace)
    if monitor.chance.largest < needed:
        return not_applicable(
            "the job has not left chance, so there is no gain to be explained", "see loss_below_random first"
        )
    late = _measure(training_trace, positions)
    status = Status.INCONCLUSIVE
    if monitor.prior.largest >= needed:
        status = Status.PASSED
    elif late.p_uneven <= alpha and late.tempered >= late.prior:
        status = Status.FAILED
    return Finding(
        status,
        measured={
            "letter_nll": late.nll if math.isfinite(late.nll) else None,
            "log10_e_value": monitor.prior.largest / math.log(10.0),
        },
        limits=(Limit("log10_e_value", ">=", -math.log10(alpha)),),
        compared_with={"letter_prior_nll": late.prior, "chance_letter_nll": late.chance},
        n=int(late.counts.sum()),
        evidence=() if status is Status.PASSED else (_commonest(late.counts),),
        suspects=(suspect(POSITION_PRIOR, _CAUSE, _NEXT, statistical=True),) if status is Status.FAILED else (),
        cause=_OPEN[0] if status is Status.INCONCLUSIVE else "",
        next_step=_OPEN[1] if status is Status.INCONCLUSIVE else "",
        p_failed=late.p_uneven,
    )


def _require_positions(positions: IntArray, n_candidates: IntArray) -> None:
    outside = (positions < 0) | (positions >= n_candidates)
    if bool(outside.any()):
        example = int(np.flatnonzero(outside)[0])
        raise InvalidTraceError(
            f"example {example} of the trace has target_index {positions[example]} of {n_candidates[example]} candidates; "
            "positions run from 0 to N - 1."
        )


def _measure(trace: TrainingTrace, positions: IntArray) -> _Late:
    late = np.flatnonzero(trace.first_pass)
    late = late[len(late) // 2 :]
    late = late[trace.n_candidates[late] == trace.n_candidates[0]]
    n = int(trace.n_candidates[0])
    counts = np.bincount(positions[late], minlength=n).astype(np.int64)
    nll = float(trace.letter_nll[late].mean()) if len(late) else math.nan
    by_temperature = (
        () if trace.tempered_nll is None or not len(late) else trace.tempered_nll[late].mean(axis=0).tolist()
    )
    return _Late(
        nll=nll,
        tempered=min((nll, *by_temperature)),
        prior=_entropy(counts) + (len(counts) - 1) / (2.0 * max(1, len(late))),
        chance=math.log(n),
        counts=counts,
        p_uneven=p_value_of(log_e_value_uneven(counts)),
    )


def _entropy(counts: IntArray) -> float:
    """Of the letters' shares, nats: the NLL of the best constant distribution in hindsight."""
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log(shares)).sum())


def _commonest(counts: IntArray) -> str:
    top = np.argsort(-counts, kind="stable")[:_SHOWN]
    shares = ", ".join(f"position {row}: {counts[row] / max(1, counts.sum()):.1%}" for row in top)
    return f"commonest positions of target items: {shares}"
