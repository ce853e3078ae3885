"""What no single check can say: faults that show in how several verdicts stand together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from rerank_guard.diagnosis.catalogue import fault_note
from rerank_guard.diagnosis.diagnosis import MAX_ALTERNATIVES
from rerank_guard.diagnosis.evidence import Evidence, figure
from rerank_guard.diagnosis.suspects import Accusation, Proof, figures_of
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = [
    "FAR_BELOW_CHANCE",
    "between_training_and_scoring",
    "corrected",
    "fits_no_signal",
    "ignores_its_input",
    "inferred",
    "untrained_checkpoint",
]

FAR_BELOW_CHANCE = 0.1
"""Gain of the training NLL over chance, as a share of log N, that a sound evaluation cannot lose altogether."""

_NO_ROW_DIFFERS = 1e-9
"""Share of the probabilities' deficit that depends on the input, below which it does not depend on it at all."""

_THROWN = 10.0
"""Change of all trained weights together, as a multiple of their norm before, that no sound job makes: on the embedded
default it is 0.5, and with a hundred times the learning rate above 20."""

_ORDINARY = 2.0
"""Change of all trained weights together below which a job's steps are of an ordinary size: four times the embedded
default's."""

_SAME_RECALL = 0.5
"""Recall with swapped histories within this share of the declared effect counts as the same."""


def corrected(accusation: Accusation, evidence: Evidence) -> Accusation:
    """The accusation, renamed where other verdicts exclude what its check took for likely.

    - A job that learned nothing is called under-trained for its few steps; where the plan's own check passed, the job ran to
      its plan and there is no gain at all, the steps were enough, and there was nothing to be learned.
      Where the job learned one batch by heart, the data are all that is left.
    - Weights that were thrown many times their own size, and a loss at chance: the job did not fail to find a signal, it
      jumped over it. (Adam's steps are about the learning rate in each weight, whatever the gradient; Kingma and Ba 2015.)
    - A loss that ran away on weights that moved by an ordinary amount: the sign of the loss, not the learning rate.
    - A loss that ran away and a held-out ranking below chance: a model that has diverged knows nothing and ranks as by
      chance, so this one was taught to rank the target last.
    - A job that learned nothing where the stored run's learned, all declared conditions being equal: not a missing signal, nor
      too few steps, but a regression.
    - Probabilities that say next to nothing under a ranking that beats its baselines: the job has only begun to learn.
    - An adapter that takes no part is another checkpoint where the reranker at hand and its saved copy score otherwise.
    """
    if accusation.fault == "diverged" and evidence.failed("recall_beats_baseline", "reversed"):
        return _renamed(
            accusation, "anti-learning", "The loss rose, and the held-out ranking is worse than chance."
        )
    thrown = max((figure(verdict, "relative_change") for verdict in evidence.of("weights_moved")), default=0.0)
    if (
        accusation.fault in ("no-signal", "under-trained")
        and accusation.source == "loss_below_random"
        and thrown > _THROWN
    ):
        return _renamed(
            accusation,
            "diverged",
            f"The steps threw the weights {thrown:.0f} times their own size, and the letters are no better than chance: the "
            "learning rate is far too large.",
        )
    if accusation.fault == "diverged" and accusation.source == "loss_below_random" and 0.0 < thrown < _ORDINARY:
        return _renamed(
            accusation,
            "anti-learning",
            f"The loss rose far above chance while the weights moved by no more than {thrown:.2g} of their own size, as in a "
            "job that learns: it is not the step that is too large, but its direction that is wrong.",
        )
    loss = next(iter(evidence.failed("loss_below_random", "under-trained")), None)
    if accusation.fault == "under-trained" and loss is not None and accusation.source == loss.check:
        steps, planned = figure(loss, "optimizer_steps"), figure(loss, "planned_steps")
        gains = figure(loss, "log10_e_value") >= figure(loss, "log10_e_value", of_threshold=True)
        if evidence.passed("training_planned") and not gains and not 2 * steps < planned:
            accusation = _renamed(
                accusation,
                "no-signal",
                "The plan's steps are enough and were taken, and the letters have not left chance.",
            )
    fell = next(iter(evidence.failed("no_regression", "regression")), None)
    if (
        fell is not None
        and accusation.proof is Proof.SYMPTOM
        and accusation.fault in ("no-signal", "under-trained", "position-prior")
        and evidence.failed("loss_below_random")
    ):
        return _renamed(
            accusation,
            "regression",
            f"The same job, under the same declared conditions, had learned in the stored run (Recall "
            f"{figure(fell, 'stored_recall'):.3f}, now {figure(fell, 'recall'):.3f}). So there was something to be learned, and "
            "what is not declared has changed: the labels, the histories or the texts of the training data.",
        )
    if (
        accusation.fault == "no-signal"
        and accusation.source == "loss_below_random"
        and evidence.passed("one_batch_learned")
    ):
        return replace(
            accusation,
            cause=f"{accusation.cause} The job itself can learn (one batch by heart): what it is shown has no rule in it.",
        )
    if (
        accusation.source == "probabilities_not_uniform"
        and accusation.fault in ("no-signal", "position-prior")
        and evidence.passed("recall_beats_baseline")
    ):
        return _renamed(
            accusation,
            "under-trained",
            "The ranking beats its baselines, but it hardly shows in the probabilities.",
        )
    if accusation.fault == "adapter-inactive" and accusation.source == "adapter_active":
        # the reranker at hand ranks otherwise than the scores that were given, and those are the base's
        elsewhere = evidence.failed("scores_match_reference") and evidence.failed("survives_reload")
        if evidence.learned() is not None and elsewhere:
            return _renamed(
                accusation,
                "stale-checkpoint",
                "Training learned, and both the trained model and its saved copy score otherwise; but what was scored is the "
                "base.",
            )
    return accusation


