"""The diagnosis of a run: its verdicts, and what the scores say when they are read otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rerank_guard.core.diagnosis import UNDECIDED, Certainty, Diagnosis, Probe
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.report import RunError
from rerank_guard.core.verdict import MAX_EVIDENCE, Status, Verdict
from rerank_guard.diagnosis import diagnose, what_if_probes
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.suite_run import SuiteRun

__all__ = ["diagnose_run"]


def diagnose_run(
    session: SuiteRun | None,
    verdicts: Sequence[Verdict],
    settings: RunSettings | None = None,
    errors: Sequence[RunError] = (),
) -> Diagnosis | None:
    """`diagnose`, with the probes of `what_if` at the largest cutoff where something is not ok and scores were taken.

    Where nothing failed and an exception ended a check, the diagnosis is undecided and shows what was raised.

    Failures that are expected, or of preview checks, are left out: it explains what is left.

    Starts nothing: a target that was not scored is not scored for this.

    Args:
        session: the one that was judged; None where it lies in another process, which leaves the verdicts alone.
        verdicts: of the run, in suite order.
        settings: of the run; the defaults where it is None.
        errors: checks that ended in an exception.
    """
    left = [_to_explain(verdict) for verdict in verdicts if not verdict.excused]
    found = diagnose(left, _probes(session, left), () if settings is None else settings.checks)
    return found or (_raised(errors, verdicts) if errors else None)


def _raised(errors: Sequence[RunError], verdicts: Sequence[Verdict]) -> Diagnosis:
    """Nothing failed, and not everything could be looked at."""
    not_run = sum(verdict.status is Status.NOT_RUN for verdict in verdicts)
    behind = f", and {not_run} further checks were not run" if not_run else ""
    return Diagnosis(
        UNDECIDED,
        Certainty.OPEN,
        f"No check that ran has failed. An exception ended {errors[0].check}{behind}: nothing is known of what they judge.",
        tuple(f"{error.check}: {error.message}" for error in errors[:MAX_EVIDENCE]),
        "Fix what was raised, then run again.",
        tuple(error.check for error in errors),
    )


def _to_explain(verdict: Verdict) -> Verdict:
    """What was expected to fail and passed is, for the diagnosis, a check that passed."""
    return replace(verdict, expected="") if verdict.expected else verdict


_OPEN = frozenset({None, "scores-not-from-model", "position-prior"})
"""What the comparison with the reference says where it does not know why they differ."""


def _says_why(verdict: Verdict) -> bool:
    """Whether the comparison has found what gives just these scores; another reading that helps too is then no news."""
    return verdict.status is Status.FAILED and verdict.fault not in _OPEN


def _probes(session: SuiteRun | None, verdicts: Sequence[Verdict]) -> list[Probe]:
    if session is None or session.inputs.made("raw_scores") is None:
        return []
    if all(verdict.ok for verdict in verdicts):
        return []
    if any(verdict.check == "scores_match_forward_pass" and _says_why(verdict) for verdict in verdicts):
        return []
    try:
        return what_if_probes(
            session.inputs.get("scores"), session.inputs.get("given_tasks"), max(session.inputs.get("cutoffs"))
        )
    except RerankGuardError:  # malformed scores are what a verdict has said already
        return []
