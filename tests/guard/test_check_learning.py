"""loss_below_random: the sound twin passes, each saboteur is named, and no verdict comes by luck."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guard.builders import chance_nll, learned_nll, make_trace
from rerank_guard.checks import check_loss_below_random
from rerank_guard.errors import InvalidTraceError, RerankGuardError
from rerank_guard.monitor import TrainingMonitor, feed
from rerank_guard.stats.letters import mean_rank
from rerank_guard.types import TrainingTrace
from rerank_guard.verdict import Status


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_job_that_learned_passes_and_shows_its_figures():
    nll = learned_nll(rng(), 3000)
    verdict = check_loss_below_random(make_trace(nll))
    assert verdict.status is Status.PASSED
    window = nll[1500:]
    assert verdict.n == 1500
    assert next(iter(verdict.measured)) == "letter_nll"
    assert verdict.measured["letter_nll"] == pytest.approx(window.mean(), abs=1e-10)
    assert verdict.measured["gain"] == pytest.approx((math.log(50) - window).mean(), abs=1e-10)
    monitor = TrainingMonitor()
    feed(monitor, make_trace(nll))
    assert verdict.measured["log10_e_value"] == pytest.approx(monitor.log10_e_value, rel=1e-10)
    assert 1 <= verdict.measured["decided_after_steps"] == monitor.decided_after
    assert verdict.measured["first_half_letter_nll"] == pytest.approx(nll[:1500].mean(), abs=1e-10)
    assert verdict.threshold["chance_letter_nll"] == pytest.approx(math.log(50))
    assert (verdict.fault, verdict.cause) == (None, "")


@pytest.mark.parametrize(
    ("trace", "fault"),
    [
        (make_trace(chance_nll(rng(), 3000)), "no-signal"),
        (make_trace(np.full(3000, math.log(50))), "no-signal"),
        (make_trace(np.full(3000, 3.914)), "no-signal"),
        (make_trace(chance_nll(rng(), 3000), steps=51), "under-trained"),
        (make_trace(chance_nll(rng(), 3000), steps=300, planned=3000), "under-trained"),
        (make_trace(chance_nll(rng(), 3000), learning_rate=1e-9), "no-update"),
        (make_trace(chance_nll(rng(), 3000), learning_rate=0.0), "no-update"),
        (make_trace(learned_nll(rng(), 3000), learning_rate=0.0), "no-update"),
        (make_trace(chance_nll(rng(), 3000), trainable=0), "no-trainable-parameters"),
        (make_trace(np.zeros(0), steps=0, planned=500), "not-trained"),
        (make_trace(chance_nll(rng(), 300), steps=0), "not-trained"),
        (make_trace(np.linspace(3.9, 20.0, 3000)), "diverged"),
        (make_trace(np.where(np.arange(3000) == 2000, np.nan, learned_nll(rng(), 3000))), "silent-nan"),
        (make_trace(np.where(np.arange(3000) == 10, np.inf, learned_nll(rng(), 3000))), "silent-nan"),
        (make_trace(learned_nll(rng(), 3000), gradient_norm=np.zeros(400)), "no-update"),
        (make_trace(learned_nll(rng(), 3000), gradient_norm=np.r_[[np.inf] * 21, np.ones(379)]), "silent-nan"),
        (make_trace(learned_nll(rng(), 3000), gradient_norm=np.r_[np.ones(379), [np.nan] * 21]), "silent-nan"),
        (
            make_trace(learned_nll(rng(), 3000), gradient_norm=np.r_[[np.nan] * 360, [np.inf] * 3, np.ones(37)]),
            "silent-nan",
        ),
    ],
)
def test_each_saboteur_fails_with_its_name(trace, fault):
    verdict = check_loss_below_random(trace)
    assert verdict.status is Status.FAILED
    assert verdict.fault == fault
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence
    for value in verdict.measured.values():
        assert not isinstance(value, float) or math.isfinite(value), f"{verdict.measured} cannot be written as JSON"


def test_gradient_norms_that_were_not_recorded_are_no_fault():
    for norms in (np.full(400, np.nan), np.where(np.arange(400) % 10 == 0, 1.0, np.nan)):
        trace = make_trace(learned_nll(rng(), 3000), gradient_norm=norms)
        assert check_loss_below_random(trace).status is Status.PASSED


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("skipped", [1, 20])
def test_the_first_steps_that_loss_scaling_skips_are_counted_and_no_fault(value, skipped):
    norms = np.r_[[value] * skipped, np.ones(400 - skipped)]
    verdict = check_loss_below_random(make_trace(learned_nll(rng(), 3000), gradient_norm=norms))
    assert verdict.status is Status.PASSED
    assert verdict.measured["non_finite_gradient_norms"] == skipped


def test_a_negative_zero_of_a_rounded_softmax_counts_as_zero_and_a_negative_nll_is_refused():
    verdict = check_loss_below_random(make_trace(np.r_[np.full(1000, 1.0), np.full(1000, -1e-7)]))
    assert verdict.status is Status.PASSED
    assert verdict.measured["letter_nll"] == 0.0
    with pytest.raises(InvalidTraceError, match="not negative"):
        check_loss_below_random(make_trace(np.r_[np.full(1000, 1.0), np.full(1000, -1e-5)]))


def test_a_failure_does_not_say_nothing_learned_where_something_was():
    trivial = check_loss_below_random(make_trace(math.log(50) - 0.05 + rng().normal(scale=0.1, size=4000)))
    assert (trivial.status, trivial.fault) == (Status.FAILED, "no-signal")
    assert "real but trivial" in trivial.cause
    outliers = check_loss_below_random(make_trace(np.where(rng().random(3000) < 0.1, 33.0, 1.0)))
    assert (outliers.status, outliers.fault) == (Status.FAILED, "no-signal")
    assert "over-confident misses, with NLL up to 33.000" in outliers.cause
    nothing = check_loss_below_random(make_trace(chance_nll(rng(), 3000)))
    for verdict in (trivial, outliers):
        assert "nothing learned" not in verdict.cause
        assert verdict.next_step != nothing.next_step
    assert "nothing learned" in nothing.cause


def test_too_few_examples_are_inconclusive_and_say_how_many_would_do():
    verdict = check_loss_below_random(make_trace(np.tile([3.0, 3.9], 8), steps=300))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.fault is None
    # gain 0.462 a window example: log(1000) / 0.462 = 15
    assert "About 15 examples" in verdict.next_step
    assert check_loss_below_random(make_trace(np.tile([3.0, 3.9], 16), steps=300)).status is Status.PASSED


def test_a_real_but_trivial_gain_is_not_learning():
    nll = math.log(50) - 0.3 + rng().normal(scale=1.2, size=120)
    verdict = check_loss_below_random(make_trace(nll), effect=0.1)
    assert verdict.measured["log10_e_value"] > 3, "the gain must be real for this test to say anything"
    assert verdict.status is Status.INCONCLUSIVE
    assert "real but so far trivial" in verdict.cause
    longer = math.log(50) - 0.1 + rng().normal(scale=0.3, size=4000)
    verdict = check_loss_below_random(make_trace(longer), effect=0.1)
    assert verdict.status is Status.FAILED
    assert "real but trivial" in verdict.cause


def test_learning_by_heart_in_later_passes_decides_nothing():
    first, later = chance_nll(rng(), 1000), np.full(4000, 0.5)
    first_pass = np.arange(5000) < 1000
    verdict = check_loss_below_random(make_trace(np.r_[first, later], first_pass=first_pass))
    assert verdict.status is Status.INCONCLUSIVE
    assert "held-out" in verdict.next_step
    nothing = check_loss_below_random(make_trace(np.r_[first, chance_nll(rng(1), 4000)], first_pass=first_pass))
    assert nothing.status is Status.FAILED
    assert nothing.n == 500, "only first-pass examples may count"


def test_repeated_examples_cannot_bring_a_pass():
    nll = np.r_[np.full(100, math.log(50)), np.zeros(900)]
    verdict = check_loss_below_random(make_trace(nll, first_pass=np.arange(1000) < 100))
    assert verdict.status is not Status.PASSED


def test_the_window_is_the_last_half_so_that_a_late_learner_passes_and_a_late_collapse_does_not():
    late = np.r_[np.full(1500, math.log(50)), np.full(1500, 1.0)]
    assert check_loss_below_random(make_trace(late)).status is Status.PASSED
    assert check_loss_below_random(make_trace(late[::-1])).status is Status.FAILED


def test_a_model_that_knows_nothing_passes_no_more_often_than_alpha():
    # confident nonsense is the hardest null: 1000 seeded jobs, alpha 0.05; 100 passes have probability < 1e-9
    passes = 0
    for seed in range(1000):
        trace = make_trace(chance_nll(rng(seed), 40, n=10, spread=1.0), n=10)
        passes += check_loss_below_random(trace, alpha=0.05, effect=0.0).status is Status.PASSED
    assert passes < 100, f"{passes} of 1000 jobs that know nothing passed at alpha 0.05"


def test_a_calibrated_learner_fails_no_more_often_than_alpha_on_each_side():
    # targets drawn from the model's own softmax with gain well above the effect; 200 seeded jobs, none may fail
    fails = 0
    for seed in range(200):
        r = rng(seed)
        logits = r.normal(scale=2.0, size=(200, 20))
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        slots = (p.cumsum(axis=1) > r.random((200, 1))).argmax(axis=1)
        nll = -np.log(p[np.arange(200), slots])
        fails += check_loss_below_random(make_trace(nll, n=20)).status is Status.FAILED
    assert fails == 0


def test_overconfident_nonsense_fails_at_once():
    nll = np.where(rng().random(80) < 0.5, 0.0, 30.0)
    assert check_loss_below_random(make_trace(nll)).status is Status.FAILED


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.2, 4.5))
def test_order_inside_the_window_does_not_matter(seed, n, level):
    r = rng(seed)
    nll = np.abs(r.normal(level, 0.5, size=200))
    shuffled = np.r_[r.permutation(nll[:100]), r.permutation(nll[100:])]
    first, second = (check_loss_below_random(make_trace(x, n=n)) for x in (nll, shuffled))
    assert first.status is second.status
    assert first.measured["gain"] == pytest.approx(second.measured["gain"], abs=1e-10)


def test_a_growing_number_of_candidates_is_judged_by_each_examples_own_chance():
    r = rng()
    n = np.repeat([2, 5, 20, 50], 500)
    trace = make_trace(np.zeros(2000))
    sound = dict_of(trace) | {"n_candidates": n, "letter_nll": 0.5 * np.log(n) + 0.1 * r.random(2000)}
    chance = dict_of(trace) | {"n_candidates": n, "letter_nll": np.log(n) + 0.05 * r.normal(size=2000)}
    assert check_loss_below_random(TrainingTrace(**sound)).status is Status.PASSED
    assert check_loss_below_random(TrainingTrace(**chance)).status is Status.FAILED


def dict_of(trace):
    return {name: getattr(trace, name) for name in TrainingTrace.__dataclass_fields__}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"letter_nll": np.full(10, -0.5)}, "letter_nll -0.5"),
        ({"n_candidates": np.ones(10, dtype=np.int64)}, "n_candidates=1"),
        ({"first_pass": np.zeros(10, dtype=np.bool_)}, "none of its 10 examples is marked first_pass"),
        ({"learning_rate": np.full(400, np.nan)}, "learning_rate nan"),
    ],
)
def test_impossible_traces_are_errors(changes, words):
    trace = TrainingTrace(**(dict_of(make_trace(np.full(10, 3.0))) | changes))
    with pytest.raises(InvalidTraceError, match=words):
        check_loss_below_random(trace)


@pytest.mark.parametrize("settings_", [{"alpha": 0.0}, {"alpha": 1.0}, {"effect": -0.1}, {"effect": 1.0}])
def test_settings_that_decide_nothing_are_errors(settings_):
    with pytest.raises(RerankGuardError, match="give a number"):
        check_loss_below_random(make_trace(np.full(10, 3.0)), **settings_)


def letters_of(logits, slots):
    """A job that recorded these letter logits, with the targets' ranks."""
    n = np.full(len(slots), logits.shape[1], dtype=np.int64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    nll = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(slots)), slots]
    trace = make_trace(nll, n=logits.shape[1])
    return replace(trace, target_rank=mean_rank(logits, slots, n), target_index=slots)


