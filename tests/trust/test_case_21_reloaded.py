"""Case 21: what became of the adapter between saving and loading is said by what the scores fit."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.core.verdict import Status
from trust.judged_variants import judge, trained


def scaled(factor):
    def score_reloaded(tasks):
        pairs = zip(trained().score_without_adapter(tasks), trained().score(tasks), strict=True)
        return [base + factor * (both - base) for base, both in pairs]

    return score_reloaded


@pytest.mark.parametrize(
    ("factor", "words", "not_words"),
    [
        (2.0, "applied twice", "not saved"),
        (0.5, "another scaling", "switched off"),
        (0.0625, "another scaling", "switched off"),
        (4.0, "another scaling", "twice:"),
        (0.0, "switched off", "another scaling"),
    ],
)
def test_a_multiple_of_the_change_is_named(factor, words, not_words):
    verdict = judge("survives_reload", score_reloaded=scaled(factor))
    assert (verdict.status, verdict.fault) == (Status.FAILED, "adapter-inactive")
    assert words in verdict.cause
    assert not_words not in verdict.cause


@pytest.mark.parametrize("seed", range(3))
def test_another_base_is_none(seed):
    def score_reloaded(tasks):
        rng = np.random.default_rng(seed)
        return [row + rng.normal(scale=5.0, size=len(row)) for row in trained().score(tasks)]

    verdict = judge("survives_reload", score_reloaded=score_reloaded)
    assert "another base model" in verdict.cause


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_rounding_passes(dtype):
    def score_reloaded(tasks):
        return [row.astype(dtype).astype(np.float64) for row in trained().score(tasks)]

    assert judge("survives_reload", score_reloaded=score_reloaded).status is Status.PASSED
