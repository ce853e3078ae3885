"""loss_recorded_per_letter: batch means and impossible values are named; odd but honest losses are not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import chance_nll, learned_nll, make_trace
from guard.limits import missed
from rerank_guard.checks.training.loss_recorded_per_letter import loss_recorded_per_letter
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import MAX_EVIDENCE, Status
from rerank_guard.stats.letters import mean_rank


def rng(seed=0):
    return np.random.default_rng(seed)


def batch_means(nll, size):
    return np.repeat(nll.reshape(-1, size).mean(axis=1), size)


def in_half(nll, bits=8):
    """Rounded as bfloat16 would."""
    scale = 2.0 ** (np.floor(np.log2(np.maximum(nll, 1e-6))) - bits + 1)
    return np.round(nll / scale) * scale


def ranked(logits, positions, nll=None):
    """A trace with the targets' ranks, and the true letter NLL unless another is given."""
    n = np.full(len(positions), logits.shape[1], dtype=np.int64)
    own = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(positions)), positions]
    trace = make_trace(own if nll is None else nll(own), n=logits.shape[1])
    return replace(trace, target_rank=mean_rank(logits, positions, n), target_index=positions)


@pytest.mark.parametrize(
    "trace",
    [
        make_trace(learned_nll(rng(), 3200), steps=200),
        make_trace(chance_nll(rng(), 3200), steps=200),
        make_trace(chance_nll(rng(), 3200, n=2), n=2, steps=1600),
        make_trace(np.full(3200, math.log(50)), steps=200),  # the same to every user
        make_trace(np.r_[learned_nll(rng(), 1600), np.zeros(1600)], steps=200),  # learned to the last digit
        make_trace(in_half(learned_nll(rng(), 3200)), steps=200),
        make_trace(in_half(chance_nll(rng(), 3200, spread=0.005)), steps=1600),  # coarse: pairs are often equal
        make_trace(in_half(chance_nll(rng(), 3200, spread=0.02), bits=5), steps=1600),
        make_trace(learned_nll(rng(), 400), steps=400),  # one example a step
        make_trace(np.where(np.arange(3200) % 10 == 0, np.nan, learned_nll(rng(), 3200)), steps=200),
        make_trace(batch_means(learned_nll(rng(), 64), 16), steps=4),  # four batches are too few to tell
        make_trace(batch_means(learned_nll(rng(), 144), 16), steps=9),  # and so are nine
        make_trace(np.r_[learned_nll(rng(), 1000), -1e-7], steps=100),
        # every other pair is the same example twice, as where a sampler draws with replacement from few
        make_trace(
            np.where(np.arange(400) % 4 == 1, np.roll(learned_nll(rng(), 400), 1), learned_nll(rng(), 400)),
            steps=200,
        ),
        # a loss that alternates between two values: constant for most steps, but not different from step to step
        make_trace(np.repeat([0.5, 0.5, 0.5, 2.0] * 50, 16), steps=200),
    ],
)
def test_honest_losses_pass(trace):
    verdict = loss_recorded_per_letter(trace)
    assert verdict.status is Status.PASSED, verdict
    assert (verdict.fault, verdict.suspects, verdict.cause, verdict.next_step) == (None, (), "", "")
    assert missed(verdict) == set()


@pytest.mark.parametrize("seed", range(3))
def test_coarse_losses_of_pairs_are_not_taken_for_means(seed):
    r = rng(seed)
    trace = make_trace(r.integers(2, size=30) * 0.25 + 3.5, steps=15)
    assert loss_recorded_per_letter(trace).status is Status.PASSED


@pytest.mark.parametrize(("size", "steps"), [(2, 200), (4, 200), (16, 200), (16, 100)])
def test_batch_means_are_named_whole_steps_and_forward_passes_alike(size, steps):
    verdict = loss_recorded_per_letter(make_trace(batch_means(learned_nll(rng(), 3200), size), steps=steps))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "loss-mask-wrong")
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.measured["examples_sharing_a_value"] == size
    assert verdict.measured["batches_looked_at"] == 3200 // size
    assert str(size) in verdict.cause
    assert len(verdict.evidence) <= MAX_EVIDENCE
    assert missed(verdict) == {"examples_sharing_a_value"}


def test_ten_batches_and_twenty_equal_neighbours_are_enough():
    ten = loss_recorded_per_letter(make_trace(batch_means(learned_nll(rng(), 160), 16), steps=10))
    assert ten.fault == "loss-mask-wrong"
    for pairs, fault in ((19, None), (20, "loss-mask-wrong")):
        trace = make_trace(batch_means(learned_nll(rng(), 2 * pairs), 2), steps=pairs)
        assert loss_recorded_per_letter(trace).fault == fault


def test_batch_means_with_a_short_last_batch_in_each_pass_are_named():
    sizes = [16, 16, 16, 5] * 20
    values = np.repeat(learned_nll(rng(), len(sizes)), sizes)
    trace = replace(make_trace(values, steps=80), example_step=np.repeat(np.arange(80), sizes))
    assert loss_recorded_per_letter(trace).fault == "loss-mask-wrong"


