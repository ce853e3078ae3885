"""What the recorded losses say of themselves: are they the letter's, one an example, and how did they go wrong?"""

from __future__ import annotations

import math

import numpy as np

from rerank_guard.stats.bets import log_e_value_above
from rerank_guard.types import BoolArray, FloatArray, IntArray, TrainingTrace
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["avoids_the_target", "blew_up", "check_loss_recorded_per_letter", "quarters", "warms_up_to_the_end"]

_FEWEST_BLOCKS = 10
_FEWEST_EQUAL = 20
"""Blocks, and equalities inside them, below which equal values may be a coarse number format's."""

_CONSTANT = 0.95
_DIFFERENT = 0.9
"""Shares of the blocks with one value, and of neighbouring blocks with another: a batch mean has both. Of losses in a
coarse format, equal with probability p to the next one, 20 equalities inside blocks and 9 differences between them have
probability p^20 (1 - p)^9, at most 2e-8."""

_ROUNDING = 0.02
"""Nats by which a loss of half precision may miss a bound."""

_MOST_IMPOSSIBLE = 0.01
_MOSTLY = 0.99
_START_STEPS = 3
_FAR_BELOW, _FAR_ABOVE = 0.6, 3.0
_ALPHA = 1e-6

_EXPLANATIONS = {
    "loss-mask-wrong": (
        "What was recorded is not each example's own letter loss: {}.",
        "Record -log p(target letter) of every example, p the softmax over its N letters, before the mean over the batch "
        "(reduction='none') and without end-of-sequence or prompt tokens; or hand the letter logits to "
        "TraceRecorder.letters.",
    ),
    "anti-learning": (
        "The recorded losses are negative, so the sign is flipped: it is log p that was recorded, and likely minimised.",
        "Take -log p(target letter) as the loss, and check the sign of what backward is called on.",
    ),
}


def check_loss_recorded_per_letter(trace: TrainingTrace) -> Verdict:
    """Each example has a value of its own, and one that the NLL of a letter can have.

    Exact, save for allowances for coarse number formats. What cannot be:

    - one value for all examples of a step (or of each forward pass of a step) and another for the next: the mean over a
      batch, likely over all of its supervised tokens. Told from 10 batches and 20 such equalities on; a loss that is the
      same all along, as of a model that says the same to everyone, is no batch mean, nor are losses that are 0.
    - a negative value: -log p is not.
    - where the target's rank r was recorded: an NLL below log r (r letters have at least the target's probability, and
      these sum to 1), or above log N where the target is first alone.

    Measured besides, and never failed by itself: the mean of the first three steps over log N. An untrained reranker starts
    near 1. Far below may be a strong base, a target that shows in the prompt, or a mean with tokens other than the letter;
    far above may be an over-confident base, or letters read at the wrong position or as the wrong variant. `start` says
    which, and the evidence what to look at. Values that are not finite are left to `check_loss_below_random`.

    Args:
        trace: what the job recorded.

    Returns:
        PASSED; FAILED with loss-mask-wrong, or with anti-learning where nearly all values are negative; NOT_APPLICABLE
        where no finite loss was recorded.
    """
    finite = np.isfinite(trace.letter_nll)
    claim = "each training example's recorded loss is its own letter's NLL"
    if not finite.any():
        return Verdict(
            check="loss_recorded_per_letter",
            status=Status.NOT_APPLICABLE,
            claim=claim,
            measured={},
            threshold={},
            n=0,
            cause="the trace holds no finite letter NLL",
            next_step="see loss_below_random first",
        )
    size, blocks = _block_with_one_value(trace)
    negative, unlike_rank = finite & (trace.letter_nll < -_ROUNDING), _contradicts_rank(trace) & finite
    impossible = negative | unlike_rank
    share = float(impossible.sum() / finite.sum())
    fault, what, rows = None, "", []
    if negative.sum() > _MOSTLY * finite.sum():
        fault, rows = "anti-learning", _rows(trace, negative)
    elif size:
        fault = "loss-mask-wrong"
        what = f"every {size} examples that were run together share one value, as of the mean over a batch"
        rows = _block_rows(trace, size)
    elif share > _MOST_IMPOSSIBLE or negative.any():
        fault, rows = "loss-mask-wrong", _rows(trace, impossible)
        what = f"{impossible.sum()} values are none that a letter's NLL can have"
    start, words = _start(trace, finite)
    cause, next_step = _EXPLANATIONS[fault] if fault else ("", "")
    return Verdict(
        check="loss_recorded_per_letter",
        status=Status.FAILED if fault else Status.PASSED,
        claim=claim,
        measured={
            "impossible_share": share,
            "examples_sharing_a_value": size or 1,
            "batches_looked_at": blocks,
            "start_over_log_n": start,
            "start": words,
        },
        threshold={"impossible_share": _MOST_IMPOSSIBLE, "examples_sharing_a_value": 1},
        n=int(finite.sum()),
        evidence=(*rows[: MAX_EVIDENCE - 1], *_start_row(start, words)),
        cause=cause.format(what),
        next_step=next_step,
        fault=fault,
    )


