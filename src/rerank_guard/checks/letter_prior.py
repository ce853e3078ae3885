"""Did the training job learn more than which letters are right most often?"""

from __future__ import annotations

import math

import numpy as np

from rerank_guard.checks._settings import ALPHA, require_settings
from rerank_guard.errors import InvalidTraceError
from rerank_guard.monitor import TrainingMonitor, feed
from rerank_guard.stats.bets import p_value_of
from rerank_guard.stats.skew import log_e_value_uneven
from rerank_guard.types import IntArray, TrainingTrace
from rerank_guard.verdict import Status, Verdict

__all__ = ["check_loss_below_letter_prior"]

_CAUSE = (
    "The targets' letters are uneven, and a constant distribution over the letters explains them as well as the model "
    "does: it may have learned where targets stand, and nothing about the items."
)
_NEXT = (
    "Shuffle the candidates of each training example, so that the target's slot is uniform; then train again. If the "
    "loss returns to log N, the candidates' texts do not reach the model or say nothing."
)


def check_loss_below_letter_prior(trace: TrainingTrace, *, alpha: float = ALPHA) -> Verdict:
    """The job's predictions beat the best constant letter distribution in hindsight.

    Where the target's slot is uneven in training, a model can fall below log N by learning the letters' shares alone; it
    then ranks by letter. Held against it is prod_j (c_j/n)^c_j of the letter counts c, the likelihood of the best
    constant distribution, chosen after the fact: prod_t p_t(y_t) over it is an e-process against all of them (Wasserman,
    Ramdas and Balakrishnan 2020; `stats.letters`).

    - PASSED: it reached 1/alpha.
    - FAILED: it did not, the targets' slots over the last half of the first pass are uneven (a Dirichlet-multinomial
      e-value of 1/alpha, `stats.skew`), and the mean NLL there is at or above the entropy of the slots' shares
      (plus (N-1)/2n for their having been fitted; Miller 1955). A job with uniform slots is failed with probability
      alpha at most, whatever it learned.
    - INCONCLUSIVE: the job left chance, and neither holds.
    - NOT_APPLICABLE: the job has not left chance, so there is no gain to be explained and `check_loss_below_random` says
      what there is to say; or the trace does not tell the targets' slots.

    Args:
        trace: what the job recorded, by `TraceRecorder.letters`.
        alpha: level at which the prior has to be beaten.

    Raises:
        InvalidTraceError: a slot outside the candidates.
        RerankGuardError: alpha out of range.
    """
    require_settings(alpha)
    slots = trace.target_index
    claim = "the training job predicts the target's letter better than any constant letter distribution does"
    if slots is None or len(slots) == 0:
        return _not_applicable(
            claim,
            "the trace does not say at which slot each target stood",
            "record by TraceRecorder.letters(letter_logits, target_index, ...) to have this checked",
        )
    _require_slots(slots, trace.n_candidates)
    monitor = TrainingMonitor(alpha=alpha)
    feed(monitor, trace)
    if monitor.chance.largest < math.log(1.0 / alpha):
        return _not_applicable(
            claim, "the job has not left chance, so there is no gain to be explained", "see loss_below_random first"
        )
    late = np.flatnonzero(trace.first_pass)
    late = late[len(late) // 2 :]
    late = late[trace.n_candidates[late] == trace.n_candidates[0]]
    nll = float(trace.letter_nll[late].mean()) if len(late) else math.nan
    chance = math.log(float(trace.n_candidates[0]))
    counts = np.bincount(slots[late], minlength=int(trace.n_candidates[0]))
    entropy = _entropy(counts) + (len(counts) - 1) / (2.0 * max(1, len(late)))
    p_uneven = p_value_of(log_e_value_uneven(counts))
    if monitor.prior.largest >= math.log(1.0 / alpha):
        status = Status.PASSED
    elif p_uneven <= alpha and nll >= entropy:
        status = Status.FAILED
    else:
        status = Status.INCONCLUSIVE
    cause, next_step = "", ""
    if status is Status.FAILED:
        cause, next_step = _CAUSE, _NEXT
    elif status is Status.INCONCLUSIVE:
        cause = "Neither a gain beyond the letters' shares nor one that is theirs alone has been shown."
        next_step = "Train for longer, or on more examples; at the same rate the gain adds up."
    top = np.argsort(-counts, kind="stable")[:5]
    return Verdict(
        check="loss_below_letter_prior",
        status=status,
        claim=claim,
        measured={
            "letter_nll": nll,
            "log10_e_value": monitor.prior.largest / math.log(10.0),
        },
        threshold={
            "letter_prior_nll": entropy,
            "chance_letter_nll": chance,
            "log10_e_value": -math.log10(alpha),
        },
        n=len(late),
        evidence=()
        if status is Status.PASSED
        else (
            "commonest target slots: "
            + ", ".join(f"slot {slot}: {counts[slot] / max(1, counts.sum()):.1%}" for slot in top),
        ),
        cause=cause,
        next_step=next_step,
        fault="position-prior" if status is Status.FAILED else None,
        p_failed=p_uneven,
    )


def _not_applicable(claim: str, cause: str, next_step: str) -> Verdict:
    return Verdict(
        check="loss_below_letter_prior",
        status=Status.NOT_APPLICABLE,
        claim=claim,
        measured={},
        threshold={},
        n=0,
        cause=cause,
        next_step=next_step,
    )


def _entropy(counts: IntArray) -> float:
    """Of the letters' shares, nats: the NLL of the best constant distribution in hindsight."""
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log(shares)).sum())


def _require_slots(slots: IntArray, n_candidates: IntArray) -> None:
    outside = (slots < 0) | (slots >= n_candidates)
    if bool(outside.any()):
        example = int(np.flatnonzero(outside)[0])
        raise InvalidTraceError(
            f"example {example} of the trace has target_index {slots[example]} of {n_candidates[example]} candidates; "
            "slots run from 0 to N - 1."
        )
