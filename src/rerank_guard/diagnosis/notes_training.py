"""Faults of what the loss looks at, of the plan, of the job, and of the weights that are kept."""

from __future__ import annotations

from rerank_guard.diagnosis.note import OTHER_SCORES, POOR_SCORES, POOR_TRAINING, FaultNote, Stage, note

__all__ = ["PLAN_NOTES", "SAVED_MODEL_NOTES", "SUPERVISION_NOTES", "TRAINING_NOTES"]

_UNTRAINED = POOR_SCORES | {"adapter-inactive", "no-update", "silent-fallback"}
"""What a model looks like that is still the base."""

SUPERVISION_NOTES: tuple[FaultNote, ...] = (
    note(
        "letter-not-supervised",
        Stage.SUPERVISION,
        "No loss is taken at the letter, so the job learns everything but the answer.",
        "Print one example's labels: exactly the token of the target's letter is to be supervised.",
        explains=POOR_TRAINING,
        confused="loss-mask-wrong",
        seen_by="only_letter_supervised",
    ),
    note(
        "loss-mask-wrong",
        Stage.SUPERVISION,
        "The loss averages the letter with tokens that are easy to learn, such as the prompt or the end of sequence.",
        "Take the loss at the letter alone (-100 in all other labels), and record the letter's own NLL.",
        explains=POOR_TRAINING,
        confused="letter-not-supervised",
        seen_by="only_letter_supervised",
    ),
)

PLAN_NOTES: tuple[FaultNote, ...] = (
    note(
        "not-trained",
        Stage.PLAN,
        "The job returned without having taken a step.",
        "Check that the training data is not empty and that the loop is entered; count the steps.",
        explains=_UNTRAINED | {"config-ignored"},
        confused="no-update",
        seen_by="weights_moved",
    ),
    note(
        "no-trainable-parameters",
        Stage.PLAN,
        "Nothing is trained: the adapter is frozen or was never attached.",
        "Attach the adapter before the optimiser is made, and print the number of trainable parameters.",
        explains=_UNTRAINED,
        confused="no-update adapter-inactive",
        seen_by="weights_moved",
    ),
    note(
        "no-update",
        Stage.PLAN,
        "The steps do not move the weights: the learning rate is 0 or negligible, or the optimiser holds other weights.",
        "Print the learning rate at each step, and the weights' change over the job.",
        explains=_UNTRAINED,
        confused="no-trainable-parameters not-trained",
        seen_by="weights_moved",
    ),
    note(
        "config-ignored",
        Stage.PLAN,
        "The job ran with other settings than it was given.",
        "Log the settings where the optimiser and the schedule are made, and look for a default that wins.",
        explains=_UNTRAINED | {"diverged"},
        confused="under-trained no-update",
        seen_by="config_obeyed",
    ),
    note(
        "under-trained",
        Stage.PLAN,
        "There are too few optimiser steps for the letters to leave chance.",
        "Train for several hundred steps, and end the warm-up early in the run.",
        explains=POOR_SCORES,
        confused="no-signal no-update",
        seen_by="training_planned",
        symptom=True,
    ),
)

TRAINING_NOTES: tuple[FaultNote, ...] = (
    note(
        "frozen-weights-moved",
        Stage.TRAINING,
        "Weights changed that were to stay as they are.",
        "Set requires_grad to False on them before the optimiser is made, and check for tied weights.",
        explains=frozenset({"adapter-inactive", "regression", "scores-not-from-model"}),
        seen_by="weights_moved",
    ),
    note(
        "diverged",
        Stage.TRAINING,
        "The loss ran away: the learning rate is too large.",
        "Divide the learning rate by 10, warm it up, and clip gradients.",
        explains=POOR_SCORES | {"silent-nan", "ties-decide", "silent-fallback", "adapter-inactive"},
        confused="anti-learning silent-nan",
        seen_by="loss_below_random",
    ),
    note(
        "anti-learning",
        Stage.TRAINING,
        "The job gets steadily worse at the target's letter, as with the sign of the loss flipped.",
        "Check the sign of the loss, and that the optimiser minimises it.",
        explains=POOR_TRAINING | {"silent-nan"},
        confused="diverged reversed",
        seen_by="loss_below_random",
    ),
    note(
        "silent-nan",
        Stage.TRAINING,
        "Losses, gradients or scores are not finite numbers, and the run goes on.",
        "Stop at the first one; look for half-precision overflow, an empty loss mask, or log of 0.",
        explains=(
            POOR_SCORES
            | {"config-ignored", "no-update", "silent-fallback", "ties-decide"}
            | {"batch-dependent", "malformed-data", "nondeterministic"}
        )
        | OTHER_SCORES,
        confused="diverged",
        seen_by="loss_below_random scores_well_formed",
    ),
    note(
        "no-signal",
        Stage.TRAINING,
        "Nothing was learned that tells the targets from the other candidates.",
        "Check that each target is the user's own, that the letter is what the loss is taken at, and that one small batch "
        "can be learned by heart.",
        explains=POOR_SCORES,
        confused="letter-not-supervised loss-mask-wrong label-offset prompt-truncated degenerate-titles under-trained "
        "no-update wrong-letter-variant",
        symptom=True,
    ),
)

SAVED_MODEL_NOTES: tuple[FaultNote, ...] = (
    note(
        "adapter-inactive",
        Stage.SAVED_MODEL,
        "The trained adapter does not take part in scoring as it was trained: lost, switched off, or applied twice.",
        "Compare scores with and without the adapter, and after saving and loading; check names and shapes of its weights.",
        explains=POOR_SCORES | {"metric-wrong"},
        confused="stale-checkpoint",
        seen_by="adapter_active",
    ),
    note(
        "stale-checkpoint",
        Stage.SAVED_MODEL,
        "The checkpoint that was scored is not the trained one.",
        "Print the path and a checksum of the weights where training ends and where scoring begins.",
        explains=POOR_SCORES | {"adapter-inactive", "metric-wrong"},
        confused="adapter-inactive prompt-skew",
        seen_by="adapter_active",
    ),
)