def driven(seed, n, towards, examples=3000, strength=12.0, noise=1.0):
    """Logits that move away from (or to) the target's as the job goes on: what a gradient on its loss does."""
    r = rng(seed)
    slots = r.integers(n, size=examples)
    logits = r.normal(scale=noise, size=(examples, n))
    logits[np.arange(examples), slots] += towards * strength * np.arange(examples) / examples
    return letters_of(logits, slots)


def exploded(seed, n, examples=3000, scale=15.0, settled=False):
    """Logits that know nothing and become huge when the rate peaks; `settled` lets them fall back to chance."""
    r = rng(seed)
    spread = np.where(np.arange(examples) < examples // 10, 0.3, scale)
    if settled:
        spread[examples // 2 :] = 0.05
    return letters_of(r.normal(size=(examples, n)) * spread[:, None], r.integers(n, size=examples))


@pytest.mark.parametrize("n", [3, 10, 50])
@pytest.mark.parametrize("seed", range(2))
def test_a_flipped_sign_is_told_from_a_rate_too_large_by_the_ranks(seed, n):
    assert check_loss_below_random(driven(seed, n, towards=1.0)).status is Status.PASSED
    for strength in (3.0, 12.0):
        flipped = check_loss_below_random(driven(seed, n, towards=-1.0, strength=strength))
        assert (flipped.status, flipped.fault) == (Status.FAILED, "anti-learning")
        assert "wrong sign" in flipped.cause
    diverged = check_loss_below_random(exploded(seed, n))
    assert (diverged.status, diverged.fault) == (Status.FAILED, "diverged")
    assert "sign" not in diverged.cause, "the ranks have ruled it out"


def test_two_candidates_and_missing_ranks_cannot_tell_and_name_both():
    for trace in (
        driven(0, 2, towards=-1.0, strength=30.0),
        replace(driven(0, 50, towards=-1.0), target_rank=None),
    ):
        verdict = check_loss_below_random(trace)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "diverged")
        assert "learning rate" in verdict.next_step
        assert "sign" in verdict.next_step
        assert "wrong sign" in verdict.cause


def test_a_job_that_blew_up_and_fell_back_to_chance_has_diverged():
    verdict = check_loss_below_random(exploded(0, 50, settled=True))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "diverged")


