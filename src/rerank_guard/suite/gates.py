"""A gate: what it needs of the target, when it stands aside, and how its check becomes a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from rerank_guard.errors import InvalidScoresError, InvalidTaskError, InvalidTraceError, NotOfferedError
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import Trains
from rerank_guard.verdict import Status, Verdict

__all__ = ["Gate", "Need", "Tier", "judge", "prepare"]


class Tier(IntEnum):
    """How much a gate costs; gates run from the cheapest, most upstream tier to the dearest."""

    STATIC = 0
    REHEARSAL = 1
    TRAIN = 2
    FORWARD = 3
    QUALITY = 4


@dataclass(frozen=True, slots=True)
class Need:
    """A capability that a gate needs, and the method that brings it."""

    capability: type
    method: str


@dataclass(frozen=True, slots=True)
class Gate:
    """One entry of the suite.

    Attributes:
        family: the check's name without its cutoff.
        k: the cutoff, for gates that have one.
        tier: its cost.
        claim: the sentence it tests; shown when it does not apply or could not be judged.
        needs: capabilities without which it does not apply.
        inputs: what has to be asked of the target before it can judge, in this order. Not lambdas, whose frames
            would stand in the traceback of whatever the target raises.
        check: from the session to a verdict; runs after the inputs are there.
    """

    family: str
    k: int | None
    tier: Tier
    claim: str
    needs: tuple[Need, ...]
    inputs: tuple[Callable[[SuiteSession], object], ...]
    check: Callable[[SuiteSession], Verdict]

    @property
    def name(self) -> str:
        """The check's name, such as "recall_beats_baseline[K=20]"."""
        return self.family if self.k is None else f"{self.family}[K={self.k}]"


def prepare(gate: Gate, session: SuiteSession) -> None:
    """Ask the target for all that `gate` judges; nothing when the gate stands aside.

    Where the input of a gate before the job cannot be had, what is dearer is stopped, as by one that fails.

    Raises:
        NotOfferedError: the target has the method, but not in its present configuration.
        Exception: whatever the target raises.
    """
    __tracebackhide__ = True
    if _stands_aside(gate, session) is not None:
        return
    try:
        for ask in gate.inputs:
            ask(session)
    except NotOfferedError:
        raise
    except Exception:
        if gate.tier < Tier.TRAIN and gate.name not in session.stopped_by:
            session.stopped_by.append(gate.name)  # what could not be looked at is no ground for a job either
        raise


def judge(gate: Gate, session: SuiteSession) -> Verdict:
    """The gate's verdict. Malformed data becomes a failed verdict; what the target itself raises is passed on.

    A gate before the job that fails stops what is dearer: a job that cannot succeed is not started (`SuiteSession.stopped_by`).
    """
    aside = _stands_aside(gate, session)
    if aside is not None:
        return aside
    try:
        prepare(gate, session)
    except NotOfferedError as error:
        return _aside(gate, Status.NOT_APPLICABLE, str(error), "nothing to do, unless the target should offer it")
    try:
        verdict = gate.check(session)
    except (InvalidScoresError, InvalidTaskError, InvalidTraceError) as error:
        verdict = _unreadable(gate, error)
    if gate.tier < Tier.TRAIN and verdict.status is Status.FAILED:
        session.stopped_by.append(gate.name)
    return verdict if verdict.check == gate.name else replace(verdict, check=gate.name)


def _stands_aside(gate: Gate, session: SuiteSession) -> Verdict | None:
    """The verdict of a gate that judges nothing, None of one that does."""
    missing = [need.method for need in gate.needs if not isinstance(session.target, need.capability)]
    if missing:
        methods = " and ".join(missing)
        return _aside(
            gate,
            Status.NOT_APPLICABLE,
            f"the target {session.target.name!r} has no {methods}",
            f"add {methods} to the target to have this checked",
        )
    # what is dear is the training job; a target without one is scored all the same, which shows what the fault does
    if (
        gate.tier > Tier.STATIC
        and session.stopped_by
        and not session.keep_going
        and isinstance(session.target, Trains)
    ):
        return _aside(
            gate,
            Status.NOT_RUN,
            f"{', '.join(session.stopped_by)} did not pass, so the training job was not started",
            "mend what failed first, or go on all the same with --rerank-keep-going",
        )
    return None


def _aside(gate: Gate, status: Status, cause: str, next_step: str) -> Verdict:
    return Verdict(
        check=gate.name,
        status=status,
        claim=gate.claim,
        measured={},
        threshold={},
        n=0,
        cause=cause,
        next_step=next_step,
    )


def _unreadable(gate: Gate, error: Exception) -> Verdict:
    """A claim that cannot be judged on malformed data has not been shown, so the verdict is FAILED."""
    return Verdict(
        check=gate.name,
        status=Status.FAILED,
        claim=gate.claim,
        measured={},
        threshold={},
        n=0,
        evidence=(str(error),),
        cause="the data that this check judges is malformed",
        next_step="correct what the evidence names; the checks before this one in the suite may say more",
    )
