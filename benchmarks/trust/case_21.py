"""What became of an adapter between saving and loading."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from benchmarks.trust.record import Asked, Case, fault, silent
from benchmarks.trust.world import letters, letters_with

from rerank_guard.core.types import FloatArray, RankingTask


def _reloaded(change: Callable[[FloatArray, FloatArray], FloatArray]) -> Callable[[int], Asked]:
    """`score_reloaded` by what the base gives and what the adapter adds."""

    def build(seed: int) -> Asked:
        target = letters(seed)

        def score(given: Sequence[RankingTask]) -> list[FloatArray]:
            pairs = zip(target.score_without_adapter(given), target.score(given), strict=True)
            return [change(base, both - base) for base, both in pairs]

        return Asked(letters_with(seed, score_reloaded=score))

    return build


def _other_base(seed: int) -> Asked:
    target, other = letters(seed), letters(seed + 7)

    def score(given: Sequence[RankingTask]) -> list[FloatArray]:
        rows = zip(
            target.score(given),
            target.score_without_adapter(given),
            other.score_without_adapter(given),
            strict=True,
        )
        return [both - base + strange for both, base, strange in rows]

    return Asked(letters_with(seed, score_reloaded=score))


CASES = (
    Case(
        21,
        "a merged adapter is loaded once more",
        _reloaded(lambda base, change: base + 2.0 * change),
        fault("adapter-inactive", says=("twice|doubled|two times",), not_says=("not saved|without its weights",)),
        sibling=False,
        fast=True,
    ),
    Case(
        21,
        "alpha lost on reload: half of the change",
        _reloaded(lambda base, change: base + 0.5 * change),
        fault("adapter-inactive", says=("alpha|scal",), not_says=("without its weights|another checkpoint",)),
        sibling=False,
        fast=True,
    ),
    Case(
        21,
        "alpha lost on reload: 1/16 of the change",
        _reloaded(lambda base, change: base + change / 16.0),
        fault("adapter-inactive", says=("alpha|scal",)),
    ),
    Case(
        21,
        "nothing of the adapter is there after reload",
        _reloaded(lambda base, change: base),
        fault("adapter-inactive", says=("switched off|no change|base alone|without the adapter",)),
    ),
    Case(
        21,
        "another base after reload",
        _other_base,
        fault("adapter-inactive", says=("another base|other base|different base|base model",)),
    ),
    Case(
        21,
        "alpha four times as large after reload",
        _reloaded(lambda base, change: base + 4.0 * change),
        fault("adapter-inactive", says=("alpha|scal",)),
    ),
    Case(
        21,
        "healthy: reloaded in float16",
        _reloaded(lambda base, change: (base + change).astype(np.float16).astype(np.float64)),
        silent(),
    ),
)
