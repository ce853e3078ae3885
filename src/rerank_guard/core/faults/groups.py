"""Names of faults that follow from many others, by what the figures look like."""

from __future__ import annotations

from rerank_guard.core.fault import names

__all__ = ["LOOKS", "OTHER_SCORES", "POOR_RANKING", "POOR_SCORES", "POOR_TRAINING", "TOO_GOOD"]

POOR_RANKING = names(
    "baseline-not-beaten history-ignored lost-after-training no-signal over-confident regression reversed stale-checkpoint under-trained"
)
"""What a ranking that knows too little looks like."""

POOR_SCORES = names(POOR_RANKING, "letters-unlikely position-prior scores-not-from-model")
"""What scores look like that are not the model's on the prompt it should read."""

OTHER_SCORES = names("adapter-inactive metric-wrong probabilities-differ")
"""What disagrees with scores that score() alone spoils: the reloaded reranker, its own figures, its probabilities."""

POOR_TRAINING = names(POOR_SCORES, "anti-learning diverged")
"""What a job looks like whose loss is taken over something else than the target's letter."""

LOOKS = POOR_TRAINING - {"scores-not-from-model"}
"""Names of how the figures look; where an exact check gives one of them, it has seen more than the look."""

TOO_GOOD = names("above-ceiling history-ignored over-confident")
"""What follows from a leak."""
