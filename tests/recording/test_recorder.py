"""TraceRecorder: what any loop hands it comes out as a trace, a mistake is named at once, a resumed job keeps one trace."""

from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest
from scipy.special import log_softmax

from rerank_guard.checks.training.loss_below_letter_prior import loss_below_letter_prior
from rerank_guard.checks.training.loss_below_random import loss_below_random
from rerank_guard.core.errors import InvalidTraceError
from rerank_guard.core.verdict import Status
from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.recording.recorder import TraceRecorder
from rerank_guard.stats.letters import TEMPERATURES

N = 20


def batch(rng, size, knowledge, n=N):
    """Logits of noise that know this much of the target, and the targets' positions."""
    positions = rng.integers(n, size=size)
    logits = rng.normal(scale=0.3, size=(size, n))
    logits[np.arange(size), positions] += knowledge
    return logits, positions


def nll_of(logits, positions):
    return -log_softmax(logits, axis=1)[np.arange(len(positions)), positions]


def ids(step, size):
    return [f"{step}-{row}" for row in range(size)]


def run(recorder, seed, knowledge, *, steps=60, size=4, accumulate=1, begin=0):
    """Steps `begin` to `steps` of a job that is the same for the same seed, to its end or until it is decided."""
    rng = np.random.default_rng(seed)
    for step in range(steps):
        for part in range(accumulate):
            logits, positions = batch(rng, size, knowledge)
            if step >= begin:
                recorder.letters(logits, positions, N, ids(f"{step}.{part}", size))
        if step >= begin:
            recorder.step(1e-3, 1.0)
            if recorder.decided:
                break
    return recorder.finish()


COLUMNS = ("letter_nll", "n_candidates", "example_step", "first_pass", "learning_rate", "gradient_norm")


def assert_same(one, other, names=(*COLUMNS, "target_index", "tempered_nll")):
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_letters_record_what_examples_record_and_more():
    rng = np.random.default_rng(0)
    by_letters, by_examples = TraceRecorder(3, 10), TraceRecorder(3, 10)
    for step in range(3):
        logits, positions = batch(rng, 5, 1.0)
        by_letters.letters(logits, positions, N, ids(step % 2, 5))
        by_examples.examples(nll_of(logits, positions), N, ids(step % 2, 5))
        for recorder in (by_letters, by_examples):
            recorder.step(1e-3, 2.0)
    more, less = by_letters.finish(), by_examples.finish()
    np.testing.assert_allclose(more.letter_nll, less.letter_nll, rtol=1e-12)
    assert_same(more, less, COLUMNS[1:])
    assert more.first_pass.tolist() == [True] * 10 + [False] * 5
    assert less.target_index is None
    assert less.tempered_nll is None
    assert more.target_index.shape == (15,)
    assert more.tempered_nll.shape == (15, len(TEMPERATURES))
    np.testing.assert_array_equal(more.tempered_nll[:, 0], more.letter_nll)
    assert by_letters.recent_nll == pytest.approx(more.letter_nll.mean())


def test_letters_beyond_an_examples_n_are_not_looked_at():
    logits = np.array([[1.0, 2.0, 99.0], [0.5, 0.0, -1.0]])
    recorder = TraceRecorder(1, 1)
    recorder.letters(logits, [0, 2], [2, 3], ["a", "b"])
    expected = [math.log1p(math.e), -log_softmax(logits[1])[2]]
    np.testing.assert_allclose(recorder.finish().letter_nll, expected, rtol=1e-12)


