"""Are the recorded losses those of the letter, one an example?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rerank_guard.checks.training._loss_scale import loss_scale
from rerank_guard.core.check import check
from rerank_guard.core.faults.supervision import LOSS_MASK_WRONG
from rerank_guard.core.faults.training import ANTI_LEARNING, LOSS_SCALE_WRONG
from rerank_guard.core.finding import Finding, Limit, Strength, Suspected, not_applicable, suspect
from rerank_guard.core.setting import Count, NeededShare, Share
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import BoolArray, FloatArray, TrainingTrace
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["loss_recorded_per_letter"]

_ROUNDING = 0.02
"""Nats by which a loss of half precision may miss a bound."""

_ALONE = 1.25
"""Mean ranks below this are of a target that is first alone (two that tie for the first place have 1.5)."""

_MOSTLY = 0.99
"""Share of negative losses above which the sign is flipped, rather than the loss another one."""

_START_STEPS = 3
_FAR_BELOW, _FAR_ABOVE = 0.6, 3.0
"""What the mean of the first steps is called by, as a share of log N; never failed."""

_LOOK_AT = {
    "far below chance": "a strong base, a target that shows in the prompt, or a mean with other tokens",
    "far above chance": "an over-confident base, or letters read at the wrong position or as the wrong variant",
}

_NEGATIVE = (
    "The recorded losses are negative, so the sign is flipped: it is log p that was recorded, and likely minimised."
)
_NOT_ITS_OWN = "What was recorded is not each example's own letter loss: {}."
_RECORD_OWN = (
    "Record -log p(target letter) of every example, p the softmax over its N letters, before the mean over the batch "
    "(reduction='none') and without end-of-sequence or prompt tokens; or hand the letter logits to TraceRecorder.letters."
)


@dataclass(frozen=True, slots=True)
class _BatchMean:
    """What shows the mean over a batch; see `loss_recorded_per_letter`."""

    min_batches: int
    min_equal: int
    one_value: float
    another_value: float


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the recorded losses show.

    Attributes:
        finite: (E,) whether a loss is a finite number.
        negative: (E,) whether a finite loss is below 0 by more than rounding.
        impossible: (E,) whether it is negative or contradicts the target's rank.
        size: how many examples that were run together share one value; 0 where each has its own.
        batches: how many batches were looked at for that.
    """

    finite: BoolArray
    negative: BoolArray
    impossible: BoolArray
    size: int
    batches: int

    @property
    def impossible_share(self) -> float:
        """Of the finite losses."""
        return float(self.impossible.sum() / self.finite.sum())


