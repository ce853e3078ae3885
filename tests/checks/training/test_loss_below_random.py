"""loss_below_random: a job that learned passes, each fault is named, and no verdict is due to chance."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from guard.builders import chance_nll, learned_nll, make_trace
from guard.limits import missed
from rerank_guard.checks.training._letter_gain import letter_gain
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.errors import InvalidTraceError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import Status
from rerank_guard.recording.monitor import TrainingMonitor, feed
from rerank_guard.stats.letters import mean_rank


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_job_that_learned_passes_and_shows_its_figures():
    nll = learned_nll(rng(), 3000)
    verdict = loss_below_random(make_trace(nll))
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
    assert (verdict.fault, verdict.suspects, verdict.cause) == (None, (), "")
    assert verdict.threshold["gain"] == pytest.approx(0.025 * math.log(50))
    assert verdict.threshold["log10_e_value"] == pytest.approx(3.0)
    assert missed(verdict) == set()


@pytest.mark.parametrize(
    ("trace", "fault", "strength"),
    [
        (make_trace(chance_nll(rng(), 3000)), "no-signal", Strength.SYMPTOM),
        (make_trace(np.full(3000, math.log(50))), "no-signal", Strength.SYMPTOM),
        (make_trace(np.full(3000, 3.914)), "no-signal", Strength.SYMPTOM),
        (make_trace(chance_nll(rng(), 3000), steps=51), "under-trained", Strength.SYMPTOM),
        (make_trace(chance_nll(rng(), 3000), steps=300, planned=3000), "under-trained", Strength.SYMPTOM),
        (make_trace(chance_nll(rng(), 3000), learning_rate=1e-9), "no-update", Strength.MEASURED),
        (make_trace(chance_nll(rng(), 3000), learning_rate=0.0), "no-update", Strength.SEEN),
        (make_trace(learned_nll(rng(), 3000), learning_rate=0.0), "no-update", Strength.SEEN),
        (make_trace(chance_nll(rng(), 3000), trainable=0), "no-trainable-parameters", Strength.SEEN),
        (make_trace(np.zeros(0), steps=0, planned=500), "not-trained", Strength.SEEN),
        (make_trace(chance_nll(rng(), 300), steps=0), "not-trained", Strength.SEEN),
        (make_trace(np.linspace(3.9, 20.0, 3000)), "diverged", Strength.MEASURED),
        (
            make_trace(np.where(np.arange(3000) == 2000, np.nan, learned_nll(rng(), 3000))),
            "silent-nan",
            Strength.SEEN,
        ),
        (
            make_trace(np.where(np.arange(3000) == 10, np.inf, learned_nll(rng(), 3000))),
            "silent-nan",
            Strength.SEEN,
        ),
        (make_trace(learned_nll(rng(), 3000), gradient_norm=np.zeros(400)), "no-update", Strength.SEEN),
        (
            make_trace(learned_nll(rng(), 3000), gradient_norm=np.r_[[np.inf] * 21, np.ones(379)]),
            "silent-nan",
            Strength.SEEN,
        ),
        (
            make_trace(learned_nll(rng(), 3000), gradient_norm=np.r_[np.ones(379), [np.nan] * 21]),
            "silent-nan",
            Strength.SEEN,
        ),
        (
            make_trace(learned_nll(rng(), 3000), gradient_norm=np.r_[[np.nan] * 360, [np.inf] * 3, np.ones(37)]),
            "silent-nan",
            Strength.SEEN,
        ),
    ],
)
def test_each_fault_fails_under_its_name(trace, fault, strength):
    verdict = loss_below_random(trace)
    assert (verdict.status, verdict.fault) == (Status.FAILED, fault)
    assert verdict.suspects[0].strength is strength
    assert (verdict.p_failed is None) is (strength is Strength.SEEN)
    assert verdict.cause
    assert verdict.next_step
    assert verdict.evidence
    for value in verdict.measured.values():
        assert not isinstance(value, float) or math.isfinite(value), f"{verdict.measured} cannot be written as JSON"


def test_gradient_norms_that_were_not_recorded_are_no_fault():
    for norms in (np.full(400, np.nan), np.where(np.arange(400) % 10 == 0, 1.0, np.nan)):
        trace = make_trace(learned_nll(rng(), 3000), gradient_norm=norms)
        assert loss_below_random(trace).status is Status.PASSED


@pytest.mark.parametrize(("value", "skipped"), [(np.nan, 20), (np.inf, 20), (np.inf, 1)])
def test_the_first_steps_that_loss_scaling_skips_are_counted_and_no_fault(value, skipped):
    norms = np.r_[[value] * skipped, np.ones(400 - skipped)]
    verdict = loss_below_random(make_trace(learned_nll(rng(), 3000), gradient_norm=norms))
    assert verdict.status is Status.PASSED
    assert verdict.measured["non_finite_gradient_norms"] == skipped


def test_a_negative_zero_of_a_rounded_softmax_counts_as_zero_and_a_negative_nll_is_refused():
    verdict = loss_below_random(make_trace(np.r_[np.full(1000, 1.0), np.full(1000, -1e-7)]))
    assert verdict.status is Status.PASSED
    assert verdict.measured["letter_nll"] == 0.0
    with pytest.raises(InvalidTraceError, match="not negative"):
        loss_below_random(make_trace(np.r_[np.full(1000, 1.0), np.full(1000, -1e-5)]))


def test_a_job_that_beats_chance_is_not_failed_and_the_text_says_why_it_does_not_pass():
    trivial = loss_below_random(make_trace(math.log(50) - 0.05 + rng().normal(scale=0.1, size=4000)))
    outliers = loss_below_random(make_trace(np.where(rng().random(3000) < 0.1, 33.0, 1.0)))
    for verdict in (trivial, outliers):
        assert (verdict.status, verdict.fault) == (Status.INCONCLUSIVE, None)
    assert f"{trivial.measured['gain']:.3f} nats" in trivial.cause
    assert "33.000" in outliers.cause, "the largest NLL"
    nothing = loss_below_random(make_trace(chance_nll(rng(), 3000)))
    assert (nothing.status, nothing.fault) == (Status.FAILED, "no-signal")
    assert nothing.next_step == nothing.suspects[0].fault.fix


def test_what_a_short_job_gained_is_said_beside_its_fault():
    gained = math.log(50) - 0.05 + rng().normal(scale=0.1, size=4000)
    short, nothing = (loss_below_random(make_trace(x, steps=51)) for x in (gained, chance_nll(rng(), 4000)))
    assert [suspected.fault.name for suspected in short.suspects] == ["under-trained"]
    assert nothing.fault == "under-trained"
    assert nothing.cause == nothing.suspects[0].fault.what
    assert short.cause.endswith(nothing.cause)
    assert short.cause != nothing.cause
    assert short.next_step.endswith(nothing.next_step)


def test_too_few_examples_are_inconclusive_and_say_how_many_would_do():
    verdict = loss_below_random(make_trace(np.tile([3.0, 3.9], 8), steps=300))
    assert verdict.status is Status.INCONCLUSIVE
    assert (verdict.fault, verdict.suspects) == (None, ())
    assert missed(verdict) == {"log10_e_value"}
    assert len(verdict.evidence) == 4
    # gain 0.462 a window example: log(1000) / 0.462 = 15
    assert " 15 " in verdict.next_step
    assert loss_below_random(make_trace(np.tile([3.0, 3.9], 16), steps=300)).status is Status.PASSED


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"steps": 199}, "under-trained"),
        ({"steps": 200}, None),
        ({"steps": 300, "planned": 601}, "under-trained"),
        ({"steps": 300, "planned": 600}, None),
        ({"steps": 300, "learning_rate": 1e-7}, "no-update"),
        ({"steps": 300, "learning_rate": 1.1e-7}, None),
    ],
)
def test_an_undecided_job_suspects_only_what_needs_no_statistics(changes, fault):
    verdict = loss_below_random(make_trace(np.tile([3.0, 3.9], 8), **changes))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.fault is None, "no fault of a verdict that did not fail"
    assert [suspected.fault.name for suspected in verdict.suspects] == ([fault] if fault else [])
    assert " 15 " in verdict.next_step
    if fault:
        assert verdict.cause.endswith(verdict.suspects[0].fault.what)
        assert verdict.next_step.endswith(verdict.suspects[0].fault.fix)


def test_a_real_but_trivial_gain_is_not_learning():
    nll = math.log(50) - 0.3 + rng().normal(scale=1.2, size=120)
    verdict = loss_below_random(make_trace(nll), effect=0.1)
    assert verdict.measured["log10_e_value"] > 3, "the gain must be real for this test to say anything"
    assert verdict.status is Status.INCONCLUSIVE
    assert missed(verdict) == {"gain"}
    longer = math.log(50) - 0.1 + rng().normal(scale=0.3, size=4000)
    verdict = loss_below_random(make_trace(longer), effect=0.1)
    assert verdict.status is Status.INCONCLUSIVE
    assert missed(verdict) == {"gain"}


def test_gains_on_repeated_examples_decide_nothing():
    first, later = chance_nll(rng(), 1000), np.full(4000, 0.5)
    first_pass = np.arange(5000) < 1000
    verdict = loss_below_random(make_trace(np.r_[first, later], first_pass=first_pass))
    assert verdict.status is Status.INCONCLUSIVE
    assert (verdict.fault, verdict.suspects) == (None, ())
    assert f"{math.log(50) - 0.5:.3f} nats" in verdict.cause
    nothing = loss_below_random(make_trace(np.r_[first, chance_nll(rng(1), 4000)], first_pass=first_pass))
    assert nothing.status is Status.FAILED
    assert nothing.n == 500, "only first-pass examples may count"


def test_repeated_examples_cannot_bring_a_pass():
    nll = np.r_[np.full(100, math.log(50)), np.zeros(900)]
    verdict = loss_below_random(make_trace(nll, first_pass=np.arange(1000) < 100))
    assert verdict.status is not Status.PASSED


def test_the_window_is_the_last_half_so_that_a_late_learner_passes_and_a_late_collapse_does_not():
    late = np.r_[np.full(1500, math.log(50)), np.full(1500, 1.0)]
    assert loss_below_random(make_trace(late)).status is Status.PASSED
    assert loss_below_random(make_trace(late[::-1])).status is Status.FAILED


def test_a_model_that_knows_nothing_does_not_pass():
    # confident nonsense is the hardest null; its error rate over many seeds is a benchmark
    for seed in range(10):
        trace = make_trace(chance_nll(rng(seed), 40, n=10, spread=1.0), n=10)
        assert loss_below_random(trace, alpha=0.01, effect=0.0).status is not Status.PASSED


def test_a_calibrated_learner_does_not_fail():
    # targets drawn from the model's own softmax with gain well above the effect; the error rate is a benchmark
    for seed in range(3):
        r = rng(seed)
        logits = r.normal(scale=2.0, size=(200, 20))
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        positions = (p.cumsum(axis=1) > r.random((200, 1))).argmax(axis=1)
        nll = -np.log(p[np.arange(200), positions])
        assert loss_below_random(make_trace(nll, n=20)).status is Status.PASSED


def test_a_small_loss_over_chance_decides_nothing():
    verdict = loss_below_random(make_trace(np.tile([3.9, 4.0], 8), steps=300))
    assert verdict.measured["gain"] < 0.0
    assert verdict.status is Status.INCONCLUSIVE


def test_the_p_value_is_that_of_the_bet_on_the_effect():
    trace = make_trace(np.full(40, 4.2), steps=300)
    gain = letter_gain(trace, 1e-3, 0.025)
    assert loss_below_random(trace).p_failed == pytest.approx(math.exp(-gain.log_against_effect))
    assert loss_below_random(make_trace(learned_nll(rng(), 3000))).p_failed == 1.0


def test_it_fails_at_its_level():
    trace = make_trace(np.full(4000, 3.9), steps=300)
    p = loss_below_random(trace).p_failed
    assert loss_below_random(trace, alpha=1.01 * p).status is Status.FAILED
    assert loss_below_random(trace, alpha=0.99 * p).status is Status.INCONCLUSIVE


def test_overconfident_nonsense_fails_at_once():
    logits = 30.0 * rng().normal(size=(80, 50))
    assert loss_below_random(letters_of(logits, rng(1).integers(50, size=80))).status is Status.FAILED


@pytest.mark.parametrize(("n", "level"), [(2, 0.2), (20, 2.9), (50, 4.5)])
def test_order_inside_the_window_does_not_matter(n, level):
    r = rng(n)
    nll = np.abs(r.normal(level, 0.5, size=200))
    shuffled = np.r_[r.permutation(nll[:100]), r.permutation(nll[100:])]
    first, second = (loss_below_random(make_trace(x, n=n)) for x in (nll, shuffled))
    assert first.status is second.status
    assert first.measured["gain"] == pytest.approx(second.measured["gain"], abs=1e-10)


def test_a_growing_number_of_candidates_is_judged_by_each_examples_own_chance():
    r = rng()
    n = np.repeat([2, 5, 20, 50], 500)
    trace = make_trace(np.zeros(2000))
    learned = dict_of(trace) | {"n_candidates": n, "letter_nll": 0.5 * np.log(n) + 0.1 * r.random(2000)}
    chance = dict_of(trace) | {"n_candidates": n, "letter_nll": np.log(n) + 0.05 * r.normal(size=2000)}
    assert loss_below_random(TrainingTrace(**learned)).status is Status.PASSED
    assert loss_below_random(TrainingTrace(**chance)).status is Status.FAILED


def dict_of(trace):
    return {name: getattr(trace, name) for name in TrainingTrace.__dataclass_fields__}


ROWS = np.arange(10)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"letter_nll": np.where(ROWS < 7, 3.0, -0.5)}, "example 7 .* letter_nll -0.5"),
        ({"n_candidates": np.where(ROWS < 7, 2, 1)}, "example 7 .* n_candidates=1"),
        ({"first_pass": np.zeros(10, dtype=np.bool_)}, "none of its 10 examples is marked first_pass"),
        ({"learning_rate": np.where(np.arange(400) < 7, 1e-3, np.nan)}, "step 7 .* learning_rate nan"),
    ],
)
def test_impossible_traces_are_errors(changes, words):
    trace = TrainingTrace(**(dict_of(make_trace(np.full(10, 3.0))) | changes))
    with pytest.raises(InvalidTraceError, match=words):
        loss_below_random(trace)


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"alpha": 1.0}, {"effect": -0.1}, {"effect": 1.0}])
def test_settings_that_decide_nothing_are_errors(settings):
    with pytest.raises(RerankGuardError, match="give a number"):
        loss_below_random(make_trace(np.full(10, 3.0)), **settings)


def letters_of(logits, positions):
    """A job that recorded these letter logits, with the targets' ranks."""
    n = np.full(len(positions), logits.shape[1], dtype=np.int64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    nll = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(positions)), positions]
    trace = make_trace(nll, n=logits.shape[1])
    return replace(trace, target_rank=mean_rank(logits, positions, n), target_index=positions)