@pytest.mark.parametrize("letters_first", [True, False])
def test_letters_and_examples_are_not_mixed(letters_first):
    logits, positions = batch(np.random.default_rng(0), 2, 1.0)
    recorder = TraceRecorder(2, 1)
    calls = [
        lambda: recorder.letters(logits, positions, N, ["a", "b"]),
        lambda: recorder.examples([1.0, 2.0], N, ["c", "d"]),
    ]
    first, second = calls if letters_first else reversed(calls)
    first()
    recorder.step(1e-3)
    with pytest.raises(InvalidTraceError):
        second()
    assert len(recorder.finish().letter_nll) == 2, "what is refused leaves no half record"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda r: r.examples(1.5, N, ["a"]), r"shape \(\) but there are 1 example_ids; record one value each"),
        (lambda r: r.examples([1.0, 2.0], N, ["a"]), r"shape \(2,\) but there are 1"),
        (
            lambda r: r.examples([1.0, 2.0, 3.0], [N, N], list("abc")),
            r"n_candidates has shape \(2,\) for 3 examples",
        ),
        (lambda r: r.letters(np.zeros(N), 0, N, ["a"]), r"letter_logits has shape \(20,\)"),
        (lambda r: r.letters(np.zeros((2, N)), [0], N, ["a", "b"]), r"target_index \(1,\)"),
        (lambda r: r.letters(np.zeros((2, N)), [0, 1], N, ["a"]), "2 rows but there are 1 example_ids"),
        (lambda r: r.letters(np.zeros((2, N)), [0, 99], N, ["a"]), "2 rows but there are 1 example_ids"),
        (lambda r: r.letters(np.zeros((2, N)), [0, 1], [N, N, N], ["a", "b"]), "n_candidates has shape"),
        (lambda r: r.letters(np.zeros((2, N)), [0, N], N, ["a", "b"]), "example 'b' has target_index 20 of 20"),
        (lambda r: r.letters(np.zeros((2, N)), [-1, 0], N, ["a", "b"]), "example 'a' has target_index -1"),
        (lambda r: r.letters(np.zeros((2, 5)), [0, 1], N, ["a", "b"]), "20 candidates and 5 logits"),
    ],
)
def test_what_does_not_belong_together_is_refused(call, words):
    recorder = TraceRecorder(1, 1)
    with pytest.raises(InvalidTraceError, match=words):
        call(recorder)
    assert len(recorder.finish().letter_nll) == 0


def test_without_a_monitor_nothing_is_ever_decided():
    trace = run(TraceRecorder(60, 1), 0, knowledge=2.0)
    assert trace.optimizer_steps == 60
    assert not trace.stopped_early


def test_a_job_stops_when_decided_and_says_so():
    trace = run(TraceRecorder(60, 1, monitor=TrainingMonitor()), 0, knowledge=2.0)
    assert trace.optimizer_steps < 24, "60% of the steps are saved"
    assert trace.stopped_early
    assert len(trace.letter_nll) == 4 * trace.optimizer_steps


def test_a_job_that_is_decided_at_its_last_step_did_not_stop_early():
    steps = run(TraceRecorder(60, 1, monitor=TrainingMonitor()), 0, knowledge=2.0).optimizer_steps
    assert not run(TraceRecorder(steps, 1, monitor=TrainingMonitor()), 0, knowledge=2.0, steps=steps).stopped_early


@pytest.mark.parametrize("accumulate", [1, 8])
def test_what_was_decided_is_what_the_checks_say_of_the_trace(accumulate):
    """Also where a step has several forward passes, which the trace does not tell apart. Seeds are fixed."""
    for seed in range(8):
        recorder = TraceRecorder(150, 1, monitor=TrainingMonitor())
        trace = run(recorder, seed, knowledge=0.6, steps=150, size=1, accumulate=accumulate)
        assert trace.stopped_early, seed
        for check in (loss_below_random, loss_below_letter_prior):
            verdict = check(trace)
            assert verdict.status is Status.PASSED, f"seed {seed}: {verdict}"
        assert loss_below_random(trace).measured["decided_after_steps"] == trace.optimizer_steps


