"""The command that puts chosen faults into a reranker."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.faults.injector import Injector

__all__ = ["selftest_command"]


def selftest_command(injectors: Sequence[Injector]) -> str:
    """`rerank-guard selftest` with these injectors alone."""
    retrain = " --retrain" if any(each.retrains for each in injectors) else ""
    return (
        f"rerank-guard selftest --target PKG.MOD:FACTORY --only {','.join(each.id for each in injectors)}{retrain}"
    )
