"""What a diagnosis is: one named fault, how sure that is, what it explains, and what else it could be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MAX_ALTERNATIVES", "UNDECIDED", "Certainty", "Diagnosis", "Probe", "Suspect"]

UNDECIDED = "undecided"
"""Stands for a fault where nothing failed, but something could not be decided."""

MAX_ALTERNATIVES = 6
"""Alternatives that are listed, the most upstream first."""


class Certainty(StrEnum):
    """How much the name is worth.

    SEEN: an exact check saw the fault, or a probe that undoes it brings the figures back.
    LIKELY: a statistical pattern that fits one fault best.
    OPEN: the pattern fits several faults; `Diagnosis.alternatives` lists them.
    """

    SEEN = "seen"
    LIKELY = "likely"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Probe:
    """A question asked of the scores or the model that speaks for one fault.

    Attributes:
        name: what was tried, such as "sign flipped".
        fault: what it speaks for.
        says: the finding in one sentence, with its figures.
        log_e: log of the e-value, in nats, of "this makes the ranking better"; +inf for an exact finding.
        recall: Recall@K with the probe's change.
        recall_as_is: Recall@K without it.
    """

    name: str
    fault: str
    says: str
    log_e: float
    recall: float
    recall_as_is: float


@dataclass(frozen=True, slots=True)
class Suspect:
    """A fault that one check or probe points at, and its words for it."""

    fault: str
    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The fault that explains a run best.

    Attributes:
        fault: its name in `catalogue.FAULTS`, or "undecided".
        certainty: how much the name is worth.
        cause: what is wrong, in the user's own terms.
        evidence: up to five rows that show it.
        fix: what to do.
        explains: the checks whose failure it accounts for, in suite order.
        runner_up: the next fault, which does not follow from this one; or what is most easily taken for it.
        alternatives: what fits as well and has not been excluded, each with what would settle it.
    """

    fault: str
    certainty: Certainty
    cause: str
    evidence: tuple[str, ...]
    fix: str
    explains: tuple[str, ...]
    runner_up: Suspect | None = None
    alternatives: tuple[str, ...] = ()