def inferred(evidence: Evidence) -> Iterator[Accusation]:
    """Accusations that follow from several verdicts.

    - The letters' loss is explained by the letters' shares, which takes uneven slots in training: gt-position-skew.
    - The ranking loses to a baseline, and ranks as well with another user's history: history-ignored.
    """
    for verdict in evidence.failed("loss_below_letter_prior"):
        slots = [found for found in evidence.of("target_slots_even") if found.check.startswith("training_")]
        if not any(found.status is Status.PASSED for found in slots):
            yield _from(verdict, "gt-position-skew", Proof.STATISTICAL, evidence, verdict.cause)
    for verdict in evidence.failed("recall_beats_baseline", "baseline-not-beaten"):
        recall, blind = figure(verdict, "recall"), figure(verdict, "history-blind", of_threshold=True)
        if recall - blind <= _SAME_RECALL * figure(verdict, "effect", of_threshold=True):  # False for NaN
            cause = (
                f"With the histories exchanged among the users the ranking is as good ({blind:.3f}) as with their own "
                f"({recall:.3f}), so it is a prior, and loses to a better one."
            )
            yield _from(verdict, "history-ignored", Proof.SYMPTOM, evidence, cause)


def between_training_and_scoring(evidence: Evidence) -> Iterator[tuple[Accusation, tuple[str, ...]]]:
    """Where the job learned for certain and the held-out ranking is at chance: what stands in between.

    The NLL of the first pass was recorded before the job had seen the example, so it is a held-out figure itself: a gain
    that large has to show in the ranking, unless the ranking is not this model's on this prompt.

    Yields:
        The accusation, and the faults that fit and that no check has excluded, as text; nothing where the pattern is not
        there.
    """
    learned = evidence.learned()
    lost = evidence.failed("ranking_carries_over")
    flat = evidence.failed("recall_beats_baseline", "no-signal") or _undecided_at_chance(evidence) or lost
    if learned is None or not flat or ignores_its_input(evidence):
        return
    if evidence.failed("recall_beats_baseline", "history-ignored"):
        return  # that check has seen what is lost
    nll, chance = figure(learned, "letter_nll"), figure(learned, "chance_letter_nll", of_threshold=True)
    if not (math.isfinite(nll) and chance - nll >= FAR_BELOW_CHANCE * chance):
        return
    knows_nothing = bool(evidence.failed("probabilities_not_uniform"))
    unnamed = bool(evidence.failed("scores_match_reference", "scores-not-from-model"))
    left = [
        fault
        for fault, families in _BETWEEN
        # a check that tried every known misreading, and found that none makes these scores, has excluded them too
        if not (evidence.excludes(families) or (unnamed and families == ("scores_match_reference",)))
    ]
    if knows_nothing:  # scores that say nothing are not those of the trained model, whatever prompt it reads
        left.sort(key=lambda fault: fault not in ("stale-checkpoint", "adapter-inactive"))
    elif evidence.passed(
        "probabilities_not_uniform"
    ):  # they do say something, so the model is likely the trained one
        left.sort(key=lambda fault: fault in ("stale-checkpoint", "adapter-inactive"))
    cause = (
        f"Training ended at a letter NLL of {nll:.2f} nats, far below the {chance:.2f} of chance, on examples it had not seen; "
        f"yet the held-out ranking {_how_poor(flat[0], lost)}. "
    )
    if left:
        cause += f"The fault lies between training and scoring. {fault_note(left[0]).what}"
    elif lost and not unnamed:
        # an adapter that is on may still be that of an early step or of another run: no check compares it with the job's
        left = ["stale-checkpoint"]
        cause += (
            "Prompt, letters and scores agree with the model that is scored. So either that is not the one that was trained "
            "(an early step's, another run's, weights averaged or reset), or the held-out tasks are made otherwise."
        )
        found = replace(_from(lost[0], left[0], Proof.SYMPTOM, evidence, cause), fix=_ONE_OR_THE_OTHER)
        found = replace(found, evidence=(figures_of(learned), *found.evidence)[:MAX_EVIDENCE])
        yield (
            found,
            ("no-signal: score some training tasks; if they rank well, the held-out tasks are made otherwise",),
        )
        return
    elif unnamed:
        left = ["scores-not-from-model"]
        cause += fault_note("scores-not-from-model").what
    else:
        left = ["no-signal"]
        cause += (
            "Prompt, letters, adapter and scores have been held against the trained model and agree, so the held-out tasks "
            "are made otherwise than the training tasks: another sampler, other texts, other users' histories."
        )
    found = _from(flat[0], left[0], Proof.SYMPTOM, evidence, cause)
    found = replace(found, evidence=(figures_of(learned), *found.evidence)[:MAX_EVIDENCE])
    yield found, _with_what_settles(evidence, _BETWEEN, left[1:])