@pytest.mark.parametrize("letters", [True, False])
def test_a_resumed_job_has_the_trace_and_the_moment_of_one_that_was_not_killed(tmp_path, letters):
    def make():
        return TraceRecorder(60, 7, monitor=TrainingMonitor())

    def steps(recorder, first, last):
        rng = np.random.default_rng(5)
        for step in range(last):
            for part in range(2):
                logits, positions = batch(rng, 3, 0.7)
                names = [1000 * (step % 9) + 10 * part + row for row in range(3)]
                if step >= first and letters:
                    recorder.letters(logits, positions, N, names)
                elif step >= first:
                    recorder.examples(nll_of(logits, positions), N, names)
            if step >= first:
                recorder.step(1e-3, 1.0)
        return recorder

    whole, killed, resumed = make(), make(), make()
    steps(whole, 0, 30)
    steps(killed, 0, 6).save(tmp_path / "trace.npz")
    resumed.load(tmp_path / "trace.npz")
    assert resumed.monitor.chance.log_e == killed.monitor.chance.log_e != 0.0
    assert resumed.monitor.prior.log_e == killed.monitor.prior.log_e
    assert resumed.decided == killed.decided
    steps(resumed, 6, 30)
    one, other = whole.finish(), resumed.finish()
    assert_same(one, other, COLUMNS)
    assert (one.target_index is not None) is letters
    if letters:
        assert_same(one, other)
    assert resumed.monitor.decided_after == whole.monitor.decided_after is not None
    assert other.seconds > 0
    assert not one.first_pass.all(), "ids that come again count as seen, before and after the kill"


def test_a_state_in_the_middle_of_a_step_is_caught_up_to_the_step_before(tmp_path):
    rng = np.random.default_rng(0)
    recorder, resumed = (TraceRecorder(9, 1, monitor=TrainingMonitor()) for _ in range(2))
    for step in range(2):
        logits, positions = batch(rng, 6, 2.0)
        recorder.letters(logits, positions, N, ids(step, 6))
        if step == 0:
            recorder.step(1e-3)
    recorder.save(tmp_path / "trace.npz")
    resumed.load(tmp_path / "trace.npz")
    assert resumed.monitor.chance.log_e == recorder.monitor.chance.log_e
    for each in (recorder, resumed):
        each.step(1e-3)
        each.monitor.look()  # it looks by itself every few steps only
    assert resumed.monitor.chance.log_e == recorder.monitor.chance.log_e > 0.0


@pytest.mark.parametrize("name", [7, np.int64(7), "7", np.str_("7"), "int:7"])
def test_an_example_keeps_its_name_over_a_kill(tmp_path, name):
    recorder, resumed = TraceRecorder(2, 1), TraceRecorder(2, 1)
    recorder.examples([1.0], N, [name])
    recorder.step(1e-3)
    recorder.save(tmp_path / "trace.npz")
    resumed.load(tmp_path / "trace.npz")
    resumed.examples([1.0, 1.0], N, [name, "another"])
    assert resumed.finish().first_pass.tolist() == [True, False, True]


@pytest.mark.parametrize("name", [(1, 2), 1.5, None])
def test_a_name_that_a_file_cannot_hold_is_refused_and_no_file_is_left(tmp_path, name):
    recorder = TraceRecorder(2, 1)
    recorder.examples([1.0], N, [name])
    with pytest.raises(InvalidTraceError, match=re.escape(repr(name))):
        recorder.save(tmp_path / "trace.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"half a trace", b"PK\x03\x04 cut"])
def test_a_state_that_is_not_whole_is_refused(tmp_path, content):
    path = tmp_path / "trace.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidTraceError, match=r"trace\.npz"):
        TraceRecorder(2, 1).load(path)


def test_a_state_without_a_column_is_refused(tmp_path):
    np.savez(tmp_path / "trace.npz", letter_nll=np.zeros(3))
    with pytest.raises(InvalidTraceError, match="n_candidates"):
        TraceRecorder(2, 1).load(tmp_path / "trace.npz")


def test_recording_costs_little():
    """A step of 16 examples of 50 letters, monitor included: some 0.3 ms here; a training step takes 100 ms and more."""
    rng = np.random.default_rng(0)
    recorder = TraceRecorder(400, 1, monitor=TrainingMonitor())
    steps = [(*batch(rng, 16, 0.0, n=50), ids(step, 16)) for step in range(300)]
    began = time.process_time()
    for logits, positions, names in steps:
        recorder.letters(logits, positions, 50, names)
        recorder.step(1e-3, 1.0)
    assert (time.process_time() - began) / len(steps) < 5e-3, "ten times the usual, for a busy machine"
