"""`selftest` on healthy rerankers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.trust.command import Command, selftest
from benchmarks.trust.record import Case, Expected

_FINE = Expected(exits=(0,))


def _packaged(*options: str) -> Callable[[int], Command]:
    return selftest("rerank_guard.faults.healthy:make_healthy", *options)


CASES = (
    Case(29, "selftest on a healthy reranker, S3b and B3", _packaged("--only", "S3b,B3"), _FINE, sibling=False),
    Case(
        29, "selftest on a cross-encoder with few users: S3b, S4", selftest("mine:small", "--only", "S3b,S4"), _FINE
    ),
    Case(29, "selftest with seed 3: S3b, B3, S6", _packaged("--seed", "3", "--only", "S3b,B3,S6"), _FINE),
    Case(29, "selftest with seed 1: S8a, D1, S4, M3a", _packaged("--seed", "1", "--only", "S8a,D1,S4,M3a"), _FINE),
)
