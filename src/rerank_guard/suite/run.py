"""All gates on one target, in order, without pytest."""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.report.budget import within_budget
from rerank_guard.report.report import Report, RunError
from rerank_guard.stored import StoredRun
from rerank_guard.suite.catalogue import gates_for
from rerank_guard.suite.diagnose import diagnose_run
from rerank_guard.suite.gates import judge
from rerank_guard.suite.session import DEFAULT_ALPHA, SuiteSession
from rerank_guard.target import Progress, RerankTarget
from rerank_guard.verdict import Verdict

__all__ = ["check_reranker", "report_on"]


def check_reranker(
    target: RerankTarget,
    *,
    cutoffs: Sequence[int] | None = None,
    alpha: float = DEFAULT_ALPHA,
    seed: int = 0,
    progress: Progress | None = None,
    early_stop: bool = False,
    keep_going: bool = False,
    stored: StoredRun | None = None,
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
        keep_going: train and score even where a gate that needs no model has failed; by default such a job is not started.
        stored: an earlier run, below which Recall@K must not have fallen; see `stored.read_stored_run`.

    Raises:
        VacuousMetricError: a cutoff is not below the smallest N.
        TargetError, InvalidTaskError: the target does not meet `RerankTarget`, or has no usable task.
        Exception: whatever the target's own methods raise before any static gate has failed.
    """
    session = SuiteSession(
        target,
        cutoffs=cutoffs,
        alpha=alpha,
        seed=seed,
        progress=progress,
        early_stop=early_stop,
        keep_going=keep_going,
        stored=stored,
    )
    return report_on(session)


def report_on(session: SuiteSession) -> Report:
    """Judge every gate of a session, and diagnose.

    Where a static gate has failed already, what the target raises after it is a consequence rather than news: it is written
    into the report's errors, and the diagnosis is given all the same.

    Raises:
        Exception: as `check_reranker`.
    """
    judged: list[Verdict] = []
    errors: list[RunError] = []
    for gate in gates_for(session):
        known = bool(session.stopped_by)
        try:
            judged.append(judge(gate, session))
        except Exception as error:
            if not known:
                raise
            errors.append(RunError(gate.name, f"{type(error).__name__}: {error}"))
    verdicts = within_budget(judged, session.alpha)
    return Report(session.subject(), verdicts, tuple(errors), diagnosis=diagnose_run(session, verdicts))
