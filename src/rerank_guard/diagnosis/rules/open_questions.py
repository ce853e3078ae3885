"""What else fits, and what would decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rerank_guard.core.diagnosis import MAX_ALTERNATIVES
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.data import DEGENERATE_TITLES, LABEL_OFFSET
from rerank_guard.core.faults.prompts import LETTER_CANDIDATE_MISMATCH, PROMPT_SKEW, PROMPT_TRUNCATED
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE, STALE_CHECKPOINT
from rerank_guard.core.faults.scoring import BATCH_DEPENDENT, ROWS_MISALIGNED, WRONG_LOGIT_POSITION
from rerank_guard.core.faults.supervision import LETTER_NOT_SUPERVISED, LOSS_MASK_WRONG
from rerank_guard.core.faults.training import BASE_CANNOT_LEARN, NO_UPDATE, UNDER_TRAINED
from rerank_guard.core.stage import Stage
from rerank_guard.diagnosis.evidence import Evidence

__all__ = ["AFTER_TRAINING", "LOSES_WHAT_WAS_LEARNED", "fits_no_signal", "with_what_decides"]

LOSES_WHAT_WAS_LEARNED: tuple[Fault, ...] = (
    STALE_CHECKPOINT,
    ADAPTER_INACTIVE,
    PROMPT_SKEW,
    PROMPT_TRUNCATED,
    WRONG_LETTER_VARIANT,
    WRONG_LOGIT_POSITION,
    LETTER_CANDIDATE_MISMATCH,
    ROWS_MISALIGNED,
    BATCH_DEPENDENT,
)
"""What can be between a model that learned and its ranking, likeliest first."""

AFTER_TRAINING = frozenset({Stage.PROMPTS, Stage.SAVED_MODEL, Stage.SCORING})
"""Stages whose checks look at what scores come from, and so rule these faults out."""

_KEEPS_FROM_LEARNING: tuple[Fault, ...] = (
    DEGENERATE_TITLES,
    WRONG_LETTER_VARIANT,
    PROMPT_TRUNCATED,
    LABEL_OFFSET,
    LETTER_NOT_SUPERVISED,
    LOSS_MASK_WRONG,
    UNDER_TRAINED,
    NO_UPDATE,
)
"""What can keep a job from learning."""

_UP_TO_TRAINING = frozenset({Stage.DATA, Stage.ANSWER_TOKENS, Stage.PROMPTS, Stage.SUPERVISION, Stage.TRAINING})


def fits_no_signal(evidence: Evidence) -> tuple[str, ...]:
    """What a ranking at chance could be besides data without signal, and what would decide on each."""
    overfits = evidence.passed("overfits_one_batch")
    in_training = [
        (fault, _UP_TO_TRAINING)
        for fault in _KEEPS_FROM_LEARNING
        if not (overfits and fault.refuted_by_overfitting)
    ]
    known = list(in_training)
    if not evidence.judged("loss_below_random"):
        # nothing is known of a training job: what lies between it and the scores is as likely, and cheaper to look at
        after = [(fault, AFTER_TRAINING) for fault in LOSES_WHAT_WAS_LEARNED]
        known = [*after, *(pair for pair in in_training if pair[0] not in LOSES_WHAT_WAS_LEARNED)]
    left = [(fault, stages) for fault, stages in known if not evidence.excludes(fault, stages)]
    if not evidence.failed("loss_below_random"):
        return with_what_decides(evidence, left)
    # a job at chance shows that nothing was learned, not that nothing could be
    return (
        *with_what_decides(evidence, left[: MAX_ALTERNATIVES - 1]),
        f"{BASE_CANNOT_LEARN}: {BASE_CANNOT_LEARN.fix}",
    )


def with_what_decides(evidence: Evidence, faults: Sequence[tuple[Fault, Collection[Stage]]]) -> tuple[str, ...]:
    """The first faults as text, each with what would decide on it."""
    rows = []
    for fault, stages in faults[:MAX_ALTERNATIVES]:
        decides = evidence.settled_by(fault, stages)
        rows.append(f"{fault}: {decides}" if decides else str(fault))
    return tuple(rows)