@check(
    stage=Stage.TRAINING,
    claim="each training example's recorded loss is its own letter's NLL, not a batch's mean",
    can_name=(LOSS_MASK_WRONG, LOSS_SCALE_WRONG, ANTI_LEARNING),
    rules_out=(LOSS_SCALE_WRONG,),
)
def loss_recorded_per_letter(
    training_trace: TrainingTrace,
    *,
    max_impossible: Share = 0.01,
    max_negative: Count = 0,
    min_batches: Count = 10,
    min_equal: Count = 20,
    one_value: NeededShare = 0.95,
    another_value: NeededShare = 0.9,
) -> Finding:
    """Each example has a value of its own, and one that the NLL of a letter can have.

    Exact, save for allowances for coarse number formats and for the scale. What cannot be:

    - one value for all examples of a step (or of each forward pass of a step) and another for the next: the mean over a
      batch, likely over all of its supervised tokens. Decided from `min_batches` batches and `min_equal` such equalities on;
      a loss that is the same all along, as of a model that gives every user the same scores, is no batch mean, nor are
      losses that are 0. Of losses in a coarse format, equal with probability p to the next one, 20 equalities inside
      batches and 9 differences between them have probability p^20 (1 - p)^9, at most 2e-8.
    - a negative value: -log p is not.
    - where the target's rank r was recorded: an NLL below log r (r letters have at least the target's probability, and
      these sum to 1), or above log N where the target is first alone.

    - losses that are, before the first step, a whole multiple of what a model that knows nothing has, or 1 over one, and as
      even as that model's (see `_loss_scale`): the accumulation steps. This one is a test of the first batch, and counts as
      measured; a base that knows some answers has losses that spread further.

    Measured besides, and never failed by itself: the mean of the first three steps over log N. An untrained reranker starts
    near 1. Far below may be a strong base, a target that shows in the prompt, or a mean with tokens other than the letter;
    far above may be an over-confident base, or letters read at the wrong position or as the wrong variant. `start` says
    which, and the evidence what to look at. Values that are not finite are left to `loss_below_random`.

    Args:
        training_trace: what the job recorded.
        max_impossible: share of the losses up to which those that are negative or contradict the target's rank are let
            pass.
        max_negative: how many negative ones are let pass among these; the figure is shown where any may be.
        min_batches: fewest batches with one value of which a mean is suspected, 2 or more.
        min_equal: fewest equalities inside them; fewer may be a coarse number format's.
        one_value: least share of the batches that have one value.
        another_value: least share of neighbouring ones that have another.

    Returns:
        PASSED; FAILED with loss-scale-wrong, with loss-mask-wrong, or with anti-learning where nearly all values are negative; NOT_APPLICABLE
        where no finite loss was recorded.

    Raises:
        SettingError: a setting out of range.
    """
    if not np.isfinite(training_trace.letter_nll).any():
        return not_applicable("the trace holds no finite letter NLL", "see loss_below_random first")
    recorded = _measure(training_trace, _BatchMean(max(2, min_batches), min_equal, one_value, another_value))
    suspected, rows = _decide(training_trace, recorded, max_impossible, max_negative)
    start, words = _start(training_trace, recorded.finite)
    return Finding(
        Status.PASSED if suspected is None else Status.FAILED,
        measured={
            "impossible_share": recorded.impossible_share,
            **({"negative_losses": int(recorded.negative.sum())} if max_negative else {}),
            "examples_sharing_a_value": recorded.size or 1,
            "batches_looked_at": recorded.batches,
            "start_over_log_n": start,
            "start": words,
        },
        limits=(
            Limit("impossible_share", "<=", max_impossible),
            Limit("examples_sharing_a_value", "<=", 1),
            *((Limit("negative_losses", "<=", max_negative),) if max_negative else ()),
        ),
        n=int(recorded.finite.sum()),
        evidence=(*rows[: MAX_EVIDENCE - 1], *_start_row(start, words)),
        suspects=() if suspected is None else (suspected,),
    )


def _measure(trace: TrainingTrace, batch_mean: _BatchMean) -> _Recorded:
    finite = np.isfinite(trace.letter_nll)
    negative = finite & (trace.letter_nll < -_ROUNDING)
    size, batches = _block_with_one_value(trace, batch_mean)
    return _Recorded(finite, negative, negative | (_contradicts_rank(trace) & finite), size, batches)


def _decide(
    trace: TrainingTrace, recorded: _Recorded, max_impossible: float, max_negative: int
) -> tuple[Suspected | None, list[str]]:
    """The fault with what was seen of it, and rows that show it."""
    too_many = recorded.negative.sum() > max_negative
    if too_many and recorded.negative.sum() > _MOSTLY * recorded.finite.sum():
        return suspect(ANTI_LEARNING, _NEGATIVE), _rows(trace, recorded.negative)
    if recorded.size:
        what = f"every {recorded.size} examples that were run together share one value, as of the mean over a batch"
        return suspect(LOSS_MASK_WRONG, _NOT_ITS_OWN.format(what), _RECORD_OWN), _block_rows(trace, recorded.size)
    if (scale := loss_scale(trace)) and not too_many:
        row = f"the first {scale.n} examples: mean loss {scale.mean:.3f}, mean log N {scale.chance:.3f}"
        cause = (
            f"Before the job has learned anything its losses are {scale.words} what a model that knows nothing has, and as "
            "even as such a model's: they are divided by, or summed over, the accumulation steps."
        )
        return Suspected(LOSS_SCALE_WRONG, Strength.MEASURED, cause), [row]
    if recorded.impossible_share > max_impossible or too_many:
        what = f"{recorded.impossible.sum()} values are none that a letter's NLL can have"
        return suspect(LOSS_MASK_WRONG, _NOT_ITS_OWN.format(what), _RECORD_OWN), _rows(trace, recorded.impossible)
    return None, []


