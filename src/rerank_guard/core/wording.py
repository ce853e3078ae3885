"""From a finding to a verdict: the one place where the words of checks and of fault records meet."""

from __future__ import annotations

from rerank_guard.core.finding import Finding
from rerank_guard.core.verdict import Status, Verdict

__all__ = ["worded"]


def worded(finding: Finding, *, check: str, claim: str) -> Verdict:
    """The verdict of a finding.

    Args:
        finding: what a check measured and decided.
        check: the name under which it ran, with its cutoff.
        claim: the record's claim, for a finding that has no sentence of its own.

    Returns:
        The verdict. Cause and next step are the finding's own words, else those of its first suspect, whose words in
        turn default to the fault's record; a passed verdict has neither.
    """
    first = finding.suspects[0] if finding.suspects else None
    explained = finding.status is not Status.PASSED
    cause = finding.cause or (first.cause_text if first is not None else "")
    next_step = finding.next_step or (first.fix_text if first is not None else "")
    return Verdict(
        check=check,
        status=finding.status,
        claim=finding.claim or claim,
        measured=dict(finding.measured),
        threshold={limit.figure: limit.value for limit in finding.limits} | dict(finding.compared_with),
        n=finding.n,
        signs={limit.figure: limit.sign for limit in finding.limits},
        interval=finding.interval,
        evidence=finding.evidence,
        cause=cause if explained else "",
        next_step=next_step if explained else "",
        suspects=finding.suspects,
        affected=finding.affected,
        p_failed=finding.p_failed,
    )
