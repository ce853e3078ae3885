"""A small healthy reranker in numpy, for trying out checks, injectors and examples without a model.

    from rerank_guard.faults.healthy import make_healthy
    from rerank_guard.suite import check_reranker

    assert check_reranker(make_healthy()).ok

It needs numpy alone and trains in about a third of a second. On the command line it is
`rerank_guard.faults.healthy:make_healthy`.
"""

from __future__ import annotations

from rerank_guard.faults.healthy.reranker import HealthyReranker, make_healthy

__all__ = ["HealthyReranker", "make_healthy"]
