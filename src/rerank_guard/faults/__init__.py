"""Faults that can be put into a sound reranker, to test the tests.

    from rerank_guard.faults import fault

    broken = fault("D1").broken(my_target)      # 30 % of the targets are not among their candidates
    assert not check_reranker(broken).ok

A fault needs no more than the methods of the target that it breaks: `Fault.applies_to` tells by these. `broken` wraps the
target and leaves it as it is; faults of the training job go through the target's own `rebuilt`.
"""

from __future__ import annotations

from rerank_guard.faults.catalogue import UnknownFaultError, all_faults, fault, readings
from rerank_guard.faults.equivalents import Equivalent, all_equivalents
from rerank_guard.faults.fault import Fault, FaultStage
from rerank_guard.faults.wrapped import TrainedOnce, Wrapped

__all__ = [
    "Equivalent",
    "Fault",
    "FaultStage",
    "TrainedOnce",
    "UnknownFaultError",
    "Wrapped",
    "all_equivalents",
    "all_faults",
    "fault",
    "readings",
]
