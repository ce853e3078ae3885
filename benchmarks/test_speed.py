"""The same work as pytest-benchmark groups: `pytest benchmarks --benchmark`, with JSON, comparison and stored baselines.

Each `extra_info` has the device and what a second does; the paths of ours have the share of the floor, which is timed right
before them. The one table with ratios within a run is `make bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.speed import scoring_paths
from benchmarks.speed.floor import Products
from benchmarks.speed.workload import Workload, tiny_workload

from rerank_guard.metrics import Hit, ReciprocalRank, target_standing
from rerank_guard.recording.throughput import machine_description
from rerank_model.backends.precision import has_native_bfloat16
from rerank_model.scoring.packed import fill_batches

PROMPTS = 16
USERS, N = 50_000, 50

pytestmark = pytest.mark.rerank_benchmark


@pytest.fixture(scope="module")
def workload() -> Workload:
    return tiny_workload(seed=0, n_prompts=PROMPTS)


def note(benchmark: Any, prompts: int, tokens: int | None = None, floor: float | None = None) -> None:
    """What pytest-benchmark's JSON keeps beside the timings."""
    benchmark.extra_info["device"] = f"{machine_description()}, {torch.get_num_threads()} threads"
    if benchmark.stats is None:  # with --benchmark-disable
        return
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["prompts_per_second"] = prompts / seconds
    if tokens is not None:
        benchmark.extra_info["tokens_per_second"] = tokens / seconds
    if floor is not None:
        benchmark.extra_info["share_of_floor"] = floor / seconds


def median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    taken = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken[1:]))


@pytest.mark.benchmark(group="scoring")
def test_naive(benchmark: Any, workload: Workload) -> None:
    benchmark.pedantic(scoring_paths.naive, args=(workload,), rounds=2, warmup_rounds=1)
    note(benchmark, PROMPTS, workload.tokens)


@pytest.mark.benchmark(group="scoring")
def test_logits_to_keep(benchmark: Any, workload: Workload) -> None:
    benchmark(scoring_paths.naive, workload, logits_to_keep=1)
    note(benchmark, PROMPTS, workload.tokens)


@pytest.mark.benchmark(group="scoring")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_ours(benchmark: Any, workload: Workload, dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and not has_native_bfloat16(torch.device("cpu")):
        pytest.skip("this processor only emulates bfloat16")
    floor = median_seconds(Products(workload, dtype))
    benchmark(scoring_paths.whole_path, workload, dtype)
    note(benchmark, PROMPTS, workload.tokens, floor)


@pytest.mark.benchmark(group="training step")
@pytest.mark.parametrize("loss", ["full sequence", "ours"])
def test_training(benchmark: Any, workload: Workload, loss: str) -> None:
    from benchmarks.speed import training

    chosen = {"full sequence": training.full_sequence, "ours": training.at_the_letter}[loss]
    steps = training.Steps(workload, chosen, seed=0)
    benchmark.pedantic(steps, rounds=2, warmup_rounds=1)
    note(benchmark, PROMPTS, workload.tokens)


@pytest.mark.benchmark(group="prompts")
def test_prompts(benchmark: Any, workload: Workload) -> None:
    encoder = workload.reranker.encoder

    def build() -> int:
        prompts = [encoder.encode_array(task.history, task.candidates) for task in workload.tasks]
        return sum(len(batch.input_ids) for batch in fill_batches(prompts, 2_048))

    assert benchmark(build) == workload.tokens
    note(benchmark, PROMPTS, workload.tokens)


@pytest.mark.benchmark(group="prompts")
def test_plain_tokenisation(benchmark: Any, workload: Workload) -> None:
    texts = [before + after for before, after in workload.texts]
    benchmark(workload.reranker.tokenizer, texts, add_special_tokens=False)
    note(benchmark, PROMPTS, workload.tokens)


@pytest.mark.benchmark(group="metrics")
def test_metrics(benchmark: Any) -> None:
    rng = np.random.default_rng(0)
    scores, target = rng.standard_normal((USERS, N)), rng.integers(0, N, USERS)

    def judge() -> object:
        return target_standing(scores, target).summaries([Hit(5), Hit(20), ReciprocalRank()])

    benchmark(judge)
    note(benchmark, USERS)
