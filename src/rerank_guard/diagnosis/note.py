"""What the diagnosis knows about one fault, and the groups of faults that follow from most others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ABOVE_CEILING",
    "LETTERS_UNLIKELY",
    "LOOKS",
    "OTHER_SCORES",
    "POOR_RANKING",
    "POOR_SCORES",
    "POOR_TRAINING",
    "TOO_GOOD",
    "FaultNote",
    "Stage",
    "note",
]


class Stage(IntEnum):
    """Where a fault sits, in causal order: what is wrong early explains what fails later."""

    DATA = 0
    LETTERS = 1
    PROMPT = 2
    SUPERVISION = 3
    PLAN = 4
    TRAINING = 5
    SAVED_MODEL = 6
    SCORING = 7
    METRIC = 8
    BASELINE = 9


@dataclass(frozen=True, slots=True)
class FaultNote:
    """One fault.

    Attributes:
        name: as verdicts and reports give it.
        stage: where it sits.
        what: it in one sentence.
        fix: what to do about it.
        symptom: the name says how it looks rather than what is wrong.
        explains: faults that checks further down then name, though they are only its consequences.
        confused_with: faults that show the same figures.
        seen_by: checks that would fail if the fault were there; one that passed excludes it.
        aside: it says nothing about the figures at hand (a comparison with another run, input that nobody has sent), so
            a ranking at chance comes before it.
    """

    name: str
    stage: Stage
    what: str
    fix: str
    symptom: bool
    explains: frozenset[str]
    confused_with: frozenset[str]
    seen_by: frozenset[str]
    aside: bool


ABOVE_CEILING = "above-ceiling"
"""How recall_within_ceiling's finding is explained: any leak lifts hits over the ceiling, not only one in the prompt."""

LETTERS_UNLIKELY = "letters-unlikely"
"""How letter_mass's finding is explained: an untrained model gives letters little probability too."""

POOR_RANKING = frozenset(
    {
        "no-signal",
        "under-trained",
        "baseline-not-beaten",
        "history-ignored",
        "lost-after-training",
        "over-confident",
        "regression",
        "reversed",
        "stale-checkpoint",
    }
)
"""What a ranking that knows too little looks like."""

POOR_SCORES = POOR_RANKING | {"position-prior", "scores-not-from-model", LETTERS_UNLIKELY}
"""What scores look like that are not the model's on the prompt it should read."""

OTHER_SCORES = frozenset({"adapter-inactive", "metric-wrong", "probabilities-differ"})
"""What disagrees with scores that score() alone spoils: the reloaded reranker, its own figures, its probabilities."""

POOR_TRAINING = POOR_SCORES | {"diverged", "anti-learning"}
"""What a job looks like whose loss is taken over something else than the target's letter."""

LOOKS = POOR_TRAINING - {"scores-not-from-model"}
"""Names that stand for a look of the figures; where an exact check gives one of them, it has seen more than the look."""

TOO_GOOD = frozenset({ABOVE_CEILING, "over-confident", "history-ignored"})
"""What follows from a leak."""


def note(
    name: str,
    stage: Stage,
    what: str,
    fix: str,
    *,
    explains: frozenset[str] = frozenset(),
    confused: str = "",
    seen_by: str = "",
    symptom: bool = False,
    aside: bool = False,
) -> FaultNote:
    """A `FaultNote` from names parted by blanks."""
    return FaultNote(
        name, stage, what, fix, symptom, explains, frozenset(confused.split()), frozenset(seen_by.split()), aside
    )