def _blocks(trace: TrainingTrace, size: int) -> FloatArray:
    """(B, size) losses in the order of training, the steps of the commonest number of examples cut into blocks of `size`."""
    counts = np.bincount(trace.example_step)
    usual = _usual_size(trace)
    kept = counts[trace.example_step] == usual
    order = np.argsort(trace.example_step[kept], kind="stable")
    blocks: FloatArray = trace.letter_nll[kept][order].reshape(-1, size)
    return blocks


def _usual_size(trace: TrainingTrace) -> int:
    counts = np.bincount(trace.example_step)
    sizes, times = np.unique(counts[counts > 0], return_counts=True)
    return int(sizes[(sizes * times).argmax()])


def _block_with_one_value(trace: TrainingTrace, least: _BatchMean) -> tuple[int, int]:
    """The largest number of examples run together that share one value (0 for none), and how many batches were looked at."""
    usual = _usual_size(trace)
    for size in (size for size in range(usual, 1, -1) if usual % size == 0):
        blocks = _blocks(trace, size)
        blocks = blocks[np.isfinite(blocks).all(axis=1)]
        blocks = blocks[(np.abs(blocks) > 1e-6).any(axis=1)]  # losses of 0 are equal without being a mean
        constant: BoolArray = blocks.max(axis=1, initial=-np.inf) == blocks.min(axis=1, initial=np.inf)
        values = blocks[constant, 0]
        if len(values) < least.min_batches or len(values) * (size - 1) < least.min_equal:
            continue
        differ = float((np.diff(values) != 0.0).mean())
        if float(constant.mean()) >= least.one_value and differ >= least.another_value:
            return size, len(blocks)
    return 0, len(trace.letter_nll) // usual if usual > 1 else 0


def _contradicts_rank(trace: TrainingTrace) -> BoolArray:
    """(E,) whether an NLL is out of what the target's recorded rank allows."""
    rank = trace.target_rank
    if rank is None:
        return np.zeros(len(trace.letter_nll), dtype=np.bool_)
    too_small = trace.letter_nll < np.log(np.maximum(rank, 1.0)) - _ROUNDING
    too_large = (rank < _ALONE) & (trace.letter_nll > np.log(trace.n_candidates) + _ROUNDING)
    contradiction: BoolArray = too_small | too_large
    return contradiction


def _start(trace: TrainingTrace, finite: BoolArray) -> tuple[float | None, str]:
    """Mean loss of the first steps over log N, and what to call it."""
    first = finite & (trace.example_step < _START_STEPS) & trace.first_pass
    chance = float(np.log(trace.n_candidates[first]).mean()) if first.any() else 0.0
    if chance == 0.0:  # no example, or none with a choice
        return None, "not recorded"
    ratio = float(trace.letter_nll[first].mean()) / chance
    if ratio < _FAR_BELOW:
        return ratio, "far below chance"
    return ratio, "far above chance" if ratio > _FAR_ABOVE else "near chance"


def _start_row(start: float | None, words: str) -> tuple[str, ...]:
    look_at = _LOOK_AT.get(words)
    return (f"the first {_START_STEPS} steps have {start:.2f} of log N: {look_at}",) if look_at and start else ()


def _rows(trace: TrainingTrace, which: BoolArray) -> list[str]:
    rows = [f"{int(which.sum())} of {len(which)} recorded losses cannot be a letter's NLL"]
    for example in np.flatnonzero(which)[:3]:
        rank = "" if trace.target_rank is None else f", target's rank {trace.target_rank[example]:g}"
        n = trace.n_candidates[example]
        rows.append(
            f"example {example} (step {trace.example_step[example]}): {trace.letter_nll[example]:.4f}, N={n}{rank}"
        )
    return rows


def _block_rows(trace: TrainingTrace, size: int) -> list[str]:
    return [
        f"batch {number}: all {size} examples have {block[0]:.6f}"
        for number, block in enumerate(_blocks(trace, size)[:4])
    ]
