"""What recording and testing cost: their share of a real training step, and microseconds a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
from accelerate import Accelerator
from tqdm import tqdm

from rerank_guard.recording.monitor import TrainingMonitor
from rerank_guard.recording.recorder import TraceRecorder
from rerank_model.targets.embedded import make_target

__all__ = ["measure"]

STEPS, WARM_UP, BATCH, N = 45, 5, 16, 50
CALLS, USERS = 2_000, 500


def measure(seed: int) -> dict[str, Any]:
    """Seconds inside the recorder over those of the whole steps, in one run; then the calls by themselves."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    return {"job": _in_a_job(seed), "calls": _calls(np.random.default_rng(seed)), "calls_timed": CALLS}


def _in_a_job(seed: int) -> dict[str, Any]:
    """A LetterTrainer job; counted are gathering the logits, `letters`, and `step`, which informs the monitor."""
    spent = {"gather": 0.0, "letters": 0.0, "step": 0.0}
    ends: list[float] = []
    at_start: dict[str, float] = {}

    def timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                spent[name] += time.perf_counter() - started
                if name == "step":
                    ends.append(time.perf_counter())
                    if len(ends) == WARM_UP:
                        at_start.update(spent)

        return call

    target = make_target(seed, "cpu", n_train=BATCH * STEPS, n_test=10)
    # as the suite's own, but it never ends the job
    monitor = TrainingMonitor(alpha=1e-300, cutoffs=target.cutoffs, n_users=USERS)
    with (
        mock.patch.object(TraceRecorder, "letters", timed("letters", TraceRecorder.letters)),
        mock.patch.object(TraceRecorder, "step", timed("step", TraceRecorder.step)),
        mock.patch.object(Accelerator, "gather", timed("gather", Accelerator.gather)),
        mock.patch.object(Accelerator, "pad_across_processes", timed("gather", Accelerator.pad_across_processes)),
        tqdm(desc="recording cost", total=STEPS, leave=False) as bar,
    ):
        trace = target.train(lambda done, *_: bar.update(done - bar.n), monitor)
    assert trace.optimizer_steps == STEPS, "every step is needed for its time"
    steps = STEPS - WARM_UP
    whole = ends[-1] - ends[WARM_UP - 1]
    recording = {name: seconds - at_start[name] for name, seconds in spent.items()}
    return {
        "steps": steps,
        "batch_size": BATCH,
        "milliseconds_a_step": 1e3 * whole / steps,
        **{f"microseconds_of_{name}_a_step": 1e6 * seconds / steps for name, seconds in recording.items()},
        "share": sum(recording.values()) / whole,
    }


def _calls(rng: np.random.Generator) -> dict[str, float]:
    """Mean microseconds of a call, B=16 and N=50, over a job of 2,000 steps; the monitor looks every few steps."""
    batches = [(rng.normal(0.0, 1.0, (BATCH, N)).astype(np.float32), rng.integers(0, N, BATCH)) for _ in range(50)]
    n = np.full(BATCH, N)
    result = {}
    for name, monitor in (
        ("step_with_monitor", TrainingMonitor(cutoffs=(20, 5), n_users=USERS)),
        ("step_alone", None),
    ):
        recorder = TraceRecorder(CALLS, 16_000, monitor=monitor)
        letters, step = [], []
        for call in range(CALLS):
            logits, positions = batches[call % len(batches)]
            ids = range(call * BATCH, (call + 1) * BATCH)
            started = time.perf_counter()
            recorder.letters(logits, positions, n, ids)
            between = time.perf_counter()
            recorder.step(1e-3, 1.0)
            step.append(time.perf_counter() - between)
            letters.append(between - started)
        result["letters"] = 1e6 * float(np.mean(letters))
        result[name] = 1e6 * float(np.mean(step))
    return result
