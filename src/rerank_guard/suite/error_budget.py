"""One error budget for all FAILED verdicts of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rerank_guard.core.defaults import ALPHA
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.stats.multiplicity import holm

__all__ = ["within_budget"]


def within_budget(verdicts: Sequence[Verdict], alpha: float = ALPHA) -> tuple[Verdict, ...]:
    """The same verdicts, with each FAILED that does not survive Holm's correction turned INCONCLUSIVE.

    A healthy reranker then has a chance of at most alpha to be failed by any of the run's statistical checks, however
    many there are (Holm 1979, on the p-values 1/sup E). Exact checks make no such errors and are left as they are, and so
    is PASSED: all checks must pass, and a conjunction needs no correction.

    Args:
        verdicts: of one run, those of ignored, expected and preview checks among them: the family is all that applies,
            whatever of it counts. One that is not FAILED enters with p = 1, which makes no other one smaller.
        alpha: the budget.
    """
    family = [index for index, verdict in enumerate(verdicts) if verdict.p_failed is not None]
    adjusted = dict(zip(family, holm([_p_value(verdicts[index]) for index in family]), strict=True))
    return tuple(
        _withdrawn(verdict, adjusted[index], len(family), alpha)
        if verdict.status is Status.FAILED and adjusted.get(index, 0.0) > alpha
        else verdict
        for index, verdict in enumerate(verdicts)
    )


def _p_value(verdict: Verdict) -> float:
    return (verdict.p_failed or 0.0) if verdict.status is Status.FAILED else 1.0


def _withdrawn(verdict: Verdict, adjusted: float, n_checks: int, alpha: float) -> Verdict:
    return replace(
        verdict,
        status=Status.INCONCLUSIVE,
        suspects=(),
        cause=(
            f"Failed by itself (p={verdict.p_failed:.2g}), but one of {n_checks} statistical checks shows that much by "
            f"chance with p={adjusted:.2g}, above {alpha:g}. If it is not chance: {verdict.cause}"
        ),
        next_step=f"Judge on more users. {verdict.next_step}",
    )
