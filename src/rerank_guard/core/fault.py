"""The record of one fault: its name, what it is, how to fix it, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rerank_guard.core.stage import Stage

__all__ = ["Fault", "names"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that a check may name.

    Other faults are given by name; `faults.catalogue` refuses a name that no record has.

    Attributes:
        name: as verdicts and reports give it, such as "target-not-listed".
        stage: where it is.
        what: it in one sentence.
        fix: what to do about it.
        symptom: the name says how the figures look rather than what is wrong.
        vague: a symptom that says least; where another explains as much, that one is named.
        unrelated_to_metrics: it says nothing about the figures at hand (a comparison with another run, input that no
            caller has sent), so a ranking at chance is named before it.
        unnamed: no check names it: it is how a finding looks, whatever its cause, or what a diagnosis leaves open.
        refuted_by_learning: it would have kept the training loss at chance, so it does not explain a poor ranking after a
            loss that fell.
        refuted_by_overfitting: it cannot be present in a job that overfits one batch.
        scores_stay_meaningful: scores can be judged although it is present, so it does not stop the training job.
        learned_around: training lists that have it still teach to rank, such as those that hold a negative twice.
        explains: names of the faults that checks further down then name, though they are only its consequences.
        confused_with: names of the faults that show the same figures.
    """

    name: str
    stage: Stage
    what: str
    fix: str
    symptom: bool = False
    vague: bool = False
    unrelated_to_metrics: bool = False
    unnamed: bool = False
    refuted_by_learning: bool = False
    refuted_by_overfitting: bool = False
    scores_stay_meaningful: bool = False
    learned_around: bool = False
    explains: frozenset[str] = frozenset()
    confused_with: frozenset[str] = frozenset()

    @property
    def stops_the_job(self) -> bool:
        """Whether scores mean little where it is present, so that no job is started for them.

        It says something about the figures at hand, and other findings follow from it.
        """
        return bool(self.explains) and not (self.unrelated_to_metrics or self.scores_stay_meaningful)

    @property
    def stops_the_job_in_training(self) -> bool:
        """The same where it is in the training lists alone: what is scored does not have it."""
        return self.stops_the_job and not self.learned_around

    def __str__(self) -> str:
        return self.name


def names(*parts: str | Iterable[str]) -> frozenset[str]:
    """A set of fault names from names separated by blanks and from other sets."""
    found: set[str] = set()
    for part in parts:
        found.update(part.split() if isinstance(part, str) else part)
    return frozenset(found)
