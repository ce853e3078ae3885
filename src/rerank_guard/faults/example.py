"""An example that no injector gives: under which circumstances a check shows a fault, and under which it passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.fault import Fault
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults.workbench import Workbench

__all__ = ["HEALTHY", "Example"]

HEALTHY = "the small healthy reranker, as it is"


@dataclass(frozen=True, slots=True)
class Example:
    """Shows a fault by one check.

    Attributes:
        fault: what is shown.
        check: name of the check that shows it. It names the fault, or else the fault is what its failure looks like.
        what: what is wrong in the example, in one line.
        failing: judges it.
        passing: judges the check where nothing is wrong; None for the healthy reranker.
        what_passing: what is judged there, in one line.
        diagnosis: of the whole suite, for a fault that no check names by itself.
    """

    fault: Fault
    check: str
    what: str
    failing: Callable[[Workbench], Verdict]
    passing: Callable[[Workbench], Verdict] | None = None
    what_passing: str = HEALTHY
    diagnosis: Callable[[Workbench], Diagnosis | None] | None = None
