"""One fault: what is broken, which targets it can be broken in, and what it should be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rerank_guard.errors import NotOfferedError
from rerank_guard.faults.wrapped import lacks
from rerank_guard.target import RerankTarget

__all__ = ["Fault", "FaultStage", "Inject"]

Inject = Callable[[RerankTarget, float, np.random.Generator], RerankTarget]
"""From a sound target, a severity and a generator to the broken one; the sound one stays as it is.

Raises NotImplementedError (`NotOfferedError` is one) where this target does not offer what has to be broken.
"""


class FaultStage(StrEnum):
    """Where in a reranker's making a fault sits."""

    DATA = "data"
    LETTERS = "letters"
    PROMPT = "prompt"
    TRAINING = "training"
    SCORING = "scoring"
    METRIC = "metric"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be put into a sound target.

    Attributes:
        zoo_id: names it, such as "D1"; readings of one fault differ in a small letter, such as "D5a" and "D5b".
        name: the diagnosis that is right for it.
        what: what is broken, in one line.
        stage: where it sits.
        inject: breaks a target.
        also: further names that are right, because to the user they say the same.
        needs: capabilities without which there is nothing to break, or nothing to see it by.
        severity: how severe unless told otherwise; of faults that hit some users it is their share.
        degrees: severities worth a curve, ascending; empty where a fault is there or not.
        retrains: the broken target has a training job of its own to run.
        needs_stored: shows only against a stored run of the sound target.
    """

    zoo_id: str
    name: str
    what: str
    stage: FaultStage
    inject: Inject
    also: frozenset[str] = frozenset()
    needs: tuple[type, ...] = ()
    severity: float = 1.0
    degrees: tuple[float, ...] = ()
    retrains: bool = False
    needs_stored: bool = False

    def applies_to(self, target: RerankTarget) -> bool:
        """Whether the target has all that this fault needs."""
        return not self.missing_in(target)

    def missing_in(self, target: RerankTarget) -> tuple[str, ...]:
        """The methods that the target would have to add."""
        return lacks(target, self.needs)

    def names_rightly(self, diagnosis: str | None) -> bool:
        """Whether a diagnosis of this name is right."""
        return diagnosis == self.name or diagnosis in self.also

    def broken(self, target: RerankTarget, *, severity: float | None = None, seed: int = 0) -> RerankTarget:
        """The target with this fault in it; the given one stays as it is.

        Args:
            target: a sound target.
            severity: above 0, up to 1; None for the fault's own.
            seed: of whatever the fault draws (which users it hits, say).

        Raises:
            NotOfferedError: the target lacks a method that this fault needs.
            NotImplementedError: it has the method, but not what this fault would break.
        """
        if missing := self.missing_in(target):
            raise NotOfferedError(
                f"fault {self.zoo_id} ({self.name}) needs {', '.join(missing)}, which {target.name!r} lacks; add it to the "
                "target, or leave this fault out."
            )
        return self.inject(target, self.severity if severity is None else severity, np.random.default_rng(seed))
