"""Faults that can be injected into a healthy reranker, to see whether the checks notice them.

    from rerank_guard.faults import injector

    broken = injector("D1").broken(my_reranker)      # 30 % of the target items are not among their candidates
    assert not check_reranker(broken).ok

An injector needs no more than the methods of the reranker that it breaks; `Injector.applies_to` compares them. `broken` wraps
the reranker and does not change it; faults of the training job go through the reranker's own `rebuilt`.
"""

from __future__ import annotations

from rerank_guard.faults.catalogue import all_injectors, injector, readings
from rerank_guard.faults.equivalents import Equivalent, all_equivalents
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.wrapped import TrainedOnce, Wrapped

__all__ = [
    "Equivalent",
    "Injector",
    "TrainedOnce",
    "Wrapped",
    "all_equivalents",
    "all_injectors",
    "injector",
    "readings",
]