def untrained_checkpoint(evidence: Evidence) -> Iterator[Accusation]:
    """Without a training job to look at: a ranking at chance and letters that are all alike are an untrained model's."""
    flat = evidence.failed("recall_beats_baseline", "no-signal")
    if (
        flat
        and evidence.failed("probabilities_not_uniform", "no-signal")
        and not evidence.judged("loss_below_random")
    ):
        cause = (
            "The ranking is at chance and every letter has nearly the same probability, as with a model that was never trained "
            "on this task; no training job was there to be judged."
        )
        yield _from(flat[0], "stale-checkpoint", Proof.SYMPTOM, evidence, cause)


def ignores_its_input(evidence: Evidence) -> bool:
    """The probabilities are one and the same row for all users."""
    return any(
        figure(verdict, "pair_share") <= _NO_ROW_DIFFERS
        for verdict in evidence.failed("probabilities_not_uniform", "position-prior")
    )


_ONE_OR_THE_OTHER = (
    "Score some training tasks by the path that scores the held-out ones. If they rank badly too, print a checksum of the "
    "weights where training ends and where scoring begins; if they rank well, compare sampler, texts and histories of the two "
    "sets of tasks."
)


def _how_poor(flat: Verdict, lost: list[Verdict]) -> str:
    if lost:
        here, there = figure(lost[0], "ranked_above"), figure(lost[0], "ranked_above_in_training")
        return (
            f"puts the target above {here:.0%} of the others, where the job's own had {there:.0%} (50% is chance)"
        )
    return f"is at chance (Recall {figure(flat, 'recall'):.3f})"


