"""The naive checks of benchmarks/faults, and when their figures of an earlier run may be reused."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.faults import kept
from benchmarks.faults.naive import NAIVE_CHECKS, Observed, naive_failures

from guard.builders import make_tasks, make_trace
from rerank_guard.faults import injector


def observed(*, loss=1.0, hits=40, sure=True) -> Observed:
    """40 users with 10 candidates each, the target item first; `hits` of them ranked first, the others last."""
    tasks = make_tasks([0] * 40, [10] * 40)
    scores = [np.r_[1.0 if user < hits else -1.0, np.zeros(9)] for user in range(40)]
    probabilities = [np.r_[0.91, np.full(9, 0.01)] if sure else np.full(10, 0.1)] * 40
    return Observed(make_trace(np.full(300, loss), n=10), tasks, scores, probabilities)


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({}, []),
        ({"loss": 2.4}, [NAIVE_CHECKS[0]]),  # log 10 is 2.3
        ({"hits": 12}, [NAIVE_CHECKS[1]]),  # chance is 0.3 at K=3
        ({"sure": False}, [NAIVE_CHECKS[2]]),
    ],
)
def test_each_naive_check_fails_for_its_own_reason(changed, failed):
    assert naive_failures(lambda: observed(**changed), 3) == failed


def test_what_a_reranker_raises_counts_as_caught():
    def broken():
        raise ZeroDivisionError

    assert naive_failures(broken, 3) == ["ZeroDivisionError"]


def test_naive_figures_depend_on_the_reranker_and_not_on_our_checks():
    found = kept.sources(*kept.ALWAYS)
    assert {
        "rerank_model.training.trainer",
        "rerank_model.scoring.packed.forward",
        "rerank_guard.core.types",
    } <= set(found)
    assert not [name for name in found if name.startswith(("rerank_guard.suite", "rerank_guard.diagnosis"))]
    assert not [name for name in found if name.startswith("rerank_guard.checks.") and "._" not in name]
    assert all(path.is_file() for path in found.values())


def test_a_fingerprint_is_that_of_one_injector_one_seed_and_the_sources(monkeypatch):
    first = kept.fingerprint(injector("D1"), 0)
    assert first == kept.fingerprint(injector("D1"), 0)
    assert first != kept.fingerprint(injector("D1"), 1)
    assert first != kept.fingerprint(injector("D2"), 0)
    digest = kept._digest
    kept._digest_of.cache_clear()
    monkeypatch.setattr(kept, "_digest", lambda path: "changed" if path.name == "trainer.py" else digest(path))
    assert first != kept.fingerprint(injector("D1"), 0)
    kept._digest_of.cache_clear()


def test_figures_without_a_fingerprint_are_measured_again():
    rows = [
        {"id": "D1", "naive": ["recall > K/N"], "naive_fingerprint": "abc"},
        {"id": "S4", "naive": [], "naive_fingerprint": None},
    ]
    result = {"sections": {"catches": {"figures": {"faults": rows}}}}
    assert kept.kept_in(result) == {"D1": ("abc", ["recall > K/N"])}
    assert kept.kept_in({"sections": {}}) == {}
