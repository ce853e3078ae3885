"""One trained healthy reranker, and the same with a fault, on which single checks are judged."""

from __future__ import annotations

from functools import cached_property

from rerank_guard.checks.registry import check_of
from rerank_guard.core.check import CUTOFF
from rerank_guard.core.errors import UnknownNameError
from rerank_guard.core.report import Report
from rerank_guard.core.target import RerankTarget
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.faults.injector import Injector
from rerank_guard.faults.wrapped import TrainedOnce
from rerank_guard.stored import StoredRun
from rerank_guard.suite import RunSettings, SuiteRun
from rerank_guard.suite.planned import Planned
from rerank_guard.suite.run import report_on

__all__ = ["Workbench", "planned_of"]

_NO_DATE = "1970-01-01"
"""Date of the reference run, which is not read."""


class Workbench:
    """The small healthy reranker, trained at most once, with and without a fault.

    A check is judged alone, so that what it does not need is not run; what it asks for is asked once a reranker.

    Args:
        seed: of the reranker and of all that the injectors draw.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._broken: dict[str, RerankTarget] = {}
        self._runs: dict[tuple[int, bool], SuiteRun] = {}

    @cached_property
    def healthy(self) -> RerankTarget:
        """The reranker without a fault; it is trained when a check needs that."""
        return TrainedOnce(make_healthy(self._seed))

    @cached_property
    def reference(self) -> StoredRun:
        """The stored run of the healthy reranker, without timings."""
        return self._run(self.healthy, compared=False).as_reference(_NO_DATE, timed=False)

    def broken(self, injector: Injector) -> RerankTarget:
        """The reranker with a fault in it, made once.

        Raises:
            NotImplementedError: it does not have what this injector would break.
        """
        if injector.id not in self._broken:
            self._broken[injector.id] = injector.broken(self.healthy, seed=self._seed)
        return self._broken[injector.id]

    def judged(self, name: str, reranker: RerankTarget | None = None) -> Verdict:
        """The verdict of one check, at the reranker's first cutoff.

        Args:
            name: of the check or a variant.
            reranker: who is judged; None for the healthy one. A check that needs a reference run gets that of the healthy
                one.

        Raises:
            UnknownNameError: there is no such check.
            VacuousMetricError: the reranker's cutoffs are not below its N.
            Exception: whatever the reranker raises.
        """
        planned = planned_of(name)
        run = self._run(self.healthy if reranker is None else reranker, compared="reference_run" in planned.inputs)
        if CUTOFF in planned.check.inputs:
            planned = Planned(planned.check, run.inputs.get("cutoffs")[0], planned.variant)
        return run.judge(planned)

    def report(self, reranker: RerankTarget) -> Report:
        """All checks on a reranker, with the diagnosis."""
        return report_on(SuiteRun(reranker, RunSettings(seed=self._seed)))

    def _run(self, reranker: RerankTarget, *, compared: bool) -> SuiteRun:
        key = (id(reranker), compared)  # the run holds the reranker, so that no other one gets its id
        if key not in self._runs:
            settings = RunSettings(
                seed=self._seed,
                continue_after_failure=True,  # each check is judged by itself, whatever another one found
                reference=self.reference if compared else None,
            )
            self._runs[key] = SuiteRun(reranker, settings)
        return self._runs[key]


def planned_of(name: str) -> Planned:
    """What a check's or a variant's name stands for, without a cutoff.

    Raises:
        UnknownNameError: there is no such check.
    """
    check = check_of(name)
    if check is None:
        raise UnknownNameError(f"there is no check {name!r}; `rerank-guard checks` lists all.")
    plain = name.partition("[")[0]
    return Planned(check, None, plain if plain in check.variants else None)