_BETWEEN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("stale-checkpoint", ("adapter_active",)),
    ("adapter-inactive", ("adapter_active",)),
    ("prompt-skew", ("prompts_match",)),
    ("prompt-truncated", ("prompt_complete",)),
    ("wrong-letter-variant", ("scores_match_reference",)),
    ("wrong-logit-position", ("scores_match_reference",)),
    ("letter-candidate-mismatch", ("scores_match_reference",)),
    ("rows-misaligned", ("scores_match_reference",)),
    ("batch-dependent", ("batch_invariant",)),
)
"""What can stand between a model that learned and its ranking, each with the checks that exclude it."""


_BEFORE_OR_IN_TRAINING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("degenerate-titles", ("titles_tell_apart",)),
    ("wrong-letter-variant", ("letter_tokens_found",)),
    ("prompt-truncated", ("prompt_complete",)),
    ("label-offset", ("only_letter_supervised",)),
    ("letter-not-supervised", ("only_letter_supervised",)),
    ("loss-mask-wrong", ("only_letter_supervised",)),
    ("under-trained", ("training_planned",)),
    ("no-update", ("weights_moved",)),
)
"""What can keep a job from learning, each with the checks that exclude it."""


_REFUTED_BY_HEART = frozenset({"letter-not-supervised", "no-update"})
"""What cannot be wrong with a job that learns one batch by heart: its gradient comes from the letter, and moves weights."""


def fits_no_signal(evidence: Evidence) -> tuple[str, ...]:
    """What a ranking at chance could be besides data without signal, and what would settle each."""
    known = dict(
        _BEFORE_OR_IN_TRAINING if evidence.judged("loss_below_random") else _BEFORE_OR_IN_TRAINING + _BETWEEN
    )
    by_heart = _REFUTED_BY_HEART if evidence.passed("one_batch_learned") else frozenset()
    left = [fault for fault, families in known.items() if fault not in by_heart and not evidence.excludes(families)]
    if not evidence.judged("loss_below_random"):
        # nothing is known of a training job: what lies between it and the scores is as likely, and cheaper to look at
        left.sort(key=lambda fault: fault not in dict(_BETWEEN))
    return _with_what_settles(evidence, tuple(known.items()), left)


def _undecided_at_chance(evidence: Evidence) -> list[Verdict]:
    """The rankings, where all are undecided and none is above chance by the declared effect: too few users to call it."""
    found = evidence.of("recall_beats_baseline")
    near = all(
        verdict.status is Status.INCONCLUSIVE
        and figure(verdict, "recall") - figure(verdict, "chance", of_threshold=True)
        <= figure(verdict, "effect_over_chance", of_threshold=True)
        for verdict in found
    )
    return found if near else []


def _with_what_settles(
    evidence: Evidence, known: tuple[tuple[str, tuple[str, ...]], ...], faults: list[str]
) -> tuple[str, ...]:
    rows = []
    for fault in faults[:MAX_ALTERNATIVES]:
        settled_by = evidence.settled_by(dict(known)[fault])
        rows.append(f"{fault}: {settled_by}" if settled_by else fault)
    return tuple(rows)


def _from(verdict: Verdict, fault: str, proof: Proof, evidence: Evidence, cause: str) -> Accusation:
    return Accusation(
        fault=fault,
        proof=proof,
        source=verdict.check,
        order=evidence.verdicts.index(verdict),
        cause=cause,
        fix=fault_note(fault).fix,
        evidence=(figures_of(verdict), *verdict.evidence)[:MAX_EVIDENCE],
        inferred=True,
    )


def _renamed(accusation: Accusation, fault: str, cause: str) -> Accusation:
    return replace(accusation, fault=fault, cause=f"{cause} {fault_note(fault).what}", fix=fault_note(fault).fix)
