"""One reranker under judgement: what is planned, what has been asked, and what has stopped the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rerank_guard.core.errors import InvalidScoresError, InvalidTaskError, InvalidTraceError, NotOfferedError
from rerank_guard.core.faults.data import RESULT_MALFORMED
from rerank_guard.core.finding import Finding, Strength, Suspected, not_applicable
from rerank_guard.core.given import Cost, method_of
from rerank_guard.core.report import Subject
from rerank_guard.core.target import Progress, RerankTarget, Trains
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.core.wording import worded
from rerank_guard.stored import StoredRun, stored_run_of
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.describe import subject_of
from rerank_guard.suite.load import require_target
from rerank_guard.suite.planned import Planned, plan_checks
from rerank_guard.suite.resolver import Resolver
from rerank_guard.suite.settings import RunSettings

__all__ = ["SuiteRun"]


class SuiteRun:
    """One reranker under judgement. Nothing is asked of it before a check needs it, and nothing twice.

    Args:
        reranker: who is judged.
        settings: of the run.
        progress: called as training and scoring go on.

    Attributes:
        stopped_by: checks before the job that have failed; as long as there are any, the job is not started.

    Raises:
        TargetError: `reranker` does not meet `RerankTarget`.
    """

    def __init__(
        self,
        reranker: RerankTarget,
        settings: RunSettings | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        self.settings = settings or RunSettings()
        self.reranker = require_target(reranker)
        self._asking = Asking(self.reranker, self.settings, progress)
        self._given = _given_by_run(self.settings)
        self.inputs = Resolver(self._asking, self._given)
        self.stopped_by: list[str] = []
        self._planned: tuple[Planned, ...] | None = None

    def planned(self) -> tuple[Planned, ...]:
        """All that is judged, in the order in which it is judged.

        Raises:
            VacuousMetricError, InvalidTaskError, TargetError: see `cutoffs.choose_cutoffs`.
        """
        if self._planned is None:
            self._planned = plan_checks(self.inputs.get("cutoffs"), given=tuple(self._given))
        return self._planned

    def prepare(self, planned: Planned) -> None:
        """Ask the reranker for all that a check judges; nothing where the check does not apply.

        Where the input of a check before the job cannot be made, the job is stopped, as by a check that fails.

        Raises:
            NotOfferedError: the reranker has the method, but not in its present configuration.
            Exception: whatever the reranker raises.
        """
        __tracebackhide__ = True
        if self._not_judged(planned) is not None:
            return
        try:
            self._arguments(planned)
        except (NotOfferedError, InvalidScoresError, InvalidTaskError, InvalidTraceError):
            return  # `judge` says so
        except Exception:
            if planned.cost < Cost.TRAINING and planned.name not in self.stopped_by:
                self.stopped_by.append(planned.name)  # what could not be looked at is no ground for a job either
            raise

    def judge(self, planned: Planned) -> Verdict:
        """The verdict of a check. Malformed data becomes a failed verdict; what the reranker raises is passed on.

        A check before the job that fails stops the job: one that cannot succeed is not started (`stopped_by`).
        """
        __tracebackhide__ = True
        finding = self._not_judged(planned)
        if finding is None:
            self.prepare(planned)
            finding = self._measured(planned)
            if planned.cost < Cost.TRAINING and finding.status is Status.FAILED:
                self.stopped_by.append(planned.name)
        return worded(finding, check=planned.name, claim=planned.claim)

    def trained(self) -> TrainingTrace | None:
        """Train if the reranker does; its trace, or None of a reranker without a training job."""
        __tracebackhide__ = True
        trace: TrainingTrace | None = self.inputs.trained()
        return trace

    def subject(self) -> Subject:
        """The report's head; starts nothing."""
        return subject_of(self._asking, self.inputs.made("training_trace"))

    def as_reference(self, created: str, *, timed: bool = True) -> StoredRun:
        """This run, to be stored and compared with later ones.

        Args:
            created: an ISO date.
            timed: whether scoring is timed for it.
        """
        return stored_run_of(
            self.inputs.get("scores"),
            self.inputs.get("given_tasks"),
            target=self.reranker.name,
            created=created,
            seed=self.settings.seed,
            versions=self.subject().versions,
            conditions=self.inputs.optional("conditions"),
            throughput=self.inputs.get("measured_throughput") if timed else None,
        )

    def _measured(self, planned: Planned) -> Finding:
        try:
            return planned.check.measure(**self._arguments(planned), **self._settings(planned))
        except NotOfferedError as error:
            return not_applicable(str(error), "nothing to do, unless the reranker should offer it")
        except (InvalidScoresError, InvalidTaskError, InvalidTraceError) as error:
            return _unreadable(error)

    def _arguments(self, planned: Planned) -> dict[str, Any]:
        __tracebackhide__ = True
        found = {}
        for parameter, given in planned.inputs.items():  # a comprehension would be a frame that pytest shows
            make = self.inputs.optional if planned.is_optional(parameter) else self.inputs.get
            found[parameter] = make(given, planned.k)
        return found

    def _settings(self, planned: Planned) -> dict[str, Any]:
        """The run's alpha, where it has one, for every check that has a level."""
        if self.settings.alpha is None or "alpha" not in planned.check.settings:
            return {}
        return {"alpha": self.settings.alpha}

    def _not_judged(self, planned: Planned) -> Finding | None:
        """The finding of a check that judges nothing, None of one that does."""
        missing = planned.missing(self.reranker)
        if missing:
            methods = " and ".join(method_of(capability) for capability in missing)
            return not_applicable(
                f"the reranker {self.reranker.name!r} has no {methods}",
                f"add {methods} to the reranker to have this checked",
            )
        # what is expensive is the training job; a reranker without one is scored all the same, which shows what the fault
        # does
        stopped = self.stopped_by and not self.settings.continue_after_failure
        if planned.cost > Cost.STATIC and stopped and isinstance(self.reranker, Trains):
            return not_applicable(
                f"{', '.join(self.stopped_by)} did not pass, so the training job was not started",
                "fix what failed first, or continue anyway with --rerank-continue",
                status=Status.NOT_RUN,
            )
        return None


def _given_by_run(settings: RunSettings) -> Mapping[str, object]:
    """The inputs that a reference run brings."""
    if settings.reference is None:
        return {}
    given: dict[str, object] = {"reference_run": settings.reference}
    if settings.reference.throughput is not None:
        given["reference_throughput"] = settings.reference.throughput
    return given


def _unreadable(error: Exception) -> Finding:
    """A claim that cannot be judged on malformed data has not been shown, so the finding is FAILED."""
    return replace(
        Finding(Status.FAILED),
        evidence=(str(error),),
        suspects=(
            Suspected(
                RESULT_MALFORMED,
                Strength.SEEN,
                "the data that this check judges is malformed",
                "correct what the evidence names; the checks before this one in the suite may say more",
            ),
        ),
    )
