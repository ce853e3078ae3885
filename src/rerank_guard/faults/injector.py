"""One injector: what it breaks, which rerankers it applies to, and which names of the fault are right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rerank_guard.core.errors import NotOfferedError
from rerank_guard.core.fault import Fault
from rerank_guard.core.target import RerankTarget
from rerank_guard.faults.wrapped import lacks

__all__ = ["Inject", "Injector"]

Inject = Callable[[RerankTarget, float, np.random.Generator], RerankTarget]
"""From a healthy reranker, a severity and a generator to the broken one; the healthy one is not changed.

Raises NotImplementedError (`NotOfferedError` is one) where this reranker does not offer what has to be broken.
"""


@dataclass(frozen=True, slots=True)
class Injector:
    """Breaks a healthy reranker in one way.

    Attributes:
        id: names it, such as "D1"; readings of one fault differ in a small letter, such as "D5a" and "D5b".
        fault: the record of the fault, whose name the diagnosis should give.
        what: what is broken, in one line.
        inject: breaks a reranker.
        also: further faults that are right answers, because to the user they say the same.
        needs: capabilities without which there is nothing to break, or no check that could see it.
        severity: how severe the fault is by default; of faults that hit some users it is their share.
        degrees: severities for a curve, ascending; empty where a fault has no degrees.
        retrains: the broken reranker has a training job of its own to run.
        needs_reference: seen only in comparison with a reference run of the healthy reranker.
        shows_in: how the figure is called, or begins, by which a check decides how much of this fault there is. Where the check passes, the figure is
            within its limit: on this reranker the fault does less than the check claims to see.
    """

    id: str
    fault: Fault
    what: str
    inject: Inject
    also: tuple[Fault, ...] = ()
    needs: tuple[type, ...] = ()
    severity: float = 1.0
    degrees: tuple[float, ...] = ()
    retrains: bool = False
    needs_reference: bool = False
    shows_in: str = ""

    def applies_to(self, target: RerankTarget) -> bool:
        """Whether the reranker has all that this fault needs."""
        return not self.missing_in(target)

    def missing_in(self, target: RerankTarget) -> tuple[str, ...]:
        """The methods that the reranker would have to add."""
        return lacks(target, self.needs)

    def names_rightly(self, diagnosis: str | None) -> bool:
        """Whether a diagnosis of this name is right."""
        return diagnosis in {self.fault.name, *(fault.name for fault in self.also)}

    def broken(self, target: RerankTarget, *, severity: float | None = None, seed: int = 0) -> RerankTarget:
        """The reranker with this fault in it; the given one is not changed.

        Args:
            target: a healthy reranker.
            severity: above 0, up to 1; None for the injector's own.
            seed: of all that the injector draws (such as the users that it hits).

        Raises:
            NotOfferedError: the reranker lacks a method that this fault needs.
            NotImplementedError: it has the method, but not what this fault would break.
        """
        if missing := self.missing_in(target):
            raise NotOfferedError(
                f"fault {self.id} ({self.fault}) needs {', '.join(missing)}, which {target.name!r} lacks; add it to the "
                "reranker, or leave this fault out."
            )
        return self.inject(target, self.severity if severity is None else severity, np.random.default_rng(seed))
