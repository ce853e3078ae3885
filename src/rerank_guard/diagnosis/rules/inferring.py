"""Suspicions that follow from several verdicts, though no single check has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.data import TARGET_POSITION_SKEW
from rerank_guard.core.faults.quality import BASELINE_NOT_BEATEN, HISTORY_IGNORED
from rerank_guard.core.faults.saved_model import STALE_CHECKPOINT
from rerank_guard.core.faults.training import NO_SIGNAL
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import MAX_EVIDENCE, Status, Verdict
from rerank_guard.diagnosis.evidence import Evidence, figure
from rerank_guard.diagnosis.suspicion import Suspicion, deciding_figure

__all__ = ["ADDING", "Adding", "inferred"]

Adding = Callable[[Evidence], Iterator[Suspicion]]

_SAME_RECALL = 0.5
"""Recall with swapped histories within this share of the declared effect counts as the same."""


def skew_in_training(evidence: Evidence) -> Iterator[Suspicion]:
    """The letters' loss is explained by the letters' shares, which takes uneven positions in training."""
    for verdict in evidence.failed("loss_below_letter_prior"):
        positions = [
            found
            for found in evidence.of("target_positions_uniform")
            if found.check != "target_positions_uniform"  # the variant on the training tasks
        ]
        if not any(found.status is Status.PASSED for found in positions):
            yield inferred(verdict, TARGET_POSITION_SKEW, Strength.MEASURED, evidence, verdict.cause)


def same_for_other_histories(evidence: Evidence) -> Iterator[Suspicion]:
    """The ranking loses to a baseline, and ranks as well with another user's history."""
    for verdict in evidence.failed("recall_beats_baseline", BASELINE_NOT_BEATEN):
        recall = figure(verdict, "recall")
        blind = figure(verdict, "history-blind", of_threshold=True, default=float("nan"))
        effect = figure(verdict, "effect", of_threshold=True)
        if recall - blind <= _SAME_RECALL * effect:  # False for NaN
            cause = (
                f"With the histories exchanged among the users the ranking is as good ({blind:.3f}) as with their own "
                f"({recall:.3f}), so it is a prior, and loses to a better one."
            )
            yield inferred(verdict, HISTORY_IGNORED, Strength.SYMPTOM, evidence, cause)


def never_trained(evidence: Evidence) -> Iterator[Suspicion]:
    """Without a training job to look at: a ranking at chance and even letters are an untrained model's."""
    flat = evidence.failed("recall_beats_baseline", NO_SIGNAL)
    even = evidence.failed("probabilities_not_uniform", NO_SIGNAL)
    if flat and even and not evidence.judged("loss_below_random"):
        cause = (
            "The ranking is at chance and every letter has nearly the same probability, as with a model that was never trained "
            "on this task; no training job was there to be judged."
        )
        yield inferred(flat[0], STALE_CHECKPOINT, Strength.SYMPTOM, evidence, cause)


ADDING: tuple[Adding, ...] = (skew_in_training, same_for_other_histories, never_trained)
"""In the order in which they are tried."""


def inferred(verdict: Verdict, fault: Fault, strength: Strength, evidence: Evidence, cause: str) -> Suspicion:
    """A suspicion that a verdict gives together with others."""
    return Suspicion(
        fault=fault,
        strength=strength,
        source=verdict.check,
        order=evidence.verdicts.index(verdict),
        cause=cause,
        fix=fault.fix,
        evidence=(deciding_figure(verdict), *verdict.evidence)[:MAX_EVIDENCE],
        inferred=True,
    )
