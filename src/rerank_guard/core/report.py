"""A run's report: who was judged, every verdict, and the faults they point at."""

from __future__ import annotations

from dataclasses import dataclass

from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.verdict import Status, Verdict

__all__ = ["Configured", "Problem", "Report", "RunError", "Subject", "TrainingSummary", "Unjudged"]


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """A training job in numbers.

    Attributes:
        steps: optimiser steps taken.
        planned_steps: optimiser steps the configuration asked for.
        examples: examples seen, counting repeats.
        trainable_parameters: parameters with requires_grad.
        seconds: wall-clock time of the job.
        stopped_early: the job ended before its plan because its checks had passed.
    """

    steps: int
    planned_steps: int
    examples: int
    trainable_parameters: int
    seconds: float
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """Who was judged, and where: the head of a report.

    Attributes:
        target: the reranker's name.
        dataset: which data its tasks come from; "not described" when the target does not say.
        device: where the model ran; "not described" when neither the target nor the caller says.
        seed: the seed that the target's factory was given.
        versions: package name to version.
        details: what else the target told about itself.
        training: the training job; None when the target has none or it was not run.
    """

    target: str
    dataset: str
    device: str
    seed: int
    versions: dict[str, str]
    details: dict[str, str | int | float | bool]
    training: TrainingSummary | None = None


@dataclass(frozen=True, slots=True)
class Configured:
    """A value that differs from its default.

    Attributes:
        key: as in a configuration file, such as "alpha" or "checks.calibrated.max_excess".
        value: as it was given.
        origin: the file, or the option of the command line.
    """

    key: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A verdict that is not ok, in short: its fault, the check that showed it, its likely cause and what to do.

    Attributes:
        fault: None where none is known.
        check: the check that showed it.
        cause: its likely cause.
        next_step: what to do.
        unnamed: what a text calls it where there is no fault.
    """

    fault: str | None
    check: str
    cause: str
    next_step: str
    unnamed: str = "unnamed fault"


@dataclass(frozen=True, slots=True)
class RunError:
    """A check that could not be run to its end because the reranker, or the check itself, raised."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A check that was planned and has neither a verdict nor an error of its own, and why."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run found out.

    Attributes:
        subject: who was judged.
        verdicts: in suite order, the most upstream check first.
        errors: checks that ended in an exception of the reranker or of their own; a report with one is not ok.
        diagnosis: the one fault that explains the verdicts best; None where all are ok.
        configured: what differs from the defaults, and where it was given.
        unjudged: checks that were planned and have no verdict, such as those after an interrupt; a report with one is not
            ok. Not applicable, not run after a failure, and ignored are verdicts.
    """

    subject: Subject
    verdicts: tuple[Verdict, ...]
    errors: tuple[RunError, ...] = ()
    diagnosis: Diagnosis | None = None
    configured: tuple[Configured, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()

    @property
    def judged(self) -> bool:
        """True when at least one check says something: passed, failed or inconclusive."""
        return any(verdict.status.says_something for verdict in self.verdicts)

    @property
    def ok(self) -> bool:
        """True when something was judged, no verdict failed or stayed inconclusive, and no planned check lacks a verdict."""
        complete = not self.errors and not self.unjudged
        return self.judged and complete and all(verdict.ok for verdict in self.verdicts)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The verdicts that are not ok, most upstream first: what is wrong early explains what fails later."""
        return tuple(_problem(verdict) for verdict in self.verdicts if not verdict.ok)

    @property
    def unexplained(self) -> tuple[Problem, ...]:
        """The findings that the diagnosis does not account for; all of them without one."""
        explained = self.diagnosis.explains if self.diagnosis is not None else ()
        return tuple(problem for problem in self.problems if problem.check not in explained)


def _problem(verdict: Verdict) -> Problem:
    if verdict.status is Status.PASSED:
        return Problem(
            None,
            verdict.check,
            f"It was expected to fail ({verdict.expected}), and passed.",
            "Remove it from `expected`, or its xfail mark.",
            unnamed="unexpected pass",
        )
    return Problem(verdict.fault, verdict.check, verdict.cause, verdict.next_step)