def test_a_job_taught_the_next_slots_letter_is_not_said_to_avoid_the_target():
    for n in (3, 5, 50):
        r = rng()
        slots = r.integers(n, size=3000)
        logits = r.normal(size=(3000, n))
        logits[np.arange(3000), (slots + 1) % n] += 12.0
        verdict = check_loss_below_random(letters_of(logits, slots))
        assert verdict.status is Status.FAILED
        assert verdict.fault != "anti-learning"


def test_ranks_of_a_model_that_knows_nothing_are_never_called_anti_learning():
    for seed in range(50):
        r = rng(seed)
        trace = letters_of(r.normal(scale=3.0, size=(600, 10)), r.integers(10, size=600))
        assert check_loss_below_random(trace).fault != "anti-learning"


def test_a_rate_that_still_rises_at_the_end_is_too_little_training():
    trace = replace(make_trace(chance_nll(rng(), 3000)), learning_rate=np.linspace(0.0, 1e-3, 400))
    assert check_loss_below_random(trace).fault == "under-trained"
    cosine = replace(trace, learning_rate=1e-3 * np.sin(np.linspace(0.0, np.pi, 400)))
    assert check_loss_below_random(cosine).fault == "no-signal"


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("every", [10, 15])
def test_steps_skipped_regularly_for_nan_are_named(value, every):
    norms = np.where(np.arange(400) % every == every - 1, value, 1.0)
    verdict = check_loss_below_random(make_trace(learned_nll(rng(), 3000), gradient_norm=norms))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-nan")
    assert verdict.measured["non_finite_gradient_norms"] == 400 // every