@pytest.mark.parametrize("spread", [0.1, 4.0])
def test_true_losses_agree_with_their_ranks(spread):
    r = rng()
    logits, positions = r.normal(scale=spread, size=(2000, 20)), r.integers(20, size=2000)
    assert loss_recorded_per_letter(ranked(logits, positions)).status is Status.PASSED
    assert loss_recorded_per_letter(ranked(np.round(logits), positions)).status is Status.PASSED, "ties"


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
    logits, positions = r.normal(scale=2.0, size=(2000, 20)), r.integers(20, size=2000)
    verdict = loss_recorded_per_letter(ranked(logits, positions, other))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "loss-mask-wrong")
    assert missed(verdict) == {"impossible_share"}
    assert "target's rank" in verdict.evidence[1]


@pytest.mark.parametrize(("rank", "nll"), [(4.0, math.log(4.0) - 0.03), (1.0, math.log(50) + 0.03)])
def test_one_contradiction_in_a_hundred_is_let_pass_and_the_share_is_a_setting(rank, nll):
    def trace(wrong):
        losses, ranks = learned_nll(rng(), 400, low=2.0), np.ones(400)
        losses, ranks[:wrong] = np.minimum(losses, 3.5), rank
        losses[:wrong] = nll
        return replace(make_trace(losses, steps=400), target_rank=ranks)

    assert loss_recorded_per_letter(trace(4)).status is Status.PASSED
    failed = loss_recorded_per_letter(trace(5))
    assert failed.fault == "loss-mask-wrong"
    assert failed.measured["impossible_share"] == 5 / 400
    assert loss_recorded_per_letter(trace(5), max_impossible=0.0125).status is Status.PASSED
    assert loss_recorded_per_letter(trace(1), max_impossible=0.0).fault == "loss-mask-wrong"
    with pytest.raises(RerankGuardError, match="max_impossible=2"):
        loss_recorded_per_letter(trace(0), max_impossible=2)


def test_a_target_that_ties_for_the_first_place_has_no_upper_bound():
    trace = make_trace(np.full(400, math.log(50) + 0.03), steps=400)
    assert loss_recorded_per_letter(replace(trace, target_rank=np.full(400, 1.5))).status is Status.PASSED
    assert loss_recorded_per_letter(replace(trace, target_rank=np.ones(400))).fault == "loss-mask-wrong"


@pytest.mark.parametrize(("steps", "batches"), [(200, 200), (1600, 1600), (3200, 0)])
def test_batches_are_looked_at_where_they_hold_more_than_one_example(steps, batches):
    measured = loss_recorded_per_letter(make_trace(learned_nll(rng(), 3200), steps=steps)).measured
    assert measured["batches_looked_at"] == batches
    assert measured["examples_sharing_a_value"] == 1


def test_negative_losses_are_named_by_how_many_there_are():
    all_of_them = loss_recorded_per_letter(make_trace(-learned_nll(rng(), 1000) - 0.1))
    assert (all_of_them.status, all_of_them.fault) == (Status.FAILED, "anti-learning")
    some = loss_recorded_per_letter(make_trace(learned_nll(rng(), 1000) - 1.5))
    assert (some.status, some.fault) == (Status.FAILED, "loss-mask-wrong")
    assert some.cause
    assert some.next_step
    assert some.evidence


def test_a_single_negative_loss_fails_whatever_the_share_and_rounding_does_not():
    for last, fault in ((-0.021, "loss-mask-wrong"), (-0.019, None)):
        trace = make_trace(np.r_[learned_nll(rng(), 999), last], steps=1000)
        assert loss_recorded_per_letter(trace, max_impossible=0.99).fault == fault
        within = loss_recorded_per_letter(trace, max_negative=1)
        assert (within.status, within.measured["negative_losses"]) == (Status.PASSED, int(fault is not None))


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (0.3, "far below chance"),
        (0.58, "far below chance"),
        (0.62, "near chance"),
        (1.0, "near chance"),
        (2.9, "near chance"),
        (3.1, "far above chance"),
        (5.0, "far above chance"),
    ],
)
def test_where_the_losses_start_is_measured_and_never_failed(level, words):
    nll = level * math.log(50) * np.where(np.arange(3200) % 2, 1.4, 0.6)  # too uneven to be a constant times chance
    nll[3 * 16 :] = learned_nll(rng(), 3200 - 3 * 16)  # the first three steps alone count
    verdict = loss_recorded_per_letter(make_trace(nll, steps=200))
    assert verdict.status is Status.PASSED
    assert verdict.measured["start"] == words
    assert verdict.measured["start_over_log_n"] == pytest.approx(level, abs=0.01)
    assert bool(verdict.evidence) == (words != "near chance")


def test_a_start_without_first_pass_examples_or_without_a_choice_is_not_recorded():
    nll = learned_nll(rng(), 100)
    for trace in (make_trace(nll, first_pass=np.arange(100) > 50), make_trace(nll, n=1)):
        verdict = loss_recorded_per_letter(trace)
        assert (verdict.measured["start"], verdict.measured["start_over_log_n"]) == ("not recorded", None)


@pytest.mark.parametrize("nll", [np.zeros(0), np.full(100, np.nan)])
def test_a_trace_without_losses_is_not_judged(nll):
    verdict = loss_recorded_per_letter(make_trace(nll, steps=10))
    assert verdict.status is Status.NOT_APPLICABLE
    assert verdict.cause
