"""What became of each fault that a selftest injected, and of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rerank_guard.faults.injector import Injector

__all__ = ["InjectorOutcome", "Outcome", "SelftestReport"]


class Outcome(StrEnum):
    """What became of a fault.

    RAISED: the broken reranker ended in an error that no check reports, which is noticed but not named.
    LEFT_OUT: it needs a training job of its own, which was not asked for.
    BELOW_LIMIT: on this reranker it does less than the check claims to see.
    """

    NOTICED = "noticed"
    MISSED = "missed"
    RAISED = "raised"
    DOES_NOT_APPLY = "does not apply"
    LEFT_OUT = "left out"
    BELOW_LIMIT = "below the limit"


@dataclass(frozen=True, slots=True)
class InjectorOutcome:
    """One fault, and what the suite found of it.

    Attributes:
        injector: of the fault.
        outcome: what became of it.
        noticed_by: checks that pass on the healthy reranker and not on the broken one, in suite order.
        diagnosis: the fault that the report names, None where it names none.
        lacks: methods that the reranker would need for this fault.
        note: why it does not apply, what was raised, or the figure that is within its limit.
    """

    injector: Injector
    outcome: Outcome
    noticed_by: tuple[str, ...] = ()
    diagnosis: str | None = None
    lacks: tuple[str, ...] = ()
    note: str = ""

    @property
    def judged(self) -> bool:
        """Whether the fault was injected."""
        return self.outcome in (Outcome.NOTICED, Outcome.MISSED, Outcome.RAISED)

    @property
    def noticed(self) -> bool:
        """Whether a check failed, or the reranker raised."""
        return self.outcome in (Outcome.NOTICED, Outcome.RAISED)

    @property
    def named_right(self) -> bool:
        """Whether it was noticed under a right name."""
        return self.noticed and self.injector.names_rightly(self.diagnosis)

    def to_json_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "id": self.injector.id,
            "fault": self.injector.fault.name,
            "what": self.injector.what,
            "stage": self.injector.fault.stage.folder,
            "outcome": self.outcome.value,
            "noticed_by": list(self.noticed_by),
            "diagnosis": self.diagnosis,
            "named_right": self.named_right,
            "lacks": list(self.lacks),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class SelftestReport:
    """What became of all faults.

    Attributes:
        target: name of the reranker.
        seed: of the injectors' draws.
        healthy_failures: checks that are not ok on the reranker without a fault; they cannot notice one.
        outcomes: one an injector, in the order in which a reranker is made.
    """

    target: str
    seed: int
    healthy_failures: tuple[str, ...]
    outcomes: tuple[InjectorOutcome, ...]

    @property
    def ok(self) -> bool:
        """True when at least one fault was noticed, and every injected one that this reranker can show."""
        judged = [outcome for outcome in self.outcomes if outcome.judged]
        return bool(judged) and all(outcome.noticed for outcome in judged)

    def to_json_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "target": self.target,
            "seed": self.seed,
            "ok": self.ok,
            "healthy_failures": list(self.healthy_failures),
            "faults": [outcome.to_json_dict() for outcome in self.outcomes],
        }