def avoids_the_target(trace: TrainingTrace, examples: IntArray) -> bool | None:
    """Whether these examples' targets are ranked worse than a model that knows nothing would rank them.

    A model that knows nothing, however confident, has E[(r - 1)/(N - 1)] = 1/2 of the target's rank r. One that always
    prefers one wrong letter (trained on the next slot's, say) and else knows nothing has 1/2 + 1/(2(N - 1)). Only where
    a mean of that or less is rejected at 1e-6 does the model know the target and avoid it. At N=2 it never is.

    Args:
        trace: of the job.
        examples: indices of first-pass examples.

    Returns:
        None where no ranks were recorded.
    """
    if trace.target_rank is None:
        return None
    examples = examples[np.isfinite(trace.target_rank[examples])]
    others = trace.n_candidates[examples].astype(np.float64) - 1.0
    places = np.clip((trace.target_rank[examples] - 1.0) / others, 0.0, 1.0)
    return log_e_value_above(places, 0.5 + 0.5 / others) >= math.log(1.0 / _ALPHA)


def blew_up(trace: TrainingTrace) -> bool:
    """Whether a tenth of the first pass has a mean NLL above 1.5 times both chance and what the job started with."""
    parts = [part for part in np.array_split(np.flatnonzero(trace.first_pass), 10) if len(part)]
    levels = [float(trace.letter_nll[part].mean()) for part in parts]
    chance = [float(np.log(trace.n_candidates[part]).mean()) for part in parts]
    first_step = trace.first_pass & (trace.example_step == trace.example_step[parts[0][0]])
    start = float(trace.letter_nll[first_step].mean())
    return any(level > 1.5 * max(c, start) for level, c in zip(levels, chance, strict=True))


def warms_up_to_the_end(trace: TrainingTrace) -> bool:
    """Whether the learning rate was still rising when the job ended."""
    rates = trace.learning_rate
    return len(rates) > 1 and bool((np.diff(rates) >= 0.0).all()) and float(rates[-1]) > 1.05 * float(rates.mean())


def quarters(trace: TrainingTrace) -> tuple[str, ...]:
    """How the letter NLL went, a quarter of the first pass a row."""
    parts = [part for part in np.array_split(np.flatnonzero(trace.first_pass), 4) if len(part)]
    return tuple(
        f"first-pass examples {part[0]} to {part[-1]}: letter NLL {trace.letter_nll[part].mean():.3f}, "
        f"mean log N {np.log(trace.n_candidates[part]).mean():.3f}"
        for part in parts
    )


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


def _block_with_one_value(trace: TrainingTrace) -> tuple[int, int]:
    """The largest number of examples run together that share one value (0 for none), and how many batches were looked at."""
    usual = _usual_size(trace)
    for size in (size for size in range(usual, 1, -1) if usual % size == 0):
        blocks = _blocks(trace, size)
        blocks = blocks[np.isfinite(blocks).all(axis=1)]
        blocks = blocks[(np.abs(blocks) > 1e-6).any(axis=1)]  # losses of 0 are equal without being a mean
        constant: BoolArray = blocks.max(axis=1, initial=-np.inf) == blocks.min(axis=1, initial=np.inf)
        values = blocks[constant, 0]
        enough = len(values) >= _FEWEST_BLOCKS and len(values) * (size - 1) >= _FEWEST_EQUAL
        if enough and float(constant.mean()) >= _CONSTANT and float((np.diff(values) != 0.0).mean()) >= _DIFFERENT:
            return size, len(blocks)
    return 0, len(trace.letter_nll) // usual if usual > 1 else 0


def _contradicts_rank(trace: TrainingTrace) -> BoolArray:
    """(E,) whether an NLL is out of what the target's recorded rank allows."""
    rank = trace.target_rank
    if rank is None:
        return np.zeros(len(trace.letter_nll), dtype=np.bool_)
    too_small = trace.letter_nll < np.log(np.maximum(rank, 1.0)) - _ROUNDING
    too_large = (rank < 1.25) & (trace.letter_nll > np.log(trace.n_candidates) + _ROUNDING)
    contradiction: BoolArray = too_small | too_large
    return contradiction


def _start(trace: TrainingTrace, finite: BoolArray) -> tuple[float | None, str]:
    """Mean loss of the first steps over log N, and what to call it."""
    first = finite & (trace.example_step < _START_STEPS) & trace.first_pass
    if not first.any():
        return None, "not recorded"
    ratio = float(trace.letter_nll[first].mean() / np.log(trace.n_candidates[first]).mean())
    if ratio < _FAR_BELOW:
        return ratio, "far below chance"
    return ratio, "far above chance" if ratio > _FAR_ABOVE else "near chance"


def _start_row(start: float | None, words: str) -> tuple[str, ...]:
    look_at = {
        "far below chance": "a strong base, a target that shows in the prompt, or a mean with other tokens",
        "far above chance": "an over-confident base, or letters read at the wrong position or as the wrong variant",
    }.get(words)
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
