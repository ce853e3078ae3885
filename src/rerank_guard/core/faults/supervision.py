"""Faults of the supervision, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import POOR_TRAINING
from rerank_guard.core.stage import Stage

__all__ = ["LETTER_NOT_SUPERVISED", "LOSS_MASK_WRONG"]

LETTER_NOT_SUPERVISED = Fault(
    "letter-not-supervised",
    Stage.SUPERVISION,
    "No loss is taken where the letter is predicted (masked with -100, labels shifted twice or not at all, answer cut off), "
    "so the job learns everything but the answer.",
    "Print one example's labels: the letter's id belongs at labels[answer_position + 1] (transformers shifts labels itself), "
    "and -100 everywhere else.",
    refuted_by_learning=True,
    refuted_by_overfitting=True,
    explains=names(POOR_TRAINING),
    confused_with=names("loss-mask-wrong"),
)

LOSS_MASK_WRONG = Fault(
    "loss-mask-wrong",
    Stage.SUPERVISION,
    "The loss averages the letter with tokens that are easy to learn, such as the prompt or the end of sequence; a loss below "
    "log N then shows that these are learned, not the letter.",
    "Take the loss at the letter alone (-100 in all other labels: prompt, end of turn, line break), and record the letter's "
    "own NLL.",
    explains=names(POOR_TRAINING),
    confused_with=names("letter-not-supervised"),
)
