"""Faults of the training job, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import OTHER_SCORES, POOR_SCORES, POOR_TRAINING
from rerank_guard.core.stage import Stage

__all__ = [
    "ANTI_LEARNING",
    "BASE_CANNOT_LEARN",
    "CONFIG_IGNORED",
    "DIVERGED",
    "FROZEN_WEIGHTS_UPDATED",
    "LOSS_SCALE_WRONG",
    "NOT_TRAINED",
    "NO_SIGNAL",
    "NO_TRAINABLE_PARAMETERS",
    "NO_UPDATE",
    "SILENT_NAN",
    "UNDER_TRAINED",
]

NOT_TRAINED = Fault(
    "not-trained",
    Stage.TRAINING,
    "The job returned without an optimiser step: no data for this mode, or a loop that is never entered.",
    "Check that the training data is not empty and that the loop runs; count the steps.",
    refuted_by_learning=True,
    explains=names(POOR_SCORES, "adapter-inactive config-ignored no-update silent-fallback"),
    confused_with=names("no-update"),
)

NO_TRAINABLE_PARAMETERS = Fault(
    "no-trainable-parameters",
    Stage.TRAINING,
    "No parameter requires a gradient: the adapter is frozen or was never attached.",
    "Attach the adapter before the optimiser is made, and print the number of trainable parameters.",
    refuted_by_learning=True,
    explains=names(POOR_SCORES, "adapter-inactive no-update silent-fallback"),
    confused_with=names("adapter-inactive no-update"),
)

NO_UPDATE = Fault(
    "no-update",
    Stage.TRAINING,
    "The steps do not move the weights: the learning rate is 0 or negligible, every step is skipped, or the optimiser "
    "holds other (copied) weights.",
    "Print the learning rate and the gradient norm of each step, and the weights' change over the job; check the schedule, "
    "the warm-up, and that the optimiser's parameters are the model's own objects.",
    refuted_by_learning=True,
    refuted_by_overfitting=True,
    explains=names(POOR_SCORES, "adapter-inactive no-update silent-fallback"),
    confused_with=names("no-trainable-parameters not-trained"),
)

CONFIG_IGNORED = Fault(
    "config-ignored",
    Stage.TRAINING,
    "The job ran with other settings than it was given.",
    "Follow each setting from the configuration to the optimiser, the schedule and the data loader, print what these hold, "
    "and look for another name, a default that wins, or a configuration that is read twice.",
    explains=names(POOR_SCORES, "adapter-inactive diverged no-update silent-fallback"),
    confused_with=names("no-update under-trained"),
)

UNDER_TRAINED = Fault(
    "under-trained",
    Stage.TRAINING,
    "There are too few optimiser steps for the letters to leave chance.",
    "Train for several hundred steps, check that epochs, batch size and accumulation give what you planned, and end the "
    "warm-up early in the run.",
    symptom=True,
    refuted_by_learning=True,
    explains=names(POOR_SCORES),
    confused_with=names("no-signal no-update"),
)

BASE_CANNOT_LEARN = Fault(
    "base-cannot-learn",
    Stage.TRAINING,
    "The data have a rule, and this base model cannot learn it in the steps that it was given.",
    "Train for several times the steps, and train a larger base on the same data: where the letter NLL then falls below chance, "
    "the data have a rule.",
    symptom=True,
    unnamed=True,
    explains=names(POOR_SCORES),
    confused_with=names("no-signal"),
)

FROZEN_WEIGHTS_UPDATED = Fault(
    "frozen-weights-updated",
    Stage.TRAINING,
    "Weights changed that were to stay as they are.",
    "Freeze the base before the adapter is attached, give the optimiser only parameters with requires_grad, check for tied "
    "weights, and load the base anew before training again.",
    explains=names("adapter-inactive regression scores-not-from-model"),
)

LOSS_SCALE_WRONG = Fault(
    "loss-scale-wrong",
    Stage.TRAINING,
    "The recorded losses are the letter's NLL times a constant, such as the number of accumulation steps or 1 over it, so that "
    "neither their level nor their fall can be compared with chance.",
    "Record the NLL of each example before the trainer divides it by, or sums it over, the accumulation steps; and look "
    "whether the gradient is scaled so too.",
    explains=names(POOR_TRAINING, "loss-mask-wrong lost-after-training"),
    confused_with=names("loss-mask-wrong"),
)

DIVERGED = Fault(
    "diverged",
    Stage.TRAINING,
    "The loss ran away: the learning rate is too large.",
    "Divide the learning rate by 10, warm it up, and clip gradients; if the loss still rises, check its sign.",
    refuted_by_learning=True,
    explains=names(POOR_SCORES, "adapter-inactive silent-fallback silent-nan ties-decide"),
    confused_with=names("anti-learning silent-nan"),
)

ANTI_LEARNING = Fault(
    "anti-learning",
    Stage.TRAINING,
    "The job gets steadily worse at the target's letter, as with the sign of the loss flipped.",
    "Check the sign of what backward() is called on: the loss is -log p(target letter), and it is minimised.",
    refuted_by_learning=True,
    explains=names(POOR_TRAINING, "silent-nan"),
    confused_with=names("diverged reversed"),
)

SILENT_NAN = Fault(
    "silent-nan",
    Stage.TRAINING,
    "Losses, gradients or scores are not finite numbers, and the run goes on.",
    "Stop at the first one; look for half-precision overflow, an empty loss mask, or log of 0, and clip gradients.",
    explains=names(
        POOR_SCORES,
        OTHER_SCORES,
        "batch-dependent config-ignored no-update nondeterministic result-malformed silent-fallback ties-decide",
    ),
    confused_with=names("diverged"),
)

NO_SIGNAL = Fault(
    "no-signal",
    Stage.TRAINING,
    "Nothing was learned that tells the targets from the other candidates.",
    "Check that each target is the user's own, that the loss is taken at the letter, and that the job overfits one small "
    "batch.",
    symptom=True,
    vague=True,
    explains=names(POOR_SCORES),
    confused_with=names(
        "degenerate-titles label-offset letter-not-supervised loss-mask-wrong no-update prompt-truncated under-trained wrong-letter-variant"
    ),
)