def driven(seed, n, towards, examples=3000, strength=12.0, noise=1.0):
    """Logits that move away from (or to) the target's as the job goes on: what a gradient on its loss does."""
    r = rng(seed)
    positions = r.integers(n, size=examples)
    logits = r.normal(scale=noise, size=(examples, n))
    logits[np.arange(examples), positions] += towards * strength * np.arange(examples) / examples
    return letters_of(logits, positions)


def exploded(seed, n, examples=3000, scale=15.0, settled=False):
    """Logits that know nothing and become huge when the rate peaks; `settled` lets them fall back to chance."""
    r = rng(seed)
    spread = np.where(np.arange(examples) < examples // 10, 0.3, scale)
    if settled:
        spread[examples // 2 :] = 0.05
    return letters_of(r.normal(size=(examples, n)) * spread[:, None], r.integers(n, size=examples))


@pytest.mark.parametrize("n", [3, 50])
def test_a_flipped_sign_is_told_from_a_rate_too_large_by_the_ranks(n):
    assert loss_below_random(driven(0, n, towards=1.0)).status is Status.PASSED
    for strength in (3.0, 12.0):
        flipped = loss_below_random(driven(0, n, towards=-1.0, strength=strength))
        assert (flipped.status, flipped.fault) == (Status.FAILED, "anti-learning")
        assert flipped.suspects[0].strength is Strength.MEASURED
    diverged = loss_below_random(exploded(0, n))
    assert (diverged.status, diverged.fault) == (Status.FAILED, "diverged")
    unranked = loss_below_random(replace(exploded(0, n), target_rank=None))
    assert unranked.fault == "diverged"
    assert unranked.cause != diverged.cause, "without ranks the sign may be wrong too"


def test_two_candidates_and_missing_ranks_cannot_tell_and_name_both():
    words = set()
    for trace in (
        driven(0, 2, towards=-1.0, strength=30.0),
        replace(driven(0, 50, towards=-1.0), target_rank=None),
    ):
        verdict = loss_below_random(trace)
        assert (verdict.status, verdict.fault) == (Status.FAILED, "diverged")
        assert "sign" in verdict.cause
        words.add(verdict.cause)
    assert len(words) == 1


@pytest.mark.parametrize(("level", "fault"), [(1.26, "diverged"), (1.24, "no-signal")])
def test_a_loss_that_rises_above_125_percent_of_chance_has_diverged(level, fault):
    nll = np.repeat([1.0, level], 1500) * math.log(50)
    assert loss_below_random(make_trace(nll)).fault == fault
    assert loss_below_random(make_trace(nll[::-1])).fault == "no-signal", "one that falls has not"


@pytest.mark.parametrize(("level", "fault"), [(1.51, "diverged"), (1.49, "no-signal")])
def test_a_tenth_of_the_job_above_one_and_a_half_times_chance_has_diverged(level, fault):
    nll = np.full(3000, math.log(50))
    nll[300:600] *= level
    assert loss_below_random(make_trace(nll)).fault == fault


@pytest.mark.parametrize(("zeros", "fault"), [(360, "no-update"), (359, None)])
def test_gradients_of_zero_at_nine_tenths_of_the_steps_train_nothing(zeros, fault):
    norms = np.where(np.arange(400) < zeros, 0.0, 1.0)
    assert loss_below_random(make_trace(learned_nll(rng(), 3000), gradient_norm=norms)).fault == fault


@pytest.mark.parametrize(("missing", "fault"), [(199, "silent-nan"), (200, None)])
def test_missing_norms_are_faults_only_where_most_steps_recorded_one(missing, fault):
    norms = np.where(np.arange(400) < missing, np.nan, 1.0)
    assert loss_below_random(make_trace(learned_nll(rng(), 3000), gradient_norm=norms)).fault == fault


@pytest.mark.parametrize(("last", "fault"), [(1.12, "under-trained"), (1.09, "no-signal")])
def test_a_rate_rises_to_the_end_where_its_last_value_is_5_percent_above_its_mean(last, fault):
    trace = replace(make_trace(chance_nll(rng(), 3000)), learning_rate=1e-3 * np.linspace(1.0, last, 400))
    assert loss_below_random(trace).fault == fault


def test_a_job_that_blew_up_and_fell_back_to_chance_has_diverged():
    verdict = loss_below_random(exploded(0, 50, settled=True))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "diverged")


def test_a_job_taught_the_next_positions_letter_is_not_said_to_avoid_the_target():
    for n in (3, 50):
        r = rng()
        positions = r.integers(n, size=3000)
        logits = r.normal(size=(3000, n))
        logits[np.arange(3000), (positions + 1) % n] += 12.0
        verdict = loss_below_random(letters_of(logits, positions))
        assert verdict.status is Status.FAILED
        assert verdict.fault != "anti-learning"


def test_ranks_of_a_model_that_knows_nothing_are_never_called_anti_learning():
    for seed in range(3):
        r = rng(seed)
        trace = letters_of(r.normal(scale=3.0, size=(600, 10)), r.integers(10, size=600))
        assert loss_below_random(trace).fault != "anti-learning"


def test_a_rate_that_still_rises_at_the_end_is_too_little_training():
    trace = replace(make_trace(chance_nll(rng(), 3000)), learning_rate=np.linspace(0.0, 1e-3, 400))
    assert loss_below_random(trace).fault == "under-trained"
    cosine = replace(trace, learning_rate=1e-3 * np.sin(np.linspace(0.0, np.pi, 400)))
    assert loss_below_random(cosine).fault == "no-signal"


@pytest.mark.parametrize(("value", "every"), [(np.nan, 10), (np.inf, 15)])
def test_steps_skipped_regularly_for_nan_are_named(value, every):
    norms = np.where(np.arange(400) % every == every - 1, value, 1.0)
    verdict = loss_below_random(make_trace(learned_nll(rng(), 3000), gradient_norm=norms))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-nan")
    assert verdict.measured["non_finite_gradient_norms"] == 400 // every
