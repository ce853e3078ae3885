"""Suspicions that other verdicts correct: the check took one fault for likely, and the others exclude it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.quality import BASELINE_NOT_BEATEN, REGRESSION
from rerank_guard.core.faults.saved_model import ADAPTER_INACTIVE, STALE_CHECKPOINT
from rerank_guard.core.faults.scoring import POSITION_PRIOR, REVERSED, SCORE_SCALE_WRONG
from rerank_guard.core.faults.training import ANTI_LEARNING, DIVERGED, NO_SIGNAL, UNDER_TRAINED
from rerank_guard.core.finding import Strength
from rerank_guard.diagnosis.evidence import Evidence, figure
from rerank_guard.diagnosis.suspicion import Suspicion

__all__ = ["RENAMING", "Renaming", "renamed"]

Renaming = Callable[[Suspicion, Evidence], Suspicion | None]
"""Gives the corrected suspicion, or None where the rule says nothing."""

_THROWN = 10.0
"""Change of all trained weights together, as a multiple of their norm before, that no healthy job makes: on the embedded
default it is 0.5, and with a hundred times the learning rate above 20."""

_ORDINARY = 2.0
"""Change of all trained weights together below which a job's steps are of an ordinary size: four times the embedded
default's."""

_LOSS = "loss_below_random"


def renamed(suspicion: Suspicion, evidence: Evidence) -> Suspicion:
    """The suspicion after all rules, each applied to what the ones before it gave."""
    for rule in RENAMING:
        suspicion = rule(suspicion, evidence) or suspicion
    return suspicion


