"""All gates on one target, in order, without pytest."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.report.budget import within_budget
from rerank_guard.report.report import Report
from rerank_guard.suite.gates import gates_for, judge
from rerank_guard.suite.session import DEFAULT_ALPHA, SuiteSession
from rerank_guard.target import Progress, RerankTarget

__all__ = ["check_reranker"]


def check_reranker(
    target: RerankTarget,
    *,
    cutoffs: Sequence[int] | None = None,
    alpha: float = DEFAULT_ALPHA,
    seed: int = 0,
    progress: Progress | None = None,
    early_stop: bool = False,
) -> Report:
    """Run every gate that the target's methods allow, and report.

    A target with `train` is trained once, before anything is scored; scores are taken once.

    Args:
        target: the reranker.
        cutoffs: the K of Recall@K; None leaves the choice to the target, then to those of 5 and 20 below N.
        alpha: false-alarm rate of each statistical gate.
        seed: recorded in the report; give the target its seed when you make it.
        progress: told how far training and scoring are.
        early_stop: end the training job as soon as its gates have passed; train() must take a `monitor`.

    Raises:
        VacuousMetricError: a cutoff is not below the smallest N.
        TargetError, InvalidTaskError: the target does not meet `RerankTarget`, or has no usable task.
        Exception: whatever the target's own methods raise.
    """
    session = SuiteSession(
        target, cutoffs=cutoffs, alpha=alpha, seed=seed, progress=progress, early_stop=early_stop
    )
    verdicts = tuple(judge(gate, session) for gate in gates_for(session))
    return Report(session.subject(), within_budget(verdicts, alpha))
