"""Padding, last-position and truncation faults; those of the embedded default are in faults.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import cross_encoder, letters, noise, score_all, tasks

from rerank_guard.core.types import FloatArray, RankingTask
from rerank_guard.faults import injector


def _injected(name: str) -> Callable[[int], Asked]:
    return lambda seed: Asked(injector(name).broken(letters(seed)))


def _padded(shift: float, n: int) -> Callable[[int], Asked]:
    """Every row but the longest of its batch is read beside its last token."""

    def score(given: Sequence[RankingTask]) -> list[FloatArray]:
        lengths = [sum(len(item.text) for item in (*task.history, *task.candidates)) for task in given]
        rows = []
        for task, length in zip(given, lengths, strict=True):
            row = score_all(task)
            if length < max(lengths):
                row = row + shift * np.array(
                    [noise("padded", max(lengths) - length, i.text) for i in task.candidates]
                )
            rows.append(row)
        return rows

    return lambda seed: Asked(cross_encoder(tasks(300, n, seed, history=range(3, 9)), score=score))


def _kernels(seed: int) -> Asked:
    """Batches differ by the rounding of float32 alone."""

    def score(given: Sequence[RankingTask]) -> list[FloatArray]:
        return [score_all(task) * (1.0 + 1e-7 * (len(given) % 7)) for task in given]

    return Asked(cross_encoder(tasks(300, 20, seed, history=range(3, 9)), score=score))


CASES = (
    Case(
        34,
        "padding without positions (injector S1)",
        _injected("S1"),
        fault("batch-dependent"),
        sibling=False,
        fast=True,
    ),
    Case(
        34,
        "read before the last token (injector S2a)",
        _injected("S2a"),
        fault("wrong-logit-position"),
        sibling=False,
    ),
    Case(34, "the same, not shown (injector S2b)", _injected("S2b"), fault("wrong-logit-position"), sibling=False),
    Case(
        34,
        "the last candidates are cut off (injector T5a)",
        _injected("T5a"),
        fault("prompt-truncated"),
        sibling=False,
    ),
    Case(34, "the words before the answer are cut off (injector T5b)", _injected("T5b"), fault("prompt-truncated")),
    Case(
        34,
        "cross-encoder, N=10: padded rows are read elsewhere",
        _padded(3.0, 10),
        fault("batch-dependent"),
        fast=True,
    ),
    Case(34, "cross-encoder, N=40: padded rows are off by a little", _padded(0.6, 40), fault("batch-dependent")),
    Case(34, "healthy: prompts of unlike lengths, float32 kernels", _kernels, silent()),
)