def worse_than_chance(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """A loss that ran away and a held-out ranking below chance: a diverged model ranks as by chance, this one was taught to
    rank the target item last.
    """
    if suspicion.fault is DIVERGED and evidence.failed("recall_beats_baseline", REVERSED):
        return _as(suspicion, ANTI_LEARNING, "The loss rose, and the held-out ranking is worse than chance.")
    return None


def weights_thrown(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """Weights that moved many times their own size, and a loss at chance: the job jumped over the signal.

    Adam's steps are about the learning rate in each weight, whatever the gradient (Kingma and Ba 2015).
    """
    change = _weight_change(evidence)
    if suspicion.source == _LOSS and suspicion.fault in (NO_SIGNAL, UNDER_TRAINED) and change > _THROWN:
        return _as(
            suspicion,
            DIVERGED,
            f"The steps changed the weights by {change:.0f} times their own size, and the letters are no better than chance: "
            "the learning rate is far too large.",
        )
    return None


def ordinary_steps(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """A loss that ran away on weights that moved by an ordinary amount: the sign of the loss, not the learning rate."""
    change = _weight_change(evidence)
    if suspicion.fault is DIVERGED and suspicion.source == _LOSS and 0.0 < change < _ORDINARY:
        return _as(
            suspicion,
            ANTI_LEARNING,
            f"The loss rose far above chance while the weights moved by no more than {change:.2g} of their own size, as in a "
            "job that learns: it is not the step that is too large, but its direction that is wrong.",
        )
    return None


def enough_steps(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """A job that ran to a plan with enough steps, and gained nothing at all, is not under-trained."""
    loss = next(iter(evidence.failed(_LOSS, UNDER_TRAINED)), None)
    if suspicion.fault is not UNDER_TRAINED or loss is None or suspicion.source != loss.check:
        return None
    steps, planned = figure(loss, "optimizer_steps"), figure(loss, "planned_steps")
    evidence_of_gain = figure(loss, "log10_e_value", default=float("nan"))
    gains = evidence_of_gain >= figure(loss, "log10_e_value", of_threshold=True, default=float("nan"))
    if evidence.passed("training_planned") and not gains and not 2 * steps < planned:
        return _as(
            suspicion,
            NO_SIGNAL,
            "The plan's steps are enough and were taken, and the letters have not left chance.",
        )
    return None


def had_learned_before(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """A job that learned nothing where the reference run's learned, under equal conditions: a regression."""
    fell = next(iter(evidence.failed("no_regression", REGRESSION)), None)
    if (
        fell is not None
        and suspicion.strength is Strength.SYMPTOM
        and suspicion.fault in (NO_SIGNAL, UNDER_TRAINED, POSITION_PRIOR)
        and evidence.failed(_LOSS)
    ):
        return _as(
            suspicion,
            REGRESSION,
            f"The same job, under the same declared conditions, had learned in the reference run (Recall "
            f"{figure(fell, 'stored_recall'):.3f}, now {figure(fell, 'recall'):.3f}). So there was something to be learned, and "
            "what is not declared has changed: the labels, the histories or the texts of the training data.",
        )
    return None


def overfits_and_learns_nothing(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """Where the job overfits one batch, the data are left, and what this base can learn."""
    learns = evidence.passed("overfits_one_batch")
    if suspicion.fault is NO_SIGNAL and suspicion.source == _LOSS and learns:
        words = (
            "The job itself can learn, as it overfits one batch; over all examples nothing was learned. The data may have no "
            "rule, or this base cannot learn it in these steps."
        )
        return replace(suspicion, cause=f"{suspicion.cause} {words}")
    return None


def faint_probabilities(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """Probabilities that say next to nothing under a ranking that beats its baselines.

    Where a job was judged and did not learn enough, it has only begun to learn; else, where they are in the order of the
    scores, they are on another scale.
    """
    if not (
        suspicion.source == "probabilities_not_uniform"
        and suspicion.fault in (NO_SIGNAL, POSITION_PRIOR)
        and evidence.passed("recall_beats_baseline")
    ):
        return None
    if evidence.judged(_LOSS) and evidence.learned() is None:
        return _as(
            suspicion,
            UNDER_TRAINED,
            "The ranking beats its baselines, but it hardly shows in the probabilities.",
        )
    if evidence.passed("probabilities_agree"):
        return _as(
            suspicion,
            SCORE_SCALE_WRONG,
            "The ranking beats its baselines, and the probabilities have its order, but they are nearly even.",
        )
    return None


def no_job_to_blame(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """A gain over chance that is too small is of too little training only where a job was judged, and did not learn."""
    if (
        suspicion.fault is UNDER_TRAINED
        and suspicion.source.startswith("recall_beats_baseline")
        and (evidence.learned() is not None or not evidence.judged(_LOSS))
    ):
        seen = "The ranking is better than chance, but by less than the declared effect."
        return _as(suspicion, BASELINE_NOT_BEATEN, seen)
    return None


def base_was_scored(suspicion: Suspicion, evidence: Evidence) -> Suspicion | None:
    """An adapter that takes no part is another checkpoint where the reranker at hand and its saved copy score otherwise."""
    elsewhere = evidence.failed("scores_match_forward_pass") and evidence.failed("survives_reload")
    if (
        suspicion.fault is ADAPTER_INACTIVE
        and suspicion.source == "adapter_active"
        and evidence.learned() is not None
        and elsewhere
    ):
        return _as(
            suspicion,
            STALE_CHECKPOINT,
            "Training learned, and both the trained model and its saved copy score otherwise; but what was scored is the base.",
        )
    return None


RENAMING: tuple[Renaming, ...] = (
    worse_than_chance,
    weights_thrown,
    ordinary_steps,
    enough_steps,
    had_learned_before,
    overfits_and_learns_nothing,
    faint_probabilities,
    no_job_to_blame,
    base_was_scored,
)
"""In the order in which they are tried."""


def _weight_change(evidence: Evidence) -> float:
    """Change of all trained weights together, as a multiple of their norm before; 0 where it is not known."""
    found = evidence.of("only_trainable_weights_updated")
    return max((figure(verdict, "relative_change", default=0.0) for verdict in found), default=0.0)


def _as(suspicion: Suspicion, fault: Fault, cause: str) -> Suspicion:
    return replace(suspicion, fault=fault, cause=f"{cause} {fault.what}", fix=fault.fix)
