"""One reranker under judgement: what is planned, what has been asked, and what has stopped the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rerank_guard.core.errors import (
    ConfigError,
    InvalidScoresError,
    InvalidTaskError,
    InvalidTraceError,
    NotOfferedError,
    UnusablePromptsError,
)
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import RESULT_MALFORMED
from rerank_guard.core.faults.prompts import PROMPTS_UNUSABLE
from rerank_guard.core.finding import Finding, Strength, Suspected, not_applicable
from rerank_guard.core.given import Cost, method_of
from rerank_guard.core.report import Subject
from rerank_guard.core.target import Progress, RerankTarget, Trains
from rerank_guard.core.types import TrainingTrace
from rerank_guard.core.verdict import Status, Verdict
from rerank_guard.core.wording import worded
from rerank_guard.stored import StoredRun, stored_run_of
from rerank_guard.suite.asking import Asking
from rerank_guard.suite.contained import no_exit, own_arithmetic
from rerank_guard.suite.describe import subject_of
from rerank_guard.suite.load import require_target
from rerank_guard.suite.planned import Planned, plan_checks
from rerank_guard.suite.resolver import Resolver
from rerank_guard.suite.selection import chosen, expected_reason, is_selected, settings_for, unmatched
from rerank_guard.suite.settings import RunSettings

__all__ = ["SuiteRun"]


class SuiteRun:
    """One reranker under judgement. Nothing is asked of it before a check needs it, and nothing twice.

    Args:
        reranker: who is judged.
        settings: of the run.
        progress: called as training and scoring go on.

    Attributes:
        failed_before_training: checks before the job that have failed, or could not be looked at.
        stopped_by: those of them that stop the job: a fault that they name makes scores mean little.

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
        self.failed_before_training: list[str] = []
        self.stopped_by: list[str] = []
        self._planned: tuple[Planned, ...] | None = None
        self._raised: list[tuple[Exception, str]] = []
        self._behind: dict[str, str] = {}

    def planned(self) -> tuple[Planned, ...]:
        """All that is judged, in the order in which it is judged.

        Raises:
            VacuousMetricError, InvalidTaskError, TargetError: see `cutoffs.choose_cutoffs`.
        ConfigError: a name with a cutoff that this run does not have; no check is selected.
        """
        if self._planned is None:
            every = plan_checks(self.inputs.get("cutoffs"))
            settings = self.settings
            if missing := unmatched((*settings.select, *settings.ignore, *settings.expected), every):
                raise ConfigError(
                    f"{', '.join(missing)}: there is no such cutoff in this run; its cutoffs are "
                    f"{', '.join(map(str, self.inputs.get('cutoffs')))}."
                )
            self._planned = chosen(every, settings.select, self._given)
            if not self._planned:
                raise ConfigError(f"select = {', '.join(settings.select)} leaves no check of this run to judge.")
        return self._planned

    def prepare(self, planned: Planned) -> None:
        """Ask the reranker for all that a check judges; nothing where the check does not apply.

        Where the input of a check before the job cannot be made, the job is stopped, as by a check that fails. What the
        reranker raised once is raised for the check that met it first; the others that meet the same are not run.

        Raises:
            ConfigError: the check was selected by name, and needs what this run does not bring.
            Exception: whatever the reranker raises.
        """
        __tracebackhide__ = True
        if self._not_judged(planned) is not None or self._is_advisory(planned):
            return
        self._require_given(planned)
        try:
            self._arguments(planned)
        except (NotOfferedError, InvalidScoresError, InvalidTaskError, InvalidTraceError):
            return  # `judge` says so
        except Exception as error:
            first = next((name for raised, name in self._raised if _is_same(raised, error)), None)
            if first is not None and first != planned.name:
                self._behind[planned.name] = first
                return
            if first is None:
                self._raised.append((error, planned.name))
            if planned.cost < Cost.TRAINING:
                self._note_failed(planned, stops=True)  # what could not be looked at is no ground for a job either
            raise

    def judge(self, planned: Planned, *, expected: str | None = None) -> Verdict:
        """The verdict of a check. Malformed data becomes a failed verdict; what the reranker raises is passed on.

        A check before the job that fails stops the job where a fault that it names makes scores mean little
        (`Fault.stops_the_job`): a job that cannot succeed is not started (`stopped_by`). What is expected to fail does not,
        nor does a preview check, whose own errors are shown in its verdict.

        Args:
            planned: the check.
            expected: why it may fail, empty where it may not; by default what the settings say.
        """
        __tracebackhide__ = True
        reason = expected_reason(planned, self.settings) if expected is None else expected
        preview = self._is_advisory(planned)
        finding = self._not_judged(planned)
        if finding is None:
            finding = self._tried(planned) if preview else self._judged(planned)
            failed = planned.cost < Cost.TRAINING and finding.status is Status.FAILED
            if failed and not reason and not preview:
                self._note_failed(planned, stops=_stops_the_job(planned, finding))
        verdict = worded(finding, check=planned.name, claim=planned.claim)
        return replace(verdict, expected=reason, preview=preview) if reason or preview else verdict

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

    def _note_failed(self, planned: Planned, *, stops: bool) -> None:
        for noted in (self.failed_before_training, *((self.stopped_by,) if stops else ())):
            if planned.name not in noted:
                noted.append(planned.name)

    def _judged(self, planned: Planned) -> Finding:
        __tracebackhide__ = True
        self.prepare(planned)
        return self._not_judged(planned) or self._measured(planned)

    def _tried(self, planned: Planned) -> Finding:
        """The finding of a preview check; one that raises does not end the run."""
        try:
            return self._measured(planned)
        except Exception as error:
            return not_applicable(
                f"this preview check, or what it asked of the reranker, raised {type(error).__name__}: {error}",
                "report it where the check comes from",
                p_failed=1.0 if planned.is_statistical else None,  # it stays in the family of the error budget
            )

    def _is_advisory(self, planned: Planned) -> bool:
        """Whether the verdict of this check does not count: it is a preview, and previews do not count in this run."""
        return planned.check.preview and not self.settings.preview

    def _require_given(self, planned: Planned) -> None:
        """Refuse a check that was selected by name without the reference run that it compares with."""
        if missing := planned.missing_from_run(self._given):
            what = (
                "a reference run whose scoring was timed"
                if "reference_throughput" in missing
                else "a reference run"
            )
            raise ConfigError(
                f"{planned.name} was selected and has no verdict: it needs {what}; give one with `reference` or --reference "
                "(--rerank-reference in pytest)."
            )

    def _measured(self, planned: Planned) -> Finding:
        try:
            arguments = self._arguments(planned)
            with own_arithmetic(), no_exit(planned.name):
                return planned.check.measure(**arguments, **settings_for(planned, self.settings))
        except NotOfferedError as error:
            return not_applicable(str(error), "nothing to do, unless the reranker should offer it")
        except UnusablePromptsError as error:
            return _unreadable(error, PROMPTS_UNUSABLE, "some training or scoring prompts cannot be looked at")
        except (InvalidScoresError, InvalidTaskError, InvalidTraceError) as error:
            return _unreadable(error, RESULT_MALFORMED, "the data that this check judges is malformed")

    def _arguments(self, planned: Planned) -> dict[str, Any]:
        __tracebackhide__ = True
        found = {}
        for parameter, given in planned.inputs.items():  # a comprehension would be a frame that pytest shows
            make = self.inputs.optional if planned.is_optional(parameter) else self.inputs.get
            found[parameter] = make(given, planned.k)
        return found

    def _not_judged(self, planned: Planned) -> Finding | None:
        """The finding of a check that judges nothing, None of one that does."""
        missing = planned.missing(self.reranker)
        if not missing and is_selected(planned, self.settings.ignore):
            return not_applicable(
                f"the configuration ignores it ({self.settings.origin('ignore')})",
                "take it out of `ignore` to have it judged",
                status=Status.IGNORED,
                p_failed=1.0 if planned.is_statistical else None,
            )
        if missing:
            methods = " and ".join(method_of(capability) for capability in missing)
            return not_applicable(
                f"the reranker {self.reranker.name!r} has no {methods}",
                f"add {methods} to the reranker to have this checked",
            )
        if first := self._behind.get(planned.name):
            return not_applicable(
                f"what it judges could not be had: the reranker raised, see {first}",
                "fix what was raised there",
                status=Status.NOT_RUN,
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


def _stops_the_job(planned: Planned, finding: Finding) -> bool:
    """Whether a job is not worth its time after this finding; one that names no fault may hide any."""
    faults = [suspected.fault for suspected in finding.suspects]
    in_training = "training_tasks" in planned.required and "tasks" not in planned.required
    return not faults or any(
        fault.stops_the_job_in_training if in_training else fault.stops_the_job for fault in faults
    )


def _unreadable(error: Exception, fault: Fault, cause: str) -> Finding:
    """A claim that cannot be judged on malformed data has not been shown, so the finding is FAILED."""
    return replace(
        Finding(Status.FAILED),
        evidence=(str(error),),
        suspects=(
            Suspected(
                fault,
                Strength.SEEN,
                cause,
                "correct what the evidence names; the checks before this one in the suite may say more",
            ),
        ),
    )


def _is_same(one: Exception, other: Exception) -> bool:
    """Whether a method raised the same again: an error of one cause is shown once."""
    return one is other or (type(one), str(one)) == (type(other), str(other))
