"""loss_recorded_per_letter: batch means and impossible values are named; odd but honest losses are not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import chance_nll, learned_nll, make_trace
from rerank_guard.checks.recorded_loss import check_loss_recorded_per_letter
from rerank_guard.stats.letters import mean_rank
from rerank_guard.verdict import MAX_EVIDENCE, Status


def rng(seed=0):
    return np.random.default_rng(seed)


def batch_means(nll, size):
    return np.repeat(nll.reshape(-1, size).mean(axis=1), size)


def in_half(nll, bits=8):
    """Rounded as bfloat16 would."""
    scale = 2.0 ** (np.floor(np.log2(np.maximum(nll, 1e-6))) - bits + 1)
    return np.round(nll / scale) * scale


def ranked(logits, slots, nll=None):
    """A trace with the targets' ranks, and the true letter NLL unless another is given."""
    n = np.full(len(slots), logits.shape[1], dtype=np.int64)
    own = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(slots)), slots]
    trace = make_trace(own if nll is None else nll(own), n=logits.shape[1])
    return replace(trace, target_rank=mean_rank(logits, slots, n), target_index=slots)


@pytest.mark.parametrize(
    "trace",
    [
        make_trace(learned_nll(rng(), 3200), steps=200),
        make_trace(chance_nll(rng(), 3200), steps=200),
        make_trace(chance_nll(rng(), 3200, n=2), n=2, steps=1600),
        make_trace(np.full(3200, math.log(50)), steps=200),  # says the same to everyone
        make_trace(np.full(3200, 3.914), steps=200),
        make_trace(np.r_[learned_nll(rng(), 1600), np.zeros(1600)], steps=200),  # learned to the last digit
        make_trace(in_half(learned_nll(rng(), 3200)), steps=200),
        make_trace(in_half(chance_nll(rng(), 3200, spread=0.005)), steps=1600),  # coarse: pairs are often equal
        make_trace(in_half(chance_nll(rng(), 3200, spread=0.02), bits=5), steps=1600),
        make_trace(learned_nll(rng(), 400), steps=400),  # one example a step
        make_trace(np.where(np.arange(3200) % 10 == 0, np.nan, learned_nll(rng(), 3200)), steps=200),
        make_trace(batch_means(learned_nll(rng(), 64), 16), steps=4),  # four batches are too few to tell
        make_trace(np.r_[learned_nll(rng(), 1000), -1e-7], steps=100),
        # every other pair is the same example twice, as where a sampler draws with replacement from few
        make_trace(
            np.where(np.arange(400) % 4 == 1, np.roll(learned_nll(rng(), 400), 1), learned_nll(rng(), 400)),
            steps=200,
        ),
        # two slots' worth of loss that alternates: constant for most steps, but not different from step to step
        make_trace(np.repeat([0.5, 0.5, 0.5, 2.0] * 50, 16), steps=200),
    ],
)
def test_honest_losses_pass(trace):
    verdict = check_loss_recorded_per_letter(trace)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.cause, verdict.next_step) == (None, "", "")


@pytest.mark.parametrize("seed", range(200))
def test_coarse_losses_of_pairs_are_not_taken_for_means(seed):
    r = rng(seed)
    trace = make_trace(r.integers(2, size=30) * 0.25 + 3.5, steps=15)
    assert check_loss_recorded_per_letter(trace).status is Status.PASSED


@pytest.mark.parametrize("size", [2, 4, 16])
@pytest.mark.parametrize("steps", [100, 200])
def test_batch_means_are_named_whole_steps_and_forward_passes_alike(size, steps):
    verdict = check_loss_recorded_per_letter(make_trace(batch_means(learned_nll(rng(), 3200), size), steps=steps))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "loss-mask-wrong")
    assert verdict.measured["examples_sharing_a_value"] == size
    assert f"every {size} examples" in verdict.cause
    assert verdict.evidence[0].startswith(f"batch 0: all {size} examples have ")
    assert len(verdict.evidence) <= MAX_EVIDENCE


def test_batch_means_with_a_short_last_batch_in_each_pass_are_named():
    sizes = [16, 16, 16, 5] * 20
    values = np.repeat(learned_nll(rng(), len(sizes)), sizes)
    trace = replace(make_trace(values, steps=80), example_step=np.repeat(np.arange(80), sizes))
    assert check_loss_recorded_per_letter(trace).fault == "loss-mask-wrong"


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_true_losses_agree_with_their_ranks(spread):
    r = rng()
    logits, slots = r.normal(scale=spread, size=(2000, 20)), r.integers(20, size=2000)
    assert check_loss_recorded_per_letter(ranked(logits, slots)).status is Status.PASSED
    assert check_loss_recorded_per_letter(ranked(np.round(logits), slots)).status is Status.PASSED, "ties"


@pytest.mark.parametrize(
    "other",
    [
        lambda nll: 0.5 * nll,  # averaged with a learned end of sequence
        lambda nll: 0.1 * nll,  # averaged over the prompt
        lambda nll: nll + math.log(1000.0),  # over the whole vocabulary
        lambda nll: np.roll(nll, 1),  # another example's
    ],
)
def test_losses_that_contradict_their_ranks_are_named(other):
    r = rng()
    logits, slots = r.normal(scale=2.0, size=(2000, 20)), r.integers(20, size=2000)
    verdict = check_loss_recorded_per_letter(ranked(logits, slots, other))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "loss-mask-wrong")
    assert verdict.measured["impossible_share"] > verdict.threshold["impossible_share"]
    assert "target's rank" in verdict.evidence[1]


def test_negative_losses_are_named_by_how_many_there_are():
    all_of_them = check_loss_recorded_per_letter(make_trace(-learned_nll(rng(), 1000) - 0.1))
    assert (all_of_them.status, all_of_them.fault) == (Status.FAILED, "anti-learning")
    some = check_loss_recorded_per_letter(make_trace(learned_nll(rng(), 1000) - 1.5))
    assert (some.status, some.fault) == (Status.FAILED, "loss-mask-wrong")
    assert some.cause
    assert some.next_step
    assert some.evidence


@pytest.mark.parametrize(
    ("level", "words"), [(0.3, "far below chance"), (1.0, "near chance"), (5.0, "far above chance")]
)
def test_where_the_losses_start_is_measured_and_never_failed(level, words):
    nll = level * math.log(50) + 0.01 * rng().normal(size=3200)
    verdict = check_loss_recorded_per_letter(make_trace(nll, steps=200))
    assert verdict.status is Status.PASSED
    assert verdict.measured["start"] == words
    assert verdict.measured["start_over_log_n"] == pytest.approx(level, abs=0.01)
    assert bool(verdict.evidence) == (words != "near chance")


@pytest.mark.parametrize("nll", [np.zeros(0), np.full(100, np.nan)])
def test_a_trace_without_losses_is_not_judged(nll):
    verdict = check_loss_recorded_per_letter(make_trace(nll, steps=10))
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.cause
